"""`ecom-assets load`: what it loads, its lines and exit codes, with and without a Dagster instance."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ecom_assets.cli.app import main
from ecom_assets_tests.support.loads.changes import Changes, change, instant
from ecom_assets_tests.support.servers.loopback import serving
from ecom_assets_tests.support.warehouses.engines import Place

Load = Callable[..., int]


@pytest.fixture
def place(empty_place: Callable[[str], Place], monkeypatch: pytest.MonkeyPatch) -> Place:
    """Return an empty DuckDB file, which the environment names."""
    place = empty_place("duckdb")
    monkeypatch.setenv("ECOM_WAREHOUSE", place.where)
    monkeypatch.setenv("ECOM_SANDBOX_ORDERS_PER_DAY", "3")
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    return place


@pytest.fixture
def load(place: Place, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Return a function that runs the command and returns its exit code."""

    def run(*arguments: str) -> int:
        monkeypatch.setattr("sys.argv", ["ecom-assets", "load", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0)

    return run


@pytest.fixture
def changes(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Changes]:
    """Serve an open-ended collection, which the module `acme_shops` declares as `acme`."""
    with serving() as loopback:
        changes = Changes(loopback, place)
        text = "from ecom_assets import rest_api_shop\nacme = rest_api_shop('acme', {})\n"
        (tmp_path / "acme_shops.py").write_text(text.replace("{}", repr(changes.config)))
        monkeypatch.syspath_prepend(tmp_path)
        yield changes
        sys.modules.pop("acme_shops", None)


def windows(place: Place, resource: str) -> list[str]:
    """Return the windows of a table that the ledger has, each once for each load."""
    sql = "select partition_key from load_ledger where resource = ? order by 1"
    return [key for (key,) in place.rows(sql, [resource])]


def test_windows_and_whole_tables(load: Load, place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    assert load("sandbox", "stores") == 0
    out, err = capsys.readouterr()
    assert out == "stores: 5 rows loaded, 0 rejected\n"
    assert err == "stores: 1 of 1 slices, 5 records\n"
    assert load("sandbox", "orders", "--window", "2026-02-01") == 0
    assert load("sandbox", "orders", "--window", "2026-01-31...2026-02-02", "--missing") == 0
    assert windows(place, "orders") == ["2026-01-31", "2026-02-01", "2026-02-02"]
    assert "in 2 windows, 2026-01-31 to 2026-02-02" in capsys.readouterr().out
    assert load("sandbox", "orders", "--window", "2026-01-31...2026-02-02", "--missing") == 0
    assert capsys.readouterr().err == "Nothing is missing.\n"
    assert load("sandbox", "orders", "--window", "2026-02-01...2026-02-02") == 0
    assert windows(place, "orders").count("2026-02-01") == 2
    # with --window alone, all tables with windows
    assert load("sandbox", "--window", "2026-02-01") == 0
    assert windows(place, "order_items") == windows(place, "customers") == ["2026-02-01"]
    assert windows(place, "stores") == [None]


def test_before_the_first_load_all_is_missing(load: Load, place: Place) -> None:
    assert load("sandbox", "orders", "stores", "--missing", "--window", "2026-02-01") == 0
    assert windows(place, "orders") == ["2026-02-01"]
    assert windows(place, "stores") == [None]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["nope"], "SHOP: found 'nope'; allowed: "),
        (["sandbox", "nope"], "resources: found 'nope'; allowed: customers, products"),
        (["sandbox", "orders"], "--window: found nothing, while tables are loaded by window (orders)"),
        (
            ["sandbox", "orders", "--window", "2026-02-31"],
            "--window: found '2026-02-31'; allowed: the start of a",
        ),
        (["sandbox", "orders", "--window", "2026-02-02...2026-02-01"], "a range that starts before it ends"),
        (["sandbox", "orders", "--window", "2099-01-01"], "the start of a closed day, written as %Y-%m-%d"),
        (["sandbox", "stores", "--window", "2026-02-01"], "--window: found tables without windows (stores)"),
        (["sandbox", "stores", "--since", "2026-02-01"], "--since: found no open-ended table; allowed: none"),
        (["acme_shops:acme", "--window", "2026-02-01"], "while acme has no partitions"),
    ],
)
def test_a_wrong_request_is_one_line_and_loads_nothing(
    load: Load,
    place: Place,
    changes: Changes,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    error: str,
) -> None:
    assert load(*arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert error in err
    assert err.count("\n") == 1
    assert not Path(place.where).exists()


def test_a_wrong_declaration(load: Load, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "acme.yaml").write_text("name: acme\n")
    assert load(str(tmp_path / "acme.yaml")) == 2
    assert "client: found nothing" in capsys.readouterr().err


def test_an_open_ended_table_is_set_back(
    load: Load, changes: Changes, capsys: pytest.CaptureFixture[str]
) -> None:
    changes.records = [change(1, instant(2)), change(2, instant(5))]
    assert load("acme_shops:acme") == 0
    assert capsys.readouterr().out == (
        f"changes: 2 rows loaded, 0 rejected; the next load reads from {instant(5)} on\n"
    )
    changes.records[0]["name"] = "b"
    assert load("acme_shops:acme", "changes", "--since", "2024-01-01") == 0
    assert changes.rows() == [(1, "b"), (2, "a")]
    assert load("acme_shops:acme", "--since", "soon") == 1
    assert "error: changes: changes: --since: found 'soon'" in capsys.readouterr().err


def test_a_table_that_fails_leaves_the_others(
    load: Load, tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: Changes
) -> None:
    missing = {"name": "missing", "endpoint": {"path": "missing", "data_selector": "nowhere"}}
    changes.others = [missing | {"write_disposition": "replace"}]
    text = f"from ecom_assets import rest_api_shop\nacme = rest_api_shop('acme', {changes.config!r})\n"
    (tmp_path / "acme_shops.py").write_text(text)
    changes.records = [change(1, instant(2))]
    assert load("acme_shops:acme") == 1
    out, err = capsys.readouterr()
    assert out.startswith("changes: 1 rows loaded")
    assert "\nerror: missing: " in err
    assert "Traceback" not in err


def test_a_home_that_is_no_folder_is_told(
    load: Load, place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A mistyped path must not look like a load that the UI shows."""
    monkeypatch.setenv("DAGSTER_HOME", place.where + ".nowhere")
    assert load("sandbox", "stores") == 0
    out, err = capsys.readouterr()
    assert out == "stores: 5 rows loaded, 0 rejected\n"
    assert f"DAGSTER_HOME={place.where}.nowhere is no folder: the load is without Dagster" in err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("home", "settings", "reason"),
    [
        ("relative", "", '"relative" must be an absolute path'),
        ("{folder}/relative", "storage: {sqlite: {base_dir", "while parsing a flow mapping"),
        ("{folder}/relative", "storage: {postgres: {password: hunter2}}", "Errors whilst loading"),
    ],
)
def test_an_instance_that_cannot_be_opened_is_one_line(
    load: Load,
    place: Place,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    home: str,
    settings: str,
    reason: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "relative").mkdir()
    (tmp_path / "relative" / "dagster.yaml").write_text(settings, "utf-8")
    monkeypatch.setenv("DAGSTER_HOME", home.format(folder=tmp_path))
    assert load("sandbox", "stores") == 2
    out, err = capfd.readouterr()
    assert (out, err.count("\n")) == ("", 1), err
    assert err.startswith(
        f"error: the Dagster instance of DAGSTER_HOME={home.format(folder=tmp_path)} cannot"
    )
    assert reason in err
    assert not Path(place.where).exists()


@pytest.mark.slow
def test_in_a_dagster_instance(
    load: Load,
    place: Place,
    changes: Changes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Each command starts a process of Dagster. The first one is in a process of its own, too."""
    from dagster import AssetKey, DagsterInstance

    home = tmp_path / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{Path.cwd()}")
    # what the loads in the instance go on with, loaded without it, which is faster
    assert load("sandbox", "orders", "--window", "2026-02-01") == 0
    changes.records = [change(1, instant(2)), change(2, instant(5))]
    assert load("acme_shops:acme") == 0

    monkeypatch.setenv("DAGSTER_HOME", str(home))
    command = "import sys; from ecom_assets.cli.app import main; sys.argv[0] = 'ecom-assets'; main()"
    arguments = ["load", "sandbox", "stores", "orders", "--window", "2026-01-30...2026-02-03", "--missing"]
    done = subprocess.run(
        [sys.executable, "-c", command, *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "orders: 2 of 2 slices" in done.stderr
    assert done.stdout.splitlines()[0] == "stores: 5 rows loaded, 0 rejected"
    changes.records[0]["name"] = "b"
    assert load("acme_shops:acme", "--since", "2024-01-01") == 0
    assert changes.rows() == [(1, "b"), (2, "a")]
    capfd.readouterr()
    assert load("acme_shops:acme", "--since", "soon") == 1
    _, err = capfd.readouterr()
    assert "changes: --since: found 'soon'" in err
    assert "Traceback" not in err
    with DagsterInstance.from_config(str(home)) as instance:
        keys = instance.get_materialized_partitions(AssetKey(["sandbox", "orders"]))
        event = instance.get_latest_materialization_event(AssetKey(["acme", "changes"]))
    assert keys == {"2026-01-30", "2026-01-31", "2026-02-02", "2026-02-03"}
    assert event is not None
    assert event.asset_materialization is not None
    metadata = event.asset_materialization.metadata
    assert metadata["cursor_to"].value == instant(5)
    assert metadata["cursor_from"].value == "2024-01-01"
