"""Loads in processes of their own, forked from one that has imported everything, so that many can be killed.

`main` is that process: it reads a JSON object a line, forks for each, and writes lines of `<pid> <word> <text>`.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import Any

import duckdb

from ecom_assets.declaration.reading import BUNDLED_SHOPS, Shop, load_shop
from ecom_assets.extract.windows import Window, windows_between
from ecom_assets.foundation.progress import OnProgress
from ecom_assets.load.run import run_load
from ecom_assets.sandbox import SANDBOX_KEY
from ecom_assets.warehouse.duckdb.transaction import DuckDbTransaction
from ecom_assets.warehouse.transaction import Transaction
from ecom_assets.warehouse.warehouse import Warehouse
from ecom_assets_tests.support.paths import ROOT
from ecom_assets_tests.support.warehouses.engines import warehouse_at

WINDOWED = ["customers", "orders", "order_items"]


def shop_at(base_url: str) -> Shop:
    """Return the bundled shop at a running sandbox."""
    shop = load_shop(BUNDLED_SHOPS / "sandbox.yaml")
    client = shop.client.model_copy(update={"base_url": base_url})
    return shop.model_copy(update={"client": client})


def windows_from(start: datetime, end: datetime) -> tuple[Window, ...]:
    """Return the daily windows of the bundled shop."""
    partitions = load_shop(BUNDLED_SHOPS / "sandbox.yaml").partitions
    assert partitions
    return windows_between(partitions, start, end)


class Forks:
    """The process that forks, and the lines that its children wrote, by process id and word."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.said: dict[tuple[int, str], str] = {}

    def load(self, base_url: str, file: Path | str, windows: Sequence[Window], **more: Any) -> int:
        """Start a load of windows of all windowed resources, and return the process's id.

        `more` are `copy`, `patience` (seconds), `largest_file` (bytes), `names` of resources, and `killed_after`
        (so many statements in a DuckDB file).
        """
        return self._fork(
            do="load",
            base_url=base_url,
            file=str(file),
            start=windows[0].start.isoformat(),
            end=windows[-1].end.isoformat(),
            **more,
        )

    def poll(self, copy: Path, stop: Path) -> int:
        """Start to read a copy repeatedly until the file `stop` exists, and return the process's id."""
        return self._fork(do="poll", copy=str(copy), stop=str(stop))

    def hold(self, file: Path | str, seconds: float) -> int:
        """Start to hold a warehouse for some time, and return the process's id once it does."""
        pid = self._fork(do="hold", file=str(file), seconds=seconds)
        self.heard(pid, "loading")
        return pid

    def heard(self, pid: int, word: str) -> str:
        """Wait for a process to say something, and return the text after it."""
        while (pid, word) not in self.said:
            number, *words = self._line().split(" ", 2)
            # a library may print a line of its own
            if words and number.isdigit():
                self.said[int(number), words[0].strip()] = "".join(words[1:]).strip()
        return self.said[pid, word]

    def end(self, pid: int, kill: bool = False) -> tuple[int, str]:
        """Wait for the end of a process, at once or on its own; return its status and its error."""
        if kill:
            os.kill(pid, signal.SIGKILL)
        self._send(do="wait", pid=pid)
        status = int(self.heard(pid, "ended"))
        return status, self.said.get((pid, "failed"), "")

    def _fork(self, **command: Any) -> int:
        self._send(**command)
        line = self._line().split()
        while line[1] != "forked":  # by others that run meanwhile
            self.said[int(line[0]), line[1]] = " ".join(line[2:])
            line = self._line().split()
        return int(line[0])

    def _send(self, **command: Any) -> None:
        assert self._process.stdin
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()

    def _line(self) -> str:
        assert self._process.stdout
        line = self._process.stdout.readline()
        assert line, "the process that forks is gone"
        return line


@contextmanager
def forks(folder: Path) -> Iterator[Forks]:
    """Run the process that forks, with `folder` for temporary files."""
    command = [sys.executable, "-c", "from ecom_assets_tests.support.loads.forked_loads import main; main()"]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        "TMPDIR": str(folder),
        # a thread that is there when the process forks is missing in the child
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdin
        yield Forks(process)
        process.stdin.close()


