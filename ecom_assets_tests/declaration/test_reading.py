"""Valid declarations: defaults, merged values, and what children take from their parents."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from ecom_assets.declaration.reading import (
    Incremental,
    Partitions,
    Policy,
    RowsFrom,
    SchemaContract,
    Shop,
    load_shop,
    load_shops,
    shop_files,
    shops_dir,
)

SANDBOX = shops_dir({}) / "sandbox.yaml"

SHOP = """\
name: acme
client:
  base_url: https://api.example.com
  auth: {type: bearer}
  paginator: single_page
partitions: {start: "2026-01-01"}
resource_defaults:
  primary_key: id
  schema_contract: {columns: freeze}
  max_rejected: 0.5
  endpoint:
    data_selector: data
    params: {status: any, sort: id}
    paginator: {type: offset, limit: 50}
    incremental: {cursor_path: updated_at, start_param: since, timezone: Europe/Berlin}
resources:
- name: orders
  endpoint:
    path: /orders
    params: {status: open}
    paginator: {type: header_link}
    incremental: {start_param: from}
  columns:
    id: {data_type: bigint, nullable: false}
    updated_at: {data_type: timestamp, nullable: false}
- name: items
  rows_from: {resource: orders, path: cart.lines}
  include_from_parent: [id]
  primary_key: [id]
  columns:
    order_id: {data_type: bigint, path: _orders_id}
    id: {data_type: bigint, nullable: false}
- name: stores
  endpoint: {path: /stores, incremental: null, paginator: null}
  schema_contract: null
  columns:
    id: {data_type: text, nullable: false}
- name: hours
  rows_from: {resource: stores, path: hours}
  columns:
    id: {data_type: text, nullable: false}
"""


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """A shop with defaults that its resources take, change and remove."""
    return _load(tmp_path, SHOP)


def _load(folder: Path, text: str) -> Shop:
    file = folder / "acme.yaml"
    file.write_text(text)
    return load_shop(file)


def _changed(folder: Path, change: Callable[[dict[str, Any]], None]) -> Shop:
    document = yaml.safe_load(SHOP)
    change(document)
    return _load(folder, yaml.safe_dump(document, sort_keys=False))


def test_defaults(shop: Shop) -> None:
    """A key that is left out has the documented default."""
    assert shop.policy == Policy(
        max_retries=3,
        backoff_factor=2,
        timeout=30,
        requests_per_second=None,
        concurrency=8,
        lookback=0,
    )
    assert shop.partitions == Partitions(every="day", start=datetime(2026, 1, 1, tzinfo=timezone.utc))
    assert shop.client.paginator == {"type": "single_page"}
    assert shop.client.headers == {}
    assert shop.client.allow_http is False
    incremental = shop.incremental_of("orders")
    assert (incremental.format, incremental.bounds, incremental.server_filter) == ("iso8601", "[)", True)
    endpoint = shop.resource("orders").endpoint
    assert endpoint is not None
    assert (endpoint.method, endpoint.json_body, endpoint.headers) == ("GET", None, {})
    column = shop.resource("orders").column("id")
    assert (column.precision, column.scale, column.references, column.description) == (None,) * 4


def test_resource_defaults_are_merged(shop: Shop) -> None:
    """A resource's own keys win, down to single parameters; a paginator is taken as a whole."""
    orders = shop.resource("orders")
    assert orders.endpoint is not None
    assert orders.endpoint.data_selector == "data"
    assert orders.endpoint.params == {"status": "open", "sort": "id"}
    assert orders.endpoint.paginator == {"type": "header_link"}
    assert orders.endpoint.incremental == Incremental(
        cursor_path="updated_at", start_param="from", timezone="Europe/Berlin"
    )
    assert orders.schema_contract == SchemaContract(columns="freeze", data_type="freeze")
    assert orders.max_rejected == 0.5


def test_null_removes_a_default(shop: Shop) -> None:
    """A null in a resource stands for the documented default, not for that of `resource_defaults`."""
    stores = shop.resource("stores")
    assert stores.endpoint is not None
    assert stores.endpoint.incremental is None
    assert stores.endpoint.paginator is None
    assert stores.endpoint.data_selector == "data"
    assert stores.schema_contract == SchemaContract(columns="evolve")


