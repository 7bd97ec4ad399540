"""`ecom-assets audit`: its lines, JSON and exit codes, and what `status` and `reset` make of audits."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ecom_assets.cli.app import main
from ecom_assets_tests.support.loads.dispositions import Things, thing
from ecom_assets_tests.support.loads.dispositions import things as things

Command = Callable[..., tuple[int, str, str]]

FILE = """
name: testshop
client:
  base_url: {base_url}
  paginator: {{type: single_page, total_path: total}}
policy: {{max_retries: 0}}
partitions: {{every: day, start: "2026-01-01"}}
audit: {{windows: 1}}
resources:
  - name: things
    primary_key: id
    endpoint:
      path: things
      data_selector: data
      incremental: {{cursor_path: changed, start_param: from, end_param: to}}
    columns:
      id: {{data_type: bigint, nullable: false}}
      name: {{data_type: text}}
      changed: {{data_type: timestamp, nullable: false}}
"""


@pytest.fixture
def command(
    things: Things, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Return a function that runs a command of the shop, of which two days are loaded."""
    things.declare("merge", windowed=True)
    things.load(thing(1, "a"), thing(2, "b", 2), days=[1, 2])
    file = tmp_path / "testshop.yaml"
    file.write_text(FILE.format(base_url=things.loopback.base_url))
    monkeypatch.setenv("ECOM_WAREHOUSE", things.place.where)
    monkeypatch.setenv("ECOM_SHOPS_DIR", str(tmp_path))

    def run(name: str, *arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["ecom-assets", name, "testshop", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        written = capsys.readouterr()
        return int(ended.value.code or 0), written.out, written.err

    return run


def test_the_exit_code_is_1_while_drift_remains(things: Things, command: Command) -> None:
    assert command("audit")[0] == 0
    things.records[0] = thing(1, "other")
    code, out, _ = command("audit", "things", "--windows", "9")
    assert code == 1
    assert "  2026-01-01: 1 row read, 1 stale (1); they differ in name; since the load " in out
    code, out, _ = command("audit", "--windows", "9", "--json")
    assert code == 1
    (table,) = json.loads(out)["tables"]
    assert (table["scope"], table["loaded"], len(table["windows"])) == ("windows", 2, 2)
    assert [entry["stale"] for entry in table["windows"]] == [1, 0]
    code, out, err = command("audit", "--windows", "9", "--repair")
    assert (code, "2026-01-01: 1 row, no drift any more" in out) == (0, True)
    assert "things: loading 2026-01-01 again, because of drift" in err


def test_as_many_windows_as_declared_are_read(command: Command) -> None:
    assert "things: 1 of 2 loaded windows read again" in command("audit")[1]


def test_status_tells_the_share_of_audited_windows_and_their_drift(things: Things, command: Command) -> None:
    def found() -> tuple[object, ...]:
        (entry,) = json.loads(command("status", "--json")[1])
        return tuple(entry[name] for name in ("audited", "audited_share", "drifted", "drift"))

    assert found() == (0, 0.0, 0, 0)
    assert "audited" not in command("status")[1]
    command("audit")
    assert found() == (1, 0.5, 0, 0)
    assert " things: 1 loaded windows audited (50%), no drift\n" in command("status")[1]
    things.records = [thing(1, "other"), thing(2, "other", 2), thing(3, "new")]
    assert command("audit", "--windows", "2")[0] == 1
    assert found() == (2, 1.0, 2, 3)
    assert " things: 2 loaded windows audited (100%), 3 rows differ in 2 windows\n" in command("status")[1]
    things.load(*things.records, days=[1])
    # an audit says nothing about a newer load
    assert found() == (1, 0.5, 1, 1)


def test_reset_deletes_the_audits_of_a_table(command: Command, things: Things) -> None:
    command("audit")
    assert things.place.rows("select resource, outcome from _ecom_audits") == [("things", "equal")]
    assert command("reset", "--yes")[0] == 0
    assert things.place.rows("select * from _ecom_audits") == []


def test_what_cannot_be_audited_is_one_line(command: Command, things: Things) -> None:
    assert "error: " in command("audit", "nothing")[2]
    assert "'nothing'; allowed: things" in command("audit", "nothing")[2]
    command("reset", "--yes")
    assert command("audit")[:2] == (0, "things: not audited: no closed window of it is loaded\n")
