"""The key `write_disposition`: how a load writes its rows into the table, in dlt's words.

See `ecom_assets.declaration.shop_rules.dispositions` for what fits a resource, and `ecom_assets.load.dispositions` for
the writing itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator
from pydantic.json_schema import JsonSchemaValue
from typing_extensions import Self

from ecom_assets.declaration.error_text import format_value, rule_error, value_error
from ecom_assets.declaration.field_types import AddedColumnName, ColumnName, Instant
from ecom_assets.declaration.model import Check, DeclarationModel
from ecom_assets.declaration.table.column import Column

Disposition = Literal["merge", "replace", "append"]
_WORDS = ("merge", "replace", "append")
_ALLOWED = "merge, replace or append, or a mapping with disposition and strategy"

_HISTORY_KEYS = ("validity_column_names", "active_record_timestamp", "row_version_column_name")

LOAD_ID = Column.model_construct(
    name="_dlt_load_id",
    data_type="text",
    path=("_dlt_load_id",),
    description="The load that brought the row; its reading is in load_ledger.",
)
"""The column that a table has in addition to the declared ones if it is merged without `incremental`."""


def _validity_names(value: Any) -> Any:
    """Take the names of two different columns."""
    if not isinstance(value, (list, tuple)) or len(value) != 2 or value[0] == value[1]:
        raise value_error(
            format_value(value), "a list of two column names, such as [_dlt_valid_from, _dlt_valid_to]"
        )
    return tuple(value)


def _names_schema(schema: JsonSchemaValue) -> JsonSchemaValue:
    return {"type": "array", "items": schema["prefixItems"][0], "minItems": 2, "maxItems": 2}


class WriteDisposition(DeclarationModel):
    """How a load writes its rows into the table."""

    disposition: Disposition = Field(description="What happens to the rows that are there, as in dlt.")
    strategy: Literal["delete-insert", "upsert", "scd2"] | None = Field(
        default=None,
        description="How `merge` works: `delete-insert` and `upsert` keep one row per key, `scd2` keeps each state.",
    )
    validity_column_names: Annotated[
        tuple[AddedColumnName, AddedColumnName], Check(_validity_names, _names_schema)
    ] = Field(
        default=("_dlt_valid_from", "_dlt_valid_to"),
        description="With `scd2`: the columns that tell from when until when a state is valid.",
    )
    active_record_timestamp: Instant | None = Field(
        default=None, description="With `scd2`: the end of a state that is valid now; null unless given."
    )
    row_version_column_name: ColumnName | None = Field(
        default=None,
        description="With `scd2` and without `incremental`: the column that tells states apart; unless given, all "
        "columns do.",
    )

    @property
    def keeps_history(self) -> bool:
        """Tell whether each state of a row is kept, not only the last one."""
        return self.strategy == "scd2"

    @property
    def valid_from(self) -> str:
        """Return the name of the column with the start of a state."""
        return self.validity_column_names[0]

    @property
    def valid_to(self) -> str:
        """Return the name of the column with the end of a state."""
        return self.validity_column_names[1]

    @property
    def validity_columns(self) -> tuple[Column, Column]:
        """Return the two columns that a table with history has in addition to the declared ones."""
        open_end: datetime | None = self.active_record_timestamp
        end_text = "null" if open_end is None else open_end.isoformat()
        texts = (
            "From when on the record was in this state.",
            f"Until when the record was in this state; {end_text} while it is.",
        )
        from_, to = (
            Column.model_construct(name=name, data_type="timestamp", path=(name,), description=text)
            for name, text in zip(self.validity_column_names, texts, strict=True)
        )
        return from_, to

    @model_validator(mode="after")
    def _check_strategy(self) -> Self:
        """Require that `strategy` goes with merge, and the options of history with scd2."""
        if self.strategy is not None and self.disposition != "merge":
            raise rule_error(
                ("strategy",), f"strategy with disposition {self.disposition}", "strategy with merge only"
            )
        for key in _HISTORY_KEYS:
            if key in self.model_fields_set and not self.keeps_history:
                raise rule_error((key,), f"{key} without strategy scd2", f"{key} with strategy: scd2 only")
        return self


def _write_disposition(value: Any) -> Any:
    """Take the bare word for a mapping with nothing else in it."""
    if value in _WORDS:
        return {"disposition": value}
    if isinstance(value, WriteDisposition):
        return value
    if not isinstance(value, Mapping):
        raise value_error(format_value(value), _ALLOWED)
    return value


def _schema(schema: JsonSchemaValue) -> JsonSchemaValue:
    return {"anyOf": [{"enum": list(_WORDS)}, schema]}


DeclaredDisposition = Annotated[WriteDisposition, Check(_write_disposition, _schema)]
