"""The `Link` header of a response, in every form that RFC 8288 allows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urljoin

_LINK = re.compile(r"\s*,*\s*<([^>]*)>")
_VALUE = r"""(?:"((?:[^"\\]|\\.)*)"|'([^']*)'(?=\s*(?:[;,]|$))|([^\s;,"]*))"""
_PARAMETER = re.compile(rf"""\s*;\s*(?:([^\s=;,"<>]+)\s*(?:=\s*{_VALUE})?)?""")


def link_target(header: str, relation: str, address: str) -> str | None:
    """Return the target of the first link with a relation, as the header has it, None if there is none.

    Several headers are one header with commas. Names of parameters and relations are compared without case. A link has
    several relations if `rel` has several words. A link with an `anchor` is about that address. Single quotes are no
    quotes in RFC 8288, but some APIs write them, and `requests` reads them as quotes.

    Args:
        header: The value of the header.
        relation: The relation, such as `next`.
        address: The address of the response.
    """
    for target, parameters in _links(header):
        anchor = parameters.get("anchor")
        if anchor and _without_fragment(urljoin(address, anchor)) != _without_fragment(address):
            continue
        if relation.lower() in parameters.get("rel", "").lower().split():
            return target
    return None


def _links(header: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the target and the parameters of each link. The first of several parameters with one name counts."""
    position = 0
    while position < len(header):
        found = _LINK.match(header, position)
        if found is None:
            # something that is no link, up to the next comma
            comma = header.find(",", position)
            if comma < 0:
                return
            position = comma + 1
            continue
        position = found.end()
        parameters: dict[str, str] = {}
        while parameter := _PARAMETER.match(header, position):
            position = parameter.end()
            name, quoted, singly_quoted, token = parameter.groups()
            if name:
                value = (
                    re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else singly_quoted or token or ""
                )
                parameters.setdefault(name.lower(), value)
        yield found.group(1).strip(), parameters


def _without_fragment(address: str) -> str:
    return address.partition("#")[0]
