"""Which exceptions PostgreSQL's driver raises, and what they mean."""

from __future__ import annotations

import psycopg2

DRIVER_ERRORS: tuple[type[Exception], ...] = (psycopg2.Error,)
"""Everything that the driver raises."""
CONNECTION_ERRORS: tuple[type[Exception], ...] = (psycopg2.OperationalError, psycopg2.InterfaceError)
"""What the driver raises when the server or the connection to it is gone."""
