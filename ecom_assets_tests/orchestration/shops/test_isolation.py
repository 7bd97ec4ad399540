"""One endpoint of several is dead, slow or lying: its siblings load and report, and the run fails naming it.

Real runs, of a shop with three endpoints, one of which has a nested list, beside a shop that nothing is wrong with.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
import yaml
from dagster import AssetKey, DagsterInstance

from ecom_assets.orchestration.build_definitions import build_defs
from ecom_assets_tests.support.dagster.dagster_runs import Outcome, Runs
from ecom_assets_tests.support.servers.loopback import Loopback, Reply, Seen, json_reply, serving
from ecom_assets_tests.support.warehouses.engines import Place

DAY = "2026-01-02"
NOON = f"{DAY}T12:00:00Z"
COLUMNS = {
    "id": {"data_type": "bigint", "nullable": False},
    "updated_at": {"data_type": "timestamp", "nullable": False},
}
TABLES = ("customers", "orders", "order_items", "refunds")


def records(path: str) -> list[dict[str, Any]]:
    """Return the records of an endpoint."""
    lines = {"line_items": [{"id": 1}, {"id": 2}]} if path == "/orders" else {}
    return [{"id": number, "updated_at": NOON, **lines} for number in range(1, 4)]


def page(seen: Seen, **changes: Any) -> Reply:
    """Answer as a correct API would, with changes to the body."""
    asked = dict(seen.query)
    offset, limit = int(asked.get("offset", 0)), int(asked.get("limit", 100))
    found = records(seen.path)
    return json_reply({"data": found[offset : offset + limit], "total": len(found), **changes})


Fault = Callable[[Seen], Reply]

FAULTS: Mapping[str, tuple[Fault, str]] = {
    "dropped": (lambda seen: Reply(drop=True), "the connection was dropped after 2 tries"),
    "500": (lambda seen: Reply(500, "oh"), "status 500 Internal Server Error after 2 tries"),
    "404": (lambda seen: Reply(404, "oh"), "status 404 Not Found"),
    "slow": (lambda seen: Reply(delay=30), "no answer within 0.3 s after 2 tries"),
    "cut": (lambda seen: Reply(body="x" * 100, cut=True), "the body was cut off after 2 tries"),
    "total too high": (
        lambda seen: page(seen, total=7),
        "the API says it has 7 records, 3 distinct ones came",
    ),
    "total too low": (
        lambda seen: page(seen, total=2),
        "the API says it has 2 records, 3 distinct ones came",
    ),
    "no total": (lambda seen: page(seen, total=None), "total_path total found nothing"),
    "other shape": (
        lambda seen: json_reply({"orders": records(seen.path)}),
        "data_selector 'data' found nothing",
    ),
    "null": (lambda seen: page(seen, data=None), "data_selector 'data' found nothing"),
    "error in 200": (lambda seen: json_reply({"error": "no"}), "data_selector 'data' found nothing"),
    "not JSON": (lambda seen: Reply(body="<html>"), "the body is not JSON"),
    "ignores the window": (
        lambda seen: page(
            seen, data=[{"id": n, "updated_at": "2026-03-01T00:00:00Z"} for n in (1, 2)], total=2
        ),
        "records lie outside of the window that was asked for",
    ),
    "repeats": (
        lambda seen: page(seen, data=[{"id": n, "updated_at": NOON} for n in (1, 2)], total=9),
        "the API repeats a page",
    ),
    "freezes": (
        lambda seen: page(seen, data=[{"id": 1, "updated_at": NOON, "surprise": 1}], total=1),
        "found the undeclared fields surprise",
    ),
}
"""What an endpoint answers, and a part of the error that reports it."""

in_a_file = pytest.mark.parametrize("new_place", ["duckdb"], indirect=True)
"""For tests of what comes before a warehouse. The others show on PostgreSQL, too, that the siblings are loaded."""

QUICK = ("dropped", "slow", "total too high", "freezes")
"""One that is dead, one that is slow, one that lies, and the one that fails its own table alone."""
EACH = [pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow) for name in FAULTS]


def declaration(name: str, base_url: str) -> str:
    """Return a shop with three endpoints, and a table of the lists in one of them."""
    endpoints = [
        {"name": "customers", "endpoint": {"path": "/customers"}, "columns": COLUMNS},
        {"name": "orders", "endpoint": {"path": "/orders"}, "columns": COLUMNS},
        {
            "name": "order_items",
            "rows_from": {"resource": "orders", "path": "line_items"},
            "include_from_parent": ["id"],
            "primary_key": ["order_id", "id"],
            "columns": {
                "order_id": {"data_type": "bigint", "nullable": False, "path": "_orders_id"},
                "id": {"data_type": "bigint", "nullable": False},
            },
        },
        {"name": "refunds", "endpoint": {"path": "/refunds"}, "columns": COLUMNS},
    ]
    return yaml.safe_dump(
        {
            "name": name,
            "client": {
                "base_url": base_url,
                "paginator": {"type": "offset", "limit": 100, "total_path": "total"},
            },
            "policy": {"max_retries": 1, "backoff_factor": 0.01, "timeout": 0.3},
            "partitions": {"every": "day", "start": "2026-01-01"},
            "resource_defaults": {
                "primary_key": "id",
                "schema_contract": {"columns": "freeze"},
                "endpoint": {
                    "data_selector": "data",
                    "incremental": {"cursor_path": "updated_at", "start_param": "from", "end_param": "to"},
                },
            },
            "resources": endpoints,
        }
    )


@pytest.fixture(scope="module")
def api() -> Iterator[Loopback]:
    """Serve an API on loopback."""
    with serving() as loopback:
        yield loopback


@pytest.fixture(scope="module")
def defs(api: Loopback, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return the definitions of two shops at that address."""
    folder = tmp_path_factory.mktemp("shops")
    for name in ("acme", "other"):
        base_url = api.base_url if name == "acme" else f"{api.base_url}/other"
        (folder / f"{name}.yaml").write_text(declaration(name, base_url), "utf-8")
    return build_defs(folder)


