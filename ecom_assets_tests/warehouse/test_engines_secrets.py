"""What a driver quotes while a warehouse is open shows no password of it."""

from __future__ import annotations

import pytest

from ecom_assets_tests.support.warehouses.engines import Place, engines_where

CANARY = "s3cr3t-w0rd"


@pytest.mark.parametrize(
    "new_place", engines_where(lambda traits: traits.address_has_password), indirect=True
)
def test_an_error_of_the_driver_in_the_middle_of_a_load_or_a_reading(place: Place) -> None:
    warehouse = place.warehouse()
    kind = warehouse.driver_errors[0]
    with pytest.raises(kind) as raised, warehouse.transaction("sandbox"):
        raise kind(f"no answer from loader:{CANARY}@db.example.com")
    assert "no answer from loader:***@" in str(raised.value)
    assert CANARY not in repr(raised.value)
    # readers get a WarehouseError of it
    with pytest.raises(Exception, match="no answer from ") as read, warehouse.read("sandbox"):
        raise kind(f"no answer from loader:{CANARY}@db.example.com")
    assert CANARY not in repr(read.value)
