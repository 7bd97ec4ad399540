"""Ids and user names stay in records; secrets in records are masked and counted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from ecom_assets.declaration.reading import Shop
from ecom_assets.extract.check.api_check import check
from ecom_assets.load.run import run_load
from ecom_assets_tests.support.servers.loopback import Loopback, Seen, json_reply, serving
from ecom_assets_tests.support.warehouses.engines import Place

BASIC = {"type": "http_basic"}
OAUTH = {"type": "oauth2_client_credentials", "access_token_url": "{base_url}/token"}


@pytest.fixture
def loopback() -> Iterator[Loopback]:
    with serving() as running:
        yield running


def shop_with(loopback: Loopback, auth: dict[str, Any], records: list[dict[str, Any]]) -> Shop:
    def answer(seen: Seen) -> Any:
        if seen.path == "/token":
            return json_reply({"access_token": "t0ken-of-the-run-77", "expires_in": 3600})
        return json_reply(records)

    loopback.answering = answer
    auth = {key: value.format(base_url=loopback.base_url) for key, value in auth.items()}
    client = {"base_url": loopback.base_url, "allow_http": True, "paginator": "single_page", "auth": auth}
    things = {"name": "things", "primary_key": "id", "endpoint": {"path": "things"}}
    return Shop.model_validate({"name": "testshop", "client": client, "resources": [things]})


@pytest.mark.parametrize(
    ("auth", "secrets", "public", "private"),
    [
        (
            OAUTH,
            {"client_id": "app-4711-public", "client_secret": "s3cret-of-the-app"},
            1,
            "s3cret-of-the-app",
        ),
        (
            {**OAUTH, "access_token_request_auth": "client_secret_basic"},
            {"client_id": "app 4711 public", "client_secret": "s3cret-of-the-app"},
            1,
            "t0ken-of-the-run-77",
        ),
        (BASIC, {"username": "maria_lopez1985", "password": "s3cret-of-maria"}, 1, "s3cret-of-maria"),
        (BASIC, {"username": "k3y-without-password", "password": ""}, 0, "k3y-without-password"),
        (BASIC, {"username": "the-s4me-value", "password": "the-s4me-value"}, 0, "the-s4me-value"),
    ],
)
def test_only_secrets_are_masked_in_records_and_they_are_counted(
    loopback: Loopback, place: Place, auth: dict[str, Any], secrets: dict[str, str], public: int, private: str
) -> None:
    name = next(iter(secrets.values()))
    records: list[dict[str, Any]] = [
        {"id": 1, "note": f"by {name}", "owner": name},
        {"id": 2, "note": f"key {private}"},
        {"id": 3},
    ]
    shop = shop_with(loopback, auth, records)
    place, said = replace(place, dataset="testshop"), []  # type: ignore[var-annotated]
    report = run_load(shop, ["things"], secrets=secrets, warehouse=place.warehouse(), progress=said.append)
    assert report.errors == {}
    shown = name if public else "***"
    assert place.rows("select note, owner from things order by id") == [
        (f"by {shown}", shown),
        ("key ***", None),
        (None, None),
    ]
    masked = 1 if public else 3
    assert place.rows("select masked from load_ledger") == [(masked,)]
    assert any(line.startswith(f"things: {masked} values of the records contain a secret") for line in said)
    assert next(entry.what for entry in check(shop, secrets) if entry.result == "limit") == "masking"
