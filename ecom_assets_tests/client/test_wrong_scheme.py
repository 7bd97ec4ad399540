"""An address with the wrong scheme: https for a server of plain http, or http for one of TLS. It is said at once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from socket import create_server
from threading import Thread
from typing import Any

import pytest

from ecom_assets.foundation.errors import ApiError
from ecom_assets_tests.support.servers.loopback import no_waits as no_waits
from ecom_assets_tests.support.servers.loopback import session_to, shop_at

HTTP_400 = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n"
NOT_HTTPS = (
    r"the server speaks http, not https: TLS failed \(.*\); .*begin the address .*client\.base_url.* http://$"
)
NOT_HTTP = r"the server speaks https, not http"


@contextmanager
def answering(*answer: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """Answer the first bytes of each connection with these bytes; yield host and port, and what came."""
    came: list[bytes] = []
    with create_server(("127.0.0.1", 0)) as listening:

        def answer_each() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:  # closed below
                    return
                with connection, suppress(OSError):
                    came.append(connection.recv(65_536))
                    connection.sendall(b"".join(answer))
                    if not answer:
                        connection.recv(65_536)  # until the client gives up

        thread = Thread(target=answer_each)
        thread.start()
        try:
            yield f"127.0.0.1:{listening.getsockname()[1]}", came
        finally:
            with suppress(OSError):
                listening.shutdown(2)
            listening.close()
            thread.join()


def failure(base_url: str, auth: Any = (), **policy: Any) -> str:
    """Return the error of a request to a shop."""
    secrets = {"client_id": "the-client", "client_secret": "the-secret"} if auth else {}
    with (
        closing(session_to(shop_at(base_url, auth, **policy), secrets)) as session,
        pytest.raises(ApiError) as caught,
    ):
        session.get(f"{base_url}/things")
    return str(caught.value)


@pytest.mark.parametrize(
    "answer",
    [
        HTTP_400,
        b"<html>400 Bad request syntax</html>",
        b"Invalid HTTP request received.",
        b"-ERR unknown\r\n",
    ],
    ids=["status line", "HTML", "text", "no web server"],
)
def test_https_at_a_plain_server(answer: bytes) -> None:
    """One try is enough: the server would speak plain http at the next one, too."""
    with answering(answer) as (host, came):
        assert_matches(failure(f"https://{host}", max_retries=3), rf"GET /things: {host}: {NOT_HTTPS}")
    assert len(came) == 1


def test_a_token_from_a_plain_server() -> None:
    """The address that gives out tokens has a scheme of its own."""
    with answering(HTTP_400) as (host, came):
        auth = {"type": "oauth2_client_credentials", "access_token_url": f"https://{host}/token"}
        assert_matches(failure("http://127.0.0.1:9", auth), rf"POST /token: {host}: {NOT_HTTPS}")
    assert len(came) == 1


def test_a_plain_server_that_waits_for_the_end_of_the_line() -> None:
    """A handshake without an answer may have another reason, so it is tried again, and the guess is called one."""
    with answering() as (host, came):
        message = failure(f"https://{host}", timeout=0.2, max_retries=1)
    assert_matches(
        message, rf"GET /things: {host}: no answer within 0\.2 s to the TLS handshake after 2 tries; if "
    )
    assert len(came) == 2


def test_tls_that_breaks_off() -> None:
    """A server that hangs up says nothing about the scheme, so it is tried again."""
    with answering(b"\x15\x03\x03\x00\x02\x02\x28") as (host, came):  # the alert of a failed handshake
        message = failure(f"https://{host}", max_retries=2)
    assert "TLS failed" in message
    assert "speaks" not in message
    assert len(came) == 3


@pytest.mark.parametrize(
    "answer",
    [
        b"\x15\x03\x01\x00\x02\x02\x46",
        b"\x15\x03\x03\x00\x02\x02\x16",
        HTTP_400 + b"<center>The plain HTTP request was sent to HTTPS port</center>",
        HTTP_400 + b"Client sent an HTTP request to an HTTPS server.\n",
        HTTP_400 + b"Reason: You're speaking plain HTTP to an SSL-enabled server port.",
    ],
    ids=["alert", "other alert", "nginx", "Go", "Apache"],
)
def test_http_at_a_tls_server(answer: bytes) -> None:
    """A server of TLS answers with an alert, or with a page that says so."""
    with answering(answer) as (host, came):
        message = failure(f"http://{host}", max_retries=3)
    assert_matches(message, rf"GET /things: .*{NOT_HTTP}.*https://")
    assert len(came) == 1


def test_another_bad_request() -> None:
    """A refused request is not about the scheme, even if its text has the word https."""
    with answering(HTTP_400 + b"unknown parameter: https_port") as (host, _):
        assert "speaks" not in failure(f"http://{host}")


def assert_matches(message: str, pattern: str) -> None:
    """Fail with the message if it does not begin with the pattern."""
    assert re.match(pattern, message), message
