"""What all models of a declaration are built of: their base class, and the checks of their fields.

A check also knows the JSON Schema of the values that a file may hold. See
`ecom_assets.declaration.reference.json_schema` for the schema of a whole file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

from pydantic import (
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ModelWrapValidatorHandler,
    ValidationError,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError
from pydantic_core.core_schema import no_info_before_validator_function
from typing_extensions import Self

from ecom_assets.declaration.error_text import allowed_keys, format_value, value_error

FileSchema = Mapping[str, Any] | Callable[[JsonSchemaValue], JsonSchemaValue]
"""The JSON Schema of what a file may hold, or a function that makes it from the schema of the model."""


class DeclarationModel(BaseModel):
    """A part of a declaration: frozen, with exact types and no unknown keys; null means the default."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    NOT_IN_FILE: ClassVar[frozenset[str]] = frozenset()
    """Fields that are not keys in a file."""

    @classmethod
    @cache
    def file_keys(cls) -> tuple[str, ...]:
        """Return the keys that a file may hold here, in the order of the documentation."""
        return tuple(
            field.alias or name for name, field in cls.model_fields.items() if name not in cls.NOT_IN_FILE
        )

    @classmethod
    @cache
    def _known_keys(cls) -> frozenset[str]:
        return cls.NOT_IN_FILE.union(cls.file_keys())

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy. Properties that were computed once are computed again: they follow from the fields."""
        copied = super().model_copy(update=update, deep=deep)
        for name in copied.__dict__.keys() - type(self).model_fields.keys():
            del copied.__dict__[name]
        return copied

    @model_validator(mode="wrap")
    @classmethod
    def _check_keys(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Refuse unknown keys, together with what else is wrong here."""
        if not isinstance(data, Mapping):
            return handler(data)
        known = cls._known_keys()
        unknown = [key for key in data if key not in known]
        given = {key: value for key, value in data.items() if value is not None and key in known}
        if not unknown:
            return handler(given)
        wrong: list[InitErrorDetails] = [
            {
                "type": value_error("an unknown key", allowed_keys(key, cls.file_keys()), key),
                "loc": (),
                "input": None,
            }
            for key in unknown
        ]
        try:
            handler(given)
        except ValidationError as error:
            wrong += _without_consequences(error)
        raise ValidationError.from_exception_data(cls.__name__, wrong)


def _without_consequences(error: ValidationError) -> list[InitErrorDetails]:
    """Return the errors of a part with unknown keys that have causes of their own.

    An unknown key is mostly a misspelt one, so that a key is missing, or keys seem to contradict each other.
    """
    kept: list[InitErrorDetails] = []
    for entry in error.errors(include_url=False):
        place, context = entry["loc"], entry.get("ctx", {})
        if not place or (entry["type"] == "missing" and len(place) == 1):
            continue
        kind: str | PydanticCustomError = entry["type"]
        if kind in ("value", "rule"):
            kind = PydanticCustomError(kind, "{found}; {allowed}", context)
        kept.append({"type": kind, "loc": place, "input": entry["input"], "ctx": context})
    return kept


@dataclass(frozen=True, eq=False)  # compared by identity, since a schema has no hash
class Check:
    """An annotation of a field: `check` runs on the value in a file before its type is checked, `schema` describes it.

    `check` returns the value to go on with, or raises `value_error`.
    """

    check: Callable[[Any], Any]
    schema: FileSchema

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Run the check before the one of the type."""
        return no_info_before_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Return the schema of the values in a file, in place of the model's."""
        return _file_schema(self.schema, handler(schema))


def filled_list(allowed: str) -> Check:
    """Return the check of a list with at least one entry.

    Args:
        allowed: What messages say is allowed.
    """

    def check(value: Any) -> Any:
        if not isinstance(value, (list, tuple)) or not value:
            raise value_error(format_value(value), allowed)
        return tuple(value)

    return Check(check, lambda schema: {**schema, "minItems": 1})


@dataclass(frozen=True, eq=False)  # compared by identity, since a schema has no hash
class Documented:
    """An annotation of a field that needs no check, but whose schema in a file differs from the model's."""

    schema: FileSchema

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Return the schema of the values in a file, in place of the model's."""
        return _file_schema(self.schema, handler(schema))


def _file_schema(schema: FileSchema, model_schema: JsonSchemaValue) -> JsonSchemaValue:
    return schema(model_schema) if callable(schema) else dict(schema)


def text_schema(pattern: str) -> dict[str, Any]:
    """Return the JSON Schema of a text that matches a pattern as a whole."""
    return {"type": "string", "pattern": f"^{pattern}$"}
