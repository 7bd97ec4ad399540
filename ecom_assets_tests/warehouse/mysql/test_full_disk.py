"""A MariaDB server without room for more: the load says so, and leaves everything as it was."""

from __future__ import annotations

import pytest

from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.load.trial.loads import DATASET, load_days
from ecom_assets_tests.support.emulators.mariadb_server import PASSWORD, running_mariadb
from ecom_assets_tests.support.warehouses.engines import Place

pytestmark = pytest.mark.slow
NO_ROOM = ("--innodb-data-file-path=ibdata1:12M", "--innodb-file-per-table=0", "--innodb-log-file-size=8M")
"""All tables share a file that does not grow."""
TABLES = ("orders", "order_items", "load_ledger")


def test_a_load_without_room_leaves_everything_as_it_was() -> None:
    with running_mariadb(*NO_ROOM) as address:
        place = Place("mysql", address, DATASET)
        load_days(place.warehouse(), 0, 1)
        before = place.whole_tables(*TABLES)
        with pytest.raises(WarehouseError, match=r"was left as it was: .*The table .* is full") as full:
            load_days(place.warehouse(), 1, 20)
        assert PASSWORD not in str(full.value)
        assert place.whole_tables(*TABLES) == before
