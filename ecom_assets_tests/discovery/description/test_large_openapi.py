"""Large and cyclic descriptions are read in seconds, and only the endpoints that are asked for are unfolded."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ecom_assets.cli.app import app
from ecom_assets.declaration.reading import load_shop
from ecom_assets.discovery.description.openapi import ApiDescription, read_openapi
from ecom_assets.discovery.discover import Discovery, DiscoveryOptions, discover
from ecom_assets.discovery.verification import load_text
from ecom_assets_tests.support.descriptions.large_openapi import large_openapi


def described_by(folder: Path, schemas: dict[str, Any], path: str = "/things") -> ApiDescription:
    """Return the description of one list, whose records have the first schema."""
    content = {"schema": {"type": "array", "items": {"$ref": f"#/components/schemas/{next(iter(schemas))}"}}}
    document = {
        "openapi": "3.1.0",
        "components": {"schemas": schemas},
        "paths": {path: {"get": {"responses": {"200": {"content": {"application/json": content}}}}}},
    }
    file = folder / "api.json"
    file.write_text(json.dumps(document), "utf-8")
    return read_openapi(file)


def drafted(described: ApiDescription, *paths: str) -> Discovery:
    return discover(
        DiscoveryOptions(
            "shop", "https://api.example.com", endpoints=paths, described=described.endpoints, offline=True
        )
    )


def test_a_schema_within_itself_ends_as_json(tmp_path: Path) -> None:
    reference = {"$ref": "#/components/schemas/Category"}
    category = {
        "type": "object",
        "properties": {
            "id": {"type": "string"},
            "parent": reference,
            "wrapped": {"nullable": True, "allOf": [reference]},
            "owner": {"$ref": "#/components/schemas/Owner"},
            "children": {"type": "array", "items": reference},
        },
    }
    owner = {"type": "object", "properties": {"id": {"type": "integer"}, "main": reference}}
    described = described_by(tmp_path, {"Category": category, "Owner": owner})
    things = load_text(drafted(described, "/things").text, "shop").resource("things")
    assert {column.name: column.data_type for column in things.columns} == {
        "id": "text",
        "parent": "json",
        "wrapped": "json",
        "owner__id": "bigint",
        "owner__main": "json",
        "children": "json",
    }


@pytest.mark.parametrize(
    ("schema", "data_type"),
    [
        ({"anyOf": [{"type": "string"}, {"$ref": "#/components/schemas/Other"}]}, "text"),
        ({"oneOf": [{"$ref": "#/components/schemas/Other"}, {"type": "integer"}]}, "bigint"),
        ({"anyOf": [{"type": "string"}, {"$ref": "#/components/schemas/Other"}, {"type": "null"}]}, "text"),
        ({"type": ["string", "object"], "properties": {"id": {"type": "string"}}}, "text"),
        ({"anyOf": [{"type": "integer"}, {"type": "number"}]}, "decimal"),
    ],
)
def test_a_single_value_or_an_object_is_the_single_value(
    tmp_path: Path, schema: dict[str, Any], data_type: str
) -> None:
    other = {"type": "object", "properties": {"id": {"type": "string"}, "more": {"type": "string"}}}
    thing = {"type": "object", "properties": {"id": {"type": "string"}, "other": schema}}
    described = described_by(tmp_path, {"Thing": thing, "Other": other})
    things = load_text(drafted(described, "/things").text, "shop").resource("things")
    assert {column.name: column.data_type for column in things.columns} == {"id": "text", "other": data_type}


def test_schemas_that_are_parts_of_each_other_end(tmp_path: Path) -> None:
    one = {"allOf": [{"$ref": "#/components/schemas/Two"}], "properties": {"id": {"type": "string"}}}
    two = {"allOf": [{"$ref": "#/components/schemas/One"}], "properties": {"name": {"type": "string"}}}
    described = described_by(tmp_path, {"One": one, "Two": two})
    assert set(described.endpoints["/things"].table.fields) == {("id",), ("name",)}


def test_only_the_asked_endpoints_are_unfolded_and_progress_is_shown(tmp_path: Path) -> None:
    file = tmp_path / "api.json"
    file.write_text(json.dumps(large_openapi(60)), "utf-8")
    lines: list[str] = []
    described = read_openapi(file, lines.append)
    assert len(described.endpoints) == 60
    assert any("path 60 of 60" in line for line in lines)
    lines.clear()
    found = drafted(described, "/v1/orders_0", "/v1/customers_1")
    assert [line for line in lines if "reading its description" in line] == [
        "/v1/orders_0: reading its description",
        "/v1/customers_1: reading its description",
    ]
    tables = [table for table in found.draft.tables if table.endpoint]
    assert [table.name for table in tables] == ["orders_0", "customers_1"]
    assert max(len(table.columns) for table in tables) <= 200
    assert load_text(found.text, "shop").resource("orders_0").column("either_1").data_type == "text"


def test_of_a_long_description_the_likely_collections_are_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("api.json").write_text(json.dumps(large_openapi(32, 4, 0)), "utf-8")
    command = ["discover", "--openapi", "api.json", "--name", "shop", "--offline", "--yes"]
    result = CliRunner().invoke(app, command, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert "20 of 32 described lists are taken (*)" in result.stderr
    assert "* /v1/orders_0: " in result.stderr
    assert "  /v1/settings_5: " in result.stderr
    endpoints = [
        entry.endpoint.path for entry in load_shop(Path("shops/shop.yaml")).resources if entry.endpoint
    ]
    assert len(endpoints) == 20
    assert not any("settings" in path or "event_logs" in path for path in endpoints)
    result = CliRunner().invoke(app, [*command, "--all", "--out", "all.yaml"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert sum(bool(entry.endpoint) for entry in load_shop(Path("all.yaml")).resources) == 32


_MEASURED = """
import sys
import time
from pathlib import Path
from ecom_assets.discovery.description.openapi import read_openapi
from ecom_assets.discovery.description.collection_guess import likeliest_collections
from ecom_assets.discovery.discover import DiscoveryOptions, discover
described = read_openapi(Path(sys.argv[1]))
paths = likeliest_collections(described.collections, 20)
address = "https://api.example.com"
options = DiscoveryOptions("shop", address, endpoints=paths, described=described.endpoints, offline=True)
assert len(discover(options).draft.tables) >= 20
peak = Path("/proc/self/status")
lines = peak.read_text().splitlines() if peak.exists() else ["VmHWM: 0 kB"]
print(time.process_time(), next(line.split()[1] for line in lines if line.startswith("VmHWM")))
"""


@pytest.mark.slow
def test_four_megabytes_take_ten_seconds_and_300_megabytes(tmp_path: Path) -> None:
    file = tmp_path / "api.json"
    file.write_text(json.dumps(large_openapi()), "utf-8")
    assert file.stat().st_size > 4_000_000
    done = subprocess.run([sys.executable, "-c", _MEASURED, str(file)], check=True, stdout=subprocess.PIPE)
    seconds, kilobytes = done.stdout.split()[-2:]
    assert float(seconds) < 10
    assert int(kilobytes) < 300_000
