"""Compares a declared shop with its API, and edits the file's text to what changed.

Declared columns stay, even where the API no longer has the field, because the tables have them. Only columns that
would reject records are loosened.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from ecom_assets.client.redaction import Redactor
from ecom_assets.client.secrets import resolve_secrets
from ecom_assets.contract.nested_values import explode
from ecom_assets.contract.sample import sample_contract
from ecom_assets.declaration.reading import Resource, Shop
from ecom_assets.discovery.endpoint_draft import EndpointDraft, Guess, Paging
from ecom_assets.discovery.field_path import FieldPath
from ecom_assets.discovery.output.shop_yaml import column_body, column_line, flow_yaml, resource_lines
from ecom_assets.discovery.output.yaml_text import YamlText
from ecom_assets.discovery.secret_field_names import drop_secret_field_names
from ecom_assets.discovery.tables.columns import AS_IN_THE_TEMPLATE, ColumnDraft
from ecom_assets.discovery.tables.described_fields import DescribedTable
from ecom_assets.discovery.tables.naming import NamingRules
from ecom_assets.discovery.tables.table_draft import TableDraft, draft_tables
from ecom_assets.discovery.verification import load_text
from ecom_assets.extract.probe import Probe, open_probe
from ecom_assets.foundation.errors import ApiError
from ecom_assets.foundation.progress import OnProgress

_NEW = "new at the API"
_GONE = "gone at the API"
_RECENT = timedelta(days=30)
_SAMPLE_SIZE = 100


@dataclass
class Update:
    """The new text of a file, the changes in words, and what was not compared or needs a person."""

    text: str
    changes: list[str] = field(default_factory=list)
    unresolved: list[str] = field(default_factory=list)


def update(
    shop: Shop,
    text: str,
    added: Sequence[TableDraft] = (),
    secrets: Mapping[str, str] | None = None,
    on_progress: OnProgress = lambda line: None,
    naming: NamingRules | None = None,
) -> Update:
    """Return a shop's file with the changes at the API since it was written.

    Requests one page of each endpoint, and for a windowed one another page of the last thirty days.

    Args:
        shop: The shop that the file declares.
        text: The file's text.
        added: New resources, to be added at the end.
        secrets: The secrets by name; others are looked up where a load looks them up.
        on_progress: Takes a line before each endpoint.
        naming: The rules for the names of new columns.

    Raises:
        MissingSecret: A secret was not found.
    """
    updater = _Updater(shop, text, naming or NamingRules())
    result = updater.result
    scrub = Redactor(resolve_secrets(shop, secrets).values()).scrub
    with open_probe(shop, secrets) as probe:
        for resource in shop.resources:
            if resource.endpoint is None:
                continue
            on_progress(f"{resource.name}: reading a page, and a page of recent changes if it is windowed")
            try:
                records = _read_sample(probe, resource)
            except ApiError as error:
                result.unresolved.append(f"{resource.name} was not compared: {error}")
                continue
            with updater.skip_unusual_layout(resource.name):
                updater.compare(resource, drop_secret_field_names(records, scrub))
    for table in added:
        with updater.skip_unusual_layout(table.name):
            updater.add_resource(table)
    result.text = updater.text.text
    load_text(result.text, shop.name, shop.file)
    return result


def _read_sample(probe: Probe, resource: Resource) -> list[Any]:
    records = list(probe.page(resource, limit=_SAMPLE_SIZE).records)
    if resource.windowed:
        now = datetime.now(timezone.utc)
        records += probe.page(resource, (now - _RECENT, now), limit=_SAMPLE_SIZE).records
    return [record for record in records if isinstance(record, dict)]


class _Updater:
    """Edits one file; `result` collects what it did."""

    def __init__(self, shop: Shop, text: str, naming: NamingRules) -> None:
        self.shop = shop
        self.text = YamlText(text)
        self.naming = naming
        self.result = Update(text)
        self.positions = self.text.positions_by_name(["resources"])

    @contextmanager
    def skip_unusual_layout(self, name: str) -> Iterator[None]:
        """Leave a resource to a person where the file's layout is too unusual for an edit."""
        try:
            yield
        except LookupError as error:
            self.result.unresolved.append(f"{name}: {error}, so it stays as it is")

    def compare(self, resource: Resource, records: list[Any]) -> None:
        """Compare an endpoint's tables with its records."""
        if not records:
            self.result.unresolved.append(f"{resource.name} was not compared: the API has no record")
            return
        key = [resource.column(name).path for name in resource.primary_key]
        single_page = Paging({"type": "single_page"}, "")
        endpoint = EndpointDraft(resource.name, records, (), Guess("", ""), single_page)
        taken = [entry.name for entry in self.shop.resources]
        table, *nested = draft_tables(
            endpoint, resource.name, self.naming, taken, DescribedTable(), Guess(key, "")
        )
        children = {
            tuple(child.rows_from.path.split(".")): child
            for child in self.shop.children_of(resource.name)
            if child.rows_from
        }
        self._update_table(resource, table, records, list(children))
        for draft in nested:
            child = children.get(draft.list_path)
            if child:
                self._update_table(child, draft, explode(records, child, resource)[0], [])
            elif not any(column.path == draft.list_path[: len(column.path)] for column in resource.columns):
                for column, name in zip(draft.columns, resource.primary_key, strict=False):
                    column.references = f"{resource.name}.{name}"
                self.add_resource(draft)

    def add_resource(self, table: TableDraft) -> None:
        """Add a resource at the end of the file."""
        usual_paginator = dict(self.shop.client.paginator) if self.shop.client.paginator else None
        lines = resource_lines(table, usual_paginator)
        self.text.append(["resources"], [line.removeprefix("  ") for line in lines])
        windowed = table.endpoint is not None and table.endpoint.time_filter is not None
        if windowed and self.text.find(["partitions"]) is None:
            oldest = table.endpoint.oldest if table.endpoint else None
            start = (oldest or datetime.now(timezone.utc)).strftime("%Y-%m-%d")
            self.text.add([], f"partitions: {{every: day, start: {flow_yaml(start)}}}")
        self.result.changes.append(f"{table.name}: {_NEW}")

    def _update_table(
        self,
        resource: Resource,
        draft: TableDraft,
        records: list[Any],
        list_paths: Sequence[FieldPath],
    ) -> None:
        """Add new columns to a table, and loosen those that would reject records.

        Args:
            resource: The table as it is declared.
            draft: The table as the records show it.
            records: The records of the table.
            list_paths: The paths of the nested lists that are tables of their own.
        """
        if not resource.declared_columns:
            return  # its columns follow from the records
        if resource.name not in self.positions:
            self.result.unresolved.append(f"{resource.name} is declared in another file")
            return
        place: list[str | int] = ["resources", self.positions[resource.name], "columns"]
        declared_paths = [*(column.path for column in resource.columns), *list_paths]
        names = [column.name for column in resource.columns]
        for column in draft.columns:
            if any(
                column.path[: len(path)] == path or path[: len(column.path)] == column.path
                for path in declared_paths
            ):
                continue
            if column.name in names:
                column.name = self.naming.column(column.path, names)
                column.evidence = [reason for reason in column.evidence if reason != AS_IN_THE_TEMPLATE]
            names.append(column.name)
            column.nullable = True  # the rows in the warehouse do not have it
            column.evidence = [_NEW, *(reason for reason in column.evidence if "null" not in reason)]
            self.text.add(place, column_line(column))
            self.result.changes.append(f"{resource.name}.{column.name}: {_NEW}, {column.type.data_type}")
        by_path = {column.path: column for column in draft.columns}
        for name, reason in self._reasons_for_rejection(resource, records):
            self._loosen([*place, name], resource, name, reason, by_path.get(resource.column(name).path))
        for declared in resource.columns:
            if _is_gone(records, declared.path) and self.text.remark([*place, declared.name], _GONE):
                self.result.changes.append(
                    f"{resource.name}.{declared.name}: in none of {len(records)} records"
                )

    def _reasons_for_rejection(self, resource: Resource, records: Sequence[Any]) -> list[tuple[str, str]]:
        """Return the columns that reject records, each with its first reason about nulls and about values."""
        reasons: dict[tuple[str, bool], str] = {}
        for row in sample_contract(self.shop, resource, records).apply(records).rejected:
            for reason in row.reasons:
                name, _, text = reason.partition(": ")
                reasons.setdefault((name, text.startswith("null")), text)
        declared = {column.name for column in resource.columns}
        return [(name, text) for (name, _), text in reasons.items() if name in declared]

    def _loosen(
        self, place: list[str | int], resource: Resource, name: str, reason: str, draft: ColumnDraft | None
    ) -> None:
        """Make a column nullable or change its type, unless it is a part of the key or the cursor."""
        endpoint = resource.endpoint
        cursor = endpoint.incremental.cursor_path if endpoint and endpoint.incremental else None
        if name in resource.primary_key or ".".join(resource.column(name).path) == cursor:
            self.result.unresolved.append(
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
                self.text.set(place, key, flow_yaml(body[key]))
            else:
                self.text.remove(place, key)
        before = resource.column(name).data_type
        self.text.remark(place, f"was {before}")
        self.result.changes.append(f"{resource.name}.{name}: {before} became {body['data_type']}")


def _is_gone(records: Sequence[Any], path: FieldPath) -> bool:
    """Tell whether no record has a field, although there are objects that could hold it."""
    holders: list[Any] = list(records)
    for name in path[:-1]:
        holders = [record[name] for record in holders if isinstance(record.get(name), dict)]
    return bool(holders) and not any(path[-1] in holder for holder in holders)