@pytest.fixture
def running(defs: Any, api: Loopback, place: Place) -> Iterator[Runs]:
    """Return runs into a new warehouse. The API behaves until a test changes it."""
    api.seen.clear()
    api.answering = behaving
    with DagsterInstance.ephemeral() as instance:
        yield Runs(defs, instance, place)


def behaving(seen: Seen) -> Reply:
    """Answer every path in the same way."""
    return page(Seen(seen.method, f"/{seen.path.rpartition('/')[2]}", seen.query, seen.headers, seen.body))


def failing(path: str, fault: Fault) -> Callable[[Seen], Reply]:
    """Answer one path with a fault."""
    return lambda seen: fault(seen) if seen.path == path else behaving(seen)


def load(running: Runs, shop: str = "acme", *names: str) -> Outcome:
    """Load a day of a shop."""
    selected = [AssetKey([shop, name]) for name in names or TABLES]
    job = running.defs.resolve_job_def(f"{shop}_windows")
    return running.run(job, partition_key=DAY, asset_selection=selected)


def counts(running: Runs, shop: str, *tables: str) -> list[int]:
    """Return how many rows tables have."""
    return [running.rows(f"select count(*) from {shop}.{table}")[0][0] for table in tables]


@in_a_file
@pytest.mark.parametrize("fault", EACH)
def test_a_bad_endpoint_fails_alone(fault: str, running: Runs, api: Loopback) -> None:
    """The endpoint in the middle and its nested list fail. Those before and after it load, report and are checked."""
    answer, said = FAULTS[fault]
    api.answering = failing("/orders", answer)
    outcome = load(running)
    children = ["orders"] if fault == "freezes" else ["orders", "order_items"]
    assert not outcome.success
    assert outcome.materialised.keys() == {(name, DAY) for name in TABLES if name not in children}
    assert {name for name, _ in outcome.checks} == {name for name in TABLES if name not in children}
    assert counts(running, "acme", "customers", "refunds") == [3, 3]
    head, *lines = outcome.failure.split("\n")
    assert head == f"{len(children)} of 4 resources failed, the others were loaded"
    assert [line.partition(":")[0] for line in lines] == children
    assert said in lines[0]
    metadata = outcome.failure_metadata
    assert metadata["shop"] == "acme"
    assert metadata["resources_failed"] == len(children)
    assert {name for name in metadata if name.startswith("error/")} == {f"error/{name}" for name in children}
    assert said in metadata["error/orders"]
    assert outcome.causes == []
    # the ledger says nothing of what failed
    assert {name for (name,) in running.rows("select resource from acme.load_ledger")} == {
        name for name in TABLES if name not in children
    }


