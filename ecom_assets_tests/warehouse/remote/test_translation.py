"""The SQL of loads in the words of Snowflake."""

from __future__ import annotations

import pytest

from ecom_assets.warehouse.remote.translation import (
    changes_structure,
    dropped_in,
    dropped_temporary_in,
    temporary_query_in,
    translate,
    written_in,
)


@pytest.mark.parametrize(
    ("sql", "translated"),
    [
        (
            'delete from "shop"."orders" as rows where exists (select 1 from "ecom_read_orders" as read '
            'where read."id" = rows."id")',
            'DELETE FROM "SHOP"."ORDERS" AS "ROWS" WHERE EXISTS(SELECT 1 FROM "ECOM_TEMP_1" AS "READ" '
            'WHERE "READ"."ID" = "ROWS"."ID")',
        ),
        (
            'update "shop"."things" as rows set "name" = ? from ecom_read as read where rows."id" is not distinct from '
            'read."id"',
            'UPDATE "SHOP"."THINGS" AS "ROWS" SET "NAME" = ? FROM "ECOM_TEMP_2" AS "READ" WHERE "ROWS"."ID" IS NOT '
            'DISTINCT FROM "READ"."ID"',
        ),
        (
            "select ecom_read.* from ecom_read where day >= cast(? as timestamp with time zone)",
            'SELECT "ECOM_READ".* FROM "ECOM_TEMP_2" AS "ECOM_READ" WHERE "DAY" >= CAST(? AS TIMESTAMPTZ)',
        ),
        ("insert into ecom_read select 1", 'INSERT INTO "ECOM_TEMP_2" SELECT 1'),
        (
            "with ecom_read as (select 1 as id) select id from other.ecom_read",
            'WITH "ECOM_READ" AS (SELECT 1 AS "ID") SELECT "ID" FROM "OTHER"."ECOM_READ"',
        ),
        ('"shop"."orders"', '"SHOP"."ORDERS"'),
        (
            "select row_number() over (partition by id) as copy from shop.orders",
            'SELECT ROW_NUMBER() OVER (PARTITION BY "ID" ORDER BY NULL) AS "COPY" FROM "SHOP"."ORDERS"',
        ),
        (
            'insert into shop.events ("at") select "at" from ecom_read except all select "at" from shop.events',
            'INSERT INTO "SHOP"."EVENTS" ("AT") SELECT "AT" FROM (SELECT "AT", ROW_NUMBER() OVER (PARTITION BY "AT" '
            'ORDER BY NULL) AS "ECOM_NUMBER" FROM (SELECT "AT" FROM "ECOM_TEMP_2" AS "ECOM_READ") AS "ECOM_SIDE" '
            'EXCEPT SELECT "AT", ROW_NUMBER() OVER (PARTITION BY "AT" ORDER BY NULL) AS "ECOM_NUMBER" FROM (SELECT '
            '"AT" FROM "SHOP"."EVENTS") AS "ECOM_SIDE") AS "ECOM_REST"',
        ),
    ],
)
def test_names_are_spelled_anew_and_temporary_tables_stand_for_their_names(sql: str, translated: str) -> None:
    temporary = {"ecom_read_orders": "ecom_temp_1", "ecom_read": "ecom_temp_2"}
    assert translate(sql, "snowflake", str.upper, temporary) == translated


def test_statements_are_told_apart() -> None:
    made = "create temporary table ecom_read as select *\nfrom things"
    assert temporary_query_in(made) == ("ecom_read", "select *\nfrom things")
    assert temporary_query_in("create table ecom_read as select 1") is None
    assert dropped_temporary_in("drop table ecom_read") == "ecom_read"
    assert dropped_temporary_in('drop table "shop"."orders"') is None
    assert dropped_in('drop table "shop"."orders"') == ("table", '"shop"."orders"')
    assert dropped_in('drop view if exists "all"."orders"') == ("view", '"all"."orders"')
    assert dropped_in('alter table "shop"."orders" drop column a') is None
    assert changes_structure('alter table "shop"."orders" drop column a')
    assert not changes_structure("select created from altered")
    assert written_in('update "shop"."orders" as rows set a = 1') == ("shop", True)
    assert written_in("insert into ecom_timeline select 1") == ("ecom_timeline", False)
    assert written_in("delete from ecom_read_things") == ("ecom_read_things", False)
    assert written_in("select 1") is None
