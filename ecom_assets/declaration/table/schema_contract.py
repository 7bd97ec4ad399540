"""The key `schema_contract`: what becomes of undeclared fields and of values of a wrong type."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ecom_assets.declaration.field_types import whole_number
from ecom_assets.declaration.model import DeclarationModel


class SchemaContract(DeclarationModel):
    """How undeclared fields (`columns`) and values of a wrong type (`data_type`) are treated."""

    columns: Literal["evolve", "discard_value", "freeze"] = Field(
        default="evolve",
        description="An undeclared field becomes a column (`evolve`), is dropped and counted (`discard_value`), "
        "or fails the resource (`freeze`).",
    )
    data_type: Literal["evolve", "freeze"] = Field(
        default="freeze",
        description="A record with a value of a wrong type is rejected (`freeze`), or its undeclared column gets a "
        "wider type (`evolve`); `evolve` if no columns are declared.",
    )


MaxNewColumns = Annotated[
    int,
    whole_number(0),
    Field(
        description="How many undeclared columns a table gets at most. More of them fail the resource, unless "
        "`beyond_max_new_columns` is `json`."
    ),
]
BeyondMaxNewColumns = Annotated[
    Literal["fail", "json"],
    Field(
        description="What becomes of undeclared fields beyond `max_new_columns`: they fail the resource (`fail`), or "
        "the objects with the most names become one JSON column each (`json`)."
    ),
]
