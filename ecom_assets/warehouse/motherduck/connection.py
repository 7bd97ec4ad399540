"""The connection to the service. This is all that tests replace, by a DuckDB file with the name of the database."""

from __future__ import annotations

import duckdb

from ecom_assets.warehouse.server_address import ServerAddress

_OPTIONS = "attach_mode=single"
"""Only this database, so that no shop has the name of another one; and the list of an account's databases stays."""
_USER_AGENT = "ecom-assets"


def open_database(address: ServerAddress) -> duckdb.DuckDBPyConnection:
    """Return a connection to a DuckDB in memory, with the database as the current one.

    DuckDB downloads its extension motherduck unless it is there. Raises duckdb.Error if the database cannot be opened.
    """
    config: dict[str, str | bool | int | float | list[str]] = {
        "motherduck_token": address.parameters["token"],
        "custom_user_agent": _USER_AGENT,
    }
    return duckdb.connect(f"{address.name}?{_OPTIONS}", config=config)
