"""The command line, as a person or a script uses it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ecom_assets.declaration.reading import BUNDLED_SHOPS, SCHEMA_FILE
from ecom_assets.sandbox import SANDBOX_KEY, SandboxSettings
from ecom_assets.sandbox.server import Running, serving
from ecom_assets_tests.support.loads.commands import Printed, run_main


@pytest.fixture
def sandbox() -> Iterator[Running]:
    """Serve a small sandbox."""
    with serving(SandboxSettings(orders_per_day=20)) as running:
        yield running


@pytest.fixture
def shop(sandbox: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Declare the shop at that address."""
    monkeypatch.setenv("SOURCES__SANDBOX__API_KEY", SANDBOX_KEY)
    return declared(tmp_path, sandbox.base_url)


def declared(folder: Path, base_url: str, **endpoint: Any) -> Path:
    """Write a shop without retries."""
    content = yaml.safe_load((BUNDLED_SHOPS / "sandbox.yaml").read_text("utf-8"))
    content["client"]["base_url"] = base_url
    content["policy"] = {"max_retries": 0}
    content["resource_defaults"]["endpoint"] |= endpoint
    file = folder / "shop.yaml"
    file.write_text(yaml.safe_dump(content), "utf-8")
    return file


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run a command and return its exit code, its output and its errors."""

    def command(*arguments: object) -> Printed:
        return run_main(monkeypatch, capsys, *arguments)

    return command


def lines(printed: Printed, resource: str) -> dict[str, str]:
    """Return the results for a resource, by the name of the check."""
    found = [line.split(maxsplit=2) for line in printed[1].splitlines()]
    return {words[1]: words[2] for words in found if words[0] == resource}


def test_the_sandbox_passes_its_own_check(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECOM_SANDBOX_ORDERS_PER_DAY", "20")
    printed = run("check", "sandbox")
    assert printed[0] == 0, printed
    assert set(lines(printed, "orders")) == {
        "reached",
        "total",
        "order",
        "limit",
        "offset",
        "window",
        "contract",
        "promise",
    }
    assert all(text.startswith(("ok", "limit")) for text in lines(printed, "orders").values())
    assert lines(printed, "stores")["window"].startswith("skipped")
    assert lines(printed, "order_items")["contract"].startswith("ok")


def test_a_wrong_key_fails_every_endpoint(run: Any, shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCES__SANDBOX__API_KEY", "wrong-key-of-mine")
    code, out, err = run("check", shop)
    assert code == 1
    assert out.count("reached   failed") == 4
    assert "status 401" in out
    assert "wrong-key-of-mine" not in out + err
    assert err == "error: 4 checks failed\n"


@pytest.mark.parametrize(
    ("parameter", "what"), [("limit", "limit"), ("offset", "offset"), ("updated_at_min", "window")]
)
def test_ignored_parameters_are_found(
    run: Any, sandbox: Running, shop: Path, parameter: str, what: str
) -> None:
    sandbox.faults.ignore(parameter, path="/v1/orders")
    printed = run("check", shop)
    assert printed[0] == 1
    assert lines(printed, "orders")[what].startswith("failed")
    assert all(text.startswith(("ok", "skipped", "limit")) for text in lines(printed, "customers").values())


def test_a_wrong_selector_is_found(run: Any, sandbox: Running, shop: Path, tmp_path: Path) -> None:
    printed = run("check", declared(tmp_path, sandbox.base_url, data_selector="items"))
    assert printed[0] == 1
    assert "data_selector 'items' found nothing in a 200 answer" in lines(printed, "orders")["reached"]


def test_rows_that_break_the_contract_are_found(run: Any, sandbox: Running, shop: Path) -> None:
    sandbox.faults.change("/v1/stores", 1, currency=None)
    printed = run("check", shop)
    assert lines(printed, "stores")["contract"].startswith("failed")
    assert "currency: null, but not nullable" in printed[1]
    code, out, _ = run("preview", shop, "stores")
    assert code == 0
    assert "rejected 1: currency: null, but not nullable" in out


def test_a_missing_total_is_found(run: Any, sandbox: Running, shop: Path) -> None:
    sandbox.faults.total("/v1/orders", None)
    assert "total_path total found nothing" in lines(run("check", shop), "orders")["reached"]


def test_a_dead_server_is_a_line_each(run: Any, shop: Path, tmp_path: Path) -> None:
    code, out, err = run("check", declared(tmp_path, "http://127.0.0.1:9"))
    assert code == 1
    assert out.count("no connection (connection refused)") == 4
    assert "Traceback" not in out + err


def test_preview_shows_rows_of_a_window(run: Any, shop: Path) -> None:
    code, out, _ = run("preview", shop, "orders", "--limit", 3, "--window", "2026-02-03")
    assert code == 0
    assert "sandbox.orders" in out
    assert "0 rejected" in out
    assert run("preview", shop, "order_items")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["check", "nope"], "SHOP: found 'nope'; allowed: sandbox, or the path of a YAML file"),
        (["check", "nope.yaml"], "nope.yaml"),
        (["preview", "sandbox", "nope"], "found 'nope'"),
        (["preview", "sandbox", "stores", "--window", "2026-01-01"], "stores is a snapshot"),
        (["preview", "sandbox", "orders", "--window", "today"], "--window: found 'today'"),
        (
            ["preview", "sandbox", "orders", "--window", "2019-01-01"],
            "--window: found '2019-01-01'; allowed: 2026-01-01 to 20",
        ),
        (
            ["preview", "sandbox", "orders", "--window", "2999-01-01"],
            "--window: found '2999-01-01'; allowed: 2026",
        ),
    ],
)
def test_wrong_input_is_one_line(run: Any, arguments: list[str], message: str) -> None:
    code, _, err = run(*arguments)
    assert code == 1
    assert message in err
    assert err.startswith("error: ")
    assert err.count("\n") == 1


def test_a_missing_secret_is_one_line(run: Any, sandbox: Running, tmp_path: Path) -> None:
    code, _, err = run("check", declared(tmp_path, sandbox.base_url))
    assert code == 1
    assert err.startswith("error: the secret 'api_key' of shop 'sandbox' was not found: looked in ")


def test_a_taken_port_is_one_line(run: Any, sandbox: Running) -> None:
    code, _, err = run("sandbox", "--port", sandbox.base_url.rpartition(":")[2])
    assert code == 1
    assert err.startswith("error: ")
    assert err.count("\n") == 1


def test_the_schema_is_printed_as_it_is(run: Any) -> None:
    assert run("schema") == (0, SCHEMA_FILE.read_text("utf-8"), "")


def test_version_and_help(run: Any) -> None:
    assert run("--version")[1] == "0.1.0\n"
    assert "Example: ecom-assets check sandbox" in run("check", "--help")[1]


def test_help_is_quick() -> None:
    script = (
        "import sys, ecom_assets.cli.app; print(sorted({'dagster', 'dlt', 'pyarrow'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"


def test_the_sandbox_serves_until_it_is_interrupted() -> None:
    script = "from ecom_assets.cli.app import main; main()"
    with subprocess.Popen(
        [sys.executable, "-c", script, "sandbox", "--port", "0", "--orders-per-day", "5"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
    ) as process:
        assert process.stdout
        base_url = process.stdout.readline().split()[4].rstrip(",")
        for _ in range(100):
            try:
                with urllib.request.urlopen(
                    f"{base_url}/v1/stores?api_key={SANDBOX_KEY}", timeout=5
                ) as answer:
                    assert answer.status == 200
                break
            except OSError:
                continue
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (0, "")
