"""The key `deletes`: whether, and how, records that are gone from an API are detected.

See `ecom_assets.load.sweeps.delete_detection` for finding and marking them by a sweep, and
`ecom_assets.contract.told_deletions` for records that say themselves that they are deleted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, StrictBool, model_validator
from typing_extensions import Self

from ecom_assets.declaration.error_text import format_value, rule_error, value_error
from ecom_assets.declaration.field_types import Dotted
from ecom_assets.declaration.model import Check, DeclarationModel
from ecom_assets.declaration.table.column import Column

DELETED_AT = Column(
    name="deleted_at",
    data_type="timestamp",
    description="When a sweep found that the API no longer has the record; null while it has.",
)
"""The column that a table has in addition to the declared ones if `deletes` is set."""

MAX_DELETED = 0.2
"""The default of `max_deleted`."""


class DeleteDetection(DeclarationModel):
    """Detect deletes by reading all keys of the collection, or by a field that says so in a record."""

    by: Literal["sweep"] | None = Field(
        default=None, description="The method; `sweep` reads all keys of the collection."
    )
    field: Dotted | None = Field(
        default=None,
        description="Instead of `by`: the field that says in a record that it is deleted: names separated by dots, or "
        "a list of names. True, 1, a text that is not `false`, or an instant mean yes.",
    )
    params: Mapping[str, Any] = Field(
        default_factory=dict,
        description="Parameters of the sweep, such as `fields: id`. They override the endpoint's own.",
    )
    single_page: StrictBool = Field(
        default=False,
        description="True states that the API returns the whole collection on one page; needed where nothing else "
        "confirms the end of the list.",
    )

    @model_validator(mode="after")
    def _check_method(self) -> Self:
        """Require one of the two methods."""
        if self.by is None and self.field is None:
            raise rule_error(("by",), "nothing", "sweep")
        if self.by is not None and self.field is not None:
            raise rule_error(("field",), "both by and field", "only one of by, field")
        return self


def _deletes(value: Any) -> Any:
    """Take the bare word for a mapping with nothing else in it."""
    if value == "sweep":
        return {"by": value}
    if isinstance(value, (Mapping, DeleteDetection)):
        return value
    raise value_error(format_value(value), "sweep, or a mapping with by: sweep and params")


Deletes = Annotated[DeleteDetection, Check(_deletes, lambda schema: {"anyOf": [{"const": "sweep"}, schema]})]


Unfiltered = Annotated[
    Literal["count", "load"],
    Field(
        description="What a sweep does with records that no window brings, such as those whose cursor is null: `count` "
        "names some of them; `load` reads the list a second time, and loads them."
    ),
]


def deletions_name(resource: str) -> str:
    """Return the name under which the sweeps of a resource are reported, as an asset and in the ledger."""
    return f"{resource}_deletions"
