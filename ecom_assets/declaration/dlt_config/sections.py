"""All keys of dlt's REST API configuration, by place."""

from __future__ import annotations

from ecom_assets.declaration.dlt_config.connection_keys import CONNECTION_SECTIONS
from ecom_assets.declaration.dlt_config.endpoint_keys import ENDPOINT_SECTIONS
from ecom_assets.declaration.dlt_config.key import DltKey, DltSection
from ecom_assets.declaration.dlt_config.table_keys import TABLE_SECTIONS

SECTIONS: tuple[DltSection, ...] = (*CONNECTION_SECTIONS, *ENDPOINT_SECTIONS, *TABLE_SECTIONS)


def find_key(dictionary: str, key: str) -> DltKey | None:
    """Return the entry of a key.

    Args:
        dictionary: The name of dlt's typed dictionary.
        key: The key in it.

    Returns:
        The entry, None if the table lacks the key.
    """
    return next(
        (
            section.find(key)
            for section in SECTIONS
            if dictionary in section.dictionaries and section.find(key)
        ),
        None,
    )
