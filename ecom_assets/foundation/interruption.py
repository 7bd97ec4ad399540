"""An end that somebody asks for, with Ctrl-C or by a signal to the process, as one exception."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


class Interrupted(BaseException):
    """Somebody asks the process to end. dlt takes a KeyboardInterrupt for an error of a step, and this not.

    Attributes:
        exit_code: The exit code of a process that a signal ends: 130 for Ctrl-C, 143 for SIGTERM.
    """

    def __init__(self, number: int) -> None:
        """Keep the number of the signal."""
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


class _EndsProcess:
    """A handler that raises Interrupted for the first signal, and ends the process at once for the second one."""

    def __init__(self) -> None:
        self.received = False

    def __call__(self, number: int, _: FrameType | None) -> None:
        if self.received:
            os._exit(128 + number)
        self.received = True
        raise Interrupted(number)


@contextmanager
def raised_interruptions() -> Iterator[None]:
    """Raise Interrupted for the first signal that asks the process to end. The second one ends it at once.

    A signal that the process ignores, such as that of a terminal under nohup, stays ignored. Outside of the main
    thread, which is the one that gets signals, nothing changes.
    """
    handler = _EndsProcess()
    before = _handlers()
    for number in before:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number, kind in before.items():
            signal.signal(number, kind)


@contextmanager
def held_interruptions() -> Iterator[None]:
    """Let a signal that asks the process to end wait for the end of the block.

    If a signal raises an exception while DuckDB opens a file, the process cannot open that file again. A signal
    without a handler in Python still ends the process at once, and so does the second one where it does so outside of
    the block.
    """
    received: list[int] = []
    before = {number: kind for number, kind in _handlers().items() if callable(kind)}

    def hold(number: int, _: FrameType | None) -> None:
        if received and isinstance(before[number], _EndsProcess):
            os._exit(128 + number)
        received.append(number)

    for number in before:
        signal.signal(number, hold)
    try:
        yield
    finally:
        for number, kind in before.items():
            signal.signal(number, kind)
        if received:
            signal.raise_signal(received[0])


def _handlers() -> dict[int, Any]:
    """Return what handles each signal that is not ignored; nothing outside of the main thread."""
    if threading.current_thread() is not threading.main_thread():
        return {}
    return {
        number: kind
        for number in _SIGNALS
        if (kind := signal.getsignal(number)) not in (signal.SIG_IGN, None)
    }
