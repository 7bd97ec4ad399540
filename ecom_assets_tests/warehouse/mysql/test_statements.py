"""The SQL of this project in MariaDB's words."""

from __future__ import annotations

import pytest

from ecom_assets.warehouse.mysql.rewriting import rewritten
from ecom_assets.warehouse.remote.translation import translate


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        (
            'delete from "d"."t" as rows where exists (select 1 from ecom_read as read where '
            "read.id is not distinct from rows.id)",
            "DELETE `rows` FROM `d`.`t` AS `rows` WHERE EXISTS(SELECT 1 FROM `made` AS `read` WHERE "
            "`read`.`id` <=> `rows`.`id`)",
        ),
        (
            'delete from "d"."t" as rows using ecom_read as parents where rows.a = parents.b',
            "DELETE `rows` FROM `d`.`t` AS `rows`, `made` AS `parents` WHERE `rows`.`a` = `parents`.`b`",
        ),
        ('delete from "d"."t" where a = ?', "DELETE FROM `d`.`t` WHERE `a` = ?"),
        (
            'update "d"."t" as rows set a = s.b from s where rows.id = s.id',
            "UPDATE `d`.`t` AS `rows` JOIN `s` ON TRUE SET `rows`.`a` = `s`.`b` WHERE `rows`.`id` = `s`.`id`",
        ),
        (
            "select cast('9999-12-31 00:00:00+00:00' as timestamp with time zone) as a",
            "SELECT CAST('9999-12-31 00:00:00' AS DATETIME(6)) AS `a`",
        ),
        (
            "select count(*) filter (where a > 1), sum(b) filter (where c) from t",
            "SELECT COUNT(CASE WHEN `a` > 1 THEN 1 END), SUM(CASE WHEN `c` THEN `b` END) FROM `t`",
        ),
        (
            "select count(distinct b) filter (where c) from t",
            "SELECT COUNT(DISTINCT CASE WHEN `c` THEN `b` END) FROM `t`",
        ),
        ("select cast(a as varchar) || 'x' from t", "SELECT CONCAT(CAST(`a` AS CHAR), 'x') FROM `t`"),
        (
            "select a, count(*) from t group by 1 order by 1",
            "SELECT `a`, COUNT(*) FROM `t` GROUP BY 1 ORDER BY 1",
        ),
        ("select a, b from t order by 2 desc, 1", "SELECT `a`, `b` FROM `t` ORDER BY 2 DESC, 1"),
        ("select '\\\\' from t", "SELECT '\\\\\\\\' FROM `t`"),
    ],
)
def test_a_statement_in_the_words_of_mariadb(sql: str, expected: str) -> None:
    assert translate(sql, "mysql", str, {"ecom_read": "made"}, rewritten) == expected
