"""Features of dlt's REST API source work as in dlt: POST, headers, response actions, failures of any kind."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ecom_assets.client.failures import failure_of
from ecom_assets.client.redaction import Redactor
from ecom_assets.declaration.reading import BUNDLED_SHOPS, Shop, load_shop
from ecom_assets.extract.paging.paginator import SlicePaginator
from ecom_assets.extract.source import describe_source
from ecom_assets.foundation.errors import IncompleteSlice, IngestError
from ecom_assets.load.run import RunReport, run_load
from ecom_assets.warehouse.duckdb.warehouse import DuckDbWarehouse
from ecom_assets_tests.support.servers.loopback import Loopback, Reply, Seen, json_reply, serving

KEY = {"data_type": "bigint", "nullable": False}


@pytest.fixture
def loopback() -> Iterator[Loopback]:
    """Serve whatever a test answers."""
    with serving() as running:
        yield running


def shop_of(base_url: str, paginator: dict[str, Any] | None = None, **endpoint: Any) -> Shop:
    """Return a shop with the snapshot `things`."""
    return Shop.model_validate(
        {
            "name": "testshop",
            "client": {"base_url": base_url, "headers": {"X-Client": "a"}},
            "policy": {"max_retries": 0},
            "resources": [
                {
                    "name": "things",
                    "primary_key": "id",
                    "endpoint": {
                        "path": "things",
                        "data_selector": "data",
                        "paginator": paginator or {"type": "offset", "limit": 2},
                        **endpoint,
                    },
                    "columns": {"id": KEY},
                }
            ],
        }
    )


def load(shop: Shop, file: Path) -> RunReport:
    """Load the snapshot."""
    return run_load(shop, ["things"], warehouse=DuckDbWarehouse(file))


def loaded(file: Path) -> list[int]:
    """Return the ids in the table."""
    with duckdb.connect(str(file), read_only=True) as connection:
        return [
            number for (number,) in connection.execute("select id from testshop.things order by 1").fetchall()
        ]


def test_a_body_can_carry_the_page(loopback: Loopback, tmp_path: Path) -> None:
    def answer(seen: Seen) -> Reply:
        body = json.loads(seen.body)
        assert (seen.method, seen.headers["x-client"], seen.headers["x-own"], body["kind"]) == (
            "POST",
            "a",
            "b",
            "x",
        )
        return json_reply(
            {"data": [{"id": number} for number in range(5)][body["offset"] :][: body["limit"]]}
        )

    loopback.answering = answer
    paginator = {
        "type": "offset",
        "limit": 2,
        "offset_body_path": "offset",
        "limit_body_path": "limit",
    }
    shop = shop_of(loopback.base_url, paginator, method="POST", json={"kind": "x"}, headers={"X-Own": "b"})
    assert load(shop, tmp_path / "w.duckdb").errors == {}
    assert loaded(tmp_path / "w.duckdb") == [0, 1, 2, 3, 4]


def test_an_ignored_status_is_an_empty_page(loopback: Loopback, tmp_path: Path) -> None:
    def answer(seen: Seen) -> Reply:
        page = int(dict(seen.query)["page"])
        return json_reply({"data": [{"id": page}]}) if page < 4 else Reply(404, b'{"error": "no such page"}')

    loopback.answering = answer
    pages = {"type": "page_number", "base_page": 1}
    ignoring = shop_of(loopback.base_url, pages, response_actions=[{"status_code": 404, "action": "ignore"}])
    assert load(ignoring, tmp_path / "w.duckdb").errors == {}
    assert loaded(tmp_path / "w.duckdb") == [1, 2, 3]
    failing = load(shop_of(loopback.base_url, pages), tmp_path / "other.duckdb").errors["things"]
    assert "status 404" in str(failing)
    assert not (tmp_path / "other.duckdb").exists()


def test_an_ignored_answer_to_an_offset_ends_the_list(loopback: Loopback, tmp_path: Path) -> None:
    def answer(seen: Seen) -> Reply:
        offset = int(dict(seen.query)["offset"])
        return json_reply({"data": [{"id": offset}, {"id": offset + 1}]}) if offset < 2 else Reply(404)

    loopback.answering = answer
    actions = [{"status_code": 404, "action": "ignore"}]
    assert load(shop_of(loopback.base_url, response_actions=actions), tmp_path / "w.duckdb").errors == {}
    assert loaded(tmp_path / "w.duckdb") == [0, 1, 2]


@pytest.mark.parametrize(("more", "expected"), [(True, [0, 1, 2]), (False, [0, 1])])
def test_has_more_ends_the_pages(loopback: Loopback, tmp_path: Path, more: bool, expected: list[int]) -> None:
    def answer(seen: Seen) -> Reply:
        offset = int(dict(seen.query)["offset"])
        return json_reply({"data": [{"id": n} for n in range(3)][offset:][:2], "more": more and offset == 0})

    loopback.answering = answer
    paginator = {"type": "offset", "limit": 2, "has_more_path": "more"}
    assert load(shop_of(loopback.base_url, paginator), tmp_path / "w.duckdb").errors == {}
    assert loaded(tmp_path / "w.duckdb") == expected


def test_a_maximum_offset_ends_the_pages(loopback: Loopback, tmp_path: Path) -> None:
    def answer(seen: Seen) -> Reply:
        offset = int(dict(seen.query)["offset"])
        return json_reply({"data": [{"id": offset}, {"id": offset + 1}], "total": 9})

    loopback.answering = answer
    paginator = {"type": "offset", "limit": 2, "maximum_offset": 4}
    assert load(shop_of(loopback.base_url, paginator), tmp_path / "w.duckdb").errors == {}
    assert loaded(tmp_path / "w.duckdb") == [0, 1, 2, 3]
    proved = load(shop_of(loopback.base_url, {**paginator, "total_path": "total"}), tmp_path / "w.duckdb")
    assert "says it has 9 records, 4 distinct ones came" in str(proved.errors["things"])


def test_a_slice_that_dlt_gives_up_without_an_error_is_not_an_empty_table(
    loopback: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No release of dlt is known to end a list early. One that did must not make a table look complete."""
    shop, file = shop_of(loopback.base_url, {"type": "single_page"}), tmp_path / "w.duckdb"
    loopback.answering = lambda seen: json_reply({"data": [{"id": 1}]})
    assert load(shop, file).errors == {}

    def give_up(paginator: SlicePaginator, response: Any, data: list[Any] | None = None) -> None:
        if data:
            data[:] = []
        paginator._has_next_page = False

    monkeypatch.setattr(SlicePaginator, "update_state", give_up)
    with pytest.raises(IncompleteSlice) as caught:
        load(shop, file)
    assert str(caught.value) == (
        "things/all: dlt reported success before this slice was read to its end: nothing was loaded, run it again"
    )
    assert loaded(file) == [1]


def test_an_error_that_nobody_foresaw_is_one_line_without_the_secret() -> None:
    try:
        try:
            raise KeyError("the secret is hunter22")
        except KeyError as error:
            raise RuntimeError("wrapped") from error
    except RuntimeError as error:
        failure = failure_of(error, Redactor(["hunter22"]))
    assert type(failure) is IngestError
    assert str(failure) == "KeyError: 'the secret is ***'"


def test_the_end_of_an_iterator_is_no_cause_of_what_is_raised_after_it() -> None:
    try:
        try:
            next(iter(()))
        except StopIteration:
            # Python notes the end as the context; whether dlt is at one just then is a matter of its threads
            raise KeyError("orders")  # noqa: B904
    except KeyError as error:
        failure = failure_of(error, Redactor([]))
    assert str(failure) == "KeyError: 'orders'"


def test_the_source_of_a_shop_needs_no_secret_and_has_all_tables() -> None:
    shop = load_shop(BUNDLED_SHOPS / "sandbox.yaml")
    source = describe_source(shop)
    assert list(source.selected_resources) == [resource.name for resource in shop.resources]
    orders = source.resources["orders"].compute_table_schema()
    assert orders["columns"]["id"]["primary_key"]
    assert orders["write_disposition"] == "merge"
