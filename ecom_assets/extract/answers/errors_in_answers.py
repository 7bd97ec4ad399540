"""Errors that an API tells beside its data, in a successful answer."""

from __future__ import annotations

from typing import Any

from dlt.common import jsonpath
from requests import Response

from ecom_assets.foundation.errors import ApiError
from ecom_assets.foundation.json_text import json_text

_USUAL_FIELDS = ("errors", "error")
"""Fields at the top of an answer that tell of errors at many APIs."""


def refuse_errors(resource: str, errors_path: str | None, response: Response) -> None:
    """Raise ApiError if an answer has something at the declared path of its errors."""
    if errors_path is None or not response.content.strip():
        return
    found = [value for value in jsonpath.find_values(errors_path, response.json()) if value]
    if found:
        raise ApiError(f"{resource}: the answer has errors at errors_path {errors_path!r}: {_text_of(found)}")


def undeclared_errors(errors_path: str | None, response: Response) -> str:
    """Return what to declare about the errors that an answer has beside its data, "" if it has none."""
    body = response.json() if errors_path is None and response.content.strip() else None
    for name in _USUAL_FIELDS if isinstance(body, dict) else ():
        if isinstance(body, dict) and isinstance(body.get(name), (list, dict, str)) and body[name]:
            return (
                f"the answer has {name} beside its data: {_text_of(body[name])}; declare errors_path: {name}"
            )
    return ""


def _text_of(value: Any) -> str:
    """Return the messages of errors, or else the errors as JSON, shortened."""
    messages = [entry for entry in jsonpath.find_values("$..message", value) if isinstance(entry, str)]
    text = "; ".join(dict.fromkeys(messages)) or json_text(value)
    return " ".join(text.split())[:200]
