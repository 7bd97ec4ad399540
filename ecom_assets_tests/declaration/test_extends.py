"""A declaration starts from another file of the folder and overrides parts of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ecom_assets.client.secrets import secret_names
from ecom_assets.declaration.column_types import COLUMN_TYPES
from ecom_assets.declaration.reading import format_path, load_shop, shop_files
from ecom_assets.foundation.errors import DeclarationError

BASE = """\
client:
  base_url: https://api.example.com
  auth: {type: api_key, name: key, location: query}
  paginator: {type: offset, limit: 50, total_path: total}
  headers: {X-Client: base, X-Kept: kept}
policy: {timeout: 10, max_retries: 1}
partitions: {every: day, start: "2026-01-01"}
resource_defaults:
  primary_key: id
  endpoint: {data_selector: data, params: {order: asc, status: any}}
resources:
- name: orders
  endpoint: {path: /orders, incremental: {cursor_path: updated_at, start_param: since}}
  columns:
    id: {data_type: bigint, nullable: false}
    note: {data_type: text}
    updated_at: {data_type: timestamp, nullable: false}
- name: stores
  endpoint: /stores
  columns:
    id: {data_type: bigint, nullable: false}
"""

ACME = """\
name: acme
extends: _base.yaml
client:
  base_url: https://acme.example.com
  auth: {type: bearer, secret: acme_token}
  headers: {X-Client: acme}
policy: {timeout: 20}
resource_defaults:
  endpoint: {params: {status: open}}
resources:
- name: returns
  endpoint: /returns
  columns:
    id: {data_type: bigint, nullable: false}
- name: stores
  endpoint: /shops
- name: orders
  endpoint: {incremental: {format: unix}, paginator: {type: header_link}}
  columns:
    id: {data_type: text}
    note: null
    total: {data_type: decimal, precision: 18, scale: 2}
