"""The benchmark's harness: all contestants get the same records, and wrong rows are noticed."""

from __future__ import annotations

import re
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import duckdb
import orjson
import pytest

from benchmarks import data, table_digests
from benchmarks.lineup import CONTESTANTS, OWN, TASKS, TOGETHER, Task
from benchmarks.measure import measure
from benchmarks.report import Result, is_complete, write
from benchmarks.runs import ROOT, Server, run, serving
from benchmarks.server import API_KEY, Api

SIZE = data.Size(orders=600, customers=120, products=30)
LOAD, MATERIALIZE = CONTESTANTS[:2]
TASK = Task("test", "a test", SIZE, start=data.START, days=31)


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return data.make(tmp_path_factory.mktemp("records"), SIZE)


@pytest.fixture(scope="module")
def server(records: Path) -> Iterator[Server]:
    with serving(records, 0.0) as running:
        yield running


def body(answer: bytes) -> Any:
    return orjson.loads(answer.partition(b"\r\n\r\n")[2])


def test_the_records_are_the_same_each_time(records: Path, tmp_path: Path) -> None:
    again = data.make(tmp_path, SIZE)
    for resource in data.RESOURCES:
        assert (again / f"{resource}.json").read_bytes() == (records / f"{resource}.json").read_bytes()


def test_windows_and_pages_hold_every_record_once(records: Path) -> None:
    api = Api(records)
    for resource in data.RESOURCES:
        seen = []
        for day in range(data.DAYS):
            start = data.START + timedelta(days=day)
            window = f"updated_at_min={start:%Y-%m-%d}&updated_at_max={start + timedelta(days=1):%Y-%m-%d}"
            total, offset = 1, 0
            while offset < total:
                page = body(
                    api.answer(f"/v1/{resource}?api_key={API_KEY}&limit=2&offset={offset}&{window}T00:00:00Z")
                )
                total, offset = page["total"], offset + 2
                seen += [row["id"] for row in page["data"]]
        assert sorted(seen) == list(range(1, getattr(SIZE, resource) + 1))


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/v1/orders", 401),
        (f"/v1/orders?api_key={API_KEY}&limit=251", 400),
        (f"/v1/orders?api_key={API_KEY}&updated_at_min=yesterday", 400),
        (f"/v1/refunds?api_key={API_KEY}", 404),
    ],
)
def test_the_server_refuses_what_an_api_would(records: Path, target: str, status: int) -> None:
    assert Api(records).answer(target).startswith(f"HTTP/1.1 {status} ".encode())


def test_latency_is_waited_for(records: Path) -> None:
    with serving(records, 0.2) as slow:
        connection = HTTPConnection(slow.url.removeprefix("http://"))
        for _ in range(2):
            began = time.monotonic()
            connection.request("GET", f"/v1/orders?api_key={API_KEY}")
            assert orjson.loads(connection.getresponse().read())["total"] == SIZE.orders
            assert time.monotonic() - began >= 0.2
        connection.close()
        assert slow.requests() == 2


def test_run_load_is_measured_and_has_all_rows(server: Server, records: Path) -> None:
    result = run(LOAD, TASK, server, Path(sys.executable), records, 120)
    assert (result.exit_code, result.problems) == (0, [])
    assert result.requests >= 3 * 3, "two slices of joined windows a resource, and their count"
    assert result.seconds > 0
    assert result.cpu_seconds > 0.5
    assert result.peak_mib > 50


def test_a_window_of_a_month_has_the_same_rows(server: Server, records: Path) -> None:
    result = run(LOAD, replace(TASK, step=31), server, Path(sys.executable), records, 120)
    assert (result.exit_code, result.problems) == (0, [])
    assert result.requests < TASK.days


@pytest.mark.slow
def test_a_materialised_range_has_all_rows(server: Server, records: Path) -> None:
    result = run(MATERIALIZE, TASK, server, Path(sys.executable), records, 240)
    assert (result.exit_code, result.problems) == (0, [])


