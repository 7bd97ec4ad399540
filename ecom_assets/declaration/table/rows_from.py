"""The model of a nested list: where it is in the records of another resource."""

from __future__ import annotations

import re

from pydantic import Field, model_validator
from typing_extensions import Self

from ecom_assets.declaration.error_text import format_value, rule_error
from ecom_assets.declaration.field_types import DottedText, Name, Text, Texts
from ecom_assets.declaration.model import DeclarationModel

_JSON_PATH = re.compile(r"^\$|\[[*\d]*\]")
"""What a JSONPath has, and a path of names has not."""


class RowsFrom(DeclarationModel):
    """A list inside the records of another resource, whose elements are the records of this one."""

    resource: Name = Field(description="The resource whose records hold the list.")
    path: DottedText = Field(description="Path of the field that holds the list, with dots.")
    value: Text | None = Field(
        default=None,
        description="The field that takes an element which is no object, such as a text, a number or a list.",
    )
    position: Texts = Field(
        default=(),
        description="The field that takes the place of an element in its list, from 0. A list of fields goes as many "
        "lists deep: `[line, place]` makes a row of each element of the lists in a list.",
    )
    map_key: Text | None = Field(
        default=None,
        description="The list is an object, and this field takes the name of each of its values.",
    )
    total_path: DottedText | None = Field(
        default=None,
        description="Path, in the same record, to the number of elements; fewer in the list fail it.",
    )
    has_more_path: DottedText | None = Field(
        default=None,
        description="Path, in the same record, to a flag that says the list goes on; then it fails.",
    )

    @model_validator(mode="after")
    def _check_fields(self) -> Self:
        """Refuse one field for two things, and a path that no field name can have."""
        if _JSON_PATH.search(self.path):
            raise rule_error(
                ("path",),
                format_value(self.path),
                "names separated by dots, such as lines.data; a list in the elements of a list has no path",
            )
        fields = [self.value, self.map_key, *self.position]
        for name in ("value", "map_key"):
            field = getattr(self, name)
            if field is not None and fields.count(field) > 1:
                raise rule_error(
                    (name,), format_value(field), "a field that value, position and map_key name once"
                )
        return self


def check_source(endpoint: object | None, rows_from: RowsFrom | None) -> None:
    """Require one source of a resource's records: an endpoint, or a list in other records."""
    if endpoint is None and rows_from is None:
        raise rule_error(("endpoint",), "nothing", "either endpoint or rows_from")
    if endpoint is not None and rows_from is not None:
        raise rule_error(("rows_from",), "both endpoint and rows_from", "only one of endpoint, rows_from")
