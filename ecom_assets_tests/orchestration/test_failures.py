"""The failure of a run: its text, where to look, and whether a retry is allowed."""

from __future__ import annotations

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
from ecom_assets.orchestration.failures import failure_of_resources, failure_of_run

SHOP = load_shop(BUNDLED_SHOPS / "sandbox.yaml")


@pytest.mark.parametrize(
    ("error", "retry"),
    [
        (ApiError("it answered 500 four times"), True),
        (IncompleteSlice("the total moved three times"), True),
        (WarehouseError("held by another load"), True),
        (ContractBroken("an unknown field"), False),
    ],
)
def test_which_errors_allow_a_retry(error: IngestError, retry: bool) -> None:
    """Errors of the API and of the warehouse may be retried; a broken contract stays broken."""
    found = failure_of_resources(SHOP, {"orders": error}, 1)
    assert found.allow_retries is retry
    assert found.description == f"orders: {error}"
    assert found.metadata["error/orders"].value == str(error)
    assert found.metadata["shop"].value == "sandbox"
    assert "{" not in str(found.metadata["look_at"].value)


def test_all_failures_are_listed() -> None:
    """One line each; a headline only if another resource was loaded."""
    errors: dict[str, IngestError] = {"orders": ApiError("a"), "customers": ContractBroken("b")}
    assert failure_of_resources(SHOP, errors, 2).description == "orders: a\ncustomers: b"
    some = failure_of_resources(SHOP, errors, 3)
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
        (DeclarationError("a.yaml", "name", "nothing", "a name"), "at the place that the message names"),
        (IngestError("KeyError: 'x'"), "stderr"),
    ],
)
def test_a_failure_says_where_to_look(error: IngestError, look: str) -> None:
    """It depends on the kind of error, for a whole run as well."""
    for found in (failure_of_run(SHOP, error), failure_of_resources(SHOP, {"orders": error}, 1)):
        assert look in str(found.metadata["look_at"].value)
    assert failure_of_run(SHOP, error).description == str(error)
    assert not failure_of_run(SHOP, error).allow_retries
