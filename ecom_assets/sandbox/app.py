"""The sandbox's routes: the paths of the API, the check of the key, and errors as JSON.

See `ecom_assets.sandbox.record_pages` for the pages.
"""

from __future__ import annotations

from typing import cast

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ecom_assets.sandbox.record_pages import PATHS, ParameterError, RecordPages


def create_app(pages: RecordPages, key: str) -> Starlette:
    """Return the API, which requires this key as the query parameter `api_key`."""

    async def records(request: Request) -> Response:
        if request.query_params.get("api_key") != key:
            found = "no api_key" if "api_key" not in request.query_params else "a wrong api_key"
            return _error_response(401, f"{found} in the query")
        try:
            body = pages.page(request.url.path, request.query_params)
        except ParameterError as error:
            return _error_response(400, str(error))
        return Response(body, media_type="application/json")

    async def http_error(request: Request, error: Exception) -> Response:
        http_exception = cast(HTTPException, error)  # the only kind that this handler is registered for
        response = _error_response(
            http_exception.status_code, f"{request.method} {request.url.path}: {http_exception.detail}"
        )
        response.headers.update(http_exception.headers or {})
        return response

    return Starlette(
        routes=[Route(path, records, methods=["GET"]) for path in PATHS],
        exception_handlers={HTTPException: http_error},
    )


def _error_response(status: int, message: str) -> Response:
    return Response(orjson.dumps({"error": message}), status, media_type="application/json")
