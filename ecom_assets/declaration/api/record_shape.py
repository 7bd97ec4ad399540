"""The key `records`: the shape in which an answer has its records, if it is no list of objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator
from typing_extensions import Self

from ecom_assets.declaration.error_text import format_value, rule_error, value_error
from ecom_assets.declaration.field_types import Text
from ecom_assets.declaration.model import Check, DeclarationModel

FORMS = ("list", "numbered", "map", "lines")


class RecordShape(DeclarationModel):
    """What is at `data_selector`, and how each of its elements becomes a record."""

    form: Literal["list", "numbered", "map", "lines"] = Field(
        default="list",
        description="`numbered` for an object whose names are numbers, `map` for an object whose names are the ids of "
        "its records, `lines` for a body with one JSON value a line. A map with `map_key` needs no `form`.",
    )
    map_key: Text | None = Field(
        default=None,
        description="The field of a record that takes its name in the map, so that a column can have it.",
    )
    wrapper: Text | None = Field(
        default=None,
        description="The field of each element that holds the record, such as `customer` in `{customer: {…}}`.",
    )
    value: Text | None = Field(
        default=None,
        description="The field that takes an element which is no object, such as a text or a number.",
    )

    @property
    def is_map(self) -> bool:
        """Tell whether the names of an object are the ids of its records."""
        return self.form == "map" or self.map_key is not None

    @property
    def is_object(self) -> bool:
        """Tell whether an object holds the records, as its values."""
        return self.form == "numbered" or self.is_map

    @model_validator(mode="after")
    def _check_keys_fit(self) -> Self:
        """Refuse a combination that has no meaning."""
        if self.map_key is not None and self.form not in ("list", "map"):
            raise rule_error(("form",), f"{self.form} with map_key", "map with map_key")
        if "form" in self.model_fields_set and self.form == "list" and self.map_key is not None:
            raise rule_error(("form",), "list with map_key", "map with map_key")
        if self.value is not None and self.wrapper is not None:
            raise rule_error(("value",), "both value and wrapper", "only one of value, wrapper")
        if self.value is not None and self.value == self.map_key:
            raise rule_error(("value",), format_value(self.value), "another field than map_key")
        return self


def _record_shape(value: Any) -> Any:
    """Take a form as a text for a mapping with nothing else in it."""
    if isinstance(value, str) and value in FORMS:
        return {"form": value}
    if isinstance(value, (Mapping, RecordShape)):
        return value
    raise value_error(
        format_value(value), f"one of {', '.join(FORMS)}, or a mapping with form, map_key, wrapper or value"
    )


Records = Annotated[
    RecordShape, Check(_record_shape, lambda schema: {"anyOf": [{"enum": list(FORMS)}, schema]})
]
