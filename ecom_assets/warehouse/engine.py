"""The Engine: how the environment and dlt name a kind of warehouse, and how such a warehouse is built."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.warehouse.warehouse import Warehouse

Address = TypeVar("Address")
"""Where a warehouse of one engine is: a path, a URL, or something with more parts."""


@dataclass(frozen=True)
class WarehouseOptions:
    """What the environment says about a warehouse of any engine."""

    lock_timeout: float
    """ECOM_LOCK_TIMEOUT, in seconds."""
    copy: str | None
    """ECOM_PUBLISH: the path of the copy for readers."""


class Engine(ABC, Generic[Address]):
    """A kind of warehouse. It has no state, and making one imports no driver."""

    kind: str
    """dlt's name for the destination type. Dagster's UI shows it on the assets."""
    is_in_dlt: bool = True
    """Whether dlt has a destination of this type, so that its configuration can name the address."""

    @abstractmethod
    def address_from_value(self, value: str) -> Address | None:
        """Return the address that a value of ECOM_WAREHOUSE is, or None if it is not one of this engine."""

    @abstractmethod
    def address_from_dlt(self, name: str) -> Address:
        """Return the address that dlt's configuration has for the destination `name`.

        Raises:
            WarehouseError: A load into this address cannot keep its promises.
            ConfigurationException: A value is missing. This error, MissingDependencyException and ValueError come
                from dlt. See `ecom_assets.warehouse.named_destination` for the message that they become.
        """

    @abstractmethod
    def warehouse(self, address: Address, options: WarehouseOptions) -> Warehouse:
        """Return the warehouse at an address, without opening it.

        Raises:
            WarehouseError: The address or an option is not allowed, or a Python package is missing.
        """


@contextmanager
def require_driver(product: str, extra: str) -> Iterator[None]:
    """Import a driver in the block, or raise a WarehouseError that names the extra to install."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise WarehouseError(
            f"ECOM_WAREHOUSE: {product} needs the Python package {error.name}: pip install 'ecom-assets[{extra}]'"
        ) from None


def refuse_copy(options: WarehouseOptions, reason: str) -> None:
    """Raise WarehouseError if ECOM_PUBLISH asks for a copy of a warehouse that is not a DuckDB file."""
    if options.copy:
        raise WarehouseError(f"ECOM_PUBLISH: a copy is made of a DuckDB file only; {reason}")
