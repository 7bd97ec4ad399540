"""Whose turn it is at Delta tables in a bucket: one at a time, never two, and never for ever."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from obstore.exceptions import BaseError

from ecom_assets.ingest import delta_turn
from ecom_assets.ingest.delta_destination import delta_place
from ecom_assets.ingest.delta_folder import DeltaFolder
from ecom_assets.ingest.delta_turn import State, Turn
from ecom_assets.ingest.errors import WarehouseError
from ecom_assets_tests.loopback import Loopback, Reply, Seen, serving


@pytest.fixture
def bucket(new_bucket: Callable[[], str]) -> DeltaFolder:
    """Return an empty bucket."""
    place = delta_place(("destination", new_bucket()))
    return DeltaFolder(place.url, place.options)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a turn end after a second without a sign of life."""
    monkeypatch.setattr(delta_turn, "LEASE", 1.0)
    monkeypatch.setattr(delta_turn, "BEAT", 0.2)
    monkeypatch.setattr(delta_turn, "_ASK_AGAIN", 0.05)


@pytest.fixture(params=["bucket", "folder"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> DeltaFolder:
    """Return an empty place of each kind."""
    if request.param == "folder":
        return DeltaFolder(f"file://{tmp_path}/lake", {})
    found: DeltaFolder = request.getfixturevalue("bucket")
    return found


def test_one_has_the_turn_and_the_next_waits_and_is_told_for_whom(folder: DeltaFolder) -> None:
    said: list[str] = []
    order: list[str] = []
    ready = threading.Event()

    def told(text: str) -> None:
        said.append(text)
        ready.set()

    def second() -> None:
        with Turn(folder, "shop").taken("the lake", 20, told):
            order.append("second")

    thread = threading.Thread(target=second)
    with Turn(folder, "shop").taken("the lake", 20, said.append):
        thread.start()
        assert ready.wait(10)
        with Turn(folder, "other").taken("the lake", 0, said.append):
            order.append("another dataset")
        order.append("first")
    thread.join(20)
    assert order == ["another dataset", "first", "second"]
    assert len(said) == 1
    assert said[0].startswith("waiting for the warehouse ")
    assert ": held by PID " in said[0]


def test_who_waits_too_long_is_told_who_has_it(folder: DeltaFolder) -> None:
    with (
        Turn(folder, "shop").taken("the lake", 20, print),
        pytest.raises(WarehouseError, match=r"was held by PID \d+ on .* for 0.1 s \(ECOM_LOCK_TIMEOUT\)"),
        Turn(folder, "shop").taken("the lake", 0.1, print),
    ):
        raise AssertionError("two have the turn")


@pytest.mark.usefixtures("quick")
def test_who_gives_signs_of_life_keeps_the_turn(bucket: DeltaFolder) -> None:
    with (
        Turn(bucket, "shop").taken("the lake", 20, print),
        pytest.raises(WarehouseError, match="was held by"),
        Turn(bucket, "shop").taken("the lake", 3, print),
    ):
        raise AssertionError("two have the turn")


@pytest.mark.usefixtures("quick")
def test_the_turn_of_one_that_gives_none_is_taken_and_cannot_be_used_again(
    bucket: DeltaFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delta_turn, "BEAT", 1000.0)
    lost = Turn(bucket, "shop")
    with lost.taken("the lake", 20, print):
        lost.writing({"orders": 3, "new": None})
        began = time.monotonic()
        heir = Turn(bucket, "shop")
        with heir.taken("the lake", 20, print):
            assert time.monotonic() - began > 1
            assert heir.state.undo == {"orders": 3, "new": None}
            for step in (lost.sure, lost.done, lambda: lost.writing({})):
                with pytest.raises(WarehouseError, match="another process took the turn"):
                    step()
            heir.done()
    assert Turn(bucket, "shop").look() == State(ended=1)


@pytest.fixture
def losing(s3_server: str) -> Iterator[Loopback]:
    """Pass all on to the store, but lose its answer to the second change of whose turn it is."""
    puts: list[str] = []

    def passed_on(request: Seen) -> Reply:
        connection = HTTPConnection(urlsplit(s3_server).netloc)
        headers = {name: text for name, text in request.headers.items() if name.lower() != "host"}
        connection.request(request.method, request.path, request.body.encode(), headers)
        answer = connection.getresponse()
        kept = {name: text for name, text in answer.getheaders() if name.lower() in ("etag", "last-modified")}
        reply = Reply(answer.status, answer.read(), kept)
        if request.method == "PUT" and answer.status == 200:
            puts.append(request.path)
            if len(puts) == 2:
                return Reply(drop=True)
        return reply

    with serving() as running:
        running.answering = passed_on
        yield running
    assert len(puts) >= 3


def test_an_answer_that_got_lost_does_not_lose_the_turn(bucket: DeltaFolder, losing: Loopback) -> None:
    """The store's client asks again, and is told that the object has changed: by itself."""
    place = DeltaFolder(bucket.url, {**bucket.options, "endpoint_url": losing.base_url})
    turn = Turn(place, "shop")
    with turn.taken("the lake", 20, print):
        turn.writing({"orders": 1})
        turn.done()
    assert Turn(bucket, "shop").look() == State(ended=1)


def test_a_store_that_is_not_there_is_named(bucket: DeltaFolder) -> None:
    place = DeltaFolder(
        bucket.url, {**bucket.options, "endpoint_url": "http://127.0.0.1:1", "max_retries": "1"}
    )
    with pytest.raises(BaseError, match=r"127\.0\.0\.1:1"):
        Turn(place, "shop").look()
