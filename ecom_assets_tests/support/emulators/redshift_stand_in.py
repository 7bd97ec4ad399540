"""What stands for Redshift in tests: a real PostgreSQL server, behind a server that refuses what Redshift lacks.

It speaks PostgreSQL's protocol, so that loads in other processes find it, too. Of Redshift it has the types SUPER and
VARBYTE, a few functions and views, backslashes in texts, snapshots of transactions, and errors without the language of
their severity. It has not: texts that are measured in bytes, blanks at the ends of texts that do not count, and plans.
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from socketserver import BaseRequestHandler, ThreadingTCPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from ecom_assets_tests.support.emulators.redshift_guard import as_postgresql, refusal

PASSWORD = "s3cr3t-w0rd"
"""A canary: the server lets everybody in."""
_SSL, _GSS, _CANCEL = 80877103, 80877104, 80877102
_OPTIONS = " ".join(
    f"-c {setting}"
    for setting in (
        "standard_conforming_strings=off",
        "escape_string_warning=off",
        "default_transaction_isolation=repeatable\\ read",
    )
)
_TEMPLATE = """
create domain super as text;
create domain varbyte as bytea;
create function json_parse(text) returns super language sql strict as 'select cast(cast($1 as jsonb) as text)';
create function getdate() returns timestamp language sql as $$select cast(now() at time zone 'UTC' as timestamp(0))$$;
create function from_hex(text) returns varbyte language sql strict as $$select decode($1, 'hex')$$;
create function from_varbyte(varbyte, text) returns varchar language sql strict
    as $$select replace(encode($1, $2), chr(10), '')$$;
create function pg_get_late_binding_view_cols() returns setof record language sql
    as $$select cast('' as name), cast('' as name), cast('' as name), cast('' as varchar), 0 where false$$;
create view svv_transactions as select l.pid, a.usename as txn_owner, a.xact_start at time zone 'UTC' as txn_start,
    l.mode as lock_mode, l.relation, case when l.granted then 't' else 'f' end as granted
    from pg_locks as l join pg_stat_activity as a using (pid) where l.relation is not null;
"""


class _Connection(BaseRequestHandler):
    """One connection of a client, and the one to PostgreSQL that belongs to it."""

    server: StandIn

    def handle(self) -> None:
        """Pass on what both say until one of them ends."""
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with socket.socket(socket.AF_UNIX) as behind:
            behind.connect(self.server.socket_path)
            with suppress(OSError, EOFError):
                self._pass_on(behind)
            with suppress(OSError):
                # PostgreSQL ends the session of a client that is gone, although a thread still waits for its answers
                behind.shutdown(socket.SHUT_RDWR)

    def _pass_on(self, behind: socket.socket) -> None:
        """Pass everything on, statements as PostgreSQL takes them."""
        first = self._first_message()
        behind.sendall(first)
        if struct.unpack("!I", first[4:8])[0] == _CANCEL:
            behind.recv(1)
            return
        back = threading.Thread(target=_answers, args=(behind, self.request), daemon=True)
        back.start()
        while True:
            kind = _exactly(self.request, 1)
            body = _exactly(self.request, struct.unpack("!I", _exactly(self.request, 4))[0] - 4)
            if kind == b"Q":
                body = self.server.translated(body[:-1].decode()).encode() + b"\0"
            behind.sendall(kind + struct.pack("!I", len(body) + 4) + body)

    def _first_message(self) -> bytes:
        """Return the message that begins a session, with options, or that cancels a statement of another one."""
        while True:
            length, code = struct.unpack("!II", _exactly(self.request, 8))
            body = _exactly(self.request, length - 8)
            if code == _CANCEL:
                return struct.pack("!II", length, code) + body
            if code not in (_SSL, _GSS):
                body = body[:-1] + b"options\0" + _OPTIONS.encode() + b"\0\0"
                return struct.pack("!II", len(body) + 8, code) + body
            self.request.sendall(b"N")


class StandIn(ThreadingTCPServer):
    """The server in front of PostgreSQL. `statements` are those that it was sent since a test emptied the list."""

    allow_reuse_address = daemon_threads = True

    def __init__(self, socket_path: str) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.socket_path = socket_path
        self.statements: list[str] = []
        self.ignores_limits = False

    def translated(self, sql: str) -> str:
        """Return a statement for PostgreSQL: the same one, or one that fails where Redshift would refuse it."""
        self.statements.append(sql)
        if self.ignores_limits and sql.startswith("set statement_timeout"):
            return "select 1"
        if missing := refusal(sql):
            text = f"Redshift has no {missing}: {sql[:300]}".replace("%", "%%").replace("$refused$", "")
            return f"do $refused$ begin raise exception $text${text}$text$ using errcode = '0A000'; end $refused$"
        return as_postgresql(sql)


def _exactly(source: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        part = source.recv(size - len(found))
        if not part:
            raise EOFError
        found += part
    return found


def _answers(behind: socket.socket, client: socket.socket) -> None:
    """Pass the server's answers on. Errors have no severity of their own for programs, as in Redshift's protocol."""
    waiting = b""
    with suppress(OSError):
        while part := behind.recv(65536):
            waiting, ready = waiting + part, b""
            while len(waiting) >= 5 and len(waiting) > (length := struct.unpack("!I", waiting[1:5])[0]):
                message, waiting = waiting[: length + 1], waiting[length + 1 :]
                if message[:1] == b"E":
                    body = b"\0".join(field for field in message[5:].split(b"\0") if field[:1] != b"V")
                    message = b"E" + struct.pack("!I", len(body) + 4) + body
                ready += message
            client.sendall(ready)
    with suppress(OSError):
        client.shutdown(socket.SHUT_RDWR)


@pytest.fixture(scope="session")
def redshift(postgres_server: str) -> Iterator[StandIn]:
    """Run the stand-in for Redshift."""
    import psycopg2

    connection = psycopg2.connect(postgres_server)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("create database redshift_template")
    connection.close()
    template = psycopg2.connect(direct_address(postgres_server, "redshift_template"))
    with template, template.cursor() as cursor:
        cursor.execute(_TEMPLATE)
    template.close()
    parts = urlsplit(postgres_server)
    server = StandIn(f"{parse_qs(parts.query)['host'][0]}/.s.PGSQL.{parts.port or 5432}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def direct_address(server: str, database: str) -> str:
    """Return the address of a database in PostgreSQL, without the stand-in."""
    return server.replace("postgres:@/postgres", f"postgres:@/{database}")


@pytest.fixture(scope="session")
def new_redshift(redshift: StandIn, new_database: Callable[[str], str]) -> Callable[..., str]:
    """Return a function that creates a database, and returns its address."""
    import psycopg2

    def made(template: str = "redshift_template") -> str:
        deadline = time.monotonic() + 10
        while True:
            try:
                name = urlsplit(new_database(template)).path.lstrip("/")
                break
            except psycopg2.errors.ObjectInUse:  # a session of a place has not ended yet
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
        return f"redshift://postgres:{PASSWORD}@127.0.0.1:{redshift.server_address[1]}/{name}?sslmode=disable"

    return made


@pytest.fixture(scope="session")
def copied_redshift(new_redshift: Callable[..., str]) -> Callable[[object], str]:
    """Return a function that copies the database of a place."""
    return lambda place: new_redshift(urlsplit(place.where).path.lstrip("/"))  # type: ignore[attr-defined]
