"""Personal data is hashed, masked or dropped before anything is written, rejected rows and previews included."""

from __future__ import annotations

import copy
import hashlib
import hmac
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from dagster import DagsterInstance
from hypothesis import given
from hypothesis import strategies as st

from ecom_assets.cli.app import main
from ecom_assets.contract.privacy import MASK, protect_personal_data
from ecom_assets.declaration.reading import BUNDLED_SHOPS, Shop, load_shop
from ecom_assets.foundation.errors import MissingSecret
from ecom_assets.load.run import run_load
from ecom_assets.orchestration.build_definitions import build_defs
from ecom_assets.sandbox import SANDBOX_KEY
from ecom_assets.sandbox.server import Running
from ecom_assets_tests.load.test_run import windows_of
from ecom_assets_tests.support.loads.still_sandbox import sandbox as sandbox
from ecom_assets_tests.support.loads.still_sandbox import server as server
from ecom_assets_tests.support.servers.loopback import Reply, Seen, json_reply
from ecom_assets_tests.support.servers.loopback import serving as serving_loopback
from ecom_assets_tests.support.warehouses.engines import Place

KEY = "the key of the hashes"
PII = {
    "customers": {
        "email": "hash",
        "first_name": "mask",
        "last_name": "drop",
        "address__city": "mask",
        "note": "drop",
    },
    "orders": {"buyer_email": "hash", "shipping_address__name": "mask", "shipping_address__street": "drop"},
    "order_items": {"sku": "hash"},
}


def hashed(value: str) -> str:
    return hmac.new(KEY.encode(), value.encode(), hashlib.sha256).hexdigest()


