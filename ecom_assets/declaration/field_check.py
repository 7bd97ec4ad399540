"""A check of a value of a declaration that also knows, as a JSON Schema, what a file may hold there.

The schema of a whole file is `declared_schema`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema
from pydantic_core.core_schema import no_info_before_validator_function

FileSchema = Mapping[str, Any] | Callable[[JsonSchemaValue], JsonSchemaValue]
"""What a file may hold: a JSON Schema, or how that of the model becomes it."""


@dataclass(frozen=True, eq=False)  # by identity, since a schema has no hash
class Check:
    """Stands in `Annotated`: `check` takes what a file holds before the type does, `form` describes it."""

    check: Callable[[Any], Any]
    form: FileSchema

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Put the check before the type."""
        return no_info_before_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Describe what a file may hold, in place of what the model does."""
        return self.form(handler(schema)) if callable(self.form) else dict(self.form)


@dataclass(frozen=True, eq=False)  # by identity, since a schema has no hash
class Documented:
    """Stands in `Annotated` where a value needs no check, but a file may hold something else than the model does."""

    form: FileSchema

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Describe what a file may hold, in place of what the model does."""
        return self.form(handler(schema)) if callable(self.form) else dict(self.form)


def text_schema(pattern: str) -> dict[str, Any]:
    """Return the form of a text of that pattern."""
    return {"type": "string", "pattern": f"^{pattern}$"}
