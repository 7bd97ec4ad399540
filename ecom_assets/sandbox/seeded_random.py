"""Chance that repeats itself: bytes that depend on a seed and a name alone, on every machine and version."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import TypeVar

T = TypeVar("T")


def dice(seed: int, kind: str, number: int) -> bytes:
    """Return 48 bytes for the thing of that kind and number."""
    return blake2b(f"{seed}/{kind}/{number}".encode(), digest_size=48).digest()


def pick(choices: Sequence[T], low: int, high: int = 0) -> T:
    """Return one of the choices for one byte, or for two where there may be more than 256 of them."""
    return choices[(high << 8 | low) % len(choices)]
