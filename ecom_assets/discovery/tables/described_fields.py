"""What an API description says about fields, and how it combines with what the records show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ecom_assets.declaration.column_types import COLUMN_TYPES, DataType
from ecom_assets.discovery.evidence import described as described_evidence
from ecom_assets.discovery.field_path import FieldPath
from ecom_assets.discovery.tables.type_inference import WHOLE_AMOUNT, InferredType

AS_DESCRIBED = described_evidence("as described, not seen")
"""The evidence for what comes from a description alone."""


@dataclass(frozen=True)
class DescribedField:
    """A field in an API description.

    `data_type` is its type in the declaration's words, `written_type` as the description has it. `nullable` is None
    where the description does not say.
    """

    data_type: DataType | None
    written_type: str
    nullable: bool | None = None
    description: str = ""


@dataclass(frozen=True)
class DescribedTable:
    """The fields of records by path, and those of the nested lists of objects in them."""

    fields: Mapping[FieldPath, DescribedField] = field(default_factory=dict)
    lists: Mapping[FieldPath, Mapping[FieldPath, DescribedField]] = field(default_factory=dict)
    list_descriptions: Mapping[FieldPath, str] = field(default_factory=dict)

    def within(self, wrapper: str) -> DescribedTable:
        """Return the fields below one field, which holds the record of each element."""
        return DescribedTable(
            {path[1:]: entry for path, entry in self.fields.items() if path[0] == wrapper and path[1:]},
            {path[1:]: entry for path, entry in self.lists.items() if path[0] == wrapper and path[1:]},
            {path[1:]: text for path, text in self.list_descriptions.items() if path[0] == wrapper},
        )


def merge_types(
    seen: InferredType | None, described: DescribedField | None
) -> tuple[InferredType | None, str]:
    """Return the type to declare, and how the description contradicts it, empty where it does not.

    The records come before the description. The description counts where no value was seen, and where it says more
    than values can show.
    """
    if described is None or described.data_type is None:
        return seen, ""
    if seen is None:
        sized = (18, 4) if described.data_type == "decimal" else (None, None)
        return InferredType(described.data_type, AS_DESCRIBED, *sized), ""
    if described.data_type == "bigint" and seen.data_type == "decimal" and seen.evidence == WHOLE_AMOUNT:
        return InferredType("bigint"), ""
    if described.data_type in ("decimal", "double") and seen.data_type == "bigint":
        return InferredType("decimal", described_evidence("described as a number"), 18, 4), ""
    if seen.data_type in (described.data_type, *COLUMN_TYPES[described.data_type].seen_as):
        return seen, ""
    return seen, described_evidence(f"described as {described.written_type}")
