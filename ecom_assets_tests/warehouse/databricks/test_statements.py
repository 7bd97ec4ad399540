"""The text of statements for Databricks, where its forms differ, and the order in which a load sends them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlglot
from sqlglot import exp

from ecom_assets.load.trial.loads import load_days
from ecom_assets.warehouse.databricks.rewriting import rewritten
from ecom_assets.warehouse.remote.translation import translate
from ecom_assets_tests.support.emulators.databricks_driver import Service, services
from ecom_assets_tests.support.emulators.databricks_emulator import catalog_of
from ecom_assets_tests.support.warehouses.engines import Place

FOUND = "USING (SELECT DISTINCT"


@pytest.mark.parametrize(
    ("sql", "wanted"),
    [
        ("delete from s.t", "DELETE FROM `s`.`t`"),
        (
            "delete from s.t as rows where exists (select 1 from ecom_rows as r where r.a = rows.a)",
            "DELETE FROM `s`.`t` AS `rows` WHERE EXISTS(SELECT 1 FROM `ecom_temp_1` AS `r` WHERE `r`.`a` = `rows`.`a`)",
        ),
        (
            "delete from s.t as rows using ecom_rows as read where read.a = rows.a",
            "MERGE INTO `s`.`t` AS `rows` USING (SELECT DISTINCT `rows`.`a` AS `ecom_key_a` FROM `s`.`t` AS `rows` "
            "CROSS JOIN `ecom_temp_1` AS `read` WHERE `read`.`a` = `rows`.`a`) AS `ecom_found` "
            "ON `rows`.`a` IS NOT DISTINCT FROM `ecom_found`.`ecom_key_a` WHEN MATCHED THEN DELETE",
        ),
        (
            "delete from s.t as rows where exists (select 1 from ecom_rows as r where r.a = rows.a "
            "and not exists (select 1 from s.u as u where u.b = rows.b))",
            "MERGE INTO `s`.`t` AS `rows` USING (SELECT DISTINCT `rows`.`a` AS `ecom_key_a`, "
            "`rows`.`b` AS `ecom_key_b` FROM `s`.`t` AS `rows` WHERE EXISTS(SELECT 1 FROM `ecom_temp_1` AS `r` "
            "WHERE `r`.`a` = `rows`.`a` AND NOT EXISTS(SELECT 1 FROM `s`.`u` AS `u` WHERE `u`.`b` = `rows`.`b`))) "
            "AS `ecom_found` ON `rows`.`a` IS NOT DISTINCT FROM `ecom_found`.`ecom_key_a` "
            "AND `rows`.`b` IS NOT DISTINCT FROM `ecom_found`.`ecom_key_b` WHEN MATCHED THEN DELETE",
        ),
        ("update s.t set a = ? where b = ?", "UPDATE `s`.`t` SET `a` = ? WHERE `b` = ?"),
        (
            "update s.t as rows set a = ?, c = new.c from ecom_rows as new where new.b = rows.b and rows.a > ?",
            "MERGE INTO `s`.`t` AS `rows` USING (SELECT DISTINCT ? AS `ecom_value_0`, `new`.`c` AS `ecom_value_1`, "
            "`rows`.`b` AS `ecom_key_b`, `rows`.`a` AS `ecom_key_a` FROM `s`.`t` AS `rows` "
            "CROSS JOIN `ecom_temp_1` AS `new` WHERE `new`.`b` = `rows`.`b` AND `rows`.`a` > ?) AS `ecom_found` "
            "ON `rows`.`b` IS NOT DISTINCT FROM `ecom_found`.`ecom_key_b` "
            "AND `rows`.`a` IS NOT DISTINCT FROM `ecom_found`.`ecom_key_a` "
            "WHEN MATCHED THEN UPDATE SET `a` = `ecom_found`.`ecom_value_0`, `c` = `ecom_found`.`ecom_value_1`",
        ),
        (
            "select row_number() over (partition by a) as n from t",
            "SELECT ROW_NUMBER() OVER (PARTITION BY `a` ORDER BY 1) AS `n` FROM `t`",
        ),
        ("select a from x except all select a from y", "EXCEPT"),
        ("select cast(a as varchar), cast(b as json) from t", "CAST(`a` AS STRING), CAST(`b` AS STRING)"),
        (
            "create table s.t (a bigint)",
            "CREATE TABLE `s`.`t` (`a` BIGINT) TBLPROPERTIES ('delta.feature.catalogManaged'='supported', "
            "'delta.columnMapping.mode'='name')",
        ),
        ("alter table s.t drop column a", "ALTER TABLE `s`.`t` DROP COLUMN `a`"),
        ("select cast(a as time) from t", "SELECT CAST(`a` AS STRING) FROM `t`"),
        ("select cast(? as timestamp with time zone)", "SELECT CAST(? AS TIMESTAMP)"),
        ("select cast(a as timestamp) at time zone 'UTC' from t", "SELECT CAST(`a` AS TIMESTAMP) FROM `t`"),
        ("select a is not distinct from ? from t", "SELECT `a` IS NOT DISTINCT FROM ? FROM `t`"),
        (r"select 'it''s \ x'", r"SELECT 'it\'s \\ x'"),
    ],
)
def test_statements_have_the_forms_of_databricks(sql: str, wanted: str) -> None:
    made = translate(sql, "databricks", str.lower, {"ecom_rows": "ecom_temp_1"}, rewritten)
    assert wanted in made


@pytest.fixture(scope="module")
def service(new_databricks: Callable[[], str]) -> Service:
    """Return the stand-in after two loads of the trial's shop: `statements` are those of the second."""
    place = Place("databricks", new_databricks())
    load_days(place.warehouse(), 0, 1)
    found = services[catalog_of(place.where)]
    found.statements.clear()
    load_days(place.warehouse(), 1, 1)
    return found


