"""Loads into what stands for Redshift: refused at their commit, and into tables that change.

`ecom_assets_tests/load/trial/test_trial.py` has killed and repeated loads there, and four at once.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

import psycopg2
import pytest

from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.load.run import run_load
from ecom_assets.sandbox import SANDBOX_KEY
from ecom_assets.sandbox.server import Running
from ecom_assets_tests.support.emulators.redshift_stand_in import PASSWORD, direct_address
from ecom_assets_tests.support.loads.forked_loads import shop_at
from ecom_assets_tests.support.loads.still_sandbox import sandbox as sandbox
from ecom_assets_tests.support.loads.still_sandbox import server as server
from ecom_assets_tests.support.servers.free_port import free_port
from ecom_assets_tests.support.servers.record_api import Records
from ecom_assets_tests.support.servers.record_api import records as records
from ecom_assets_tests.support.warehouses.engines import Place, warehouse_at

ON_REDSHIFT = pytest.mark.parametrize("new_place", ["redshift"], indirect=True)


@pytest.mark.slow
def test_a_commit_that_is_refused_says_why_and_leaves_the_tables_as_they_were(
    sandbox: Running, postgres_server: str, new_redshift: Callable[[], str]
) -> None:
    place = Place("redshift", new_redshift())

    def load() -> None:
        run_load(
            shop_at(sandbox.base_url),
            ["stores"],
            secrets={"api_key": SANDBOX_KEY},
            warehouse=place.warehouse(),
        )

    load()
    owner = psycopg2.connect(direct_address(postgres_server, urlsplit(place.where).path.lstrip("/")))
    with owner, owner.cursor() as cursor:
        # as Redshift words it: the reason is in the detail
        cursor.execute(
            "create function fail() returns trigger language plpgsql as $$ begin raise exception '1023' using detail = "
            "'Serializable isolation violation on table - 142443', errcode = '40001'; end $$; "
            "create constraint trigger fail after insert on sandbox.load_ledger deferrable initially deferred "
            "for each row execute function fail()"
        )
    owner.close()
    before = place.tables()
    with pytest.raises(WarehouseError) as failed:
        load()
    assert str(failed.value) == (
        f"the warehouse {place.warehouse()} was left as it was: 1023, serializable isolation violation: another "
        "transaction, which is no load of this project, wrote the same tables at the same time. Run the load again"
    )
    assert place.tables() == before


def test_a_cluster_that_cannot_be_reached_is_named_without_the_password(
    new_redshift: Callable[[], str],
) -> None:
    where = new_redshift()
    port = free_port()
    closed = warehouse_at(where.replace(f":{urlsplit(where).port}", f":{port}"))
    missing = warehouse_at(where.replace("/shop_", "/no_shop_"))
    for warehouse, said in ((closed, "onnection refused"), (missing, 'database "no_shop_')):
        with pytest.raises(WarehouseError, match=said) as no, warehouse.read("shop"):
            pass
        assert str(no.value).startswith(f"the warehouse {warehouse} cannot be opened: ")
        assert PASSWORD not in str(no.value)
        assert "\n" not in str(no.value)


@pytest.mark.slow
@ON_REDSHIFT
def test_columns_become_wider_and_nullable_without_a_change_of_their_type(records: Records) -> None:
    shop = records.shop(columns={"v": {"data_type": "bigint", "nullable": False}})
    records.load({"id": 1, "v": 5, "w": 1}, {"id": 2, "v": 6, "w": 2}, shop=shop)
    assert records.place.not_null("orders") > 0
    records.load(
        {"id": 3, "w": "x"},
        shop=records.shop(columns={"v": {"data_type": "bigint"}, "w": {"data_type": "text"}}),
    )
    assert records.rows("select id, v, w from orders order by id") == [
        (1, 5, "1"),
        (2, 6, "2"),
        (3, None, "x"),
    ]
    assert records.place.columns("orders")["w"] == "character varying(65535)"
