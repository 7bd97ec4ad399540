"""Which of dlt's types a type of an engine may stand for."""

from __future__ import annotations

import re
from collections.abc import Iterator

from dlt.common.schema.typing import TColumnSchema

from ecom_assets.declaration.column_types import COLUMN_TYPES

_SIZE = re.compile(r"\w+\((\d+),\s*(\d+)\)")


def hints_of(sql_type: str) -> Iterator[TColumnSchema]:
    """Yield dlt's hint of each type, of this precision and scale if the engine's type has them."""
    size = _SIZE.fullmatch(sql_type)
    for data_type, kind in COLUMN_TYPES.items():
        if not kind.has_size:
            yield {"data_type": data_type}
        elif size:
            yield {"data_type": data_type, "precision": int(size[1]), "scale": int(size[2])}
