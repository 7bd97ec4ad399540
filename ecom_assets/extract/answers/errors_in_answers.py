"""Errors that an API tells beside its data, in a successful answer."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from requests import Response

from ecom_assets.client.read_statistics import SliceStatistics
from ecom_assets.foundation.errors import ApiError
from ecom_assets.foundation.json_path import find_values
from ecom_assets.foundation.json_text import json_text
from ecom_assets.foundation.progress import OnProgress

_USUAL_FIELDS = ("errors", "error")
"""Fields beside the data of an answer that tell of errors at many APIs."""
_NO_ERROR = re.compile(r"|0|none|null|false|no|ok|success|no[ _]errors?", re.IGNORECASE)
"""Texts with which such a field says that there is no error."""
_NAME = re.compile(r"[\w-]+")


def refuse_errors(resource: str, errors_path: str | None, response: Response) -> None:
    """Raise ApiError if an answer has something at the declared path of its errors."""
    if errors_path is None or not response.content.strip():
        return
    found = [value for value in find_values(errors_path, response.json()) if value]
    if found:
        raise ApiError(f"{resource}: the answer has errors at errors_path {errors_path!r}: {_text_of(found)}")


def undeclared_errors(errors_path: str | None, response: Response, records_path: Sequence[str]) -> str:
    """Return what to declare about the errors that an answer has beside its data, "" if it has none.

    Args:
        errors_path: The declared place of errors. If there is one, nothing else is looked at.
        response: The answer.
        records_path: The names that lead to the records; empty if the answer as a whole is the records, or one record.
    """
    level = response.json() if errors_path is None and response.content.strip() else None
    for depth, below in enumerate(records_path):
        if not isinstance(level, Mapping):
            break
        for name in _USUAL_FIELDS:
            if name != below and _is_error(level.get(name)):
                path = ".".join([*records_path[:depth], name])
                return f"the answer has {path} beside its data: {_text_of(level[name])}; declare errors_path: {path}"
        level = level.get(below)
    return ""


def path_of_selector(selector: str) -> tuple[str, ...]:
    """Return the names with which a JSONPath begins, as far as they are plain; `$` is none."""
    names: list[str] = []
    for part in selector.removeprefix("$").strip(".").split("."):
        name = part.partition("[")[0]
        if _NAME.fullmatch(name) is None:
            break
        names.append(name)
        if name != part:
            break
    return tuple(names)


def report_errors(resource: str, statistics: SliceStatistics, on_progress: OnProgress) -> None:
    """Tell about the undeclared errors beside the data of a slice, if there are any."""
    if statistics.with_errors:
        on_progress(
            f"{resource}: {statistics.with_errors} answers tell of errors, and their records were loaded: "
            f"{statistics.errors_text}, so that such an answer fails"
        )


def _is_error(value: Any) -> bool:
    """Tell whether the value of a field that is named like an error says that there is one."""
    if isinstance(value, str):
        return _NO_ERROR.fullmatch(value.strip()) is None
    return bool(value)


def _text_of(value: Any) -> str:
    """Return the messages of errors, or else the errors as JSON, shortened."""
    messages = [entry for entry in find_values("$..message", value) if isinstance(entry, str)]
    text = "; ".join(dict.fromkeys(messages)) or json_text(value)
    return " ".join(text.split())[:200]