def _announcing_warehouse(where: str, patience: float = 300, copy: str | None = None) -> Warehouse:
    """Return a warehouse that writes the line `loading` when its transaction begins."""
    warehouse = warehouse_at(where, patience, copy)
    real = warehouse.transaction

    @contextmanager
    def announcing_transaction(
        dataset: str,
        on_progress: OnProgress = lambda _: None,
        stage: Callable[[Transaction], None] | None = None,
    ) -> Iterator[Transaction]:
        with real(dataset, on_progress, stage) as transaction:
            _write_line("loading")
            yield transaction

    warehouse.transaction = announcing_transaction  # type: ignore[method-assign]
    return warehouse


def _write_line(word: str, text: str = "", pid: int | None = None) -> None:
    # one short write to a pipe is never mixed with another's
    line = " ".join(text.split())[:2000]  # a message may have several lines
    os.write(1, f"{pid or os.getpid()} {word} {line}\n".encode())


def _kill_after(statements: int) -> None:
    """Kill this process when it runs another statement in a DuckDB file after so many."""
    real = DuckDbTransaction.execute
    left = count(statements, -1)

    def dying(self: DuckDbTransaction, sql: str, parameters: Sequence[Any] = ()) -> Any:
        if next(left) <= 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(self, sql, parameters)

    DuckDbTransaction.execute = dying  # type: ignore[method-assign]


def _load(command: dict[str, Any]) -> None:
    if "largest_file" in command:
        resource.setrlimit(resource.RLIMIT_FSIZE, (command["largest_file"], resource.RLIM_INFINITY))
    if "killed_after" in command:
        _kill_after(command["killed_after"])
    windows = windows_from(datetime.fromisoformat(command["start"]), datetime.fromisoformat(command["end"]))
    report = run_load(
        shop_at(command["base_url"]),
        command.get("names", WINDOWED),
        windows,
        secrets={"api_key": SANDBOX_KEY},
        warehouse=_announcing_warehouse(command["file"], command.get("patience", 120), command.get("copy")),
    )
    for error in (*report.errors.values(), report.unpublished):
        if error:
            raise error


def _hold(command: dict[str, Any]) -> None:
    with _announcing_warehouse(command["file"]).transaction("sandbox"):
        time.sleep(command["seconds"])


def _poll(command: dict[str, Any]) -> None:
    """Read a copy repeatedly, and require that its tables agree with its ledger."""
    reads, states = 0, set()
    while not Path(command["stop"]).exists():
        if not reads and not Path(command["copy"]).exists():
            continue
        with duckdb.connect(command["copy"], read_only=True) as connection:
            connection.execute("set TimeZone = 'UTC'; use sandbox")
            for table, source in (
                ("orders", "orders"),
                ("order_items", "order_items join orders on orders.id = order_id"),
            ):
                rows = connection.execute(
                    f"select strftime(updated_at, '%Y-%m-%d') as day, count(*) from {source} group by 1 order by 1"
                ).fetchall()
                ledger = connection.execute(
                    "select partition_key, kept from load_ledger where resource = ? "
                    "qualify row_number() over (partition by partition_key order by loaded_at desc) = 1 order by 1",
                    [table],
                ).fetchall()
                assert rows == ledger, f"{table}: {rows} is not {ledger}"
            (loads,) = connection.execute("select count(distinct load_id) from load_ledger").fetchall()
        reads += 1
        states.add(loads)
    _write_line("read", f"{reads} {len(states)}")


def main() -> None:
    """Fork for each command; the child runs it and exits."""
    # a load imports these on its way: import them once, not in each child
    for name in ("pyarrow.dataset", "pyarrow.parquet", "sqlalchemy"):
        import_module(name)

    actions: dict[str, Callable[[dict[str, Any]], None]] = {"load": _load, "poll": _poll, "hold": _hold}
    for line in sys.stdin:
        command = json.loads(line)
        if command["do"] == "wait":
            _, status = os.waitpid(command["pid"], 0)
            _write_line("ended", str(os.waitstatus_to_exitcode(status)), command["pid"])
        elif (pid := os.fork()) != 0:
            _write_line("forked", pid=pid)
        else:
            try:
                actions[command["do"]](command)
            except BaseException as error:
                _write_line("failed", f"{type(error).__name__} {error}")
                os._exit(1)
            os._exit(0)
