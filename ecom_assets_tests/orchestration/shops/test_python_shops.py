"""Shops in Python as Dagster runs them, with keys that no event, log, file or `repr` ever shows."""

from __future__ import annotations

import json
import pickle
import re
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pytest
import yaml
from dagster import AssetKey, DagsterInstance, Definitions, asset
from dlt.common.configuration.specs import configspec
from dlt.common.typing import TSecretStrValue
from dlt.sources.helpers.rest_client.auth import (
    APIKeyAuth,
    AuthConfigBase,
    BearerTokenAuth,
    HttpBasicAuth,
    OAuth2ClientCredentials,
)
from dlt.sources.helpers.rest_client.paginators import OffsetPaginator
from requests import PreparedRequest
from requests.auth import AuthBase

from ecom_assets import build_defs, rest_api_shop, secret
from ecom_assets.cli.app import main
from ecom_assets.declaration.reading import Shop
from ecom_assets.foundation.errors import DeclarationError
from ecom_assets_tests.support.examples import slowly
from ecom_assets_tests.support.paths import ROOT
from ecom_assets_tests.support.registered_types import registered
from ecom_assets_tests.support.secrets.canaries import new_key, traces
from ecom_assets_tests.support.secrets.leaks import echo, leaks
from ecom_assets_tests.support.secrets.secrets_toml import reload_providers
from ecom_assets_tests.support.secrets.secrets_toml import secrets_toml as secrets_toml
from ecom_assets_tests.support.servers.loopback import Loopback, Reply, Seen, json_reply
from ecom_assets_tests.support.servers.loopback import api as api

THINGS: dict[str, Any] = {
    "name": "things",
    "primary_key": "id",
    "endpoint": {"path": "things", "data_selector": "data"},
    "columns": {"id": {"data_type": "bigint", "nullable": False}, "note": {"data_type": "text"}},
}


def shop_at(base_url: str, auth: Any, name: str = "acme", **client: Any) -> Shop:
    """Return a shop in Python with one snapshot."""
    config = {"client": {"base_url": base_url, "auth": auth, **client}, "resources": [THINGS]}
    return rest_api_shop(name, config, policy={"max_retries": 0})


def rows() -> list[tuple[Any, ...]]:
    """Return the rows of the loaded table."""
    import os

    with duckdb.connect(os.environ["ECOM_WAREHOUSE"], read_only=True) as connection:
        return connection.execute("select id, note from acme.things order by id").fetchall()


@configspec
class SaltedAuth(AuthConfigBase):
    """Signs with a salt and a token; dlt's hint says which of the fields is a secret."""

    salt: str = "pepper"
    token: TSecretStrValue = None  # type: ignore[assignment]

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Add a header, and a parameter."""
        request.headers["X-Signature"] = f"Salted {self.salt}-{self.token}"
        request.prepare_url(request.url, {"nonce": f"once-{self.token}"})
        return request


class PlainAuth(AuthBase):
    """An auth object of requests, of whose attributes nothing is known."""

    def __init__(self, key: str) -> None:
        """Take the key."""
        self.key = key

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Add a header that holds the key."""
        request.headers["X-Plain"] = self.key
        return request


class FormToken(OAuth2ClientCredentials):
    """An address for tokens that wants another form and answers under another name."""

    def build_access_token_request(self) -> dict[str, Any]:
        """Return the form."""
        return {"data": {"id": self.client_id, "pass": self.client_secret}}

    def parse_access_token(self, response_json: Any) -> str:
        """Return the token."""
        return str(response_json["t"])


@pytest.fixture(autouse=True)
def own_types() -> Iterator[None]:
    """Register the auth with dlt, for the test only."""
    with registered(auths={"salted_in_test": SaltedAuth}):
        yield


