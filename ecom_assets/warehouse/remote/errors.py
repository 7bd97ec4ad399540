"""What a service whose statements on tables commit by themselves cannot do in a transaction."""

from __future__ import annotations


class NotAtomic(Exception):
    """A change of stored rows or names that would need several statements, of which each commits by itself."""
