"""What the key `dagster` holds, and the checks of names, owners and tags.

Dagster itself is not needed to read it. See `ecom_assets.orchestration.translator` for what becomes of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from ecom_assets.declaration.assets.automation import AutomationCondition
from ecom_assets.declaration.assets.freshness import FreshnessOrNone
from ecom_assets.declaration.error_text import format_value, value_error
from ecom_assets.declaration.model import Check, DeclarationModel, text_schema

_LABEL = r"[A-Za-z0-9_.-]{1,63}"
_EMAIL = r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,7}"
_OWNER = rf"({_EMAIL}|team:\S(.*\S)?)"
_PREFIX_PART = r"[A-Za-z0-9_-]+"
_TAG_KEY = rf"(?!dagster/kind/)({_LABEL}/)?{_LABEL}"
_TAG_VALUE = r"[A-Za-z0-9_.-]{0,63}"
_MAX_KINDS = 10
_LONGEST_NAME = 100


def _text(pattern: str, allowed: str) -> Check:
    """Return the check of a text that matches a pattern as a whole."""

    def check(value: Any) -> Any:
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise value_error(format_value(value), allowed)
        return value

    return Check(check, text_schema(pattern))


def _texts(pattern: str, allowed: str, most: int | None = None) -> Check:
    """Return the check of one text, or of a list of different texts, that all match a pattern."""

    def check(value: Any) -> Any:
        entries = (value,) if isinstance(value, str) else value
        if not isinstance(entries, (list, tuple)):
            raise value_error(format_value(value), f"a list; each of it {allowed}")
        for position, entry in enumerate(entries):
            place = () if isinstance(value, str) else (position,)
            if not isinstance(entry, str) or not re.fullmatch(pattern, entry):
                raise value_error(format_value(entry), allowed, *place)
            if entry in entries[:position]:
                raise value_error(f"{format_value(entry)} twice", "each value once", *place)
        if most is not None and len(entries) > most:
            raise value_error(f"{len(entries)} values", f"at most {most}")
        return tuple(entries)

    entry = text_schema(pattern)
    longest = {} if most is None else {"maxItems": most}
    return Check(check, {"anyOf": [entry, {"type": "array", "items": entry, "uniqueItems": True, **longest}]})


def _key_prefix(value: Any) -> Any:
    """Split a prefix such as `raw/north` into its parts."""
    parts = value.split("/") if isinstance(value, str) else value
    allowed = "letters, digits, _ and -, with / between the parts, such as raw/north; or a list of parts"
    if not isinstance(parts, (list, tuple)):
        raise value_error(format_value(value), allowed)
    for position, part in enumerate(parts):
        if not isinstance(part, str) or not re.fullmatch(_PREFIX_PART, part):
            found, place = (value, ()) if isinstance(value, str) else (part, (position,))
            raise value_error(format_value(found), allowed, *place)
    return tuple(parts)


_PREFIX_SCHEMA: dict[str, Any] = {
    "anyOf": [
        text_schema(rf"{_PREFIX_PART}(/{_PREFIX_PART})*"),
        {"type": "array", "items": text_schema(_PREFIX_PART)},
    ]
}


def _tags(value: Any) -> Any:
    """Check each tag as Dagster does."""
    if not isinstance(value, Mapping):
        raise value_error(format_value(value), "a mapping, such as {domain: sales}")
    for key, entry in value.items():
        if isinstance(key, str) and key.startswith("dagster/kind/"):
            raise value_error("a kind", f"it under kinds: [{key.removeprefix('dagster/kind/')}]", key)
        if not isinstance(key, str) or not re.fullmatch(_TAG_KEY, key):
            allowed = "a key of letters, digits, _ - and ., at most 63, and one / after a prefix of them"
            raise value_error(f"the key {format_value(key)}", allowed)
        if not isinstance(entry, str) or not re.fullmatch(_TAG_VALUE, entry):
            unquoted = "; put it in quotes" if isinstance(entry, (bool, int, float)) else ""
            allowed = f"a text of letters, digits, _ - and ., at most 63{unquoted}"
            raise value_error(format_value(entry), allowed, key)
    return dict(value)


_TAGS_SCHEMA: dict[str, Any] = {
    "type": "object",
    "propertyNames": text_schema(_TAG_KEY),
    "additionalProperties": text_schema(_TAG_VALUE),
}


class AssetSettings(DeclarationModel):
    """How tables look and run as Dagster assets. What a resource sets comes before what the shop sets."""

    key_prefix: Annotated[tuple[str, ...], Check(_key_prefix, _PREFIX_SCHEMA)] | None = Field(
        default=None,
        description="What the asset's key has before the name of the table: parts with / between them, or a list. "
        "Unless given, the name of the shop.",
    )
    group_name: (
        Annotated[
            str,
            _text(rf"[A-Za-z0-9_]{{1,{_LONGEST_NAME}}}", f"letters, digits and _, at most {_LONGEST_NAME}"),
        ]
        | None
    ) = Field(default=None, description="The group of the assets. Unless given, the name of the shop.")
    owners: (
        Annotated[tuple[str, ...], _texts(_OWNER, "an email address, or a team such as team:data")] | None
    ) = Field(default=None, description="Email addresses, and teams such as `team:data`. None unless given.")
    tags: Annotated[Mapping[str, str], Check(_tags, _TAGS_SCHEMA)] | None = Field(
        default=None, description="Tags of the assets. Those of a resource are added to those of the shop."
    )
    kinds: (
        Annotated[
            tuple[str, ...],
            _texts(_LABEL, "letters, digits, _ - and ., at most 63, such as postgres", _MAX_KINDS),
        ]
        | None
    ) = Field(
        default=None, description="The kinds of the assets. Unless given, `dlt` and the warehouse's engine."
    )
    automation_condition: AutomationCondition | None = Field(
        default=None,
        description="When Dagster loads the tables by itself: `eager`, `on_missing` or `on_cron`. `none` undoes what "
        "the shop sets.",
    )
    freshness: FreshnessOrNone | None = Field(
        default=None,
        description="How old the last load may be. Unless given, two and a quarter days for a table without windows; a "
        "table with windows has the check `up_to_date` of the status instead. `none` sets no limit.",
    )
    pool: (
        Annotated[
            str,
            _text(rf"\S{{1,{_LONGEST_NAME}}}", f"a text without spaces, at most {_LONGEST_NAME} characters"),
        ]
        | None
    ) = Field(
        default=None, description="The pool of the ops that load the tables. Unless given, `<shop>_load`."
    )

    def over(self, others: AssetSettings) -> AssetSettings:
        """Return these settings, and for what they leave open those of others; tags are put together."""
        given = {key: value for key, value in self if value is not None}
        if self.tags is not None and others.tags is not None:
            given["tags"] = {**others.tags, **self.tags}
        return others.model_copy(update=given)


ShopSettings = Annotated[AssetSettings, Field(description="How the tables look and run as Dagster assets.")]
TableSettings = Annotated[
    AssetSettings,
    Field(
        description="How the table looks and runs as a Dagster asset, where it differs from the shop's `dagster`."
    ),
]
