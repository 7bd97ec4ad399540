"""What the locks of all engines share: the timeout, and how the process that holds a lock is described."""

from __future__ import annotations

import os
import re
import socket
import sys
from pathlib import Path

DEFAULT_LOCK_TIMEOUT = 300.0
"""How many seconds a load waits for a warehouse that another process holds."""
_MAX_COMMAND_WORDS = 4


def waiting_line(warehouse: object, holder: str) -> str:
    """Return the line that tells a person which process a load waits for."""
    return f"waiting for the warehouse {warehouse}: held by {holder}"


def process_description() -> str:
    """Return this process's id, its machine, and the first words of its command.

    The command is cut where an argument may be configuration or even a secret.
    """
    words = [Path(sys.orig_argv[0]).name, *sys.orig_argv[1:]] if sys.orig_argv else []
    command = []
    for word in words[:_MAX_COMMAND_WORDS]:
        if not re.fullmatch(r"[\w./+-]{1,80}", word):
            break
        command.append(word)
    return f"PID {os.getpid()} on {socket.gethostname()} ({' '.join(command) or 'python'})"
