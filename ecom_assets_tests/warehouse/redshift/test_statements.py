"""The SQL of this project in Redshift's words, and what the stand-in for Redshift refuses."""

from __future__ import annotations

from datetime import date, datetime, time, timezone
from decimal import Decimal

import pytest

from ecom_assets.warehouse.redshift.literals import filled, json_literal, literal, numbered
from ecom_assets.warehouse.redshift.rewriting import rewritten
from ecom_assets.warehouse.remote.translation import translate
from ecom_assets_tests.support.emulators.redshift_guard import as_postgresql, refusal


def in_redshift(sql: str) -> str:
    return translate(numbered(sql), "redshift", str.lower, {"ecom_read": "made"}, rewritten)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        # a DELETE has no alias, and a table of the same name as its own in the condition is another one
        (
            'delete from "d"."read" as rows where exists (select 1 from ecom_read as read where read.id = rows.id)',
            'DELETE FROM "d"."read" WHERE EXISTS(SELECT 1 FROM "made" AS "read" WHERE "read"."id" = "d"."read"."id")',
        ),
        (
            'delete from "d"."t" as rows using ecom_read as parents where rows.a = parents.b',
            'DELETE FROM "d"."t" USING "made" AS "parents" WHERE "d"."t"."a" = "parents"."b"',
        ),
        ('delete from "d"."t" where a = ?', 'DELETE FROM "d"."t" WHERE "a" = %(p0)s'),
        (
            'update "D"."t" as rows set a = ? from s where rows.id = s.id',
            'UPDATE "d"."t" AS "rows" SET "a" = %(p0)s FROM "s" WHERE "rows"."id" = "s"."id"',
        ),
        (
            "select a is not distinct from ? from t",
            'SELECT ((NOT "a" IS NULL AND NOT %(p0)s IS NULL AND "a" = %(p0)s) OR ("a" IS NULL AND %(p0)s IS NULL)) '
            'FROM "t"',
        ),
        (
            "select a is distinct from b from t",
            'SELECT NOT (((NOT "a" IS NULL AND NOT "b" IS NULL AND "a" = "b") OR ("a" IS NULL AND "b" IS NULL))) '
            'FROM "t"',
        ),
        (
            "select count(*) filter (where a > 1) from t",
            'SELECT COUNT(CASE WHEN "a" > 1 THEN 1 END) FROM "t"',
        ),
        (
            "select cast(a as varchar) || 'x' from t",
            'SELECT CAST("a" AS VARCHAR(65535)) || \'x\' FROM "t"',
        ),
        (
            "select row_number() over (partition by id) as n from t",
            'SELECT ROW_NUMBER() OVER (PARTITION BY "id") AS "n" FROM "t"',
        ),
        (
            "select a from ecom_read except all select a from t",
            'SELECT "a" FROM (SELECT "a", ROW_NUMBER() OVER (PARTITION BY "a") AS "ecom_number" FROM (SELECT "a" FROM '
            '"made" AS "ecom_read") AS "ecom_side" EXCEPT SELECT "a", ROW_NUMBER() OVER (PARTITION BY "a") AS '
            '"ecom_number" FROM (SELECT "a" FROM "t") AS "ecom_side") AS "ecom_rest"',
        ),
        (
            'alter table "d"."t" add column a varchar',
            'ALTER TABLE "d"."t" ADD COLUMN "a" VARCHAR(65535)',
        ),
        (
            "select greatest(cast(? as timestamp with time zone), a + interval '1 microsecond') from t",
            'SELECT GREATEST(CAST(%(p0)s AS TIMESTAMP WITH TIME ZONE), "a" + INTERVAL \'1 MICROSECOND\') FROM "t"',
        ),
    ],
)
def test_a_statement_in_the_words_of_redshift(sql: str, expected: str) -> None:
    found = in_redshift(sql)
    assert found == expected
    assert refusal(found) == ""


