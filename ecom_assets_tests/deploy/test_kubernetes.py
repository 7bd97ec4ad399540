"""What `deploy/kubernetes` makes of a cluster is valid Kubernetes, the Job of a run as Dagster itself asks for it.

Dagster's chart writes what `values.yaml` says into pods as it stands there; so are the pods put together here.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from dagster import DagsterInstance

# a run's origin and its launching have no public names
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.launcher import LaunchRunContext
from dagster._core.origin import JobPythonOrigin, RepositoryPythonOrigin

from ecom_assets.definitions import defs
from ecom_assets_tests.support.dagster.deploy_files import DEPLOY, chart_instance, document, snake_case_keys
from ecom_assets_tests.support.servers.loopback import json_reply, serving

VALUES = document("kubernetes/values.yaml")
(CODE,) = VALUES["dagster-user-deployments"]["deployments"]
SECRETS = list(yaml.safe_load_all((DEPLOY / "kubernetes/secrets.example.yaml").read_text("utf-8")))


def valid(manifest: dict[str, Any]) -> None:
    """Assert that Kubernetes accepts a manifest and knows all of its keys."""
    kubernetes_validate.validate(manifest, kubernetes_validate.latest_version(), strict=True)


def image(part: Mapping[str, Any]) -> str:
    return f"{part['image']['repository']}:{part['image']['tag']}"


def pod(name: str, part: Mapping[str, Any]) -> dict[str, Any]:
    """Return the pod that the chart creates for a part of the values."""
    container = {
        "name": name,
        "image": image(part),
        "imagePullPolicy": part["image"]["pullPolicy"],
        "securityContext": part["securityContext"],
        "resources": part["resources"],
        "env": part.get("env", []),
        "envFrom": [{"secretRef": secret} for secret in part.get("envSecrets", [])],
        "volumeMounts": part.get("volumeMounts", []),
    }
    spec = {
        "securityContext": part["podSecurityContext"],
        "containers": [container],
        "volumes": part.get("volumes", []),
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def context() -> dict[str, Any]:
    """Return the settings of the code location that the chart passes to runs (`includeConfigInLaunchedRuns`)."""
    assert CODE["includeConfigInLaunchedRuns"] == {"enabled": True}
    return {
        "k8s": {
            "image_pull_policy": CODE["image"]["pullPolicy"],
            "env": CODE["env"],
            "env_secrets": [secret["name"] for secret in CODE["envSecrets"]],
            "volumes": CODE["volumes"],
            "volume_mounts": CODE["volumeMounts"],
            "resources": CODE["resources"],
            "namespace": "dagster",
        }
    }


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Launch a run with the run launcher of the values, and return the job that it requests from the cluster."""
    folder = tmp_path_factory.mktemp("kubernetes")
    launcher = VALUES["runLauncher"]
    assert launcher["type"] == "K8sRunLauncher"
    own = launcher["config"]["k8sRunLauncher"]
    with serving() as cluster:
        cluster.answering = lambda seen: json_reply(json.loads(seen.body), 201)
        (folder / "kubeconfig").write_text(json.dumps(kubeconfig(cluster.base_url)), "utf-8")
        config = {
            "load_incluster_config": False,
            "kubeconfig_file": str(folder / "kubeconfig"),
            "job_namespace": "dagster",
            "service_account_name": "dagster",
            "instance_config_map": "dagster-instance",
            "dagster_home": VALUES["global"]["dagsterHome"],
            "postgres_password_secret": VALUES["global"]["postgresqlSecretName"],
            "image_pull_policy": own["imagePullPolicy"],
            # the chart turns these names into Dagster's, and leaves what is below them as it is
            "run_k8s_config": {
                next(iter(snake_case_keys({key: 0}))): part for key, part in own["runK8sConfig"].items()
            },
        }
        settings = {
            **chart_instance(),
            "run_launcher": {"module": "dagster_k8s", "class": "K8sRunLauncher", "config": config},
        }
        (folder / "dagster.yaml").write_text(yaml.safe_dump(settings), "utf-8")
        origin = RepositoryPythonOrigin(
            executable_path=sys.executable,
            code_pointer=ModuleCodePointer("ecom_assets.definitions", "defs", str(folder)),
            container_image=image(CODE),
            entry_point=["dagster"],
            container_context=context(),
        )
        with DagsterInstance.from_config(str(folder)) as instance:
            run = instance.create_run_for_job(
                job_def=defs.resolve_job_def("sandbox_snapshots"),
                job_code_origin=JobPythonOrigin("sandbox_snapshots", origin),
            )
            instance.run_launcher.launch_run(LaunchRunContext(dagster_run=run, workspace=None))
        (asked,) = cluster.seen
    assert (asked.method, asked.path) == ("POST", "/apis/batch/v1/namespaces/dagster/jobs")
    body: dict[str, Any] = json.loads(asked.body)
    return body


