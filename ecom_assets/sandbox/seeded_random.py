"""Pseudo-random bytes that depend only on a seed and a name, so they are the same on every machine and version."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import TypeVar

T = TypeVar("T")


def seeded_bytes(seed: int, kind: str, number: int) -> bytes:
    """Return 48 bytes for the object of this kind and number."""
    return blake2b(f"{seed}/{kind}/{number}".encode(), digest_size=48).digest()


def choose(choices: Sequence[T], low: int, high: int = 0) -> T:
    """Return one of the choices.

    Args:
        choices: What to choose from.
        low: A random byte.
        high: A second one, for more than 256 choices.
    """
    return choices[(high << 8 | low) % len(choices)]