"""


def written(folder: Path, **files: str) -> Path:
    """Write files into a folder by their stems and return the first one."""
    for stem, text in files.items():
        (folder / f"{stem}.yaml").write_text(text, encoding="utf-8")
    return folder / f"{next(iter(files))}.yaml"


def mistake(folder: Path, **files: str) -> str:
    """Return what is said of the first file."""
    file = written(folder, **files)
    with pytest.raises(DeclarationError) as caught:
        load_shop(file)
    return str(caught.value).replace(f"{format_path(folder)}/", "")


def test_mappings_merge_deeply_and_lists_of_resources_by_name(tmp_path: Path) -> None:
    shop = load_shop(written(tmp_path, acme=ACME, _base=BASE))
    assert (shop.name, shop.client.base_url) == ("acme", "https://acme.example.com")
    assert shop.client.headers == {"X-Client": "acme", "X-Kept": "kept"}
    assert (shop.policy.timeout, shop.policy.max_retries) == (20, 1)
    assert [resource.name for resource in shop.resources] == ["orders", "stores", "returns"]
    orders, stores, returns = (resource.endpoint for resource in shop.resources)
    assert orders
    assert stores
    assert returns
    assert (orders.path, stores.path, returns.path) == ("/orders", "/shops", "/returns")
    assert returns.params == {"order": "asc", "status": "open"}
    assert orders.incremental
    assert (orders.incremental.start_param, orders.incremental.format) == ("since", "unix")
    columns = {column.name: column.data_type for column in shop.resource("orders").columns}
    assert columns == {"id": "text", "updated_at": "timestamp", "total": "decimal"}
    assert not shop.resource("orders").column("id").nullable


def test_a_paginator_and_an_auth_are_of_one_piece(tmp_path: Path) -> None:
    shop = load_shop(written(tmp_path, acme=ACME, _base=BASE))
    endpoint = shop.resource("orders").endpoint
    assert endpoint
    assert endpoint.paginator == {"type": "header_link"}
    assert [(auth.type, auth.fields) for auth in shop.client.auth] == [("bearer", {"token": "acme_token"})]


def test_it_is_the_same_shop_as_one_that_is_written_out(tmp_path: Path) -> None:
    alone = written(
        tmp_path, alone=f"name: acme\n{BASE}", acme="name: acme\nextends: _base.yaml\n", _base=BASE
    )
    assert load_shop(alone) == load_shop(tmp_path / "acme.yaml")


def test_a_chain_of_files(tmp_path: Path) -> None:
    middle = "extends: _base.yaml\npolicy: {timeout: 15}\nclient: {headers: {X-Client: middle}}\n"
    last = "name: last\nextends: _middle.yaml\npolicy: {max_retries: 5}\n"
    shop = load_shop(written(tmp_path, last=last, _middle=middle, _base=BASE))
    assert (shop.policy.timeout, shop.policy.max_retries) == (15, 5)
    assert shop.client.headers == {"X-Client": "middle", "X-Kept": "kept"}


def test_secrets_stay_per_shop(tmp_path: Path) -> None:
    one = load_shop(written(tmp_path, one="name: one\nextends: _base.yaml\n", _base=BASE))
    two = load_shop(written(tmp_path, two="name: two\nextends: one.yaml\n"))
    assert (one.name, two.name) == ("one", "two")
    assert secret_names(one) == secret_names(two) == ("api_key",)


def test_a_file_that_is_only_extended_is_no_shop(tmp_path: Path) -> None:
    written(tmp_path, acme=ACME, _base=BASE, other=ACME)
    assert [file.name for file in shop_files(tmp_path)] == ["acme.yaml", "other.yaml"]


FROM = "extends: _base.yaml\n"


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {"acme": f"name: acme\n{FROM}"},
            "acme.yaml: extends: found '_base.yaml', a file that does not exist; "
            "allowed: the name of a YAML file in the same folder, such as _base.yaml",
        ),
        (
            {"acme": "name: acme\nextends: ../_base.yaml\n"},
            "acme.yaml: extends: found '../_base.yaml'; "
            "allowed: the name of a YAML file in the same folder, such as _base.yaml",
        ),
        (
            {"acme": "name: acme\nextends: [_base.yaml]\n"},
            "acme.yaml: extends: found a list; "
            "allowed: the name of a YAML file in the same folder, such as _base.yaml",
        ),
        (
            {"acme": "name: acme\nextends: acme.yaml\n"},
            "acme.yaml: extends: found 'acme.yaml', which leads back to this file; "
            "allowed: a chain of files that ends in one without extends",
        ),
        (
            {"acme": f"name: acme\n{FROM}", "_base": "extends: acme.yaml\n"},
            "_base.yaml: extends: found 'acme.yaml', which leads back to this file; "
            "allowed: a chain of files that ends in one without extends",
        ),
        (
            {"acme": FROM, "_base": f"name: base\n{BASE}"},
            "acme.yaml: name: found nothing; allowed: a lower snake_case name",
        ),
        (
            {"acme": f"name: acme\n{FROM}", "_base": BASE.replace("timeout", "timeouts")},
            "_base.yaml: policy.timeouts: found an unknown key; allowed: max_retries, backoff_factor, "
            "retry_statuses, retry_after, retry_errors, timeout, response_timeout, max_response_bytes, max_pages, "
            "requests_per_second, concurrency, lookback; did you mean timeout?",
        ),
        (
            {"acme": f"name: acme\n{FROM}", "_base": f"{BASE}extra: 1\n"},
            "_base.yaml: extra: found an unknown key; "
            "allowed: name, extends, docs_url, client, policy, partitions, audit, dagster, resource_defaults, "
            "resources",
        ),
        (
            {
                "acme": f"name: acme\n{FROM}",
                "_base": BASE.replace("{data_type: text}", "{data_type: string}"),
            },
            "_base.yaml: resources[0].columns.note.data_type: found 'string'; "
            f"allowed: {', '.join(COLUMN_TYPES)}",
        ),
        (
            {"acme": ACME.replace("data_type: decimal", "data_type: money"), "_base": BASE},
            "acme.yaml: resources[2].columns.total.data_type: found 'money'; "
            f"allowed: {', '.join(COLUMN_TYPES)}",
        ),
        (
            {"acme": ACME.replace("note: null", "nothing: null"), "_base": BASE},
            "acme.yaml: resources[2].columns.nothing: found null; allowed: a mapping with data_type",
        ),
        (
            {"acme": f"name: acme\n{FROM}", "_base": BASE.replace("any}", "any, api_key: sk-9f8e7d6c5b4a}")},
            "_base.yaml: resource_defaults.endpoint.params.api_key: found a secret in the file; allowed: client.auth "
            "without its secret, and the secret as SOURCES__<SHOP>__API_KEY in the environment, "
            "or api_key under [sources.<shop>] in .dlt/secrets.toml",
        ),
        (
            {"acme": f"name: acme\n{FROM}", "_base": "- 1\n"},
            "_base.yaml: file: found a list; "
            "allowed: a mapping with name, extends, docs_url, client, policy, partitions, audit, dagster, "
            "resource_defaults, resources",
        ),
    ],
)
def test_what_is_wrong_is_said_of_the_file_it_stands_in(
    tmp_path: Path, files: dict[str, str], message: str
) -> None:
    assert mistake(tmp_path, **files) == message
