"""A lake with its files in a bucket: the same rows as in a DuckDB file, and no key in any message."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from moto.server import ThreadedMotoServer

from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.load.run import run_load
from ecom_assets.sandbox import SANDBOX_KEY
from ecom_assets.sandbox.server import Running
from ecom_assets_tests.support.loads.forked_loads import WINDOWED, forks, shop_at
from ecom_assets_tests.support.loads.still_sandbox import WEEK
from ecom_assets_tests.support.loads.still_sandbox import sandbox as sandbox
from ecom_assets_tests.support.loads.still_sandbox import server as server
from ecom_assets_tests.support.servers.lossy_proxy import lossy_proxy
from ecom_assets_tests.support.warehouses.engines import Place

KEYS = "STORAGE__CREDENTIALS__"
SECRET, TOKEN = "s3cr3t'key/+", "s3cr3t-t0ken'"
"""With characters that SQL and addresses must escape."""

NewLake = Callable[..., Place]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def bucket() -> Iterator[tuple[str, list[str]]]:
    """Run a server with S3's protocol and the bucket `shop`. Return its address and the requests to it."""
    asked: list[str] = []
    logger, handler = logging.getLogger("werkzeug"), logging.Handler()
    handler.emit = lambda record: asked.append(record.getMessage())  # type: ignore[method-assign]
    level, propagate = logger.level, logger.propagate
    logger.addHandler(handler)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=True)
    server.start()
    logger.setLevel(logging.INFO)
    logger.propagate = False
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    requests.put(f"{address}/shop", timeout=30).raise_for_status()
    yield address, asked
    server.stop()
    logger.removeHandler(handler)
    logger.setLevel(level)
    logger.propagate = propagate


@pytest.fixture
def lake(new_lake: NewLake, bucket: tuple[str, list[str]]) -> Callable[..., Place]:
    """Return a function that configures a lake with its files in the bucket."""

    def made(**settings: str) -> Place:
        return new_lake(
            **{
                "STORAGE__BUCKET_URL": "s3://shop/o'clock/files",
                f"{KEYS}ENDPOINT_URL": bucket[0],
                f"{KEYS}AWS_ACCESS_KEY_ID": "loader's",
                f"{KEYS}AWS_SECRET_ACCESS_KEY": SECRET,
                f"{KEYS}AWS_SESSION_TOKEN": TOKEN,
                **settings,
            }
        )

    return made


def load(sandbox: Running, place: Place, names: list[str], windows: object = ()) -> None:
    secrets, warehouse = {"api_key": SANDBOX_KEY}, place.warehouse()
    report = run_load(shop_at(sandbox.base_url), names, windows, secrets=secrets, warehouse=warehouse)  # type: ignore[arg-type]
    assert report.errors == {}


def test_a_lake_in_a_bucket_has_what_a_file_has(
    sandbox: Running, lake: NewLake, tmp_path: Path, bucket: tuple[str, list[str]]
) -> None:
    file, there = Place("duckdb", str(tmp_path / "file.duckdb")), lake()
    for place in (file, there):
        load(sandbox, place, ["products", "stores"])
        load(sandbox, place, WINDOWED, WEEK)
        load(sandbox, place, WINDOWED, WEEK[2:4])
    found = there.tables()
    assert found == file.tables()
    assert len(found["orders"]) > 200
    assert any("PUT /shop/o" in line or "PUT /shop-" in line for line in bucket[1])
    assert not any("s3cr3t" in line for line in bucket[1])
    there.write('delete from "sandbox"."orders"')
    assert there.rows("select count(*) from orders") == [(0,)]


@pytest.mark.parametrize("where", ["folder", "bucket"])
def test_a_commit_whose_answer_is_lost_is_kept_with_its_files(
    sandbox: Running,
    lake: NewLake,
    new_lake: NewLake,
    new_database: Callable[[], str],
    tmp_path: Path,
    where: str,
) -> None:
    file = Place("duckdb", str(tmp_path / "file.duckdb"))
    load(sandbox, file, WINDOWED, WEEK)
    with lossy_proxy(new_database()) as (address, losing):
        there = (lake if where == "bucket" else new_lake)(CATALOG=address)
        load(sandbox, there, WINDOWED, WEEK[:1])
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("ecom_assets.load.commit.record_layout", lambda *given: losing.touch())
            with pytest.raises(
                WarehouseError, match="at the moment of the commit: its catalog cannot be reached"
            ):
                load(sandbox, there, WINDOWED, WEEK)
        losing.unlink()
        assert there.tables(*WINDOWED) == file.tables(*WINDOWED)
        load(sandbox, there, WINDOWED, WEEK)
        assert there.tables(*WINDOWED) == file.tables(*WINDOWED)


def test_four_processes_load_into_a_bucket_at_once_and_lose_nothing(
    sandbox: Running, lake: NewLake, tmp_path: Path
) -> None:
    file, there = Place("duckdb", str(tmp_path / "file.duckdb")), lake()
    with forks(tmp_path) as forked:
        loads = [forked.load(sandbox.base_url, there.where, WEEK[at : at + 3]) for at in (0, 1, 3, 4)]
        assert [forked.end(pid) for pid in loads] == [(0, "")] * 4
        killed = forked.load(sandbox.base_url, there.where, WEEK)
        forked.heard(killed, "loading")
        assert forked.end(killed, kill=True)[0] == -9
        assert forked.end(forked.load(sandbox.base_url, file.where, WEEK)) == (0, "")
    assert there.tables(*WINDOWED) == file.tables(*WINDOWED)


def test_an_error_of_a_bucket_is_one_line_without_a_key(
    sandbox: Running, lake: NewLake, caplog: pytest.LogCaptureFixture
) -> None:
    for settings in (
        {"STORAGE__BUCKET_URL": "s3://no-shop/files"},
        {f"{KEYS}ENDPOINT_URL": "http://127.0.0.1:1"},
    ):
        place = lake(**settings)
        with pytest.raises(WarehouseError, match="was left as it was: ") as failed:
            load(sandbox, place, WINDOWED, WEEK)
        for shown in (str(failed.value), caplog.text, repr(vars(place.warehouse()))):
            assert "s3cr3t" not in shown
        assert "\n" not in str(failed.value)
        assert place.tables() == {}
