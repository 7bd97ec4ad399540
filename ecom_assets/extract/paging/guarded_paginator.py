"""Guards paginators of the user's own: an error in one is a clear line about the resource, without the response."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from dlt.sources.helpers.rest_client.paginators import BasePaginator, RangePaginator
from requests import Request, Response

from ecom_assets.declaration.api.paginator import PAGINATORS, new_paginator
from ecom_assets.extract.paging.pointer_paginator import POINTER_TYPES, PointerPaginator
from ecom_assets.foundation.errors import ApiError, IngestError


def paginator_of(config: Mapping[str, Any], resource: str) -> BasePaginator:
    """Return the paginator of a declared one.

    Its type is one of dlt's classes, a PointerPaginator where pages are followed, or a guard of the user's own class.

    Args:
        config: The declared paginator.
        resource: The resource's name, for messages.
    """
    paginator = new_paginator(config)
    if type(paginator) not in PAGINATORS.values():
        return GuardedPaginator(paginator, resource)
    if isinstance(paginator, RangePaginator):
        # `HasMore` reads the field, which may be more than true or false
        paginator.has_more_path = None
    return PointerPaginator(config, resource) if config["type"] in POINTER_TYPES else paginator


class GuardedPaginator(BasePaginator):
    """Calls a paginator of the user's own. Its errors may quote the response, so their texts are left out."""

    def __init__(self, paginator: BasePaginator, resource: str) -> None:
        """Keep the paginator, and the resource's name for messages."""
        super().__init__()
        self.paginator = paginator
        self._resource = resource

    @property
    def has_next_page(self) -> bool:
        """Tell whether there is a next page."""
        return bool(self._call(lambda: self.paginator.has_next_page))

    def init_request(self, request: Request) -> None:
        """Put the first page into the request."""
        self._call(lambda: self.paginator.init_request(request))

    def update_state(self, response: Response, data: list[Any] | None = None) -> None:
        """Take what the response says about the next page."""
        self._call(lambda: self.paginator.update_state(response, data))

    def update_request(self, request: Request) -> None:
        """Put the next page into the request."""
        self._call(lambda: self.paginator.update_request(request))

    def _call(self, step: Callable[[], Any]) -> Any:
        """Return what a step of the paginator returns; raises ApiError with the place of an error in its code."""
        try:
            return step()
        except IngestError:
            raise
        except Exception as error:
            frame = traceback.extract_tb(error.__traceback__)[-1]
            problem = f"{type(error).__name__} in {Path(frame.filename).name}, line {frame.lineno}"
        raise ApiError(
            f"{self._resource}: the paginator {type(self.paginator).__name__} failed with {problem}; the response may "
            "lack what the paginator reads"
        )