AUTHS: dict[str, tuple[Callable[[str, str], Any], Callable[[Seen], str]]] = {
    "text": (
        lambda key, url: {"type": "api_key", "name": "X-Key", "api_key": key},
        lambda seen: seen.headers["x-key"],
    ),
    "placeholder": (
        lambda key, url: {"type": "bearer", "token": dlt.secrets.value},
        lambda seen: seen.headers["authorization"].partition(" ")[2],
    ),
    "named place": (
        lambda key, url: APIKeyAuth("key", secret("erp.shop.key"), "query"),
        lambda seen: dict(seen.query)["key"],
    ),
    "object": (
        lambda key, url: BearerTokenAuth(key),
        lambda seen: seen.headers["authorization"].partition(" ")[2],
    ),
    "own class": (
        lambda key, url: SaltedAuth(token=key),
        lambda seen: seen.headers["x-signature"].removeprefix("Salted pepper-"),
    ),
    "own class, looked up": (
        lambda key, url: SaltedAuth(salt="pepper", token=dlt.secrets.value),
        lambda seen: dict(seen.query)["nonce"].removeprefix("once-"),
    ),
    "registered type": (
        lambda key, url: {"type": "salted_in_test", "token": secret("erp.shop.key")},
        lambda seen: dict(seen.query)["nonce"].removeprefix("once-"),
    ),
    "of requests": (lambda key, url: PlainAuth(key), lambda seen: seen.headers["x-plain"]),
    "own way to a token": (
        lambda key, url: FormToken(
            access_token_url=f"{url}/token", client_id="client-of-mine", client_secret=key
        ),
        lambda seen: seen.headers["authorization"].removeprefix("Bearer token-of-"),
    ),
}


