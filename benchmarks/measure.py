"""What a command costs: wall time, CPU time and memory of its whole tree of processes, on Linux.

CPU time is what the kernel counted for the process and the children that it waited for. Memory is the proportional set
size, sampled ten times a second; it counts a page that processes share only once.
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

_SAMPLE_SECONDS = 0.1
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
    """Run a command in a folder, write its output to `log`, and kill all its processes after `timeout` seconds."""
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
        sampler = _MemorySampler(process.pid, began + timeout)
        sampler.start()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        sampler.stop()
        _kill_group(process.pid)  # a process that it left running would disturb the next run
    return Cost(
        seconds=seconds,
        cpu_seconds=usage.ru_utime + usage.ru_stime,
        # the kernel's figure of the largest single process includes a peak between two samples
        peak_mib=max(sampler.peak, usage.ru_maxrss * 1024) / 2**20,
        exit_code=process.returncode,
    )


def cpu_seconds_of(pid: int) -> float:
    """Return the CPU time that a running process has used so far."""
    fields = _stat(pid)
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK") if fields else 0.0


class _MemorySampler(threading.Thread):
    """Samples the memory of a tree of processes until it is stopped; `peak` is in bytes.

    It kills the processes at the deadline.
    """

    def __init__(self, root: int, deadline: float) -> None:
        super().__init__(daemon=True)
        self.peak = 0
        self._root = root
        self._deadline = deadline
        self._stopped = threading.Event()

    def run(self) -> None:
        while not self._stopped.wait(_SAMPLE_SECONDS):
            self.peak = max(self.peak, sum(map(_memory, _process_tree(self._root))))
            if time.monotonic() > self._deadline:
                _kill_group(self._root)

    def stop(self) -> None:
        self._stopped.set()
        self.join()


def _kill_group(group: int) -> None:
    """Kill a process group if it still exists."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def _process_tree(root: int) -> list[int]:
    """Return the ids of a process and of all its descendants."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found = [root]
    for pid in found:
        found += children.get(pid, [])
    return found


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/<pid>/stat after the name, none for a process that is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _memory(pid: int) -> int:
    """Return the proportional set size in bytes, or the resident set size where the kernel has no other."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    except OSError:
        return 0
