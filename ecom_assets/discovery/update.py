"""A declared shop compared with its API as it is now, and the file's text with what changed.

What is declared stays, also what is gone at the API, since the tables have it; only what would reject records is
loosened. How a text is edited is `yaml_text`'s.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from ecom_assets.client.auth import resolve_secrets
from ecom_assets.client.redaction import Redactor
from ecom_assets.contract.contract import contract_of
from ecom_assets.contract.nested_values import explode
from ecom_assets.declaration.reading import Resource, Shop
from ecom_assets.discovery.description.endpoint import DescribedTable
from ecom_assets.discovery.guess import Found, Guess, Paging
from ecom_assets.discovery.output.document import column_body, column_line, flow, resource_lines
from ecom_assets.discovery.output.yaml_text import YamlText
from ecom_assets.discovery.secret_names import without_secret_names
from ecom_assets.discovery.tables.columns import AS_IN_THE_TEMPLATE, ColumnDraft
from ecom_assets.discovery.tables.naming import Names
from ecom_assets.discovery.tables.tables import TableDraft, tables_of
from ecom_assets.discovery.verification import load_text
from ecom_assets.extract.probe import Probe, open_probe
from ecom_assets.foundation.errors import ApiError
from ecom_assets.foundation.progress import OnProgress

_NEW = "new at the API"
_GONE = "gone at the API"
_LATELY = timedelta(days=30)
_SAMPLE = 100


@dataclass
class Update:
    """The new text of a file, what changed in words, and what could not be looked at or needs a person."""

    text: str
    changes: list[str] = field(default_factory=list)
    open: list[str] = field(default_factory=list)


def update(
    shop: Shop,
    text: str,
    added: Sequence[TableDraft] = (),
    secrets: Mapping[str, str] | None = None,
    on_progress: OnProgress = lambda said: None,
    names: Names | None = None,
) -> Update:
    """Return a shop's file with what changed at the API since it was written, and the resources that are `added`.

    Asks each endpoint for a page, and for one of the last thirty days where it is windowed. Raises MissingSecret.
    """
    found = _Update(shop, text, names or Names())
    scrub = Redactor(resolve_secrets(shop, secrets).values()).scrub
    with open_probe(shop, secrets) as probe:
        for resource in shop.resources:
            if resource.endpoint is None:
                continue
            on_progress(f"{resource.name}: a page of what is there, and of what changed lately")
            try:
                records = _records(probe, resource)
            except ApiError as error:
                found.result.open.append(f"{resource.name} was not looked at: {error}")
                continue
            with found.editing(resource.name):
                found.compare(resource, without_secret_names(records, scrub))
    for table in added:
        with found.editing(table.name):
            found.add_resource(table)
    found.result.text = found.text.text
    load_text(found.result.text, shop.name, shop.file)
    return found.result


def _records(probe: Probe, resource: Resource) -> list[Any]:
    records = list(probe.page(resource, limit=_SAMPLE).records)
    if resource.windowed:
        now = datetime.now(timezone.utc)
        records += probe.page(resource, (now - _LATELY, now), limit=_SAMPLE).records
    return [record for record in records if isinstance(record, dict)]


class _Update:
    """The edits of one file."""

    def __init__(self, shop: Shop, text: str, names: Names) -> None:
        self.shop = shop
        self.text = YamlText(text)
        self.names = names
        self.result = Update(text)
        self.positions = self.text.names_in(["resources"])

    @contextmanager
    def editing(self, name: str) -> Iterator[None]:
        """Leave to a person what the file is laid out too unusually for."""
        try:
            yield
        except LookupError as error:
            self.result.open.append(f"{name}: {error}, so it is left as it is")

    def compare(self, resource: Resource, records: list[Any]) -> None:
        """Compare an endpoint's tables with its records."""
        if not records:
            self.result.open.append(f"{resource.name} was not looked at: no record came")
            return
        key = [resource.column(name).path for name in resource.primary_key]
        found = Found(resource.name, records, (), Guess("", ""), Paging({"type": "single_page"}, ""))
        taken = [entry.name for entry in self.shop.resources]
        table, *nested = tables_of(found, resource.name, self.names, taken, DescribedTable(), Guess(key, ""))
        children = {
            tuple(child.rows_from.path.split(".")): child
            for child in self.shop.children_of(resource.name)
            if child.rows_from
        }
        self._table(resource, table, records, list(children))
        for draft in nested:
            child = children.get(draft.list_path)
            if child:
                self._table(child, draft, explode(records, child, resource)[0], [])
            elif not any(column.path == draft.list_path[: len(column.path)] for column in resource.columns):
                for column, name in zip(draft.columns, resource.primary_key, strict=False):
                    column.references = f"{resource.name}.{name}"
                self.add_resource(draft)

    def add_resource(self, table: TableDraft) -> None:
        """Add a resource at the end."""
        usual = dict(self.shop.client.paginator) if self.shop.client.paginator else None
        self.text.append(["resources"], [line.removeprefix("  ") for line in resource_lines(table, usual)])
        windowed = table.found is not None and table.found.filter is not None
        if windowed and self.text.find(["partitions"]) is None:
            oldest = table.found.oldest if table.found else None
            start = (oldest or datetime.now(timezone.utc)).strftime("%Y-%m-%d")
            self.text.add([], f"partitions: {{every: day, start: {flow(start)}}}")
        self.result.changes.append(f"{table.name}: {_NEW}")

    def _table(
        self, resource: Resource, draft: TableDraft, records: list[Any], lists: Sequence[tuple[str, ...]]
    ) -> None:
        """Add what is new to a table, and loosen what would reject records."""
        if resource.name not in self.positions:
            self.result.open.append(f"{resource.name} is declared in another file")
            return
        place: list[str | int] = ["resources", self.positions[resource.name], "columns"]
        known = [*(column.path for column in resource.columns), *lists]
        names = [column.name for column in resource.columns]
        for column in draft.columns:
            if any(
                column.path[: len(path)] == path or path[: len(column.path)] == column.path for path in known
            ):
                continue
            if column.name in names:
                column.name = self.names.column(column.path, names)
                column.why = [reason for reason in column.why if reason != AS_IN_THE_TEMPLATE]
            names.append(column.name)
            column.nullable = True  # the rows that are in the warehouse do not have it
            column.why = [_NEW, *(reason for reason in column.why if "null" not in reason)]
            self.text.add(place, column_line(column))
            self.result.changes.append(f"{resource.name}.{column.name}: {_NEW}, {column.kind.data_type}")
        by_path = {column.path: column for column in draft.columns}
        for name, reason in self._reasons(resource, records):
            self._loosen([*place, name], resource, name, reason, by_path.get(resource.column(name).path))
        for declared in resource.columns:
            if _gone(records, declared.path) and self.text.remark([*place, declared.name], _GONE):
                self.result.changes.append(
                    f"{resource.name}.{declared.name}: in none of {len(records)} records"
                )

    def _reasons(self, resource: Resource, records: Sequence[Any]) -> list[tuple[str, str]]:
        """Return the columns that reject records, with their reasons, but of nulls and of values the first alone."""
        found: dict[tuple[str, bool], str] = {}
        for row in contract_of(self.shop, resource).apply(records).rejected:
            for reason in row.reasons:
                name, _, text = reason.partition(": ")
                found.setdefault((name, text.startswith("null")), text)
        declared = {column.name for column in resource.columns}
        return [(name, text) for (name, _), text in found.items() if name in declared]

    def _loosen(
        self, place: list[str | int], resource: Resource, name: str, reason: str, draft: ColumnDraft | None
    ) -> None:
        """Let a column take what comes, unless it is one by which records are told apart or sorted."""
        endpoint = resource.endpoint
        cursor = endpoint.incremental.cursor_path if endpoint and endpoint.incremental else None
        if name in resource.primary_key or ".".join(resource.column(name).path) == cursor:
            self.result.open.append(
                f"{resource.name}.{name} rejects records and cannot be loosened: {reason}"
            )
            return
        if reason.startswith("null"):
            self.text.set(place, "nullable", "true")
            self.text.remark(place, "null at the API")
            self.result.changes.append(f"{resource.name}.{name}: null at the API, so it may be null")
            return
        body = column_body(draft) if draft else {"data_type": "text"}
        for key in ("data_type", "precision", "scale"):
            if key in body:
                self.text.set(place, key, flow(body[key]))
            else:
                self.text.remove(place, key)
        was = resource.column(name).data_type
        self.text.remark(place, f"was {was}")
        self.result.changes.append(f"{resource.name}.{name}: {was} became {body['data_type']}")


def _gone(records: Sequence[Any], path: tuple[str, ...]) -> bool:
    """Tell whether a field is in no record, though there are objects in which it could be."""
    holders: list[Any] = list(records)
    for name in path[:-1]:
        holders = [record[name] for record in holders if isinstance(record.get(name), dict)]
    return bool(holders) and not any(path[-1] in holder for holder in holders)