def test_children(shop: Shop) -> None:
    """A child takes the defaults except the endpoint, and is windowed if its parent is."""
    items, hours = shop.resource("items"), shop.resource("hours")
    assert items.endpoint is None
    assert items.rows_from == RowsFrom(resource="orders", path="cart.lines")
    assert items.max_rejected == 0.5
    assert hours.primary_key == ("id",)
    assert (items.windowed, items.write_disposition) == (True, "merge")
    assert (hours.windowed, hours.write_disposition) == (False, "replace")
    assert shop.parent_of(items) is shop.resource("orders")
    assert shop.parent_of(shop.resource("orders")) is shop.resource("orders")
    assert shop.children_of("orders") == (items,)
    assert shop.children_of("items") == ()
    assert [resource.name for resource in shop.windowed_resources()] == ["orders", "items"]
    assert [resource.name for resource in shop.snapshot_resources()] == ["stores", "hours"]
    assert shop.incremental_of("items") is shop.incremental_of("orders")
    with pytest.raises(LookupError, match="hours is not windowed"):
        shop.incremental_of("hours")


def test_a_stated_disposition_must_fit(tmp_path: Path) -> None:
    """A file may also state the disposition that follows from `incremental`."""

    def state(document: dict[str, Any]) -> None:
        for resource, disposition in zip(
            document["resources"], ("merge", "merge", "replace", "replace"), strict=True
        ):
            resource["write_disposition"] = disposition

    assert len(_changed(tmp_path, state).resources) == 4


def test_order_of_resources_does_not_matter(tmp_path: Path) -> None:
    """A child may stand before its parent."""
    shop = _changed(tmp_path, lambda document: document["resources"].reverse())
    assert shop.resource("items").windowed
    assert not shop.resource("hours").windowed


def test_what_looks_like_a_secret_but_is_none(tmp_path: Path) -> None:
    """Placeholders, flags, columns and names of parameters may be called like secrets."""

    def change(document: dict[str, Any]) -> None:
        orders = document["resources"][0]
        orders["endpoint"]["params"] = {
            "include_token": True,
            "page_token": "{incremental.start_value}",
            "password": None,
        }
        orders["endpoint"]["path"] = "/orders?token={incremental.end_value}&fields=token"
        orders["description"] = "Basic facts, see https://example.com/a@b?page=1."
        orders["columns"]["password"] = {"data_type": "text"}

    assert _changed(tmp_path, change).resource("orders").column("password").data_type == "text"


def test_frozen(shop: Shop) -> None:
    """No field of a shop can be assigned."""
    for part, field in [(shop, "name"), (shop.policy, "timeout"), (shop.resources[0].columns[0], "nullable")]:
        with pytest.raises(ValidationError, match="frozen"):
            setattr(part, field, getattr(part, field))
    assert isinstance(shop.resources, tuple)


def test_equality_leaves_out_the_file(tmp_path: Path) -> None:
    """Two files that declare the same are equal shops; one that differs in a column is not."""
    (tmp_path / "elsewhere").mkdir()
    first, second = _load(tmp_path, SHOP), _load(tmp_path / "elsewhere", SHOP)
    assert first == second
    assert hash(first) == hash(second)
    assert first.file != second.file
    assert first != _load(tmp_path, SHOP.replace("data_type: text", "data_type: bigint"))
    assert first != "acme"


def test_a_shop_goes_to_another_process(shop: Shop) -> None:
    """A shop can be pickled, and its children stay windowed."""
    copy = pickle.loads(pickle.dumps(shop))
    assert copy == shop
    assert copy.resource("items").windowed


def test_shops_dir(tmp_path: Path) -> None:
    """The environment names a folder; without it, or with an empty name, the bundled one counts."""
    assert shops_dir({"ECOM_SHOPS_DIR": str(tmp_path)}) == tmp_path
    assert shops_dir({}) == shops_dir({"ECOM_SHOPS_DIR": ""})
    assert SANDBOX in shop_files(shops_dir({}))


def test_load_shops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every YAML file of the folder is a shop, in the order of the files' names."""
    (tmp_path / "b.yaml").write_text(SHOP)
    (tmp_path / "a.yml").write_text(SHOP.replace("name: acme", "name: zeta"))
    (tmp_path / "notes.txt").write_text("nothing")
    monkeypatch.setenv("ECOM_SHOPS_DIR", str(tmp_path))
    assert [shop.name for shop in load_shops()[0]] == ["zeta", "acme"]
    assert [shop.name for shop in load_shops(SANDBOX.parent)[0]] == ["sandbox"]
