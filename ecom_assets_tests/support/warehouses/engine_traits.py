"""What the tests that run on every engine have to know of an engine, and where they find it.

Each engine's folder of tests has a module `traits`, with `TRAITS` and with two fixtures, which it may import:

* `new_<engine>` returns a function that makes an empty place and returns its address.
* `copied_<engine>` returns a function that copies a `Place` and returns the address of the copy.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from ecom_assets_tests import warehouse as package


@dataclass(frozen=True)
class EngineTraits:
    """How an engine, or what stands for it in tests, differs from others."""

    is_slow: bool = True
    """Whether its tests are slow ones."""
    server_takes_seconds: bool = False
    """Whether its server takes seconds to start, so that all its tests stay in one process."""
    is_in_this_process: bool = False
    """Whether no other process finds what stands for it."""
    is_on_postgres: bool = False
    """Whether its tables are in the tests' PostgreSQL server."""
    address_has_password: bool = True
    """Whether the address of a place has a password: the canary."""
    share_of_examples: float = 0.1
    """How many examples a property gets, as a multiple of those of other properties."""
    end_connection: Callable[[Any, Any], None] | None = None
    """Ends the connection of a transaction of a RemoteWarehouse: its next statement fails. Takes both."""

    ddl_commits: bool = False
    """Whether statements on tables commit by themselves, so that a load sends them before its transaction."""
    sets_not_null_in_loads: bool = True
    """Whether it can set NOT NULL in the transaction of a load."""
    keeps_columns_of_views: bool = False
    """Whether it refuses to change a column that a view needs."""
    compares_any_types: bool = False
    """Whether a query may compare values of any two types."""
    has_system_columns: bool = False
    """Whether it has a limit of 1,600 columns, and names of columns for itself."""
    decimals_have_one_size: bool = False
    """Whether decimals in an answer have one size, whatever that of the column is."""
    lists_tables_by_dataset: bool = False
    """Whether information_schema.tables has the tables of one dataset only."""
    lock_tables: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """The tables of its lock for the dataset `sandbox`, by their schema."""
    text_type: str = "VARCHAR"
    """Its name of the type of a column that was made as `varchar`."""
    bigint_type: str = "BIGINT"
    """Its name of the type bigint."""


def traits_modules() -> Mapping[str, Any]:
    """Return the module `traits` of each engine's tests, by the name of the engine's sub-package."""
    names = [name for _, name, is_package in pkgutil.iter_modules(package.__path__) if is_package]
    modules = {name: f"{package.__name__}.{name}.traits" for name in names}
    return {name: import_module(module) for name, module in modules.items() if find_spec(module)}
