"""Delta tables in a bucket or a folder as the warehouse: many machines load, one at a time writes each dataset.

DuckDB works on them in memory, so dlt's destination is `duckdb_warehouse`'s; a load's turn and its one step are
`delta_turn`'s and `delta_commit`'s.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import duckdb
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError
from obstore.exceptions import BaseError

from ecom_assets.ingest.declaration import Shop
from ecom_assets.ingest.delta_commit import commit, undo
from ecom_assets.ingest.delta_folder import OF_OURS, DeltaFolder
from ecom_assets.ingest.delta_session import DeltaSession, show
from ecom_assets.ingest.delta_turn import State, Turn
from ecom_assets.ingest.duckdb_session import DuckDbSession
from ecom_assets.ingest.duckdb_warehouse import DuckDbWarehouse
from ecom_assets.ingest.errors import WarehouseError
from ecom_assets.ingest.locking import Say
from ecom_assets.ingest.redaction import Redactor
from ecom_assets.ingest.scratch import scratch
from ecom_assets.ingest.warehouse import DEFAULT_LOCK_TIMEOUT, one_line

_TRIES = 20
"""How often a reader looks whose reading a load came between; each load would have to come at the same moment."""


class DeltaWarehouse(DuckDbWarehouse):
    """A bucket or a folder with a Delta table for each table of a shop."""

    kind = "deltalake"
    errors = (duckdb.Error, DeltaError, BaseError)

    def __init__(
        self, url: str, options: Mapping[str, str], lock_timeout: float = DEFAULT_LOCK_TIMEOUT
    ) -> None:
        """Name the place, what its store is to be told, and how many seconds to wait for others."""
        super().__init__(Path("memory"), lock_timeout)
        self.folder = DeltaFolder(url, options)
        self.name = f"delta:{self.folder.url}"
        self._redactor = Redactor(
            text for name, text in options.items() if "secret" in name or "token" in name
        )

    @property
    def uri(self) -> str:
        """Return where the tables are."""
        return self.folder.url

    def check(self, shop: Shop) -> None:
        """Raise WarehouseError for a dataset that would be where this project keeps whose turn it is."""
        if shop.name == OF_OURS:
            raise WarehouseError(f"{shop.name}: the folder of that name is this project's own")

    def exists(self) -> bool:
        """Return True: a place without tables is one that nothing was loaded into yet."""
        return True

    @contextmanager
    def transaction(self, dataset: str, say: Say = lambda _: None) -> Iterator[DuckDbSession]:
        """Have the turn at the dataset, and write all of what was done in one step, or nothing.

        Raises WarehouseError when the turn cannot be had within the lock's timeout, or was lost.
        """
        with self._plainly("was left as it was"):
            turn = Turn(self.folder, dataset)
            with turn.taken(self, self.lock_timeout, say), self._memory() as connection:
                undo(turn)
                tables = self.folder.opened(dataset, dict.fromkeys(self.folder.tables(dataset)))
                session = DeltaSession(connection, dataset, tables)
                session.bring("_dlt_version")
                yield session
                commit(session, turn)

    @contextmanager
    def read(self, dataset: str, say: Say = lambda _: None) -> Iterator[DuckDbSession]:
        """Read what is kept now, as if nobody loaded meanwhile; nobody is waited for."""
        with self._plainly("cannot be read"), self._memory() as connection:
            tables = self._kept(dataset)
            if tables:
                show(connection, dataset, tables)
                connection.execute(f'use "{dataset}"')
            yield DuckDbSession(connection)

    def _kept(self, dataset: str) -> dict[str, DeltaTable]:
        """Open the tables of a dataset, all as the same load left them."""
        turn = Turn(self.folder, dataset)
        for _ in range(_TRIES):
            state = turn.look()
            undone = state.undo or {}
            names = (name for name in self.folder.tables(dataset) if undone.get(name, 0) is not None)
            try:
                tables = self.folder.opened(dataset, {name: undone.get(name) for name in names})
            except DeltaError:
                # a table that is being made, or removed
                if _same(turn.look(), state):
                    raise
                continue
            if _same(turn.look(), state):
                return tables
        raise WarehouseError(f"the warehouse {self} cannot be read: one load after the other came between")

    @contextmanager
    def _memory(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open a DuckDB in memory, which is dlt's too; what does not fit goes to a temporary folder."""
        with scratch() as folder:
            connection = duckdb.connect(":memory:", config={"temp_directory": str(folder)})
            self._shared.real = connection
            try:
                connection.execute("set TimeZone = 'UTC'")
                yield connection
            finally:
                self._shared.real = None
                connection.close()

    @contextmanager
    def _plainly(self, what: str) -> Iterator[None]:
        """Turn what goes wrong with the store into one clear line without a secret."""
        try:
            yield
        except (DeltaError, BaseError, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise  # of a disk, which is not the store's
            text = self._redactor.scrub(one_line(error))
            raise WarehouseError(f"the warehouse {self} {what}: {text}") from None


def _same(one: State, other: State) -> bool:
    return (one.ended, one.undo) == (other.ended, other.undo)
