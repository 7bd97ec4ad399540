"""The commands `init` and `ui`: a project from nothing, and a UI that says where it is."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from dotenv import dotenv_values

from ecom_assets.cli.app import main
from ecom_assets.declaration.reading import load_shop


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    """Run a command and return its exit code."""
    monkeypatch.setattr("sys.argv", ["ecom-assets", *map(str, arguments)])
    try:
        main()
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def test_init_makes_a_project_and_overwrites_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "project"
    assert run(monkeypatch, "init", root) == 0
    assert load_shop(root / "shops" / "myshop.yaml").name == "myshop"
    assert (root / ".dagster" / "dagster.yaml").exists()
    assert f"ECOM_SHOPS_DIR={root}/shops" in (root / ".env").read_text("utf-8")
    assert ".env" in (root / ".gitignore").read_text("utf-8").splitlines()
    (root / "shops" / "myshop.yaml").write_text("mine", "utf-8")
    (root / ".env").write_text("mine", "utf-8")
    capsys.readouterr()
    assert run(monkeypatch, "init", root) == 0
    assert "created" not in capsys.readouterr().out
    assert (root / "shops" / "myshop.yaml").read_text("utf-8") == (root / ".env").read_text("utf-8") == "mine"


def test_init_adds_no_example_beside_shops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shops").mkdir()
    (tmp_path / "shops" / "acme.yaml").write_text("name: acme", "utf-8")
    assert run(monkeypatch, "init", tmp_path) == 0
    assert not (tmp_path / "shops" / "myshop.yaml").exists()


def test_init_in_a_folder_with_files_says_what_they_lack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing may get into git that should not, and the settings must name the instance that the UI shows."""
    (tmp_path / "shops").mkdir()
    (tmp_path / "shops" / "acme.yaml").write_text("name: acme", "utf-8")
    (tmp_path / ".gitignore").write_text("/.env\ndata\n", "utf-8")
    (tmp_path / ".env").write_text("TOKEN=sk-123\nexport DAGSTER_HOME=/srv/dagster\n", "utf-8")
    monkeypatch.chdir(tmp_path)
    assert run(monkeypatch, "init") == 0
    out = capsys.readouterr().out
    assert "kept     shops, which has declarations\n" in out
    assert f"kept     .env, add to it:\n           ECOM_SHOPS_DIR={tmp_path}/shops\n" in out
    assert "kept     .gitignore, add to it:\n           .dagster/\n           .venv/\n" in out
    assert "sk-123" not in out
    assert out.endswith("Next: set -a; . ./.env; set +a; ecom-assets load SHOP --missing; ecom-assets ui\n")


def test_the_settings_of_a_folder_with_a_space_are_read_by_a_shell_and_by_dagster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "my shops"
    assert run(monkeypatch, "init", root) == 0
    following = capsys.readouterr().out.rpartition("Next: ")[2].partition("; ecom-assets")[0]
    shown = subprocess.check_output(
        ["sh", "-c", f'{following}; printf %s "$DAGSTER_HOME|$ECOM_SHOPS_DIR|$ECOM_WAREHOUSE"'], text=True
    )
    assert shown == f"{root}/.dagster|{root}/shops|{root}/data/warehouse.duckdb"
    assert dotenv_values(root / ".env") == {
        "DAGSTER_HOME": f"{root}/.dagster",
        "ECOM_SHOPS_DIR": f"{root}/shops",
        # a load from another folder goes into the same file
        "ECOM_WAREHOUSE": f"{root}/data/warehouse.duckdb",
    }


def test_init_where_a_file_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert run(monkeypatch, "init", tmp_path / "file") == 1
    assert capsys.readouterr().err.startswith("error: ")


def test_the_ui_refuses_a_taken_port(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything starts, or is created."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert run(monkeypatch, "ui", "--port", port) == 1
    assert capsys.readouterr().err == (
        f"error: port {port} is taken: end the program that uses it, or choose another one with --port\n"
    )
    assert list(tmp_path.iterdir()) == []


def is_running(group: int) -> bool:
    """Tell whether a process of a group is left."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def interrupt(process: subprocess.Popen[str]) -> None:
    """Do what Ctrl-C does."""
    os.killpg(process.pid, signal.SIGINT)


def terminate(process: subprocess.Popen[str]) -> None:
    """Do what `kill` does."""
    process.terminate()


@pytest.mark.slow
@pytest.mark.parametrize("end", [interrupt, terminate])
def test_the_ui_of_a_new_project_answers(
    end: Callable[[subprocess.Popen[str]], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(monkeypatch, "init", tmp_path) == 0
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable,
        "-c",
        # as in the background of a shell
        "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); from ecom_assets.cli.app import main; main()",
        "ui",
        "--port",
        str(port),
    ]
    environment = {k: v for k, v in os.environ.items() if k not in ("DAGSTER_HOME", "ECOM_SHOPS_DIR")}
    log = tmp_path / "stderr"
    with log.open("w") as file:
        process = subprocess.Popen(
            command,
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=file,
            text=True,
            start_new_session=True,
        )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == f"Dagster's UI: http://127.0.0.1:{port}\n"
        until = time.monotonic() + 60
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/server_info", timeout=5) as answer:
                    assert b"dagster_webserver" in answer.read()
                break
            except OSError:
                assert time.monotonic() < until
                time.sleep(0.5)
    finally:
        end(process)
        process.wait(120)
        process.stdout.close()
    assert "superseded" not in log.read_text("utf-8"), "the command that we chose is not the user's concern"
    # neither the web server nor another process of Dagster stays
    while is_running(process.pid):
        assert time.monotonic() < until + 60
        time.sleep(0.1)
