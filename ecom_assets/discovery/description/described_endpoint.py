"""What an API description says about one endpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ecom_assets.discovery.field_path import FieldPath
from ecom_assets.discovery.tables.described_fields import DescribedField, DescribedTable


@dataclass(frozen=True)
class DescribedEndpoint:
    """A described collection.

    Attributes:
        path: Its path below the API's address.
        description: A sentence about its records.
        params: Its parameters by name: type, format, bounds, default, and whether they are required. Of a search by
            POST, the fields of its body by dotted path.
        missing: The required fields of such a body that have no known value.
        records_path: Where the list of records is in an answer.
        wrapper: The field of each element of the list that holds the record, empty where the element is the record.
        other_fields: The single values of an answer outside the records.
        headers: The headers of an answer.
        request_headers: The headers of a request by name, with what the description says of each.
        table: The fields of the records.
    """

    path: str
    description: str = ""
    params: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    records_path: FieldPath = ()
    wrapper: str = ""
    other_fields: Mapping[FieldPath, DescribedField] = field(default_factory=dict)
    headers: tuple[str, ...] = ()
    request_headers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    table: DescribedTable = field(default_factory=DescribedTable)