@pytest.fixture
def folder(sandbox: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Declare the sandbox with personal data, and hold its secrets."""
    sandbox.faults.clear()
    content = yaml.safe_load((BUNDLED_SHOPS / "sandbox.yaml").read_text("utf-8"))
    content["client"]["base_url"] = sandbox.base_url
    for resource in content["resources"]:
        for column, way in PII.get(resource["name"], {}).items():
            resource["columns"][column]["pii"] = way
    folder = tmp_path / "shops"
    folder.mkdir()
    (folder / "sandbox.yaml").write_text(yaml.safe_dump(content), "utf-8")
    monkeypatch.setenv("SOURCES__SANDBOX__API_KEY", SANDBOX_KEY)
    monkeypatch.setenv("SOURCES__SANDBOX__PII_KEY", KEY)
    monkeypatch.setenv("ECOM_SHOPS_DIR", str(folder))
    return folder


def plain(sandbox: Running, place: Place) -> dict[str, list[dict[str, Any]]]:
    """Load the same without any protection, and return the rows by table."""
    shop = load_shop(BUNDLED_SHOPS / "sandbox.yaml")
    shop = shop.model_copy(update={"client": shop.client.model_copy(update={"base_url": sandbox.base_url})})
    run_load(shop, list(PII), windows_of(2), warehouse=place.warehouse())
    return rows(place)


def rows(place: Place) -> dict[str, list[dict[str, Any]]]:
    columns = {name: list(place.columns(name)) for name in PII}
    return {
        name: [dict(zip(columns[name], row, strict=True)) for row in place.rows(f"select * from {name}")]
        for name in PII
    }


def test_columns_are_hashed_masked_or_gone(
    folder: Path, sandbox: Running, new_place: Callable[[], Place]
) -> None:
    open_rows = plain(sandbox, new_place())
    place = new_place()
    run_load(load_shop(folder / "sandbox.yaml"), list(PII), windows_of(2), warehouse=place.warehouse())
    found = rows(place)
    for name, ways in PII.items():
        wanted = []
        for row in open_rows[name]:
            for column, way in ways.items():
                value = row[column]
                if way == "drop":
                    del row[column]
                elif value:
                    row[column] = hashed(value) if way == "hash" else MASK
            wanted.append(row)
        keys = load_shop(folder / "sandbox.yaml").resource(name).primary_key
        assert sorted(map(comparable, found[name]), key=lambda row: [row[key] for key in keys]) == sorted(
            map(comparable, wanted), key=lambda row: [row[key] for key in keys]
        )


def comparable(row: dict[str, Any]) -> dict[str, Any]:
    """Leave out what each load numbers anew."""
    return {name: value for name, value in row.items() if not name.startswith("_dlt")}


def test_nothing_of_it_is_written_by_a_real_run_not_even_of_rejected_rows(
    folder: Path,
    sandbox: Running,
    tmp_path: Path,
    new_place: Callable[[], Place],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    place, unprotected = new_place(), new_place()
    private = [
        value
        for name, ways in PII.items()
        for row in plain(sandbox, unprotected)[name]
        for column, way in ways.items()
        if (value := row[column]) and name != "order_items"
    ]
    private = [value for value in private if (len(value) > 7 and " " in value) or "@" in value]
    assert len(private) > 20
    ((first,), (second,)) = unprotected.rows("select id from sandbox.customers order by id limit 2")
    # one breaks another column, one has an address that is a text with everything in it
    sandbox.faults.change("/v1/customers", first, orders_count="none", email=private[0])
    sandbox.faults.change("/v1/customers", second, address=private[1])
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    monkeypatch.setenv("ECOM_WAREHOUSE", place.where)
    first_day, last_day = (window.partition_key for window in windows_of(2))
    with DagsterInstance.from_ref(DagsterInstance.local_temp(str(home)).get_ref()) as instance:
        result = (
            build_defs(folder)
            .resolve_job_def("sandbox_windows")
            .execute_in_process(
                instance=instance,
                tags={
                    "dagster/asset_partition_range_start": first_day,
                    "dagster/asset_partition_range_end": last_day,
                },
            )
        )
    assert result.success
    rejected = place.rows("select record, reasons from sandbox.rejected_rows")
    texts = [
        str(row)
        for (table,) in place.rows(
            "select table_name from information_schema.tables where table_schema = 'sandbox'"
        )
        for row in place.rows(f"select * from sandbox.{table}")
    ]
    assert len(rejected) == 2
    for record, _ in rejected:
        assert json.loads(record)["first_name"] == MASK
        assert "last_name" not in json.loads(record)
    monkeypatch.setattr("sys.argv", ["ecom-assets", "preview", "sandbox", "customers", "--limit", "50"])
    with pytest.raises(SystemExit):
        main()
    printed = capfd.readouterr()
    texts += [printed.out, printed.err]
    texts += [file.read_bytes().decode("latin-1") for file in home.rglob("*") if file.is_file()]
    everything = "\n".join(texts)
    assert hashed(private[0]) in everything
    assert [value for value in private if value in everything] == []


def test_without_the_key_nothing_is_asked(
    folder: Path, sandbox: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SOURCES__SANDBOX__PII_KEY")
    sandbox.log.clear()
    with pytest.raises(
        MissingSecret, match="the secret 'pii_key' of shop 'sandbox' was not found: looked in"
    ):
        run_load(load_shop(folder / "sandbox.yaml"), ["customers"], windows_of(1))
    assert sandbox.log.requests == []


NESTED = """
name: shop
client: {base_url: "https://shop.example"}
resources:
  - name: orders
    primary_key: id
    endpoint: {path: orders}
    columns:
      id: {data_type: text, nullable: false, pii: hash}
      who__mail: {data_type: text, pii: hash}
      who__name: {data_type: text, pii: mask}
      who__phone: {data_type: text, pii: drop}
  - name: lines
    primary_key: [order_id, id]
    rows_from: {resource: orders, path: a.lines}
    include_from_parent: [id]
    columns:
      order_id: {data_type: text, nullable: false, path: _orders_id}
      id: {data_type: bigint, nullable: false}
      engraving: {data_type: text, pii: mask}
"""


@pytest.fixture(scope="module")
def nested(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    file = tmp_path_factory.mktemp("nested") / "shop.yaml"
    file.write_text(NESTED, "utf-8")
    return load_shop(file)


LEAF = st.one_of(
    st.none(),
    st.integers(),
    st.floats(allow_nan=False),
    st.booleans(),
    st.text(min_size=1).map("PRIVATE".__add__),
)
ANY = st.recursive(LEAF, lambda below: st.lists(below) | st.dictionaries(st.text(), below), max_leaves=4)
PERSON = st.fixed_dictionaries({}, optional={"mail": ANY, "name": ANY, "phone": ANY})
LINE = st.one_of(ANY, st.fixed_dictionaries({"id": st.integers()}, optional={"engraving": ANY}))


@given(
    who=st.one_of(st.none(), PERSON),
    lines=st.lists(st.fixed_dictionaries({"id": st.integers()}, optional={"engraving": ANY})),
)
def test_whatever_the_values_are_none_is_left(nested: Shop, who: Any, lines: list[Any]) -> None:
    record = {"id": "PRIVATE 7", "who": who, "a": {"lines": lines}}
    before = copy.deepcopy(record)
    protect_personal_data(nested, nested.resource("orders"), [record, None, 7, {}], KEY)
    assert "PRIVATE" not in json.dumps(record, ensure_ascii=False)
    assert record["id"] == hashed("PRIVATE 7")
    if who:
        assert "phone" not in record["who"]
        assert (record["who"].get("mail") is None) == (before["who"].get("mail") is None)
    assert [line["id"] for line in record["a"]["lines"]] == [line["id"] for line in lines]


@given(who=st.one_of(st.text(min_size=1), st.lists(st.text())))
def test_what_is_no_object_is_masked_as_a_whole(nested: Shop, who: Any) -> None:
    record = {"id": "7", "who": who}
    protect_personal_data(nested, nested.resource("orders"), [record], KEY)
    assert record["who"] == MASK


def test_a_hash_joins_and_depends_on_the_key(nested: Shop) -> None:
    def of(value: Any, key: str) -> str:
        record: dict[str, Any] = {"id": "1", "who": {"mail": value}}
        protect_personal_data(nested, nested.resource("orders"), [record], key)
        found: str = record["who"]["mail"]
        return found

    assert of("a@b.example", KEY) == of("a@b.example", KEY) == hashed("a@b.example")
    assert of("a@b.example", "another") != of("a@b.example", KEY)
    assert of(15550100, KEY) == hashed("15550100")


def test_a_message_about_pages_names_no_record_whose_key_is_personal(nested: Shop) -> None:
    """The list changes all the time. Its keys are hashed only after its pages are complete."""
    count = 0

    def answer(seen: Seen) -> Reply:
        nonlocal count
        count += 1
        rows = [{"id": f"PRIVATE {number}", "who": {"mail": f"PRIVATE {count}"}} for number in range(4)]
        return json_reply({"data": rows[int(dict(seen.query)["offset"]) :][:3], "total": 4})

    with serving_loopback() as api:
        api.answering = answer
        client = nested.client.model_copy(
            update={
                "base_url": api.base_url,
                "paginator": {"type": "offset", "limit": 3, "total_path": "total"},
            }
        )
        endpoint = nested.resource("orders").endpoint
        assert endpoint
        selected = endpoint.model_copy(update={"data_selector": "data"})
        orders = nested.resource("orders").model_copy(update={"endpoint": selected})
        shop = nested.model_copy(update={"client": client, "resources": (orders, *nested.resources[1:])})
        report = run_load(shop, ["orders"], secrets={"pii_key": KEY})
    told = str(report.errors["orders"])
    assert "differ between two readings in a row, such as one whose key is personal: " in told
    assert "PRIVATE" not in told
