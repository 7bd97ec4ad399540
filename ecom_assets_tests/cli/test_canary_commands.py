"""A server may repeat the keys that it gets: neither the terminal nor any file of a command ever holds one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ecom_assets.cli.app import main
from ecom_assets_tests.orchestration.shops.test_canary import answering, folder, prepared, talkative
from ecom_assets_tests.support.secrets.canaries import AUTHS, traces, traces_of_run
from ecom_assets_tests.support.secrets.canary_cases import CASES
from ecom_assets_tests.support.servers.loopback import serving
from ecom_assets_tests.support.servers.self_signed import serving_tls

__all__ = ["folder", "talkative"]  # the fixtures

INSIDE = [name for name in CASES if "crash" in name or "warehouse" in name]
"""Cases that need a load; these commands do not load."""

EVERYTHING = """
import http.client, logging, pathlib, shutil, tempfile
http.client.HTTPConnection.debuglevel = 1
logging.basicConfig(level=logging.DEBUG)
cleanup = tempfile.TemporaryDirectory.cleanup
def kept(temporary):
    if pathlib.Path(temporary.name).exists():
        shutil.copytree(temporary.name, pathlib.Path("kept", pathlib.Path(temporary.name).name), dirs_exist_ok=True)
    cleanup(temporary)
tempfile.TemporaryDirectory.cleanup = kept
"""
"""Runs when Python starts: all libraries log everything, and temporary folders are kept."""

DEFINITIONS = """
from pathlib import Path
from dagster import EnvVar
from ecom_assets.orchestration.build_definitions import build_defs
from ecom_assets.orchestration.resources import ShopSecrets
secrets = ShopSecrets(secrets={{name: EnvVar(f"CANARY_{{name.upper()}}") for name in {names!r}}})
defs = build_defs(Path("shops"), {{"canary_secrets": secrets}})
"""

Found = Callable[[str, str], list[str]]


@pytest.fixture
def commands(
    folder: Path, talkative: None, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Found:
    """Run `check` and `preview` against a case with an auth kind, and return where a key was found."""

    def found(name: str, auth: str) -> list[str]:
        case = CASES[name]
        with serving() as api, serving() as other, serving_tls(folder) as tls_host:
            places = {"base_url": api.base_url, "host": api.host, "folder": str(folder), "tls_host": tls_host}
            keys = prepared(case, auth, folder, places, monkeypatch)
            api.answering = answering(case, name, keys, other)
            file = str(folder / "shops" / "canary.yaml")
            for arguments in (["check", file], ["preview", file, "things"]):
                monkeypatch.setattr("sys.argv", ["ecom-assets", *arguments])
                with pytest.raises(SystemExit) as ended:
                    main()
                assert ended.value.code in (0, 1)
            assert not other.seen
        written = capfd.readouterr()
        assert written.out + written.err
        assert "Traceback" not in written.out + written.err
        (folder / "terminal.txt").write_text(f"{written.out}\n{written.err}", "utf-8")
        return traces(folder, keys, [folder / "shops"])

    return found


@pytest.mark.parametrize("name", [name for name in CASES if name not in INSIDE])
def test_check_and_preview(name: str, commands: Found) -> None:
    """Every way in which an API can fail, each with one of the auth kinds."""
    auth = "oauth2" if name == "token" else list(AUTHS)[list(CASES).index(name) % len(AUTHS)]
    assert commands(name, auth) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "auth"),
    [
        ("refused", "query"),
        ("rejected", "oauth2"),
    ],
)
def test_dagster_materialize(name: str, auth: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run of its own process, whose secrets come from a resource with `EnvVar`."""
    case = CASES[name]
    (folder / "start").mkdir()
    (folder / "start" / "sitecustomize.py").write_text(EVERYTHING)
    (folder / "shop_defs.py").write_text(DEFINITIONS.format(names=AUTHS[auth][1]))
    with serving() as api, serving() as other:
        places = {"base_url": api.base_url, "host": api.host, "folder": str(folder)}
        keys = prepared(case, auth, folder, places, monkeypatch)
        for variable in [entry for entry in os.environ if entry.startswith("SOURCES__CANARY__")]:
            monkeypatch.setenv(variable.replace("SOURCES__CANARY__", "CANARY_"), os.environ[variable])
            monkeypatch.delenv(variable)
        api.answering = answering(case, name, keys, other)
        path = os.pathsep.join([str(folder / "start"), *filter(None, [os.environ.get("PYTHONPATH")])])
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "dagster",
                "asset",
                "materialize",
                "-f",
                "shop_defs.py",
                "--select",
                "canary/things",
            ],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": path, "TMPDIR": str(folder / "temporary")},
            capture_output=True,
            text=True,
            check=False,
        )
        assert api.seen or name == "refused"
    written = done.stdout + done.stderr
    assert (done.returncode == 0) == case.succeeds, written
    assert case.message in written
    assert "urllib3.connectionpool" in written
    (folder / "terminal.txt").write_text(written, "utf-8")
    assert list((folder / "kept").rglob("schema.json")) or list((folder / "kept").iterdir())
    assert list((folder / "home").rglob("*.db"))
    assert traces_of_run(folder, auth, keys) == []
