"""What a run reports where a real run of the sandbox does not lead."""

from __future__ import annotations

from pathlib import Path

import pytest

from ecom_assets.declaration.reading import BUNDLED_SHOPS, load_shop
from ecom_assets.foundation.errors import (
    ApiError,
    ContractBroken,
    DeclarationError,
    IncompleteSlice,
    IngestError,
    MissingSecret,
    RetryLater,
    WarehouseError,
)
from ecom_assets.load.run import ResourceReport, RunReport
from ecom_assets.orchestration.metadata import failure, refusal, row_counts, table_metadata
from ecom_assets.warehouse.duckdb.warehouse import DuckDbWarehouse

SHOP = load_shop(BUNDLED_SHOPS / "sandbox.yaml")


def test_a_warehouse_that_cannot_be_read_after_the_load(tmp_path: Path) -> None:
    """The load is reported all the same, without the rows of the whole table."""
    warehouse = DuckDbWarehouse(tmp_path / "gone.duckdb")
    assert row_counts(SHOP, warehouse, ["orders"]) == {}
    orders = ResourceReport("orders", "sandbox.orders", load_id="17")
    metadata = table_metadata(
        RunReport("sandbox", {"orders": orders}, {"load": 1.5}), orders, warehouse, None
    )
    assert metadata == {
        "dagster/table_name": "sandbox.orders",
        "dagster/uri": (tmp_path / "gone.duckdb").as_uri(),
        "load_id": "17",
        "run_seconds/load": 1.5,
    }


def test_fields_that_were_dropped(tmp_path: Path) -> None:
    """Under discard_value the report names each unknown field and how often it was there."""
    orders = ResourceReport("orders", "sandbox.orders", discarded={"gift_note": 3})
    run = RunReport("sandbox", {"orders": orders}, {})
    metadata = table_metadata(run, orders, DuckDbWarehouse(tmp_path / "a.duckdb"), 0)
    assert metadata["discarded_fields"] == {"gift_note": 3}
    assert metadata["dagster/row_count"] == 0


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (ApiError("it answered 500 four times"), True),
        (IncompleteSlice("the total moved three times"), True),
        (WarehouseError("held by another load"), True),
        (ContractBroken("an unknown field"), False),
    ],
)
def test_what_may_be_different_the_next_time(error: IngestError, again: bool) -> None:
    """An API's mood may be; a broken contract is not."""
    found = failure(SHOP, {"orders": error}, 1)
    assert found.allow_retries is again
    assert found.description == f"orders: {error}"
    assert found.metadata["error/orders"].value == str(error)
    assert found.metadata["shop"].value == "sandbox"
    assert "{" not in str(found.metadata["look_at"].value)


def test_all_failures_are_listed() -> None:
    """One line each; a headline only where something was loaded."""
    errors: dict[str, IngestError] = {"orders": ApiError("a"), "customers": ContractBroken("b")}
    assert failure(SHOP, errors, 2).description == "orders: a\ncustomers: b"
    some = failure(SHOP, errors, 3)
    assert some.description == "2 of 3 resources failed, the others were loaded\norders: a\ncustomers: b"
    assert not some.allow_retries
    assert some.metadata["resources_failed"].value == 2
    assert [name for name in some.metadata if name.startswith("error/")] == [
        "error/orders",
        "error/customers",
    ]


@pytest.mark.parametrize(
    ("error", "look"),
    [
        (ApiError("status 500"), "`ecom-assets check sandbox`"),
        (RetryLater("a pause of 90 s", 90), "policy.requests_per_second in "),
        (ContractBroken("an unknown field"), "`ecom-assets preview sandbox RESOURCE`"),
        (MissingSecret("was not found"), "sandbox.yaml says which secrets"),
        (WarehouseError("held by another load"), "ECOM_WAREHOUSE"),
        (DeclarationError("a.yaml", "name", "nothing", "a name"), "at the place that the line names"),
        (IngestError("KeyError: 'x'"), "stderr"),
    ],
)
def test_a_failure_says_where_to_look(error: IngestError, look: str) -> None:
    """By the kind of what went wrong, also where the run failed as a whole."""
    for found in (refusal(SHOP, error), failure(SHOP, {"orders": error}, 1)):
        assert look in str(found.metadata["look_at"].value)
    assert refusal(SHOP, error).description == str(error)
    assert not refusal(SHOP, error).allow_retries
