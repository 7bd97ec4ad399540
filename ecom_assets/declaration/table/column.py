"""The model of a declared column: its type, its path in a record, the column it references.

See `ecom_assets.contract` for turning records into columns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

from pydantic import Field, PrivateAttr, StrictBool, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import PydanticCustomError
from typing_extensions import Self

from ecom_assets.declaration.column_types import (
    COLUMN_TYPES,
    DEFAULT_PRECISION,
    DEFAULT_SCALE,
    ColumnType,
    DataType,
)
from ecom_assets.declaration.error_text import format_value, rule_error, value_error
from ecom_assets.declaration.field_types import (
    COLUMN_NAME_SCHEMA,
    ColumnName,
    Dotted,
    Text,
    TimeZone,
    ValueFormat,
    whole_number,
)
from ecom_assets.declaration.model import Check, DeclarationModel, text_schema

HINTS = ("nullable", "partition", "cluster", "description")
"""The keys that a column without `data_type` may have."""


def _without_default(schema: dict[str, Any]) -> None:
    """Leave the stand-in for a type out of a JSON Schema."""
    schema.pop("default", None)


class Reference(NamedTuple):
    """The column that a foreign key points to."""

    resource: str
    column: str


def _reference(value: Any) -> Any:
    """Split a text such as `customers.id` into a resource and its column."""
    if isinstance(value, Reference):
        return value
    if not isinstance(value, str) or value.count(".") != 1 or not all(value.split(".")):
        raise value_error(format_value(value), "a resource and its column, such as customers.id")
    return Reference(*value.split("."))


class Column(DeclarationModel):
    """One column of a contract.

    `path` leads to its value in a record. `precision` and `scale` are the size of a decimal. `timezone` is the zone of
    instants that name none; None stands for the zone of the endpoint's `incremental`. `renamed_from` is a former name.
    """

    NOT_IN_FILE: ClassVar[frozenset[str]] = frozenset({"name"})

    name: ColumnName
    data_type: DataType = Field(
        default="text",
        description="Type of the column, in dlt's words. Without it, the column is undeclared and its type is "
        f"inferred; only {', '.join(HINTS)} then stand here.",
        json_schema_extra=_without_default,
    )
    nullable: StrictBool = Field(default=True, description="False rejects records without a value.")
    precision: Annotated[int, whole_number(1, 38)] | None = Field(
        default=None, description="Digits of a decimal in all; 38 unless given."
    )
    scale: Annotated[int, whole_number(0, 38)] | None = Field(
        default=None,
        description="Digits of a decimal after the point; 9 unless given, 0 if only `precision` is given.",
    )
    path: Dotted = Field(
        default=(),
        description="Path of the value in the record, with dots, or as a list of names if a name has a dot; unless "
        "given, the column's name with `__` for a dot.",
    )
    timezone: TimeZone | None = Field(
        default=None,
        description="Time zone of values without an offset; the one of `incremental` unless given, else UTC.",
    )
    renamed_from: ColumnName | None = Field(
        default=None,
        description="The name that the column had before; the next load renames the column of the table.",
    )
    format: ValueFormat | None = Field(
        default=None,
        description="Format of the values of a timestamp or a date: `unix`, `unix_ms` or a strptime pattern. Unless "
        "given, the usual formats are read.",
    )
    rounding: Literal["scale"] | None = Field(
        default=None,
        description="`scale` rounds a decimal to the digits of `scale`, half to even; unless given, a number with more "
        "digits breaks the contract.",
    )
    volatile: StrictBool = Field(
        default=False,
        description="True for a value that is new in each response, such as a signed address. Two readings of a list "
        "may then differ in it.",
    )
    partition: StrictBool = Field(
        default=False,
        description="True lays the rows of a new table out by the day of this date or timestamp, in place of the "
        "cursor. For warehouses that partition tables, such as BigQuery.",
    )
    cluster: StrictBool = Field(
        default=False,
        description="True lays the rows of a new table out by this column. For warehouses that cluster tables, such "
        "as BigQuery, where it takes the place of the primary key.",
    )
    references: Annotated[Reference, Check(_reference, text_schema(r"[^.]+\.[^.]+"))] | None = Field(
        default=None, description="The `resource.column` that a foreign key points to."
    )
    pii: Literal["hash", "mask", "drop"] | None = Field(
        default=None, description="How personal data is protected before anything is written."
    )
    description: Text | None = Field(default=None, description="What the column means; shown in the UI.")

    _inferred: bool = PrivateAttr(default=False)
    _guessed: bool = PrivateAttr(default=False)

    @property
    def is_hint(self) -> bool:
        """Tell whether the file names no type: then it only says something about an undeclared column."""
        return "data_type" not in self.model_fields_set

    @property
    def inferred(self) -> bool:
        """Tell whether the column is not declared, and follows from the primary key or the cursor."""
        return self._inferred

    @property
    def guessed(self) -> bool:
        """Tell whether no record has shown the type of the undeclared column yet, so that the first one decides."""
        return self._guessed

    def as_guess(self) -> Column:
        """Return this undeclared column with its type as a guess."""
        copy = self.with_type(self)
        copy._guessed = True
        return copy

    def with_type(self, other: Column) -> Column:
        """Return this column with the type of another one, which is a guess if it is one there."""
        copy = self.model_copy(
            update={"data_type": other.data_type, "precision": other.precision, "scale": other.scale}
        )
        copy._inferred = self._inferred
        copy._guessed = other._guessed
        return copy

    def with_hint(self, hint: Column) -> Column:
        """Return this undeclared column with what the file says of it without giving its type."""
        copy = self.model_copy(
            update={key: getattr(hint, key) for key in HINTS if key in hint.model_fields_set}
        )
        copy._inferred = self._inferred
        return copy

    @model_validator(mode="before")
    @classmethod
    def _defaults(cls, data: Any) -> Any:
        """Fill in the path that the name implies, and the default size of a decimal."""
        if not isinstance(data, Mapping):
            return data
        implied: dict[str, Any] = {}
        name = data.get("name")
        if isinstance(name, str):
            implied["path"] = default_path(name)
        sized = [name for name, column_type in COLUMN_TYPES.items() if column_type.has_size]
        if data.get("data_type") in sized and data.get("scale") is None:
            default_size = {"precision": DEFAULT_PRECISION, "scale": DEFAULT_SCALE}
            implied |= default_size if data.get("precision") is None else {"scale": 0}
        return implied | {key: value for key, value in data.items() if value is not None}

    @model_validator(mode="after")
    def _check_type(self) -> Self:
        """Check that the keys which depend on the type fit it, and the scale fits the precision."""
        if self.is_hint and (key := self._needs_type()):
            found = f"nothing, while {key} needs the type"
            raise rule_error(("data_type",), found, ", ".join(COLUMN_TYPES))
        column_type = COLUMN_TYPES[self.data_type]
        if self.timezone is not None and not column_type.has_timezone:
            raise self._misplaced("timezone", lambda other: other.has_timezone)
        if self.format is not None and not column_type.has_format:
            raise self._misplaced("format", lambda other: other.has_format)
        for key in ("precision", "scale", "rounding"):
            if getattr(self, key) is not None and not column_type.has_size:
                raise self._misplaced(key, lambda other: other.has_size)
        if self.scale is not None and self.precision is None:
            raise rule_error(("precision",), "nothing", "a whole number from 1 to 38, because scale is given")
        if self.scale is not None and self.precision is not None and self.scale > self.precision:
            raise rule_error(
                ("scale",), str(self.scale), f"a whole number from 0 to {self.precision}, the precision"
            )
        if self.pii is not None and self.pii not in column_type.pii:
            allowed = f"{', '.join(column_type.pii)}, or data_type {_types_where(lambda other: self.pii in other.pii)}"
            raise rule_error(("pii",), f"{self.pii} with data_type {self.data_type}", allowed)
        return self

    def _needs_type(self) -> str | None:
        """Return a key that only a column with a type may have, None if there is none."""
        defaults = {name: entry.default for name, entry in type(self).model_fields.items()}
        defaults["path"] = default_path(self.name)
        others = self.model_fields_set - {"name", *HINTS}
        return next((key for key in sorted(others) if getattr(self, key) != defaults[key]), None)

    def _misplaced(self, key: str, takes_key: Callable[[ColumnType], bool]) -> PydanticCustomError:
        """Return the error of a key that columns of this type do not take."""
        found = f"{key} with data_type {self.data_type}"
        return rule_error((key,), found, f"{key} with data_type {_types_where(takes_key)} only")


def default_path(name: str) -> tuple[str, ...]:
    """Return the path of a column that declares none."""
    return (name,) if name.startswith("_") else tuple(name.split("__"))


def inferred_column(
    name: str, path: tuple[str, ...], data_type: DataType = "text", *, nullable: bool = False
) -> Column:
    """Return an undeclared column of the primary key or the cursor; its type is a stand-in until a load infers it."""
    column = Column.model_construct(name=name, data_type=data_type, nullable=nullable, path=path)
    column._inferred = True
    return column


def _types_where(condition: Callable[[ColumnType], bool]) -> str:
    return ", ".join(name for name, column_type in COLUMN_TYPES.items() if condition(column_type))


def columns_from_mapping(value: Any) -> Any:
    """Turn the mapping in a file, whose keys are the names, into columns in the declared order."""
    if isinstance(value, (list, tuple)) and all(isinstance(entry, Column) for entry in value):
        return tuple(value)
    if not isinstance(value, Mapping):
        raise value_error(format_value(value), "a mapping of column names")
    for name, body in value.items():
        if not isinstance(body, Mapping):
            raise value_error(format_value(body), "a mapping with data_type", name)
        if "name" in body:
            raise value_error("an unknown key", ", ".join(Column.file_keys()), name, "name")
    return tuple({**body, "name": name} for name, body in value.items())


def columns_schema(schema: JsonSchemaValue) -> JsonSchemaValue:
    """Return the JSON Schema of columns in a file: a mapping by name, where null removes a column of the base file."""
    return {
        "type": "object",
        "propertyNames": COLUMN_NAME_SCHEMA,
        "additionalProperties": {"anyOf": [schema["items"], {"type": "null"}]},
    }
