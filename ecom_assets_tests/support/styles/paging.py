"""How a style of API splits a list: where a page begins, how long it is, and what leads to the next one."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ecom_assets_tests.support.styles.answer import Answer, Asked, Page

Lead = Callable[[Page, Answer], None]
"""Writes into an answer what leads on to the next page, or how many records there are."""
Last = Literal["null", "empty", "absent", "self"]
"""What stands on the last page in place of the way to the next one."""


class Refused(Exception):
    """The API refuses a request with a 400."""


@dataclass(frozen=True)
class Size:
    """How long a page is. `beyond` says what happens to a size above the largest: cut or refused."""

    param: str = "limit"
    usual: int = 10
    largest: int = 20
    beyond: Literal["cut", "refuse"] = "cut"

    def of(self, asked: Asked) -> int:
        """Return the length of a page."""
        text = asked.values.get(self.param) if self.param else None
        if text is None:
            return self.usual
        if not text.isdigit() or int(text) < 1:
            raise Refused(f"{self.param}: a whole number")
        if int(text) > self.largest and self.beyond == "refuse":
            raise Refused(f"{self.param}: 1 to {self.largest}")
        return min(int(text), self.largest)


@dataclass(frozen=True)
class Offset:
    """A page begins at a position, counted from 0."""

    param: str = "offset"

    def begin(self, asked: Asked, keys: Sequence[str], size: int) -> int:
        """Return the position of the first record."""
        return _number(self.param, asked.values.get(self.param, "0"))

    def next(self, page: Page) -> dict[str, Any]:
        """Return the parameters of the next page."""
        return {self.param: page.end}


@dataclass(frozen=True)
class Number:
    """Pages are numbered from `base`. With `last_again`, the last one comes for every number behind it."""

    param: str = "page"
    base: int = 1
    last_again: bool = False

    def begin(self, asked: Asked, keys: Sequence[str], size: int) -> int:
        """Return the position of the first record."""
        number = _number(self.param, asked.values.get(self.param, str(self.base)))
        if number < self.base:
            raise Refused(f"{self.param}: {self.base} or more")
        begin = (number - self.base) * size
        return min(begin, max(len(keys) - 1, 0) // size * size) if self.last_again else begin

    def next(self, page: Page) -> dict[str, Any]:
        """Return the parameters of the next page."""
        return {self.param: page.begin // page.size + self.base + 1}


@dataclass(frozen=True)
class Token:
    """A page begins where an opaque token says. With `alone`, other parameters are refused beside it.

    With `header`, the token comes in a header of the request.
    """

    param: str = "cursor"
    alone: bool = False
    header: str = ""

    def begin(self, asked: Asked, keys: Sequence[str], size: int) -> int:
        """Return the position of the first record."""
        text = asked.seen.headers.get(self.header.lower()) if self.header else asked.values.get(self.param)
        if text is None:
            return 0
        if self.alone and len(asked.values) > 1 and not asked.is_restored:
            raise Refused(f"{self.param}: no other parameter beside it")
        return int(self._read(text)["from"])

    def _read(self, text: str) -> dict[str, Any]:
        try:
            held = json.loads(base64.urlsafe_b64decode(text))
        except ValueError:
            raise Refused(f"{self.param or self.header}: no token of this API") from None
        return held if isinstance(held, dict) else {"from": 0}

    def restored(self, asked: Asked) -> Asked:
        """Return a request with the parameters of the first page, which a token that comes alone holds."""
        text = asked.values.get(self.param)
        if not self.alone or text is None or len(asked.values) > 1:
            return asked
        return Asked(asked.seen, {**self._read(text).get("values", {}), self.param: text}, is_restored=True)

    def next(self, page: Page) -> dict[str, Any]:
        """Return the parameters of the next page."""
        if self.alone:
            return {**dict.fromkeys(page.asked.values), self.param: token(page)}
        return {self.param: token(page)}


@dataclass(frozen=True)
class Range:
    """A page begins where the request header `Range` says."""

    def begin(self, asked: Asked, keys: Sequence[str], size: int) -> int:
        """Return the position of the first record."""
        return int(_RANGE.fullmatch(asked.seen.headers.get("range", "items=0-"))[1])  # type: ignore[index]


@dataclass(frozen=True)
class RangeSize(Size):
    """A page ends where the request header `Range` says."""

    def of(self, asked: Asked) -> int:
        """Return the length of a page."""
        found = _RANGE.fullmatch(asked.seen.headers.get("range", ""))
        return min(int(found[2]) - int(found[1]) + 1, self.largest) if found and found[2] else self.usual


_RANGE = re.compile(r"items=(\d+)-(\d*)")


@dataclass(frozen=True)
class After:
    """A page begins after the record with a key."""

    param: str = "starting_after"

    def begin(self, asked: Asked, keys: Sequence[str], size: int) -> int:
        """Return the position of the first record."""
        text = asked.values.get(self.param)
        if text is None or text == "0":
            return 0
        if text not in keys:
            raise Refused(f"{self.param}: no such record")
        return keys.index(text) + 1

    def next(self, page: Page) -> dict[str, Any]:
        """Return nothing, because the client knows the key."""
        return {}


def token(page: Page) -> str:
    """Return an opaque token for the page behind another one."""
    held = {"from": page.end, "values": dict(page.asked.values)}
    return base64.urlsafe_b64encode(json.dumps(held).encode()).decode()


def _number(name: str, text: str) -> int:
    if not text.isdigit():
        raise Refused(f"{name}: a whole number")
    return int(text)


def link_at(path: str, begin: Any, last: Last = "null", *, whole: bool | None = True) -> Lead:
    """Return a lead: the address of the next page in the body, whole, from the root, or (None) its last part."""

    def write(page: Page, answer: Answer) -> None:
        host = f"http://{page.asked.seen.headers['host']}" if whole else ""
        if page.has_more:
            address = host + page.asked.address(**begin.next(page))
            answer.put(path, address if whole is not None else address.rpartition("/")[2])
        elif last == "self":
            answer.put(path, host + page.asked.address())
        elif last != "absent":
            answer.put(path, None if last == "null" else "")

    return write


def links_in_list(path: str, begin: Any) -> Lead:
    """Return a lead: a list of links with their relations, the next one among them."""

    def write(page: Page, answer: Answer) -> None:
        links = [{"rel": "self", "href": page.asked.address()}]
        if page.has_more:
            links.append({"rel": "next", "href": page.asked.address(**begin.next(page))})
        answer.put(path, links)

    return write


def link_header(begin: Any) -> Lead:
    """Return a lead: a Link header with several relations, in an unusual form."""

    def write(page: Page, answer: Answer) -> None:
        links = [f'<{page.asked.address()}>; title="this, here"; rel="self"']
        if page.has_more:
            links.append(f"<{page.asked.address(**begin.next(page))}>; rel=next")
        answer.headers["Link"] = ", ".join(links)

    return write


def token_at(path: str, last: Last = "null") -> Lead:
    """Return a lead: the token of the next page in the body; `self` gives one on the last page too."""

    def write(page: Page, answer: Answer) -> None:
        if page.has_more or last == "self":
            answer.put(path, token(page))
        elif last != "absent":
            answer.put(path, None if last == "null" else "")

    return write


def number_at(path: str, begin: Any, last: Last = "null") -> Lead:
    """Return a lead: the number or the position of the next page in the body."""

    def write(page: Page, answer: Answer) -> None:
        if page.has_more:
            answer.put(path, next(iter(begin.next(page).values())))
        elif last != "absent":
            answer.put(path, None)

    return write


def token_header(name: str) -> Lead:
    """Return a lead: the token of the next page in a header."""

    def write(page: Page, answer: Answer) -> None:
        if page.has_more:
            answer.headers[name] = token(page)

    return write


def more_at(path: str) -> Lead:
    """Return a lead: whether there are more records."""
    return lambda page, answer: answer.put(path, page.has_more)


def total_at(path: str) -> Lead:
    """Return a lead: the number of records."""
    return lambda page, answer: answer.put(path, page.count)


def pages_at(path: str) -> Lead:
    """Return a lead: the number of pages."""
    return lambda page, answer: answer.put(path, -(-page.count // page.size))


def total_header(name: str) -> Lead:
    """Return a lead: the number of records in a header."""

    def write(page: Page, answer: Answer) -> None:
        answer.headers[name] = str(page.count)

    return write


def content_range(page: Page, answer: Answer) -> None:
    """Write a Content-Range, and the status of a part."""
    last = max(page.end - 1, page.begin)
    answer.headers["Content-Range"] = f"items {page.begin}-{last}/{page.count}"
    if page.has_more or page.begin:
        answer.status = 206


def past_the_end(status: int) -> Lead:
    """Return a lead: another status for a page behind the last one."""

    def write(page: Page, answer: Answer) -> None:
        if page.begin and page.begin >= page.count:
            answer.status = status

    return write
