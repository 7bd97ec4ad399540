"""Discovery of child endpoints: which parents are tried, and what the declaration says about their lists."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import yaml

from ecom_assets.discovery.discover import Discovery, DiscoveryOptions, discover
from ecom_assets_tests.support.servers.loopback import Reply, Seen, json_reply, serving

Rows = Sequence[Mapping[str, Any]]
PARENTS = [{"id": number, "code": None if number % 2 else f"c/{number}"} for number in range(1, 41)]


def discovered(
    child: str, answer: Callable[[Seen], Reply], *, most: int = 12
) -> tuple[Discovery, dict[str, Any], list[Seen]]:
    """Discover a collection of parents and one child; return the outcome, the child's declaration and its requests."""

    def answering(seen: Seen) -> Reply:
        return json_reply({"data": PARENTS}) if seen.path == "/parents" else answer(seen)

    with serving() as loopback:
        loopback.answering = answering
        found = discover(
            DiscoveryOptions("shop", loopback.base_url, (), [child, "parents"], max_requests=most)
        )
        asked = [seen for seen in loopback.seen if seen.path != "/parents"]
    resources = {entry["name"]: entry for entry in yaml.safe_load(found.text)["resources"]}
    return found, resources.get("notes", {}), asked


def note_of(parent: int) -> Rows:
    return [{"line": line, "text": f"{parent}: {line}"} for line in range(parent % 3)]


def test_parents_are_asked_until_one_has_records_and_a_404_is_none() -> None:
    def answer(seen: Seen) -> Reply:
        number = int(seen.path.split("/")[2])
        return json_reply({"data": note_of(number)} if number % 3 else {}, 200 if number % 3 else 404)

    found, notes, asked = discovered("/parents/{resources.parents.id}/notes", answer)
    assert notes["endpoint"]["path"] == "/parents/{resources.parents.id}/notes"
    assert notes["endpoint"]["response_actions"] == [{"status_code": 404, "action": "ignore"}]
    assert notes["include_from_parent"] == ["id"]
    assert notes["primary_key"] == ["parent_id", "line"]
    column = notes["columns"]["parent_id"]
    assert (column["path"], column["references"]) == ("_parents_id", "parents.id")
    assert "parents tried have no records" in found.text
    assert len(asked) <= 12
    # spread over the sample, and not its first records alone
    assert max(int(seen.path.split("/")[2]) for seen in asked) > 20


def test_a_parent_without_a_value_is_not_asked_and_a_value_is_one_segment() -> None:
    def answer(seen: Seen) -> Reply:
        assert seen.path.startswith("/by/c%2F"), seen.path
        return json_reply({"data": [{"line": 1, "text": "a"}, {"line": 2, "text": "b"}]})

    found, notes, asked = discovered("/by/{resources.parents.code}/notes", answer)
    assert found.failed == {}
    assert notes["primary_key"] == ["parent_id", "line"]
    assert asked


def test_a_child_that_repeats_its_parents_key_has_it_once() -> None:
    def answer(seen: Seen) -> Reply:
        parent = int(dict(seen.query)["of"])
        return json_reply({"data": [{"parent_id": parent, **row} for row in note_of(parent)]})

    _, notes, _ = discovered("/notes?of={resources.parents.id}", answer)
    assert list(notes["columns"]) == ["parent_id", "line", "text"]
    assert notes["endpoint"]["params"] == {"of": "{resources.parents.id}"}
    assert "response_actions" not in notes["endpoint"]


def test_a_child_of_which_no_parent_has_a_record_is_left_out_with_the_reason() -> None:
    found, notes, asked = discovered(
        "/parents/{resources.parents.id}/notes", lambda seen: json_reply({"data": []})
    )
    assert notes == {}
    (reason,) = found.failed.values()
    assert reason.endswith(f"{len(asked)} records of parents were tried, none of them has a record here")
    assert len(asked) < 12


def test_the_number_of_requests_holds() -> None:
    def answer(seen: Seen) -> Reply:
        return json_reply({"data": note_of(int(seen.path.split("/")[2]))})

    _, notes, asked = discovered("/parents/{resources.parents.id}/notes", answer, most=5)
    assert notes["primary_key"] == ["parent_id", "line"]
    assert len(asked) <= 5
