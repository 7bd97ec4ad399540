"""Texts of rows in lists that fit into one statement."""

from __future__ import annotations

from collections.abc import Iterable, Iterator


def text_batches(texts: Iterable[str], most_bytes: int, most: int | None = None) -> Iterator[list[str]]:
    """Yield the texts in lists, each as long as it may be. A text that is too long is alone.

    Args:
        texts: The texts, which the caller joins by one character.
        most_bytes: Bytes of all texts of a list, in UTF-8 and with a character between two.
        most: Texts of a list, None for any number.
    """
    found: list[str] = []
    size = 0
    for text in texts:
        length = len(text.encode()) + 1
        if found and (size + length > most_bytes + 1 or len(found) == most):
            yield found
            found, size = [], 0
        found.append(text)
        size += length
    if found:
        yield found
