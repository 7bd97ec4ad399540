"""Whose turn it is to load a dataset of Delta tables, and how what a killed load left behind is undone.

Delta commits each table by itself. So that a load of several is one step, an object beside them says, while it is
written, which versions the tables had before: as long as it says so, those are what is read, and whoever comes next
goes back to them. The load is kept in the moment in which the object says so no longer. Each change of the object is
made only if it is still what this process wrote last, so a load that lost its turn cannot end as if it had not.
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from typing import Any

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError

from ecom_assets.ingest.delta_folder import OF_OURS, DeltaFolder
from ecom_assets.ingest.errors import WarehouseError
from ecom_assets.ingest.locking import Say, held, this_process, too_long

BEAT = 10.0
"""Seconds between two signs of life of who has the turn."""
LEASE = 60.0
"""Seconds without one after which the turn is another's; told by each waiter's own clock."""
_ASK_AGAIN = 0.5
_Undo = Mapping[str, int | None]
"""The version of each table before the load, None for one that was not there."""


@dataclass(frozen=True)
class State:
    """What the object says. `ended` counts the loads that were kept or undone; `undo` is there while one is written."""

    ended: int = 0
    holder: str | None = None
    token: str | None = None
    beat: int = 0
    undo: _Undo | None = None


class Turn:
    """The state of a dataset, as an object in its store, and a turn to change it."""

    def __init__(self, folder: DeltaFolder, dataset: str) -> None:
        """Name the dataset; nothing is asked yet."""
        self.folder = folder
        self.dataset = dataset
        self._path = f"{OF_OURS}/{dataset}.json"
        self._store = folder.store()
        self._mutex = threading.Lock()
        self._tag: str | None = None
        self._tried: list[State] = []
        self._signed = 0.0
        self.state = State()

    def look(self) -> State:
        """Return what the object says now."""
        return self._read()[0]

    @contextmanager
    def taken(self, warehouse: object, timeout: float, say: Say) -> Iterator[None]:
        """Have the turn, after `timeout` seconds of waiting at most. Raises WarehouseError that names the holder."""
        if self.folder.path is not None:
            # on a disk the lock of a file tells at once that its holder is gone
            place = self.folder.path / OF_OURS / f"{self.dataset}.json"
            with held(place, timeout, say):
                self.state, self._tag = self._read()
                yield
            return
        self._wait(warehouse, timeout, say)
        over = threading.Event()
        signs = threading.Thread(target=self._sign, args=(over,), daemon=True)
        signs.start()
        try:
            yield
        finally:
            over.set()
            signs.join()
            # who does not get to say that it is done loses the turn when the lease is over
            try:
                with suppress(_Lost):
                    self._change(holder=None, token=None, beat=0)
            except (BaseError, OSError) as error:
                say(f"the turn at {warehouse} could not be given back, and ends in {LEASE:g} s: {error}")

    def writing(self, undo: _Undo) -> None:
        """Say, before the first table is written, how to go back."""
        self._change(undo=undo)

    def sure(self) -> None:
        """Raise WarehouseError unless the turn is certainly this process's for some time to come."""
        if self.folder.path is None and time.monotonic() - self._signed > LEASE / 3:
            self._change(beat=self.state.beat + 1)

    def done(self) -> None:
        """Say that all tables are as they are to stay: with the load, or as they were before."""
        self._change(undo=None, ended=self.state.ended + 1)

    def _wait(self, warehouse: object, timeout: float, say: Say) -> None:
        began = time.monotonic()
        seen, since, told = None, began, False
        while True:
            state, tag = self._read()
            now = time.monotonic()
            if tag != seen:
                seen, since = tag, now
            if state.holder is None or now - since > LEASE:
                self.state, self._tag = state, tag
                try:
                    self._change(holder=this_process(), token=uuid.uuid4().hex, beat=0)
                    return
                except _Lost:
                    continue  # somebody else was faster
            if now - began >= timeout:
                raise too_long(warehouse, state.holder, timeout)
            if not told:
                say(f"waiting for the warehouse {warehouse}: held by {state.holder}")
                told = True
            time.sleep(_ASK_AGAIN)

    def _sign(self, over: threading.Event) -> None:
        """Give signs of life until it is over. A store that cannot be asked now is asked again."""
        while not over.wait(BEAT):
            try:
                self._change(beat=self.state.beat + 1)
            except _Lost:
                return
            except (BaseError, OSError):
                continue

    def _change(self, **parts: Any) -> None:
        """Change the object if it is still what this process knows. Raises WarehouseError if it is not."""
        with self._mutex:
            began = time.monotonic()
            state = replace(self.state, **parts)
            self._tried.append(state)
            mode: Any = {"e_tag": self._tag} if self._tag else "create"
            if self.folder.path is not None:
                mode = "overwrite"  # alone behind the lock of a file
            text = json.dumps(asdict(state)).encode()
            try:
                self._tag = obstore.put(self._store, self._path, text, mode=mode)["e_tag"]
            except (PreconditionError, AlreadyExistsError):
                # an answer that got lost makes the store's client ask again, and meet its own first try
                found, tag = self._read()
                if found not in self._tried:
                    raise _Lost(
                        "another process took the turn at it, because this one gave no sign of life"
                    ) from None
                self._tag = tag
                if found != state:
                    self._tag = obstore.put(self._store, self._path, text, mode={"e_tag": tag})["e_tag"]
            self.state, self._signed, self._tried = state, began, []

    def _read(self) -> tuple[State, str | None]:
        try:
            found = obstore.get(self._store, self._path)
        except FileNotFoundError:
            return State(), None
        return State(**json.loads(bytes(found.bytes()))), found.meta["e_tag"]


class _Lost(WarehouseError):
    """The object is no longer what this process wrote."""
