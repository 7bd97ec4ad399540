"""What `ecom-assets check` asks a shop's API: does it behave as the declaration says.

Single pages come from `probe`; what is printed is the command line's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Literal

from ecom_assets.contract.contract import Contract, explode
from ecom_assets.contract.record_keys import keys_of
from ecom_assets.declaration.promises import promises
from ecom_assets.declaration.reading import Resource, Shop
from ecom_assets.extract.probe import Probe, open_probe
from ecom_assets.extract.window_assignment import cursor_instants_of
from ecom_assets.extract.windows import Slice, Window, window_request, windows_between
from ecom_assets.foundation.errors import ApiError, ContractBroken

_FAR = timedelta(days=3650)
"""So far ahead no shop has records."""


@dataclass(frozen=True)
class Finding:
    """One thing that was checked of one resource; a limit is what its API cannot give."""

    resource: str
    what: str
    result: Literal["ok", "failed", "skipped", "limit"]
    detail: str


def check(
    shop: Shop, secrets: Mapping[str, str] | None = None, now: datetime | None = None
) -> Iterator[Finding]:
    """Yield what is found, endpoint by endpoint, then what is promised of its tables.

    An endpoint that cannot be reached does not end it.

    Takes at most seven requests an endpoint, of a child some more to find a parent that has one. Raises MissingSecret.
    """
    moment = now or datetime.now(timezone.utc)
    with open_probe(shop, secrets) as probe:
        for resource in shop.resources:
            if resource.endpoint:
                yield from _Endpoint(shop, resource, probe, moment).findings()
                for table in (resource, *shop.children_of(resource.name)):
                    for promise in promises(shop, table):
                        yield Finding(
                            table.name, "promise", "ok" if promise.provided else "limit", promise.text
                        )


class _Endpoint:
    """The checks of one endpoint, on a page of its last closed window that has records, or of all."""

    def __init__(self, shop: Shop, resource: Resource, probe: Probe, now: datetime) -> None:
        self.shop = shop
        self.resource = resource
        self.probe = probe
        self.now = now
        endpoint = resource.endpoint
        paginator = (endpoint.paginator if endpoint else None) or shop.client.paginator or {}
        self.by_offset = paginator.get("type") == "offset"
        self.tells_total = "total_path" in paginator or "total_header" in paginator
        self.window = self._last_window()

    def findings(self) -> Iterator[Finding]:
        """Yield reach, total, order, limit, offset, window and contract."""
        try:
            page = self.probe.page(self.resource)
        except ApiError as error:
            yield self._found("reached", "failed", str(error))
            return
        keys = keys_of(page.records, self._paths())
        yield self._found("reached", "ok", f"{len(page.records)} records on the first page")
        if self.tells_total:
            yield self._found("total", "ok", f"the API says it has {page.total} records")
        else:
            yield self._found("total", "skipped", "the paginator declares no total_path or total_header")
        for what, function in (
            ("order", self._order),
            ("limit", self._limit),
            ("offset", self._offset),
            ("window", self._window),
        ):
            try:
                yield self._found(what, *function(keys))
            except ApiError as error:
                yield self._found(what, "failed", str(error))
        for resource in (self.resource, *self.shop.children_of(self.resource.name)):
            yield self._contract(resource, page.records)

    def _found(self, what: str, result: Any, detail: str) -> Finding:
        return Finding(self.resource.name, what, result, self.probe.redactor.scrub(detail))

    def _paths(self) -> list[tuple[str, ...]]:
        return self.resource.key_paths

    def _order(self, keys: list[Any]) -> tuple[str, str]:
        """Ask once more: without a fixed order, pages cannot be put together."""
        if len(set(keys)) < len(keys):
            return "failed", f"the primary key {', '.join(self.resource.primary_key)} is twice on one page"
        again = keys_of(self.probe.page(self.resource).records, self._paths())
        if again != keys:
            return "failed", "the same page came in another order; look for a parameter that sorts"
        return "ok", "the same page came twice in the same order"

    def _limit(self, keys: list[Any]) -> tuple[str, str]:
        if not self.by_offset or len(keys) < 2:
            return "skipped", _why(self.by_offset)
        found = len(self.probe.page(self.resource, limit=1).records)
        if found != 1:
            return "failed", f"asked for 1 record, {found} came; look for limit_param"
        return "ok", "one record came when one was asked for"

    def _offset(self, keys: list[Any]) -> tuple[str, str]:
        if not self.by_offset or len(keys) < 2:
            return "skipped", _why(self.by_offset)
        second = keys_of(self.probe.page(self.resource, limit=1, offset=1).records, self._paths())
        if second[:1] != keys[1:2]:
            return "failed", "the record at offset 1 is not the second one; look for offset_param"
        return "ok", "the record at offset 1 is the second one"

    def _window(self, keys: list[Any]) -> tuple[str, str]:
        """Ask for the last closed window, and for one in which nothing can be."""
        if self.window is None:
            return "skipped", "the resource is a snapshot, or no window has closed"
        if self.resource.parent:
            return "skipped", f"its rows have the windows of {self.resource.parent}"
        incremental = self.shop.incremental_of(self.resource.name)
        if not incremental.server_filter:
            return "skipped", "server_filter is false: records are sorted into windows here"
        bounds = (self.window.start, self.window.end)
        page = self.probe.page(self.resource, bounds)
        asked = window_request(Slice("", (), *bounds), incremental)
        outside = [
            moment
            for moment in cursor_instants_of(self.shop, self.resource, page.records).to_pylist()
            if moment and not (asked.low or moment) <= moment <= (asked.high or moment)
        ]
        named = incremental.parameter_names
        if outside:
            return (
                "failed",
                f"{len(outside)} records lie outside of {self.window.partition_key}: {named} is ignored",
            )
        if self.probe.page(
            self.resource, (self.now + _FAR, self.now + _FAR + timedelta(days=1)), limit=1
        ).records:
            return "failed", f"records came of a window ten years ahead: {named} is ignored"
        return (
            "ok",
            f"{self.window.partition_key} holds {page.total if self.tells_total else len(page.records)} records",
        )

    def _last_window(self) -> Window | None:
        if not self.resource.windowed or self.shop.partitions is None:
            return None
        windows = windows_between(self.shop.partitions, self.shop.partitions.start, self.now)
        return windows[-1] if windows else None

    def _contract(self, resource: Resource, records: list[Any]) -> Finding:
        """Judge the first page."""
        rows = records if resource.endpoint else explode(records, resource, self.resource)[0]
        try:
            contracted = contract_of(self.shop, resource).apply(rows)
        except ContractBroken as broken:
            return Finding(resource.name, "contract", "failed", str(broken))
        if contracted.rejected:
            reasons = "; ".join(contracted.rejected[0].reasons)
            detail = f"{len(contracted.rejected)} of {len(rows)} records break it, the first one because of: {reasons}"
            return Finding(resource.name, "contract", "failed", detail)
        new = f"; not declared: {', '.join(contracted.hints)}" if contracted.hints else ""
        return Finding(resource.name, "contract", "ok", f"{len(rows)} records keep it{new}")


def contract_of(shop: Shop, resource: Resource) -> Contract:
    """Return the contract of a resource as its declaration alone has it."""
    return Contract(resource, shop.children_of(resource.name), timezone=shop.timezone_of(resource))


def _why(by_offset: bool) -> str:
    return "there are too few records to tell" if by_offset else "the paginator is of another type"
