"""The clocks of a load: this machine's, the warehouse's and the API's.

Several machines write one ledger, and their clocks differ. So the ledger's instants are those of the warehouse's
server, and a load never gets an earlier one than those before it.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta, timezone

from ecom_assets.declaration.reading import Shop
from ecom_assets.foundation.progress import OnProgress
from ecom_assets.load.own_tables import LEDGER_TABLE
from ecom_assets.load.read import Reading
from ecom_assets.warehouse.transaction import Transaction

TOLERANCE = timedelta(minutes=1)
"""A clock that differs by more is reported."""
_NOISE = timedelta(seconds=1)
"""A difference up to this may be the time of the question itself."""


def offset_of_server(transaction: Transaction, on_progress: OnProgress) -> timedelta:
    """Return how far the warehouse's clock is ahead of this machine's; zero if there is no other clock."""
    before = datetime.now(timezone.utc)
    server = transaction.server_time()
    if server is None:
        return timedelta()
    offset = server - before - (datetime.now(timezone.utc) - before) / 2
    report_offset("the warehouse's clock", offset, on_progress)
    return offset if abs(offset) > _NOISE else timedelta()


def report_offset(clock: str, offset: timedelta, on_progress: OnProgress) -> None:
    """Tell that a clock is off by more than a minute against this machine's."""
    if abs(offset) > TOLERANCE:
        side = "ahead of" if offset > timedelta() else "behind"
        on_progress(
            f"{clock} is {abs(offset).total_seconds():.0f} seconds {side} this machine's: set the clock that is wrong; "
            "windows close, and loads are ordered, by these clocks"
        )


def overtaking_loads(
    transaction: Transaction, shop: Shop, began: datetime, reading: Reading, over: Collection[str]
) -> frozenset[str]:
    """Return the ids of the loads that were committed since a run began, and whose reading ended later than its own.

    Args:
        transaction: The transaction of the run.
        shop: The shop.
        began: When the run began, by the warehouse's clock.
        reading: What the run read.
        over: The loads that were over when the run began, though the ledger has a later instant for them. Then a clock
            was ahead, and the loads since have instants that only tell their order. So the instants in the load ids
            decide, which are those at which the readings began.
    """
    if LEDGER_TABLE not in transaction.columns_of(shop.name):
        return frozenset()
    found = transaction.execute(
        f'select load_id, max(loaded_at) from "{shop.name}"."{LEDGER_TABLE}" where loaded_at > ? group by load_id',
        [began],
    ).fetchall()
    since = {load_id: loaded_at for load_id, loaded_at in found if load_id not in over}
    if over:
        own = max(_began(table.load_id) for table in reading.tables)
        return frozenset(load_id for load_id in since if _began(load_id) > own)
    return frozenset(load_id for load_id, loaded_at in since.items() if loaded_at > reading.ended)


def _began(load_id: str) -> float:
    """Return the seconds since 1970 that dlt's load id is, 0 for an id of another form."""
    try:
        return float(load_id)
    except ValueError:
        return 0.0


def order_ledger_entries(
    transaction: Transaction, shop: Shop, reading: Reading, overtaking: Collection[str]
) -> None:
    """Give the entries of a load a later `loaded_at` than all loads before it, in its transaction.

    A machine whose clock is ahead would otherwise have the newest entry of a window until that instant comes.

    Args:
        transaction: The transaction of the load, in which the rows are not written yet.
        shop: The shop.
        reading: What the run read.
        overtaking: The loads whose reading ended later. Their entries stay the newest.
    """
    ledger = f'"{shop.name}"."{LEDGER_TABLE}"'
    if transaction.is_rehearsal:
        return
    own = sorted({table.load_id for table in reading.tables})
    known = [*own, *overtaking]
    newest = transaction.fetch_value(
        f"select max(loaded_at) from {ledger} where load_id not in ({', '.join('?' * len(known))})", known
    )
    if newest is None or newest < reading.ended:
        return
    transaction.execute(
        f"update {ledger} set loaded_at = ? where load_id in ({', '.join('?' * len(own))})",
        [newest + timedelta(microseconds=1), *own],
    )
