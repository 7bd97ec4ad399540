"""What all models of a declaration are built of: their base class, and the checks of their fields.

A check also knows the JSON Schema of the values that a file may hold. See
`ecom_assets.declaration.reference.json_schema` for the schema of a whole file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema
from pydantic_core.core_schema import no_info_before_validator_function

from ecom_assets.declaration.error_text import allowed_keys, format_value, value_error

FileSchema = Mapping[str, Any] | Callable[[JsonSchemaValue], JsonSchemaValue]
"""The JSON Schema of what a file may hold, or a function that makes it from the schema of the model."""


class DeclarationModel(BaseModel):
    """A part of a declaration: frozen, with exact types and no unknown keys; null means the default."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    NOT_IN_FILE: ClassVar[frozenset[str]] = frozenset()
    """Fields that are not keys in a file."""

    @classmethod
    def file_keys(cls) -> tuple[str, ...]:
        """Return the keys that a file may hold here, in the order of the documentation."""
        return tuple(
            field.alias or name for name, field in cls.model_fields.items() if name not in cls.NOT_IN_FILE
        )

    @model_validator(mode="before")
    @classmethod
    def _check_keys(cls, data: Any) -> Any:
        """Refuse unknown keys before any other check, because an unknown key is mostly a misspelt one."""
        if not isinstance(data, Mapping):
            return data
        for key in data:
            if key not in cls.file_keys() and key not in cls.NOT_IN_FILE:
                raise value_error("an unknown key", allowed_keys(key, cls.file_keys()), key)
        return {key: value for key, value in data.items() if value is not None}


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