def test_what_was_there_stays(running: Runs, api: Loopback) -> None:
    """A failing endpoint leaves the rows that an earlier run had loaded."""
    assert load(running).success
    api.answering = failing("/orders", FAULTS["total too high"][0])
    assert not load(running).success
    assert counts(running, "acme", *TABLES) == [3, 3, 6, 3]


def test_all_are_bad(running: Runs, api: Loopback) -> None:
    """The failure names each, and nothing is loaded."""
    api.answering = lambda seen: Reply(500, "oh")
    outcome = load(running)
    assert outcome.materialised == {}
    assert [line.partition(":")[0] for line in outcome.failure.split("\n")] == list(TABLES)
    assert outcome.failure_metadata["resources_failed"] == 4


def test_a_child_fails_with_its_parent(running: Runs, api: Loopback) -> None:
    """Also if the run selects the child alone. The parent's endpoint gets no further request."""
    api.answering = failing("/orders", FAULTS["500"][0])
    outcome = load(running, "acme", "order_items", "refunds")
    assert outcome.materialised.keys() == {("refunds", DAY)}
    assert "order_items: GET /orders: status 500" in outcome.failure
    assert {seen.path for seen in api.seen} == {"/orders", "/refunds"}


def test_a_child_alone_is_bad(running: Runs, api: Loopback) -> None:
    """A nested list that breaks the contract fails alone."""
    api.answering = lambda seen: (
        page(seen, data=[{"id": 1, "updated_at": NOON, "line_items": [{"id": 1, "surprise": 1}]}], total=1)
        if seen.path == "/orders"
        else behaving(seen)
    )
    outcome = load(running)
    assert outcome.materialised.keys() == {(name, DAY) for name in ("customers", "orders", "refunds")}
    assert "order_items: found the undeclared fields surprise" in outcome.failure
    assert outcome.failure_metadata["resources_failed"] == 1


@in_a_file
@pytest.mark.parametrize(
    "fault",
    [
        "500",
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("slow", "total too high", "other shape")),
    ],
)
def test_other_shops_are_untouched(fault: str, running: Runs, api: Loopback) -> None:
    """The other shop loads before and after the failed run."""
    assert load(running, "other").success
    api.answering = lambda seen: behaving(seen) if seen.path.startswith("/other/") else FAULTS[fault][0](seen)
    assert not load(running).success
    assert load(running, "other").success
    assert counts(running, "other", *TABLES) == [3, 3, 6, 3]


@in_a_file
def test_a_pause_for_one_is_a_pause_for_all(
    running: Runs, api: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Resources read before the pause are loaded. The others are not requested, and the failure says so for each."""
    monkeypatch.setattr("ecom_assets.orchestration.failures.MAX_PAUSES", 0)
    api.answering = failing("/orders", lambda seen: Reply(429, "slow down", {"Retry-After": "600"}))
    outcome = load(running)
    assert outcome.materialised.keys() == {("customers", DAY)}
    head, *lines = outcome.failure.split("\n")
    assert head == "3 of 4 resources failed, the others were loaded"
    assert "orders: GET /orders: status 429 Too Many Requests; the API asks for a pause of 600 s" in lines[0]
    assert "refunds: GET /refunds: not sent: the API asks for a pause, of which 6" in lines[2]
    assert "policy.requests_per_second" in outcome.failure_metadata["look_at"]
    assert [seen.path for seen in api.seen] == ["/customers", "/orders"]


@in_a_file
def test_bodies_in_failures_are_short(running: Runs, api: Loopback) -> None:
    """The failure stays readable, whatever the API sends as an error."""
    excuse = json.dumps({"error": "x" * 5000, "bell": "\x07\x1b[31mred"})
    api.answering = failing("/orders", lambda seen: Reply(422, f"\x1b]0;title\x07{excuse}"))
    failure = load(running).failure
    assert len(failure) < 1000
    assert failure.isprintable() or all(part.isprintable() for part in failure.split("\n"))
