"""What an endpoint declares about its answers: which ones are ignored, and which forms an empty one has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from ecom_assets.declaration.error_text import allowed_keys, format_value, value_error
from ecom_assets.declaration.model import Check

EMPTY_FORMS: Mapping[str, str] = {
    "missing": "the list is left out",
    "null": "null in place of the list, or as the whole body",
    "[]": "an empty list as the whole body",
    "{}": "an empty object in place of the list, or as the whole body",
    "false": "false in place of the list",
    "204": "a response without a body",
}
"""The forms of an answer without records, besides an empty list in the usual place."""


def _check_ignored(action: Mapping[str, Any], position: int) -> None:
    """Refuse an action that would ignore pages of records."""
    status, content = action.get("status_code"), action.get("content")
    if content is not None and not str(content).strip():
        raise value_error("an empty text", "the whole body of the answer, or no content", position, "content")
    if content is None and (status is None or str(status) in ("200", "201", "202", "203", "206")):
        found = "ignore for every answer" if status is None else f"ignore for every answer with {status}"
        raise value_error(
            found,
            "content, the whole body of the answer to ignore, because this would ignore every page of records",
            position,
        )


def _response_actions(value: Any) -> Any:
    """Check dlt's list of actions for responses with a given status or text; in Python, functions may act."""
    if not isinstance(value, (list, tuple)):
        raise value_error(format_value(value), "a list of mappings")
    known = ("status_code", "content", "action")
    for position, action in enumerate(value):
        if callable(action):
            continue
        if not isinstance(action, Mapping):
            raise value_error(format_value(action), "a mapping", position)
        for key, given in action.items():
            if key not in known:
                raise value_error("an unknown key", allowed_keys(key, known), position, key)
            functions = given if isinstance(given, (list, tuple)) and given else [given]
            if key == "action" and all(map(callable, functions)):
                continue
            if not isinstance(given, (str, int)) or isinstance(given, bool):
                raise value_error(format_value(given), "a text", position, key)
        if action.get("action") == "ignore":
            _check_ignored(action, position)
    return tuple(value)


_ACTIONS_SCHEMA = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {key: {"type": ["string", "integer"]} for key in ("status_code", "content", "action")},
        "additionalProperties": False,
    },
}


ResponseActions = Annotated[tuple[Any, ...], Check(_response_actions, _ACTIONS_SCHEMA)]


def _empty_answers(value: Any) -> Any:
    """Check one form of an empty answer, or a list of them; YAML's own values stand for the forms they look like."""
    given = value if isinstance(value, (list, tuple)) and value else [value]
    forms = []
    for position, entry in enumerate(given):
        form = _form_text(entry)
        if form not in EMPTY_FORMS:
            place = (position,) if given is value else ()
            raise value_error(format_value(entry), ", ".join(EMPTY_FORMS), *place)
        forms.append(form)
    return tuple(dict.fromkeys(forms))


def _form_text(entry: Any) -> Any:
    if entry is None or entry is False:
        return "null" if entry is None else "false"
    if isinstance(entry, (list, tuple, Mapping)):
        return None if entry else "{}" if isinstance(entry, Mapping) else "[]"
    return str(entry)


_FORM_SCHEMA: dict[str, Any] = {"enum": [*EMPTY_FORMS, None, False, 204, [], {}]}

EmptyAnswers = Annotated[
    tuple[str, ...],
    Check(_empty_answers, {"anyOf": [_FORM_SCHEMA, {"type": "array", "items": _FORM_SCHEMA}]}),
]