def test_a_load_makes_tables_before_its_transaction_which_updates_the_lock_first(service: Service) -> None:
    sent = service.statements
    begin, commit = sent.index("begin transaction"), sent.index("commit")
    assert sent[begin + 1].startswith("update `ecom_warehouse_test`.`_dlt_ecom_lock` set holder = ?")
    parsed = [sqlglot.parse_one(sql, read="databricks") for sql in sent if not sql.startswith("set ")]
    assert not [tree for tree in parsed if isinstance(tree, exp.Command)]

    allowed = (exp.Query, exp.Insert, exp.Update, exp.Delete, exp.Merge)
    # a second session opens, and asks for the columns outside of the transaction
    outside = sent[begin + 2 : begin + 5]
    assert [sql.split()[0] for sql in outside] == ["set", "set", "select"]
    assert "information_schema" in outside[2]
    rest = [sql for sql in sent[begin + 1 : commit] if sql not in outside or "information_schema" not in sql]
    for sql in (sql for sql in rest if not sql.startswith("set ")):
        assert isinstance(sqlglot.parse_one(sql, read="databricks"), allowed), sql
    written = [sql for sql in sent[:begin] if sql.lower().startswith(("insert", "update", "delete", "merge"))]
    assert all("_dlt_ecom_lock" in sql or sql.startswith("insert into `ecom_temp_") for sql in written)
    created = [sql for sql in sent if sql.startswith("create")]
    assert created
    assert all(
        "'delta.feature.catalogManaged' = 'supported'" in sql
        for sql in created
        if "schema" not in sql.split()
    )
    assert not [sql for sql in sent[commit + 1 :] if not sql.startswith("drop table if exists `ecom_temp_")]


def test_nothing_that_was_made_for_a_load_stays_and_no_session_is_open(service: Service) -> None:
    tables = service.database.execute("select table_name from duckdb_tables()").fetchall()
    assert not [name for (name,) in tables if name.startswith("ecom_temp_")]
    assert not [session for session in service.sessions if session.is_open]
