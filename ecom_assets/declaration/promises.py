"""The promises that a declaration allows for each resource of a shop, and the limits that its API sets.

See `ecom_assets.extract.check.api_check` for checks against the API itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ecom_assets.declaration.api.paginator import reported_total
from ecom_assets.declaration.reading import Endpoint, Resource, Shop


@dataclass(frozen=True)
class Promise:
    """One line on a resource: a promise, or, unless `provided`, something that this API cannot provide.

    `unconfirmed` says in place of a promise that the API was not seen to report what it rests on.
    """

    resource: str
    provided: bool
    text: str
    unconfirmed: str = ""


def promises(shop: Shop, resource: Resource) -> Iterator[Promise]:
    """Yield the promises for a resource, then what its API cannot provide and why."""
    parent = shop.parent_of(resource)
    endpoint = parent.endpoint
    if endpoint is None:
        return
    total = _reported_total(shop, endpoint)
    unit = "each window" if resource.windowed else "the whole table"
    if resource.open_ended:
        unit = "each reading from the cursor on"
    if parent.parent:
        unit = f"the list of each record of {parent.parent}"
    loading = _loading(resource)
    unconfirmed = f"completeness of {unit} was not confirmed"
    if total and endpoint.verify == "once":
        text = f"{unit} has as many records as {total} says, and {loading}"
        yield Promise(resource.name, True, text, unconfirmed)
        yield Promise(
            resource.name,
            False,
            f"{unit} may mix states of several moments, and lack a record that was replaced by another one while the "
            "pages were read (verify: once)",
        )
    elif total:
        text = f"{unit} is proved complete against {total}, and {loading}"
        yield Promise(resource.name, True, text, unconfirmed)
    else:
        yield Promise(
            resource.name,
            False,
            f"completeness of {unit} is not provable: the API reports no total; pages are compared with each other",
        )
    if resource.open_ended:
        yield from _promises_from_cursor(shop, resource)
    if not resource.windowed:
        return
    incremental = shop.incremental_of(resource.name)
    if not incremental.server_filter:
        yield Promise(
            resource.name,
            False,
            "every run reads everything: the API has no time filter (server_filter: false)",
        )
    elif not incremental.sends_end:
        yield Promise(
            resource.name,
            False,
            f"each window reads up to the present: no end_param goes with {incremental.parameter_names}",
        )
    if resource.parent:
        changed = resource.rows_from.path if resource.rows_from else resource.name
        yield Promise(
            resource.name,
            False,
            f"a change in {changed} is seen only when {incremental.cursor_path} of its record "
            f"in {shop.root_of(resource).name} moves",
        )
    elif incremental.cursor == "window":
        yield Promise(
            resource.name,
            False,
            "a record belongs to the window it was asked for: a record outside of its window is not noticed "
            "(cursor: window)",
        )
    else:
        yield Promise(
            resource.name, False, f"a change is seen only when {incremental.cursor_path} of the record moves"
        )


def _promises_from_cursor(shop: Shop, resource: Resource) -> Iterator[Promise]:
    """Yield what a reading from a cursor cannot see."""
    incremental, root = shop.incremental_of(resource.name), shop.root_of(resource)
    if not incremental.server_filter:
        yield Promise(
            resource.name, False, "every load reads everything: the API has no filter (server_filter: false)"
        )
    yield Promise(
        resource.name,
        False,
        f"a record is seen only when its {incremental.cursor_path} in {root.name} is not before that of the last load; "
        "lag reads further back",
    )


def _loading(resource: Resource) -> str:
    """Return what a load does with the rows, in words that go on after what was read."""
    if resource.history:
        return "added to the states that the table keeps"
    if resource.write_disposition == "append":
        return "appended, without a row twice"
    return "merged by its primary key" if resource.write_disposition == "merge" else "replaced in one step"


def _reported_total(shop: Shop, endpoint: Endpoint) -> str | None:
    """Return the paginator's key and value for the reported number of records, None if it has none."""
    total = reported_total(endpoint.paginator or shop.client.paginator)
    return next((f"{key} {value}" for key, value in total.items()), None)
