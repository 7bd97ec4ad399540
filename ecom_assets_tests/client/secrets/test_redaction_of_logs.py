"""Scrubbed logging: no record of any logger shows a secret while it is active."""

from __future__ import annotations

import io
import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from ecom_assets.client.redaction import HIDDEN, Redactor, scrubbed_logging


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """Return what the root logger's handler writes, at DEBUG."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(message)s"))
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield stream
    root.setLevel(level)
    root.removeHandler(handler)


def fail(text: str) -> None:
    """Raise an error with a text."""
    raise ValueError(text)


def log_everything(logger: logging.Logger, secret: str) -> None:
    """Log a secret in every part that a record has."""
    logger.debug("plain %s", secret)
    logger.info("mapped %(key)s", {"key": secret})
    logger.warning(f"wrong %d {secret}", secret)
    logger.error("stack", stack_info=True)
    logger.error("object %r", Exception(secret))
    try:
        fail(secret)
    except ValueError:
        logger.exception("failed")


def test_logs_are_scrubbed(written: io.StringIO) -> None:
    """No part of a record shows a secret, of whatever logger, nested or not; the rest is as ever."""
    factory = logging.getLogRecordFactory()
    raising, logging.raiseExceptions = logging.raiseExceptions, False
    try:
        with scrubbed_logging(Redactor(["the-s3cr3t"])):
            with scrubbed_logging(Redactor(["inn3r-one"])):
                log_everything(logging.getLogger("made.just.now"), "inn3r-one and the-s3cr3t")
            log_everything(logging.getLogger("made.just.now"), "the-s3cr3t")
    finally:
        logging.raiseExceptions = raising
    text = written.getvalue()
    assert "the-s3cr3t" not in text
    assert "inn3r-one" not in text
    assert "plain *** and ***\nmapped *** and ***\n" in text
    assert "ValueError: *** and ***" in text
    assert logging.getLogRecordFactory() is factory


def test_records_without_a_secret_keep_their_arguments(caplog: pytest.LogCaptureFixture) -> None:
    """A record that holds no secret is not touched, so that tools can group by its message."""
    with scrubbed_logging(Redactor(["the-s3cr3t"])), caplog.at_level(logging.INFO):
        logging.getLogger("some").info("%s of %d", "part", 2)
    (record,) = caplog.records
    assert (record.msg, record.args) == ("%s of %d", ("part", 2))


def test_logs_after_an_error(written: io.StringIO) -> None:
    """Scrubbing ends with its block, also after an error."""
    factory = logging.getLogRecordFactory()
    with pytest.raises(ValueError, match="x"), scrubbed_logging(Redactor(["the-s3cr3t"])):
        fail("x")
    logging.getLogger("some").info("the-s3cr3t")
    assert written.getvalue() == "the-s3cr3t\n"
    assert logging.getLogRecordFactory() is factory


def test_another_factory_is_kept(written: io.StringIO) -> None:
    """A log record factory set before or during scrubbing stays in use and is scrubbed."""
    original = logging.getLogRecordFactory()

    def marking(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = original(*args, **kwargs)
        record.msg = f"marked {record.msg}"
        return record

    try:
        logging.setLogRecordFactory(marking)
        with scrubbed_logging(Redactor(["the-s3cr3t"])):
            logging.getLogger("some").info("the-s3cr3t")
        assert logging.getLogRecordFactory() is marking
        with scrubbed_logging(Redactor(["the-s3cr3t"])):
            inner = logging.getLogRecordFactory()
            logging.setLogRecordFactory(lambda *args, **kwargs: inner(*args, **kwargs))
            with scrubbed_logging(Redactor(["other-s3cr3t"])):
                logging.getLogger("some").info("the-s3cr3t other-s3cr3t")
        logging.getLogger("some").info("the-s3cr3t")
    finally:
        logging.setLogRecordFactory(original)
    assert written.getvalue() == "marked ***\nmarked *** ***\nmarked the-s3cr3t\n"


def test_scrubbing_in_threads(written: io.StringIO) -> None:
    """Threads enter and leave as they like; a secret is hidden as long as one of them is inside."""
    factory = logging.getLogRecordFactory()
    logger = logging.getLogger("threads")

    def work(number: int) -> None:
        for _ in range(50):
            with scrubbed_logging(Redactor([f"s3cr3t-{number}-"])):
                logger.info("s3cr3t-%d-", number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert written.getvalue() == f"{HIDDEN}\n" * 300
    assert logging.getLogRecordFactory() is factory
