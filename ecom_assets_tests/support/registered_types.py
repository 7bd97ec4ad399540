"""Classes registered with dlt for the time of a test: dlt keeps them in the process, in its maps and in its types."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, get_args

from dlt.sources.rest_api import config_setup
from dlt.sources.rest_api.typing import AuthType, PaginatorType


@contextmanager
def registered(
    paginators: Mapping[str, type[Any]] | None = None, auths: Mapping[str, type[Any]] | None = None
) -> Iterator[None]:
    """Register classes by the names of their types, and make dlt forget them again."""
    kinds: list[tuple[dict[str, Any], Any]] = [
        (config_setup.PAGINATOR_MAP, PaginatorType),
        (config_setup.AUTH_MAP, AuthType),
    ]
    before = [(dict(classes), get_args(names)) for classes, names in kinds]
    try:
        for name, paginator in (paginators or {}).items():
            config_setup.register_paginator(name, paginator)
        for name, auth in (auths or {}).items():
            config_setup.register_auth(name, auth)
        yield
    finally:
        for (classes, names), (old_classes, old_names) in zip(kinds, before, strict=True):
            classes.clear()
            classes.update(old_classes)
            names.__args__ = old_names
