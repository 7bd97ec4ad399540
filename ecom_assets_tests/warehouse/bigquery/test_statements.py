"""The text of statements for BigQuery, where its forms differ, and the order in which a load sends them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("google.cloud.bigquery", reason="the extra bigquery is not installed")

from google.api_core.exceptions import BadRequest, ServiceUnavailable

from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.warehouse.bigquery import lock as lock_module
from ecom_assets.warehouse.bigquery.connection import Connection, named_parameters
from ecom_assets.warehouse.bigquery.rewriting import rewriting
from ecom_assets.warehouse.bigquery.warehouse import BigQueryWarehouse
from ecom_assets.warehouse.choice import warehouse_from_environment
from ecom_assets.warehouse.remote.translation import translate

CONFLICT = "Transaction is aborted due to concurrent update against table shop:sandbox._dlt_ecom_lock."


@pytest.mark.parametrize(
    ("sql", "wanted"),
    [
        ("delete from s.t", "DELETE FROM `s`.`t` WHERE TRUE"),
        (
            "delete from s.t as rows using ecom_rows as read where read.a = rows.a",
            "DELETE FROM `s`.`t` AS `rows` WHERE EXISTS(SELECT 1 FROM `ecom_temp_1` AS `read` "
            "WHERE `read`.`a` = `rows`.`a`)",
        ),
        ("update s.t set a = ?", "UPDATE `s`.`t` SET `a` = ? WHERE TRUE"),
        ("select a from t", "SELECT `a` FROM `d`.`t`"),
        ("select a from ecom_rows", "SELECT `a` FROM `ecom_temp_1` AS `ecom_rows`"),
        ("select a from ecom_read_t", "SELECT `a` FROM `d`.`ecom_temp_files_1` AS `ecom_read_t`"),
        ("with x as (select 1 as a) select a from x", "WITH `x` AS (SELECT 1 AS `a`) SELECT `a` FROM `x`"),
        (
            "select count(*) filter (where a > 1) from t",
            "SELECT COUNT(CASE WHEN `a` > 1 THEN 1 END) FROM `d`.`t`",
        ),
        (
            "select row_number() over (partition by a) as n from t",
            "SELECT ROW_NUMBER() OVER (PARTITION BY `a`) AS `n` FROM `d`.`t`",
        ),
        ("select cast(a as varchar) from t", "SELECT CAST(`a` AS STRING) FROM `d`.`t`"),
        ("select a is not distinct from ? from t", "SELECT `a` IS NOT DISTINCT FROM ? FROM `d`.`t`"),
    ],
)
def test_statements_have_the_forms_of_bigquery(sql: str, wanted: str) -> None:
    temporary = {"ecom_rows": "ecom_temp_1", "ecom_read_t": "ecom_temp_files_1"}
    assert translate(sql, "bigquery", str, temporary, rewriting("d")) == wanted


def test_equal_rows_are_numbered_by_texts_because_doubles_are_no_columns_of_a_partition() -> None:
    made = translate("select a from x except all select a from y", "bigquery", str, {}, rewriting("d"))
    assert "PARTITION BY TO_JSON_STRING(`a`)) AS `ecom_number`" in made
    assert "EXCEPT DISTINCT" in made


class Recorded:
    """Stands for BigQuery: it keeps what is sent, and fails where `failures` say so."""

    def __init__(self, failures: Callable[[str], Exception | None]) -> None:
        self.sent: list[tuple[str, bool]] = []
        self._failures = failures

    def run(self, connection: Connection, sql: str, _: Sequence[Any] = (), *, in_session: bool = True) -> Any:
        self.sent.append((" ".join(sql.split()[:2]), in_session))
        if error := self._failures(sql):
            raise error

        class Rows:
            def fetchall(self) -> list[Any]:
                return [(1, "elsewhere", 1, "PID 1 on elsewhere (python)")]

        return Rows()


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[BigQueryWarehouse, Recorded]]:
    """Return a function that returns a warehouse and what it sends."""

    def made(failures: Callable[[str], Exception | None], timeout: float = 20) -> tuple[Any, Recorded]:
        record = Recorded(failures)

        class Client:
            def __getattr__(self, name: str) -> Any:
                answer: Any = SimpleNamespace(location="US") if name == "get_dataset" else []
                return lambda *_, **__: answer

        def begin(connection: Any, _: object, dataset: str) -> None:
            connection.client, connection.dataset, connection.project = Client(), dataset, "shop"
            connection.location, connection.labels, connection.session = "US", {}, "session-1"
            connection.bytes_processed, connection.holds_lock = 0, False

        monkeypatch.setattr(Connection, "__init__", begin)
        monkeypatch.setattr(Connection, "run", lambda *given, **named: record.run(*given, **named))
        monkeypatch.setattr(lock_module, "_PAUSE", 0.01)
        warehouse = warehouse_from_environment(
            {"ECOM_WAREHOUSE": "bigquery://shop", "ECOM_LOCK_TIMEOUT": str(timeout)}
        )
        return warehouse, record

    return made


def _nothing_fails(_: str) -> None:
    return None


def test_the_transaction_updates_the_lock_first_and_ends_before_the_session(recorded: Any) -> None:
    warehouse, record = recorded(_nothing_fails)
    with warehouse.transaction("sandbox") as transaction:
        transaction.execute("delete from sandbox.orders")
    sent = [text for text, _ in record.sent]
    assert sent[sent.index("begin transaction") :] == [
        "begin transaction",
        "update `sandbox`.`_dlt_ecom_lock`",
        "insert into",
        "DELETE FROM",
        "commit",
        "call bq.abort_session()",
        "delete from",
    ]
    # who holds the lock is written outside of the transaction, so that others see it
    assert dict(record.sent)["insert into"] is False


def test_a_load_that_raises_commits_nothing(recorded: Any) -> None:
    warehouse, record = recorded(_nothing_fails)
    with pytest.raises(RuntimeError), warehouse.transaction("sandbox"):
        raise RuntimeError
    sent = [text for text, _ in record.sent]
    assert "commit" not in sent
    assert sent[-2:] == ["call bq.abort_session()", "delete from"]


def test_a_conflict_at_the_lock_is_waited_for_in_a_new_transaction(recorded: Any) -> None:
    conflicts = [BadRequest(CONFLICT), BadRequest("Could not serialize access to table t")]
    said: list[str] = []
    warehouse, record = recorded(
        lambda sql: conflicts.pop() if sql.startswith("update") and conflicts else None
    )
    with warehouse.transaction("sandbox", said.append):
        pass
    sent = [text for text, _ in record.sent]
    assert sent.count("begin transaction") == 3
    assert sent.count("rollback transaction") == 2
    assert said[0] == (
        "waiting for the warehouse bigquery://shop: held by PID 1 on elsewhere (python) "
        "(CALL BQ.ABORT_SESSION('1') ends it)"
    )


def test_a_lock_that_stays_held_is_an_error_and_another_error_is_not_waited_for(recorded: Any) -> None:
    conflict = BadRequest(CONFLICT)
    warehouse, _ = recorded(lambda sql: conflict if sql.startswith("update") else None, 0.05)
    with (
        pytest.raises(WarehouseError, match=r"held by PID 1 on elsewhere .* for 0\.05 s"),
        warehouse.transaction("s"),
    ):
        pass
    other = BadRequest("no such column")
    warehouse, record = recorded(lambda sql: other if sql.startswith("update") else None)
    with pytest.raises(BadRequest), warehouse.transaction("s"):
        pass
    assert [text for text, _ in record.sent].count("begin transaction") == 1


def test_a_conflict_at_the_commit_leaves_the_tables_and_a_lost_answer_leaves_it_open(recorded: Any) -> None:
    conflict = BadRequest(CONFLICT)
    warehouse, _ = recorded(lambda sql: conflict if sql == "commit" else None)
    with (
        pytest.raises(WarehouseError, match="was left as it was: 400 Transaction is aborted"),
        warehouse.transaction("s"),
    ):
        pass
    lost = ServiceUnavailable("backend error")
    warehouse, _ = recorded(lambda sql: lost if sql == "commit" else None)
    with (
        pytest.raises(WarehouseError, match="ledger says whether the load was kept"),
        warehouse.transaction("s"),
    ):
        pass


def test_parameters_have_names_and_texts_and_identifiers_stay() -> None:
    sql = r"select ? as `a?`, 'what?', 'it\'s?', '\\' as b, ? from t where c = ?"
    assert (
        named_parameters(sql) == r"select @p0 as `a?`, 'what?', 'it\'s?', '\\' as b, @p1 from t where c = @p2"
    )
