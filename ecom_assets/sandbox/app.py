"""The sandbox's routes: who may ask, what is where, and how errors are told. Pages are `listing`'s."""

from __future__ import annotations

from typing import cast

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ecom_assets.sandbox.record_pages import PATHS, Listing, ParameterError


def create_app(listing: Listing, key: str) -> Starlette:
    """Return the API, which wants this key in the query as `api_key`."""

    async def records(request: Request) -> Response:
        if request.query_params.get("api_key") != key:
            found = "no api_key" if "api_key" not in request.query_params else "a wrong api_key"
            return _error(401, f"{found} in the query")
        try:
            body = listing.page(request.url.path, request.query_params)
        except ParameterError as error:
            return _error(400, str(error))
        return Response(body, media_type="application/json")

    async def refused(request: Request, error: Exception) -> Response:
        told = cast(HTTPException, error)  # the only kind that comes here
        answer = _error(told.status_code, f"{request.method} {request.url.path}: {told.detail}")
        answer.headers.update(told.headers or {})
        return answer

    return Starlette(
        routes=[Route(path, records, methods=["GET"]) for path in PATHS],
        exception_handlers={HTTPException: refused},
    )


def _error(status: int, message: str) -> Response:
    return Response(orjson.dumps({"error": message}), status, media_type="application/json")