def test_parameters_are_filled_in_where_they_stand_and_in_no_text() -> None:
    sql = in_redshift("select 'is it ? :p0 %(p0)s' from t where a = ? and b is not distinct from ?")
    found = filled(sql, ["x\\'", 5])
    assert "'is it ? :p0 %(p0)s'" in found
    assert "\"a\" = 'x\\\\'''" in found
    assert found.count("5") == 3
    assert (
        filled("select ':p0' where b = :p0 and c = '\\':p0'", [1])
        == "select ':p0' where b = 1 and c = '\\':p0'"
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "null"),
        (True, "true"),
        ("it's \\ ä", "'it''s \\\\ ä'"),
        (b"\0\xff", "from_hex('00ff')"),
        (1e308, "1e+308"),
        (float("nan"), "'nan'"),
        (Decimal("1E+3"), "1000"),
        (datetime(2026, 1, 2, 3, 4, 5, 6, timezone.utc), "'2026-01-02 03:04:05.000006+00:00'"),
        (date(2026, 1, 2), "'2026-01-02'"),
        (time(1, 2, 3), "'01:02:03'"),
        (-(2**63), "-9223372036854775808"),
    ],
)
def test_a_value_in_sql(value: object, expected: str) -> None:
    assert literal(value) == expected


def test_json_in_sql() -> None:
    assert json_literal(None) == "null"
    assert json_literal('{"a": "\\n\'"}') == "json_parse('{\"a\": \"\\\\n''\"}')"


@pytest.mark.parametrize(
    ("sql", "missing"),
    [
        ("select count(*) filter (where a) from t", "FILTER"),
        ("select distinct on (a) a, b from t", "DISTINCT ON"),
        ("select 1 from t, lateral (select 2) as u", "LATERAL"),
        ("select array[1, 2]", "arrays"),
        ("insert into t (a) select 1 on conflict do nothing", "ON CONFLICT"),
        ("select a is not distinct from b from t", "IS NOT DISTINCT FROM"),
        ("select generate_series(1, 2)", "GENERATE_SERIES"),
        ("truncate table t", "TRUNCATE"),
        ("alter table t alter column a type bigint", "ALTER COLUMN"),
        ("alter table t alter column a drop not null", "ALTER COLUMN"),
        ("alter table t add column if not exists a bigint", "IF NOT EXISTS"),
        ("alter table t add column a bigint, add column b bigint", "several changes"),
        ("create or replace temporary table t as select 1 as a", "CREATE OR REPLACE TABLE"),
        ("create index i on t (a)", "indexes"),
        ("delete from t as x where x.a = 1", "alias"),
        ("select * from (values (1)) as v (a)", "VALUES"),
        ("select a from t except all select a from u", "EXCEPT ALL"),
        ("select cast(a as varchar) from t", "without a length"),
        ("create table t (a varchar)", "without a length"),
        ("select row_number() over (order by null) from t", "a constant"),
        ("select pg_try_advisory_lock(1)", "pg_try_advisory_lock"),
        ("savepoint a", "SAVEPOINT"),
        (
            "select 1 from a where exists (select 1 from b where exists (select 1 from c where c.x = a.x))",
            "skips a level",
        ),
    ],
)
def test_the_stand_in_refuses_what_redshift_lacks(sql: str, missing: str) -> None:
    assert missing in refusal(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "select 1 from a where exists (select 1 from b where b.x = a.x and exists (select 1 from c where c.x = b.x))",
        "select x from (select a.x from a) as y where y.x in (select c.x from c where c.x = y.x)",
        'lock table "a"."b"',
        "begin read only",
        "declare r cursor for select 1",
    ],
)
def test_the_stand_in_takes_what_redshift_has(sql: str) -> None:
    assert refusal(sql) == ""


def test_what_postgresql_lacks_is_left_out() -> None:
    assert (
        as_postgresql("create view a.b as select 1 as c with no schema binding")
        == "create view a.b as select 1 as c"
    )