def test_a_contestant_that_fails_is_no_result(
    server: Server, records: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = replace(LOAD, script="no_such_script.py")
    assert run(broken, TASK, server, Path(sys.executable), records, 60).problems == [
        "failed with exit code 2"
    ]
    assert "no_such_script.py" in capsys.readouterr().out


def test_lost_and_changed_rows_are_noticed(records: Path, tmp_path: Path) -> None:
    file = tmp_path / "rows.duckdb"
    with duckdb.connect(str(file)) as connection:
        connection.execute("set TimeZone = 'UTC'; create schema bench")
        for resource in data.RESOURCES:
            rows = tmp_path / f"{resource}.json"
            many = getattr(SIZE, resource)
            rows.write_bytes(b"[%b]" % data.Rows(records, resource).text(0, many))
            connection.execute(f"create table bench.{resource} as from read_json('{rows}')")
    queries = {table: f"from bench.{table}" for table in data.RESOURCES} | {
        "orders": "select *, shipping_address.city as city from bench.orders",
        "order_items": "select orders.id as order_id, unnest(line_items, recursive := true) from bench.orders",
    }
    expected = table_digests.expected_digests(records, data.START, data.DAYS)
    assert table_digests.differences(expected, table_digests.found_digests(file, queries)) == []
    with duckdb.connect(str(file)) as connection:
        connection.execute("delete from bench.customers where id = 7")
        connection.execute("update bench.products set price = '0.0001' where id = 3")
        connection.execute("insert into bench.orders from bench.orders where id = 1")
        connection.execute("update bench.orders set line_items = [] where id = 1")
    lines = table_digests.differences(
        expected, table_digests.found_digests(file, {**queries, "order_items": "from bench.nothing"})
    )
    assert lines[:3] == [
        "customers: -1 of 120 rows",
        "products: all 30 rows, but other values",
        "orders: +1 of 600 rows",
    ]
    assert lines[3].startswith("order_items: Catalog Error")


CHILD = """
import subprocess, sys
subprocess.run([sys.executable, "-c", "x = bytearray(b'1') * 200_000_000; sum(range(20_000_000))"], check=True)
"""


def test_the_cost_is_that_of_all_processes(tmp_path: Path) -> None:
    cost = measure([sys.executable, "-c", CHILD], {}, tmp_path, tmp_path / "log", 60)
    assert cost.exit_code == 0
    assert cost.cpu_seconds > 0.1
    assert cost.peak_mib > 190


def test_a_run_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    began = time.monotonic()
    cost = measure([sys.executable, "-c", "import time; time.sleep(60)"], {}, tmp_path, tmp_path / "log", 0.5)
    assert cost.exit_code == -9
    assert time.monotonic() - began < 30


def result_of(contestant: str, seconds: float, *problems: str) -> Result:
    return Result("S", contestant, seconds, seconds, 100.0, 0, 10, 0.1, list(problems))


def test_the_report_marks_who_lost_rows(tmp_path: Path) -> None:
    results = [result_of("a", 2.0), result_of("a", 4.0), result_of("a", 3.0), result_of("f", 1.5)]
    results.append(result_of("h", 9.0, "orders: -1 of 20,000 rows"))
    head = {"date": "2026-01-02", "python": "3.12.1", "versions": {"a": {"dlt": "1.2.3"}}}
    write(head, results, tmp_path)
    text = (tmp_path / "benchmarks.md").read_text("utf-8")
    cells = {line.split(" | ")[0]: line.strip("| ").split(" | ") for line in text.splitlines()}
    assert cells["| a"][2:5] == ["3.00", "2.00 to 4.00", "2.0"]
    assert cells["| a"][-1] == "all"
    assert cells["| h"][-1] == "**not all**: orders: -1 of 20,000 rows"
    assert "2026-01-02" in text
    chart = ElementTree.parse(tmp_path / "benchmarks.svg").getroot()
    bars = chart.findall("{*}rect")
    assert [bar.get("class") for bar in bars] == ["own", "bar", "wrong"]
    widths = [float(bar.get("width", "0")) for bar in bars]
    assert widths[0] / widths[2] == pytest.approx(3 / 9, rel=0.01)


def test_only_all_runs_of_a_session_are_complete() -> None:
    runs = [
        replace(result_of(entry.letter, 1.0), task=task.name)
        for task in TASKS
        for entry in CONTESTANTS
        if task.admits(entry)
    ]
    assert is_complete(runs)
    assert not is_complete(runs[1:])


def test_every_contestant_is_there_and_pinned() -> None:
    assert len({entry.letter for entry in CONTESTANTS}) == len(CONTESTANTS)
    environments = {entry.environment for entry in CONTESTANTS}.union(*TOGETHER.values()) - {OWN}
    assert {file.name for file in (ROOT / "benchmarks").glob("requirements-*.txt")} == {
        f"requirements-{name}.txt" for name in environments
    }
    for name in environments:
        for line in (ROOT / "benchmarks" / f"requirements-{name}.txt").read_text("utf-8").splitlines():
            assert re.fullmatch(r"[a-z-]+(\[[a-z,]+\])?==[0-9.]+( +# .*)?", line), line
    for entry in CONTESTANTS:
        assert (ROOT / "benchmarks" / "contestants" / entry.script).exists()
        assert set(entry.queries) == set(table_digests.TABLES)
