"""The package uses nothing that only POSIX has without another way for Windows."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from ecom_assets_tests.support.paths import ROOT

MODULES = {"crypt", "fcntl", "grp", "posix", "pty", "pwd", "readline", "resource", "syslog", "termios", "tty"}
NAMES = {
    *("os.fork", "os.forkpty", "os.killpg", "os.getpgid", "os.setsid", "os.setpgrp", "os.nice", "os.chown"),
    *(
        "os.fchown",
        "os.fchmod",
        "os.getuid",
        "os.geteuid",
        "os.getgid",
        "os.mkfifo",
        "os.statvfs",
        "os.sysconf",
    ),
    *(
        "os.uname",
        "os.wait",
        "os.waitpid",
        "os.O_NOFOLLOW",
        "os.O_DIRECTORY",
        "os.O_CLOEXEC",
        "os.sched_getaffinity",
    ),
    *("os.WIFSIGNALED", "os.openpty", "os.posix_spawn", "os.register_at_fork", "os.pread", "os.pwrite"),
    *(
        "signal.SIGKILL",
        "signal.SIGHUP",
        "signal.SIGALRM",
        "signal.SIGCHLD",
        "signal.SIGUSR1",
        "signal.SIGUSR2",
    ),
    *(
        "signal.SIGQUIT",
        "signal.alarm",
        "signal.setitimer",
        "signal.pause",
        "signal.pthread_kill",
        "signal.sigwait",
    ),
    *("socket.AF_UNIX", "time.tzset", "asyncio.add_signal_handler", "select.poll", "select.epoll"),
}
KEYWORDS = {"preexec_fn", "start_new_session", "pass_fds", "process_group", "dir_fd"}
PLACES = re.compile(r"/(tmp|dev|proc|etc|var|usr|bin|home)(/|$)")


def guarded(test: ast.expr) -> bool:
    """Tell whether a condition asks for the system, or whether a name is there."""
    text = ast.unparse(test)
    return any(word in text for word in ("hasattr", "sys.platform", "os.name"))


def not_portable(tree: ast.AST, *, safe: bool = False) -> Iterator[tuple[int, str]]:
    """Yield the line and the name of each use that has no other way beside it."""
    for node in ast.iter_child_nodes(tree):
        inside = safe
        if isinstance(node, (ast.If, ast.IfExp)) and guarded(node.test):
            inside = True
        if isinstance(node, ast.Try) and any(
            handler.type is None
            or re.search(r"ImportError|AttributeError|ModuleNotFound", ast.unparse(handler.type))
            for handler in node.handlers
        ):
            inside = True
        if not inside:
            line = getattr(node, "lineno", 0)
            if isinstance(node, ast.Import):
                yield from ((line, entry.name) for entry in node.names if entry.name in MODULES)
            elif isinstance(node, ast.ImportFrom):
                found = {f"{node.module}.{entry.name}" for entry in node.names} & NAMES
                yield from ((line, name) for name in found | ({node.module or ""} & MODULES))
            elif isinstance(node, ast.Attribute) and ast.unparse(node) in NAMES:
                yield line, ast.unparse(node)
            elif isinstance(node, ast.keyword) and node.arg in KEYWORDS:
                yield node.value.lineno, node.arg
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and PLACES.match(node.value):
                yield line, node.value
            elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("os.path.join", "os.path.exists"):
                yield line, ast.unparse(node.func)
        yield from not_portable(node, safe=inside)


def test_the_package_has_no_call_that_only_posix_has() -> None:
    found = [
        f"{file.relative_to(ROOT)}:{line}: {name}"
        for file in sorted((ROOT / "ecom_assets").rglob("*.py"))
        for line, name in not_portable(ast.parse(file.read_text("utf-8")))
    ]
    assert found == []


def test_texts_are_read_and_written_as_utf_8() -> None:
    """Windows has another encoding by default."""
    found = []
    for file in sorted((ROOT / "ecom_assets").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            positional = {"read_text": 1, "write_text": 2}.get(node.func.attr)
            given = any(keyword.arg == "encoding" for keyword in node.keywords)
            if positional and not given and len(node.args) < positional:
                found.append(f"{file.relative_to(ROOT)}:{node.lineno}")
    assert found == []


@pytest.mark.parametrize(
    "code",
    [
        "import fcntl",
        "import os\nos.killpg(1, 2)",
        "from os import fork",
        "import signal\nsignal.signal(signal.SIGHUP, print)",
        "import subprocess\nsubprocess.run([], start_new_session=True)",
        "open('/var/x')",
        "import os\nif os.environ: os.getuid()",
    ],
)
def test_what_is_not_portable_is_found(code: str) -> None:
    assert list(not_portable(ast.parse(code)))


@pytest.mark.parametrize(
    "code",
    [
        "try:\n    import fcntl\nexcept ImportError:\n    fcntl = None",
        "import os\nif hasattr(os, 'fork'):\n    os.fork()",
        "import os\nflag = os.O_NOFOLLOW if hasattr(os, 'O_NOFOLLOW') else 0",
        "import os\nflag = getattr(os, 'O_NOFOLLOW', 0)",
        "path = '/v1/tmp'",
    ],
)
def test_another_way_beside_it_is_enough(code: str) -> None:
    assert not list(not_portable(ast.parse(code)))