def kubeconfig(address: str) -> dict[str, Any]:
    """Return the configuration of a client of the cluster."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "loopback", "cluster": {"server": address}}],
        "users": [{"name": "loopback", "user": {}}],
        "contexts": [{"name": "loopback", "context": {"cluster": "loopback", "user": "loopback"}}],
        "current-context": "loopback",
    }


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("webserver", VALUES["dagsterWebserver"]),
        ("daemon", VALUES["dagsterDaemon"]),
        ("code", CODE),
    ],
    ids=["webserver", "daemon", "code"],
)
def test_a_pod_is_valid_and_not_root(name: str, part: dict[str, Any]) -> None:
    valid(pod(name, part))
    assert part["podSecurityContext"]["runAsNonRoot"] is True
    assert part["securityContext"]["allowPrivilegeEscalation"] is False
    with pytest.raises(kubernetes_validate.ValidationError):
        valid(pod(name, {**part, "resources": {"limit": {}}}))


def test_the_job_of_a_run_is_valid(job: dict[str, Any]) -> None:
    valid(job)


def test_a_run_has_what_the_code_location_has_and_is_not_root(job: dict[str, Any]) -> None:
    spec = job["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    assert container["image"] == image(CODE)
    assert container["resources"] == CODE["resources"]
    assert spec["securityContext"] == CODE["podSecurityContext"]
    assert container["securityContext"] == CODE["securityContext"]
    assert {"secretRef": {"name": "ecom-assets"}} in container["envFrom"]
    variables = {entry["name"]: entry for entry in container["env"]}
    assert variables["ECOM_SHOPS_DIR"]["value"] == "/srv/shops"
    assert variables["DAGSTER_HOME"]["value"] == VALUES["global"]["dagsterHome"]
    assert variables["DAGSTER_PG_PASSWORD"]["valueFrom"]["secretKeyRef"] == {
        "name": "ecom-postgresql",
        "key": "postgresql-password",
    }
    mounted = {entry["mountPath"] for entry in container["volumeMounts"]}
    assert mounted == {"/srv/shops", "/tmp"}
    assert job["spec"]["ttlSecondsAfterFinished"] == 86400


def test_secrets_are_valid_and_are_those_that_the_values_name() -> None:
    for secret in SECRETS:
        valid(secret)
    named = {VALUES["global"]["postgresqlSecretName"], *(secret["name"] for secret in CODE["envSecrets"])}
    assert {secret["metadata"]["name"] for secret in SECRETS} == named
    keys = {secret["metadata"]["name"]: set(secret["stringData"]) for secret in SECRETS}
    assert keys[VALUES["global"]["postgresqlSecretName"]] == {"postgresql-password"}


def test_one_image_serves_all() -> None:
    assert {image(part) for part in (VALUES["dagsterWebserver"], VALUES["dagsterDaemon"], CODE)} == {
        image(CODE)
    }


def test_the_web_server_is_asked_where_it_listens() -> None:
    # the chart has it listen on the service's port, and leaves the probe on port 80 unless told
    web = VALUES["dagsterWebserver"]
    assert web["readinessProbe"]["httpGet"]["port"] == web["service"]["port"]


def test_the_chart_is_that_of_the_pinned_dagster() -> None:
    from importlib.metadata import version

    text = (DEPLOY / "kubernetes/values.yaml").read_text("utf-8")
    assert f"--version {version('dagster')} " in text


def test_folders_that_are_mounted_or_written_are_those_of_the_image() -> None:
    made = (DEPLOY / "Dockerfile").read_text("utf-8")
    assert f"DAGSTER_HOME={VALUES['global']['dagsterHome']}" in made
    assert f"USER {CODE['podSecurityContext']['runAsUser']}" in made
    assert Path(VALUES["global"]["dagsterHome"]).parent == Path("/srv")
