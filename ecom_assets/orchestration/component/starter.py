"""The declaration that `dg scaffold` writes to begin with: it loads from the sandbox, and says what to change."""

from __future__ import annotations

from pydantic import TypeAdapter, ValidationError

from ecom_assets.declaration.field_types import ShopName
from ecom_assets.foundation.errors import IngestError

_STARTER = """\
# yaml-language-server: $schema=declaration.schema.json
# One shop: an API, and the tables that it becomes. An editor that knows JSON Schema completes the keys.
# `ecom-assets check FILE` compares this file with the API; `ecom-assets preview FILE orders` shows rows.
name: {name}
client:
  # {about_address}
  base_url: "{base_url}"
  # The secret is not in this file. Without `secrets` in defs.yaml, it is SOURCES__{upper}__API_KEY in the environment.
  auth: {{type: api_key, name: api_key, location: query}}
  # How the API pages: offset, page_number, cursor, json_link, header_link, range or single_page.
  paginator: {{type: offset, limit: 100, total_path: total}}
policy: {{requests_per_second: 5}}
# Each window is a partition in Dagster, and is loaded completely or not at all.
partitions: {{every: day, start: "2026-01-01"}}
# How the tables look as Dagster assets. A resource may have `dagster` too.
dagster:
  # owners: [team:data, ann@example.com]
  tags: {{source: {name}}}
  # automation_condition: {{on_cron: "10 0 * * *"}}
resource_defaults:
  primary_key: id
  endpoint:
    data_selector: data
    incremental: {{cursor_path: updated_at, start_param: updated_at_min, end_param: updated_at_max}}
resources:
  - name: orders
    endpoint: {{path: /v1/orders}}
  - name: order_items
    # A list in the records of another resource becomes a table of its own.
    rows_from: {{resource: orders, path: line_items}}
    include_from_parent: [id]
    primary_key: [_orders_id, id]
  - name: stores
    # Without `incremental`, a load reads and replaces the whole table.
    endpoint: {{path: /v1/stores, incremental: null}}
"""


def starter_declaration(name: str, base_url: str | None = None) -> str:
    """Return a declaration to begin with.

    Args:
        name: The name of the shop.
        base_url: The address of its API; None stands for the bundled sandbox.

    Raises:
        IngestError: No shop may have this name.
    """
    try:
        TypeAdapter(ShopName).validate_python(name)
    except ValidationError as error:
        wrong = error.errors()[0].get("ctx", {})
        raise IngestError(
            f"found {wrong.get('found')} as the name of the folder, which is the shop's name; "
            f"allowed: {wrong.get('allowed')}"
        ) from None
    about = "The bundled sandbox: it needs no account and no server. Write the address of your API here."
    return _STARTER.format(
        name=name,
        upper=name.upper(),
        base_url=base_url or "sandbox://",
        about_address=about
        if base_url is None
        else "The address of the API, without the paths of the resources.",
    )
