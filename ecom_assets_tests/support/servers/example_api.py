"""A server of neutral data for the configurations of dlt's documentation; see `dlt_examples`."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ecom_assets_tests.support.servers.loopback import Reply, Seen, json_reply

Record = dict[str, Any]

BASIC = "Basic " + base64.b64encode(b"reader:the-password-of-dlt").decode()
PER_PAGE = 2


def records(second: bool, start: int = 1) -> list[Record]:
    """Return records with nested objects and lists; at the second load one has changed, one is gone and one is new."""
    found = [
        {
            "id": number,
            "number": 100 + number,
            "title": f"Title {number}",
            "score": number * 1.25,
            "open": number % 2 == 0,
            "author": {"name": f"Author {number}", "address": {"city": "Bonn"}},
            "labels": ["new", "urgent"][: number % 3],
            "lines": [{"sku": f"s{line}", "count": line} for line in range(number % 3)],
            "created_at": f"2024-01-{25 + number}T10:00:00Z",
            "updated_at": f"2024-01-{25 + number}T12:00:00Z",
        }
        for number in range(start, start + 5)
    ]
    if second:
        changed, new = found[2], {**found[4], "id": start + 5, "number": 105 + start}
        found[2] = {**changed, "title": "Changed", "updated_at": "2024-02-02T08:00:00Z"}
        found[4:] = [
            found[4],
            {**new, "updated_at": "2024-02-03T08:00:00Z", "created_at": "2024-02-03T08:00:00Z"},
        ]
        del found[0]
    return found


def children(parent: Any, second: bool) -> list[Record]:
    """Return the records that belong to one parent record."""
    count = int(parent) % 3 + second
    return [{"id": int(parent) * 10 + number, "body": f"{parent}-{number}"} for number in range(count)]


class ExampleApi:
    """Answers all examples. `second` says whether the data is that of the second load."""

    def __init__(self) -> None:
        self.second = False

    def __call__(self, seen: Seen) -> Reply:
        """Answer a request."""
        name, *rest = [piece for piece in seen.path.split("/") if piece]
        answer: Callable[..., Reply] = getattr(self, f"_{name}", self._unknown)
        return answer(seen, dict(seen.query), *rest)

    def _unknown(self, seen: Seen, query: Mapping[str, str], *rest: str) -> Reply:
        return json_reply({"error": "not here"}, 404)

    def _page(
        self, query: Mapping[str, str], rows: Sequence[Record], parameter: str = "page"
    ) -> tuple[Any, int | None]:
        page = int(query.get(parameter, 1))
        following = page + 1 if page * PER_PAGE < len(rows) else None
        return rows[(page - 1) * PER_PAGE : page * PER_PAGE], following

    def _posts(self, seen: Seen, query: Mapping[str, str], post: str = "", part: str = "") -> Reply:
        if part:
            return json_reply({"data": children(post, self.second)})
        if post:
            (found,) = (entry for entry in records(self.second) if str(entry["id"]) == post)
            return json_reply(found)
        rows, following = self._page(query, records(self.second))
        link = f"http://{seen.headers['host']}/posts?page={following}" if following else None
        return json_reply({"data": rows, "paging": {"next": link}})

    def _issues(self, seen: Seen, query: Mapping[str, str], issue: str = "", part: str = "") -> Reply:
        if seen.headers.get("authorization") != "Bearer the-token-of-dlt":
            return json_reply({}, 401)
        if issue:
            return json_reply(children(issue, self.second))
        found = [entry for entry in records(self.second) if entry["updated_at"] >= query.get("since", "")]
        rows, following = self._page(query, found)
        more = "".join(f"&{name}={value}" for name, value in query.items() if name != "page")
        return json_reply(rows, link=f'</issues?page={following}{more}>; rel="next"' if following else "")

    def _results(self, seen: Seen, query: Mapping[str, str], start: int) -> Reply:
        rows, following = self._page(query, records(self.second, start))
        address = f"http://{seen.headers['host']}{seen.path}?page={following}" if following else None
        return json_reply({"count": 5, "next": address, "previous": None, "results": rows})

    def _pokemon(self, seen: Seen, query: Mapping[str, str]) -> Reply:
        return self._results(seen, query, 1)

    _berry = _location = _pokemon

    def _comments(self, seen: Seen, query: Mapping[str, str]) -> Reply:
        return json_reply({"comments": children(query["post_id"], self.second)})

    def _search(self, seen: Seen, query: Mapping[str, str]) -> Reply:
        post = json.loads(seen.body)["filters"]["id"]
        return json_reply({"results": children(post, self.second)})

    def _groups(self, seen: Seen, query: Mapping[str, str], group: str = "", *rest: str) -> Reply:
        if not group:
            return json_reply(
                [{"id": number, "name": f"Group {number}"} for number in (1, 2, 3 + self.second)]
            )
        if len(rest) == 1:
            rows = [{**entry, "group_id": int(group)} for entry in children(group, self.second)]
            return json_reply(rows)
        return json_reply({"id": int(rest[1]), "group": int(group), "level": 7 + self.second})

    def _since(self, seen: Seen, query: Mapping[str, str]) -> Reply:
        if (start := query.get("created_since")) is None:
            return json_reply({"error": "created_since is required"}, 400)
        return json_reply(
            {"results": [entry for entry in records(self.second) if entry["created_at"] >= start]}
        )

    def _optional(self, seen: Seen, query: Mapping[str, str], post: str = "") -> Reply:
        if post == "3":
            return json_reply({"error": "gone"}, 404)
        return json_reply([{"id": int(post), "email": "a@example.com", "note": "some text"}])

    def _reports(self, seen: Seen, query: Mapping[str, str]) -> Reply:
        return json_reply(records(self.second) if seen.headers.get("authorization") == BASIC else {}, 200)

    def _items(self, seen: Seen, query: Mapping[str, str]) -> Reply:
        found, start = records(self.second), int(query["offset"])
        return json_reply({"items": found[start : start + int(query["limit"])], "total": len(found)})

    def _numbered(self, seen: Seen, query: Mapping[str, str]) -> Reply:
        return json_reply({"rows": self._page(query, records(self.second))[0]})

    def _cursors(self, seen: Seen, query: Mapping[str, str]) -> Reply:
        rows, following = self._page(query, records(self.second), "cursor")
        return json_reply({"results": rows, "pagination": {"next_cursor": following}})

    def _tokens(self, seen: Seen, query: Mapping[str, str]) -> Reply:
        rows, following = self._page(query, records(self.second), "page_token")
        return Reply(200, json.dumps(rows), {"X-Next": str(following)} if following else {})

    def _status(self, seen: Seen, query: Mapping[str, str]) -> Reply:
        return json_reply({"id": 1, "state": "degraded" if self.second else "ok", "uptime": {"days": 3}})
