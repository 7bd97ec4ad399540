"""Reads a response's body to its end, unpacked and in pieces, up to a size limit."""

from __future__ import annotations

from urllib3.response import BaseHTTPResponse

_PIECE = 1_048_576
"""Bytes that are unpacked at a time."""


class ResponseTooLarge(Exception):
    """A body is larger than the policy allows."""


def read_body(raw: BaseHTTPResponse, limit: int) -> bytes:
    """Return the whole body, unpacked.

    urllib3 unpacks a whole body in one step if it is asked for a whole body. A small one may unpack to gigabytes.

    Args:
        raw: The response, of which nothing has been read.
        limit: The most bytes that a body may have.

    Raises:
        ResponseTooLarge: The body is larger. The rest of it is not read, so the connection cannot be used again.
    """
    declared = getattr(raw, "length_remaining", None)
    if declared is not None:
        if declared > limit:
            raise ResponseTooLarge
        if "Content-Encoding" not in raw.headers:
            return raw.read()  # at most the declared length, and quicker than in pieces
    pieces = []
    size = 0
    while piece := raw.read(_PIECE, decode_content=True):
        size += len(piece)
        if size > limit:
            raise ResponseTooLarge
        pieces.append(piece)
    return b"".join(pieces)
