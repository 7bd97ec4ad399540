"""What a command costs: wall time, CPU time and memory of its whole tree of processes, on Linux.

CPU time is what the kernel counted for the process and the children that it waited for. Memory is looked up ten
times a second, as the proportional set size, which counts a page that processes share only once.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_EVERY = 0.1
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Cost:
    """Seconds of wall and CPU time, the highest memory seen in MiB, and the exit code; negative for a signal."""

    seconds: float
    cpu_seconds: float
    peak_mib: float
    exit_code: int


def measure(
    command: Sequence[str], environment: Mapping[str, str], folder: Path, log: Path, timeout: float
) -> Cost:
    """Run a command in a folder with its output in `log`; after `timeout` seconds all of it is killed."""
    with log.open("wb") as output:
        began = time.monotonic()
        process = subprocess.Popen(
            command,
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        watch = _Watch(process.pid, began + timeout)
        watch.start()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        watch.stop()
        _end(process.pid)  # what it left running would disturb the next one
    return Cost(
        seconds=seconds,
        cpu_seconds=usage.ru_utime + usage.ru_stime,
        # the kernel's own figure of the largest single process catches a peak between two looks
        peak_mib=max(watch.peak, usage.ru_maxrss * 1024) / 2**20,
        exit_code=process.returncode,
    )


def cpu_seconds_of(pid: int) -> float:
    """Return the CPU time that a running process has used so far."""
    fields = _stat(pid)
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK") if fields else 0.0


class _Watch(threading.Thread):
    """Looks at a tree of processes until it is stopped; `peak` is in bytes."""

    def __init__(self, root: int, deadline: float) -> None:
        super().__init__(daemon=True)
        self.peak = 0
        self._root = root
        self._deadline = deadline
        self._stopped = threading.Event()

    def run(self) -> None:
        while not self._stopped.wait(_EVERY):
            self.peak = max(self.peak, sum(map(_memory, _tree(self._root))))
            if time.monotonic() > self._deadline:
                _end(self._root)

    def stop(self) -> None:
        self._stopped.set()
        self.join()


def _end(group: int) -> None:
    """Kill a process group, if there still is one."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def _tree(root: int) -> list[int]:
    """Return a process and all below it."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found = [root]
    for pid in found:
        found += children.get(pid, [])
    return found


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/<pid>/stat after the name, nothing for a process that is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _memory(pid: int) -> int:
    """Return the proportional set size in bytes, or where that is not to be had the resident one."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    except OSError:
        return 0