@pytest.mark.parametrize("fails", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", ["placeholder", "own class", *slowly(AUTHS, "placeholder", "own class")])
def test_a_run_signs_and_leaves_no_key_behind(
    name: str,
    fails: bool,
    api: Loopback,
    secrets_toml: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    key = new_key(plain=True)
    make, sent = AUTHS[name]

    def answer(seen: Seen) -> Reply:
        if seen.path == "/token":
            return json_reply({"t": f"token-of-{key}"})
        if fails:
            return Reply(401, echo(seen, [key]))
        return json_reply({"data": [{"id": 1, "note": f"repeats {key}"}]})

    api.answering = answer
    auth = make(key, api.base_url)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    # the definitions are made before there is any secret to look up
    shop = shop_at(api.base_url, auth)
    defs = build_defs(shops=[shop])
    looked_up = json.dumps(key)
    secrets_toml.write_text(f"token = {looked_up}\n[erp.shop]\nkey = {looked_up}\n", "utf-8")
    reload_providers()
    with DagsterInstance.get() as instance:
        result = defs.resolve_job_def("acme_snapshots").execute_in_process(
            instance=instance, raise_on_error=False
        )
    assert result.success is not fails
    requests = [seen for seen in api.seen if seen.path == "/things"]
    assert requests
    assert {sent(seen) for seen in requests} == {key}
    if not fails:
        assert rows() == [(1, "repeats ***")]
    events = "\n".join(map(str, result.all_events))
    written = capfd.readouterr()
    for text in (events, written.out, written.err, repr(shop), repr(defs), repr(vars(shop.client))):
        assert not leaks(text, [key])
    assert key.encode() not in pickle.dumps(shop)
    assert traces(tmp_path, [key], [secrets_toml.parent]) == []


def test_endpoints_have_auth_objects_of_their_own(api: Loopback, capfd: pytest.CaptureFixture[str]) -> None:
    """Each is signed by its own object, those without one by that of the defaults, and no key shows."""
    keys = [new_key(plain=True) for _ in range(5)]
    api.answering = lambda seen: json_reply([{"id": 1, "note": f"repeats {' '.join(keys)}"}])
    auths: dict[str, Any] = {
        "plain": PlainAuth(keys[1]),
        "salted": SaltedAuth(token=keys[2]),
        "registered": {"type": "salted_in_test", "token": keys[3]},
        "basic": HttpBasicAuth("me", keys[4]),
        "unsigned": None,
    }
    config = {
        "client": {"base_url": api.base_url, "auth": {"token": "of-the-client-only"}},
        "resource_defaults": {"primary_key": "id", "endpoint": {"auth": PlainAuth(keys[0])}},
        "resources": [
            "things",
            *({"name": name, "endpoint": {"auth": auth}} for name, auth in auths.items()),
        ],
    }
    shop = rest_api_shop("acme", config, policy={"max_retries": 0})
    result = build_defs(shops=[shop]).resolve_job_def("acme_snapshots").execute_in_process()
    sent = {
        seen.path.strip("/"): [
            seen.headers.get("x-plain"),
            seen.headers.get("x-signature"),
            seen.headers.get("authorization"),
        ]
        for seen in api.seen
    }
    assert sent == {
        "things": [keys[0], None, None],
        "plain": [keys[1], None, None],
        "salted": [None, f"Salted pepper-{keys[2]}", None],
        "registered": [None, f"Salted pepper-{keys[3]}", None],
        "basic": [None, None, f"Basic {b64encode(f'me:{keys[4]}'.encode()).decode()}"],
        "unsigned": [None, None, None],
    }
    written = capfd.readouterr()
    for text in (str(result.all_events), written.out, written.err, repr(shop), repr(vars(shop.client))):
        assert not leaks(text, keys)
    assert not any(key.encode() in pickle.dumps(shop) for key in keys)


def failure(defs: Definitions) -> str:
    """Run the job of the shop, and return the description of its failure."""
    result = defs.resolve_job_def("acme_snapshots").execute_in_process(raise_on_error=False)
    for event in result.all_events:
        if event.event_type_value == "STEP_FAILURE":
            data: Any = event.step_failure_data
            return str(data.user_failure_data.description)
    raise AssertionError("the run succeeded")


class Broken(AuthBase):
    """An auth object that does what its function does."""

    def __init__(self, does: Callable[[PreparedRequest], Any]) -> None:
        """Take the function."""
        self.does = does

    def __call__(self, request: PreparedRequest) -> Any:
        """Sign."""
        return self.does(request)


def _raise(request: PreparedRequest) -> None:
    raise KeyError("S3cr3t-in-a-text")


def _elsewhere(request: PreparedRequest) -> PreparedRequest:
    request.url = "https://elsewhere.example.com/things"
    return request


def _hooked(request: PreparedRequest) -> PreparedRequest:
    request.register_hook("response", print)
    return request


@pytest.mark.parametrize(
    ("does", "message"),
    [
        (_raise, "the auth object Broken failed with KeyError"),
        (lambda request: None, "the auth object Broken returned a value of type NoneType"),
        (_elsewhere, "the auth object Broken changed the host of the request, which is refused"),
        (_hooked, "the auth object Broken signs after a first response, which is not supported"),
    ],
)
def test_a_broken_auth_object_is_one_line(does: Any, message: str, api: Loopback) -> None:
    line = failure(build_defs(shops=[shop_at(api.base_url, Broken(does))]))
    assert message in line
    assert "S3cr3t" not in line
    assert not api.seen


def test_a_wrong_secret_is_looked_for_in_the_dictionary(api: Loopback) -> None:
    api.replies = [Reply(401)]
    line = failure(build_defs(shops=[shop_at(api.base_url, {"token": "wrong-token"})]))
    assert "check the secrets token in the dictionary of shop acme" in line
    line = failure(build_defs(shops=[shop_at(api.base_url, PlainAuth("wrong-token"))]))
    assert "check the auth object PlainAuth and its secrets" in line
    assert "wrong-token" not in line


def test_a_failure_names_the_dictionary(api: Loopback) -> None:
    defs = build_defs(shops=[shop_at(api.base_url, {"token": dlt.secrets.value})])
    result = defs.resolve_job_def("acme_snapshots").execute_in_process(raise_on_error=False)
    (event,) = (event for event in result.all_events if event.event_type_value == "STEP_FAILURE")
    data: Any = event.step_failure_data
    metadata = {name: entry.value for name, entry in data.user_failure_data.metadata.items()}
    assert metadata["declaration"] == "the dictionary of shop acme"
    assert "the dictionary of shop acme says which secrets" in metadata["look_at"]


def assets_of(defs: Definitions) -> set[AssetKey]:
    """Return the keys of all assets but those of the status, which every shop has."""
    keys = defs.resolve_asset_graph().get_all_asset_keys()
    return {key for key in keys if key.path[-1] != "status"}


def write_shop(folder: Path, name: str, base_url: str) -> None:
    """Declare a shop in a file."""
    folder.mkdir(exist_ok=True)
    document = {"name": name, "client": {"base_url": base_url}, "resources": [THINGS]}
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(document), "utf-8")


def test_shops_in_python_stand_beside_a_named_folder_or_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    acme = shop_at("https://api.example.com", ())
    write_shop(tmp_path / "shops", "other", "https://other.example.com")
    own, other = AssetKey(["acme", "things"]), AssetKey(["other", "things"])
    assert assets_of(build_defs(shops=[acme])) == {own}
    assert assets_of(build_defs(tmp_path / "shops", shops=[acme])) == {own, other}
    monkeypatch.setenv("ECOM_SHOPS_DIR", str(tmp_path / "shops"))
    assert assets_of(build_defs(shops=[acme])) == {own, other}
    assert assets_of(build_defs()) == {other}


def test_names_are_given_once(tmp_path: Path) -> None:
    """Of a file that has the name of a shop in Python, an asset says so; the shop in Python stays."""
    acme = shop_at("https://api.example.com", ())
    write_shop(tmp_path, "acme", "https://other.example.com")
    defs = build_defs(tmp_path, shops=[acme])
    assert assets_of(defs) == {AssetKey(["acme", "things"]), AssetKey(["acme", "declaration"])}
    check = defs.resolve_implicit_global_asset_job_def().get_subset(
        asset_selection=set(), asset_check_selection=None
    )
    assert check
    with pytest.raises(DeclarationError, match="name: found 'acme', the name of the dictionary of shop acme"):
        build_defs(shops=[acme, acme])
    with pytest.raises(ValueError, match=r"shops\[0\]: found a value of type dict; allowed: a shop"):
        build_defs(shops=[{"name": "acme"}])  # type: ignore[list-item]


def test_definitions_merge_as_before(api: Loopback) -> None:
    @asset
    def of_ours() -> None:
        """Belong to somebody else."""

    api.replies = [json_reply({"data": [{"id": 1}]})]
    merged = Definitions.merge(build_defs(shops=[shop_at(api.base_url, ())]), Definitions(assets=[of_ours]))
    assert assets_of(merged) == {AssetKey(["acme", "things"]), AssetKey(["of_ours"])}
    assert merged.resolve_job_def("acme_snapshots").execute_in_process().success


def test_windows_of_a_shop_in_python(api: Loopback) -> None:
    """A paginator object of dlt's reads a window as its declared type does: complete against the total."""
    days: list[dict[str, Any]] = [
        {"id": number, "at": f"2026-01-0{1 + number % 2}T0{number}:00:00Z"} for number in range(6)
    ]

    def answer(seen: Seen) -> Reply:
        query = dict(seen.query)
        found = [entry for entry in days if query["since"] <= entry["at"] < query["until"]]
        start = int(query["offset"])
        return json_reply({"data": found[start : start + int(query["limit"])], "total": len(found)})

    api.answering = answer
    incremental = {"cursor_path": "at", "start_param": "since", "end_param": "until"}
    config = {
        "client": {"base_url": api.base_url, "paginator": OffsetPaginator(limit=2)},
        "resources": [
            {
                **THINGS,
                "endpoint": {**THINGS["endpoint"], "incremental": incremental},
                "columns": {**THINGS["columns"], "at": {"data_type": "timestamp", "nullable": False}},
            }
        ],
    }
    shop = rest_api_shop("acme", config, partitions={"every": "day", "start": "2026-01-01"})
    job = build_defs(shops=[shop]).resolve_job_def("acme_windows")
    for day, ids in (("2026-01-01", [0, 2, 4]), ("2026-01-02", [0, 1, 2, 3, 4, 5])):
        assert job.execute_in_process(partition_key=day).success
        assert [row[0] for row in rows()] == ids


MODULE = """
import dlt
from ecom_assets import build_defs, rest_api_shop

acme = rest_api_shop("acme", {
    "client": {"base_url": "BASE_URL", "auth": {"token": dlt.secrets.value}},
    "resources": [{
        "name": "things", "primary_key": "id", "endpoint": {"path": "things", "data_selector": "data"},
        "columns": {"id": {"data_type": "bigint", "nullable": False}},
    }],
})
broken = 1
defs = build_defs(shops=[acme])
"""


def run_command(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run the command line, and return its exit code."""
    monkeypatch.setattr("sys.argv", ["ecom-assets", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_commands_take_a_shop_of_a_module(
    api: Loopback, secrets_toml: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    key = new_key(plain=True)
    api.replies = [json_reply({"data": [{"id": 1}]})]
    Path("my_shops_in_test.py").write_text(MODULE.replace("BASE_URL", api.base_url), "utf-8")
    monkeypatch.setenv("TOKEN", key)
    assert run_command(monkeypatch, "check", "my_shops_in_test:acme") == 0
    printed = capsys.readouterr()
    assert printed.out.splitlines()[0].split(maxsplit=3)[3] == "token comes from TOKEN in the environment"
    assert not leaks(printed.out + printed.err, [key])
    for name, problem in (
        ("my_shops_in_test:broken", "no shop 'broken' in the module: my_shops_in_test"),
        (
            "no_module_in_test:acme",
            "a module that fails with ModuleNotFoundError when it is imported: no_mod",
        ),
    ):
        assert run_command(monkeypatch, "check", name) == 1
        assert f"error: SHOP: found {problem}" in capsys.readouterr().err


@pytest.mark.slow
def test_a_step_in_a_process_of_its_own_imports_the_shop_again(
    api: Loopback, secrets_toml: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Dagster's command does it: the definitions hold no secret, the run looks it up."""
    key = new_key(plain=True)
    api.replies = [json_reply({"data": [{"id": 1}]})]
    Path("my_shops_in_test.py").write_text(MODULE.replace("BASE_URL", api.base_url), "utf-8")
    (tmp_path / "home").mkdir()
    for name, value in (
        ("TOKEN", key),
        ("DAGSTER_HOME", str(tmp_path / "home")),
        ("PYTHONPATH", f"{tmp_path}:{ROOT}"),
    ):
        monkeypatch.setenv(name, value)
    command = [sys.executable, "-m", "dagster", "asset", "materialize", "-m", "my_shops_in_test"]
    done = subprocess.run(
        [*command, "--select", "acme/things"], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert {seen.headers["authorization"] for seen in api.seen} == {f"Bearer {key}"}
    assert not leaks(done.stdout + done.stderr, [key])
    assert traces(tmp_path, [key]) == []


def test_the_example_of_the_documentation_needs_no_secret(secrets_toml: Path) -> None:
    """`docs/from-dlt.md` has a test of its own, which follows the page."""
    text = (ROOT / "docs/embed.md").read_text("utf-8")
    blocks = [
        block for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "rest_api_shop(" in block
    ]
    assert len(blocks) == 1
    names: dict[str, Any] = {}
    exec(compile(blocks[0], "embed.md", "exec"), names)
    assert assets_of(names["defs"]) == {AssetKey(["acme", "orders"])}
