"""`ecom-assets discover`, as a person or a script uses it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from datetime import datetime, timezone
from difflib import ndiff
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from ecom_assets.cli.app import app
from ecom_assets.declaration.reading import SCHEMA_FILE, load_shop
from ecom_assets.discovery.auth_argument import auth_kinds
from ecom_assets.foundation.errors import IngestError
from ecom_assets.sandbox import SandboxSettings
from ecom_assets.sandbox.server import Running, serving
from ecom_assets_tests.support.loads.commands import Printed, run_main
from ecom_assets_tests.support.secrets.leaks import AUTHS, SECRET, TOKEN, echo, hidden_with, leaks
from ecom_assets_tests.support.servers.loopback import Loopback, Reply, Seen, json_reply
from ecom_assets_tests.support.servers.loopback import api as api

NOW = datetime(2026, 1, 20, 12, tzinfo=timezone.utc)
KEY = "a-key-of-my-own"
AUTH = ("--auth", "api_key:api_key:query")


@pytest.fixture
def sandbox() -> Iterator[Running]:
    with serving(SandboxSettings(orders_per_day=20, now=NOW, key=KEY)) as running:
        yield running


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Any:
    """Run `discover` in a folder of its own, with typed answers; return its exit code and what it printed."""
    monkeypatch.chdir(tmp_path)

    def command(*arguments: object, typed: str | None = None) -> Printed:
        words = ["discover", *map(str, arguments)]
        if typed is not None:
            result = CliRunner().invoke(app, words, input=typed, catch_exceptions=False)
            return result.exit_code, result.stdout, result.stderr
        return run_main(monkeypatch, capsys, *words)

    return command


def found(sandbox: Running, run: Any, *more: object) -> Printed:
    """Discover the stores alone."""
    printed: Printed = run(
        sandbox.base_url, "--name", "mine", *AUTH, "--endpoint", "/v1/stores", "--yes", *more
    )
    return printed


def test_a_script_gets_a_file_and_the_next_commands(
    run: Any, sandbox: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCES__MINE__API_KEY", KEY)
    code, out, err = run(sandbox.base_url + "/v1", "--name", "mine", *AUTH, "--yes")
    assert (code, err) == (0, "")
    assert (
        Path("shops/mine.yaml")
        .read_text("utf-8")
        .startswith("# yaml-language-server: $schema=declaration.schema.json\n")
    )
    shop = load_shop(Path("shops/mine.yaml"))
    assert [resource.name for resource in shop.resources] == [
        "customers",
        "products",
        "orders",
        "order_items",
        "stores",
    ]
    commands = [line.strip() for line in out.partition("Next:")[2].splitlines() if line.strip()]
    assert commands[2] == (
        "ECOM_SHOPS_DIR=shops dagster asset materialize -m ecom_assets.definitions "
        "--select mine/customers --partition 2026-01-01"
    )
    for command in commands[:2]:
        result = CliRunner().invoke(app, shlex.split(command)[1:], catch_exceptions=False)
        assert result.exit_code == 0
    assert "mine.customers" in result.stdout


def test_the_schema_that_a_file_names_is_put_beside_it(
    run: Any, sandbox: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCES__MINE__API_KEY", KEY)
    beside = Path("declared/declaration.schema.json")
    beside.parent.mkdir()
    beside.write_text("{}", "utf-8")  # that of another version
    assert found(sandbox, run, "--out", "declared/mine.yaml")[0] == 0
    assert beside.read_bytes() == SCHEMA_FILE.read_bytes()
    assert sorted(file.name for file in beside.parent.iterdir()) == [beside.name, "mine.yaml"]
    document = yaml.safe_load(Path("declared/mine.yaml").read_text("utf-8"))
    assert list(Draft202012Validator(json.loads(beside.read_text("utf-8"))).iter_errors(document)) == []


def test_as_json(run: Any, sandbox: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCES__MINE__API_KEY", KEY)
    code, out, _ = found(sandbox, run, "--endpoint", "/v1/nothing", "--json", "--out", "here.yaml")
    assert code == 0
    told = json.loads(out)
    assert told["file"] == "here.yaml"
    assert told["resources"][0]["primary_key"] == ["id"]
    assert told["resources"][0]["endpoint"] == "/v1/stores"
    assert told["requests"] == told["resources"][0]["requests"] <= 12
    assert "status 404" in told["left_out"]["/v1/nothing"]
    assert told["next"][0] == "ecom-assets check here.yaml"
    assert "# Left out: GET /v1/nothing: status 404" in Path("here.yaml").read_text("utf-8")


def test_a_person_is_asked_and_a_secret_is_not_shown(run: Any, sandbox: Running) -> None:
    typed = f"mine\napi_key:api_key:query\n{KEY}\n/v1/stores\n"
    code, out, err = run(sandbox.base_url, typed=typed)
    assert code == 0, err
    assert "SOURCES__MINE__API_KEY" in err
    assert [resource.name for resource in load_shop(Path("shops/mine.yaml")).resources] == ["stores"]
    assert KEY not in out + err + Path("shops/mine.yaml").read_text("utf-8")


def test_the_bundled_sandbox_needs_nothing(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECOM_SANDBOX_ORDERS_PER_DAY", "5")
    monkeypatch.setenv("ECOM_SHOPS_DIR", "declared")
    code, out, _ = run("sandbox://", "--yes")
    assert code == 0
    assert load_shop(Path("declared/sandbox.yaml")).client.base_url == "sandbox://"
    assert "  dagster asset materialize" in out


def test_a_file_is_never_overwritten(run: Any, sandbox: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCES__MINE__API_KEY", KEY)
    file = Path("shops/mine.yaml")
    file.parent.mkdir()
    file.write_text("mine", "utf-8")
    code, _, err = found(sandbox, run)
    assert code == 1
    assert err.startswith("error: shops/mine.yaml: the file exists already; use --update")
    assert file.read_text("utf-8") == "mine"
    assert sandbox.log.requests == []


def test_a_missing_and_a_wrong_secret_are_one_line(
    run: Any, sandbox: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, _, err = found(sandbox, run)
    assert code == 1
    assert err.startswith("error: the secret 'api_key' of shop 'mine' was not found: looked in ")
    monkeypatch.setenv("SOURCES__MINE__API_KEY", "wrong-key")
    code, _, err = found(sandbox, run)
    assert code == 1
    assert "status 401" in err
    assert "SOURCES__MINE__API_KEY" in err
    assert "wrong-key" not in err
    assert err.count("\n") == 1
    code, _, err = run(sandbox.base_url, "--name", "mine", "--endpoint", "/v1/stores", "--yes")
    assert "the API wants a secret" in err
    assert not Path("shops").exists()


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (Reply(200, "<html></html>", {"Content-Type": "text/html"}), "the body is not JSON but text/html"),
        (json_reply({"status": "ok"}), "no list of records in the answer, which is an object with status"),
        (json_reply({"data": []}), "the list is empty"),
        (json_reply({"error": "none"}, 404), "status 404"),
    ],
)
def test_what_is_no_list_is_one_line(run: Any, api: Loopback, reply: Reply, message: str) -> None:
    api.replies = [reply]
    code, _, err = run(api.base_url, "--name", "mine", "--endpoint", "things", "--yes")
    assert code == 1
    assert message in err
    assert err.startswith("error: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["http://127.0.0.1:9", "--yes", "--endpoint", "a"], "127.0.0.1:9: no connection"),
        (
            ["http://api.example.com", "--yes"],
            "client.base_url: found 'http://api.example.com'; allowed: an address that begins with https://",
        ),
        (["https://u:s3cret@api.example.com", "--yes"], "found an address with an @ in it"),
        (["https://api.example.com?key=s3cret", "--yes"], "found an address with a query"),
        (
            ["https://api.example.com", "--yes", "--auth", "s3cret"],
            "--auth: found an unknown kind; allowed: api_key",
        ),
        (["https://api.example.com", "--yes", "--auth", "bearer:s3cret"], "found more text after bearer"),
        (["https://api.example.com", "--yes", "--auth", "api_key:k:body"], "allowed: header, query"),
        (
            ["https://api.example.com", "--yes", "--name", "No Name"],
            "name: found 'No Name'; allowed: a lower",
        ),
        (["--yes"], "URL: found nothing"),
        (["--offline", "--yes"], "--offline: found no --openapi"),
        (
            ["https://api.example.com", "--openapi", "none.yaml", "--yes"],
            "none.yaml: file: found No such file",
        ),
        (["--openapi", "https://api.example.com/openapi.yaml", "--yes"], "--openapi: found an address"),
        (["--openapi", "HTTP://[::1]/openapi.json?key=s3cret", "--yes"], "--openapi: found an address"),
        (["--name", "mine", "--update", "--yes"], "shops/mine.yaml: file: found No such file"),
    ],
)
def test_wrong_input_is_one_line(
    run: Any, arguments: list[str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ecom_assets.client.adapter.sleep", lambda seconds: None)
    code, out, err = run(*arguments)
    assert code == 1
    assert message in err
    assert err.count("\n") == 1
    assert "s3cret" not in out + err


def test_an_address_that_is_a_list_itself(run: Any, api: Loopback) -> None:
    api.replies = [json_reply([{"id": 1}])]
    code, _, err = run(api.base_url, "--name", "mine", "--yes")
    assert code == 1
    assert "the address itself answers with a list of records" in err


@pytest.mark.parametrize("auth", sorted(AUTHS))
def test_no_secret_is_written_or_printed_whatever_the_server_repeats(
    run: Any, api: Loopback, auth: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server may repeat what it was sent, in refusals and in its records."""
    options = {
        "query": ["api_key:key:query"],
        "header": ["api_key:X-Key:header:Key "],
        "bearer": ["bearer"],
        "basic": ["http_basic"],
        "oauth2": [f"oauth2_client_credentials:{api.base_url}/token"],
        "two": ["api_key:key:query", "api_key:sign:query"],
    }[auth]
    secrets = dict(AUTHS[auth][1])
    if auth == "two":
        secrets = {"key": SECRET, "sign": TOKEN}
    for name, value in secrets.items():
        monkeypatch.setenv(f"SOURCES__MINE__{name.upper()}", value)
    hidden = hidden_with(auth)

    def answer(seen: Seen) -> Reply:
        if seen.path == "/token":
            return json_reply({"access_token": TOKEN})
        if seen.path == "/none":
            return Reply(404, echo(seen, hidden))
        names = [name for name, _ in seen.query if name not in ("key", "sign")]
        if names:
            return Reply(400, echo(seen, hidden))
        return json_reply(
            {"data": [{"id": number, SECRET: 1} for number in range(3)], SECRET: echo(seen, hidden)}
        )

    api.answering = answer
    arguments = [part for option in options for part in ("--auth", option)]
    code, out, err = run(
        api.base_url, "--name", "mine", *arguments, "--endpoint", "a", "--endpoint", "none", "--yes"
    )
    assert code == 0, err
    text = Path("shops/mine.yaml").read_text("utf-8")
    assert leaks(out + err + text, hidden) == []


def test_auth_kinds() -> None:
    assert auth_kinds(["api_key"]) == [{"type": "api_key", "name": "Authorization", "location": "header"}]
    assert auth_kinds(["bearer", "api_key:store:query"]) == [
        {"type": "bearer"},
        {"type": "api_key", "name": "store", "location": "query"},
    ]
    twins = auth_kinds(["api_key:consumer_key:query", "api_key:consumer_secret:query"])
    assert [kind["secret"] for kind in twins] == ["consumer_key", "consumer_secret"]
    with pytest.raises(IngestError, match="no address of a token endpoint"):
        auth_kinds(["oauth2_client_credentials:secret"])


class TestUpdate:
    """A file is compared with the API, and changed only after a yes."""

    @pytest.fixture
    def file(self, run: Any, sandbox: Running, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.setenv("SOURCES__MINE__API_KEY", KEY)
        assert found(sandbox, run, "--endpoint", "/v1/orders", "--strict")[0] == 0
        file = Path("shops/mine.yaml")
        text = file.read_text("utf-8")
        text = text.replace("    columns:\n", "    columns:   # by hand\n", 1)
        file.write_text(text.replace("      status: {", "\n      # how far it is\n      status: {"), "utf-8")
        return file

    def test_nothing_changed(self, run: Any, file: Path) -> None:
        before = file.read_text("utf-8")
        code, out, _ = run("--name", "mine", "--update", "--endpoint", "/v1/orders", "--yes")
        assert (code, out) == (0, "Nothing changed: the file agrees with the API.\n")
        assert file.read_text("utf-8") == before

    def test_changes_are_shown_and_made(self, run: Any, file: Path, sandbox: Running) -> None:
        before = file.read_text("utf-8")
        for store in range(1, 6):
            sandbox.faults.change("/v1/stores", store, region={"code": "EU"}, currency=1.5 + store, name=None)
        arguments = ("--out", file, "--update", "--endpoint", "/v1/customers")
        code, out, _ = run(*arguments, typed="n\n")
        assert code == 0
        assert file.read_text("utf-8") == before
        for change in (
            "stores.region__code: new at the API, text",
            "stores.name: null at the API, so it may be null",
            "customers: new at the API",
        ):
            assert change in out
        assert "+      region__code: {data_type: text}  # new at the API" in out
        code, out, _ = run(*arguments, typed="y\n")
        assert code == 0
        text = file.read_text("utf-8")
        assert "    columns:   # by hand\n" in text
        assert "\n\n      # how far it is\n      status: {" in text
        shop = load_shop(file)
        assert shop.resource("stores").column("name").nullable
        assert shop.resource("customers").windowed
        assert yaml.safe_load(text)["resources"][-1]["name"] == "customers"
        gone = [line for line in ndiff(before.splitlines(), text.splitlines()) if line.startswith("- ")]
        assert gone == ["-       name: {data_type: text, nullable: false}  # never null in 5"]
        code, out, _ = run("--out", file, "--update", "--endpoint", "/v1/orders", "--yes", "--json")
        assert json.loads(out) == {"file": str(file), "changes": [], "open": []}

    def test_types_that_changed_and_fields_that_are_gone(
        self, run: Any, file: Path, sandbox: Running
    ) -> None:
        from ecom_assets.sandbox.faults import REMOVED

        for store in range(1, 6):
            sandbox.faults.change("/v1/stores", store, opened_on="soon", timezone=REMOVED)
        code, out, _ = run("--out", file, "--update", "--endpoint", "/v1/stores", "--yes")
        assert code == 0
        assert "stores.opened_on: date became text" in out
        assert "stores.timezone: in none of 5 records" in out
        stores = load_shop(file).resource("stores")
        assert stores.column("opened_on").data_type == "text"
        assert stores.column("timezone").nullable
        assert "gone at the API" in file.read_text("utf-8")
        again = run("--out", file, "--update", "--endpoint", "/v1/stores", "--yes")
        assert again[1] == "Nothing changed: the file agrees with the API.\n"

    def test_a_type_that_the_next_load_refuses_is_named(
        self, run: Any, file: Path, sandbox: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from ecom_assets.load.run import run_load
        from ecom_assets.warehouse.choice import warehouse_from_environment

        monkeypatch.setenv("ECOM_WAREHOUSE", str(tmp_path / "place.duckdb"))
        text, stores = file.read_text("utf-8"), "- name: stores\n"
        assert stores in text
        # a table that each load replaces can have any type
        file.write_text(text.replace(stores, f"{stores}    write_disposition: merge\n"), "utf-8")
        assert run_load(load_shop(file), ["stores"], warehouse=warehouse_from_environment()).errors == {}
        for store in range(1, 6):
            sandbox.faults.change("/v1/stores", store, opened_on=[store])
        code, out, _ = run("--out", file, "--update", "--endpoint", "/v1/stores", "--yes")
        assert (code, "stores.opened_on: date became json" in out) == (0, True)
        assert "with this file, the next load refuses" not in out
        text = file.read_text("utf-8")
        opened = text.index("data_type: json")
        file.write_text(
            text[:opened] + text[opened:].replace("data_type: json", "data_type: bool", 1), "utf-8"
        )
        for store in range(1, 6):
            sandbox.faults.change("/v1/stores", store, opened_on=store)
        code, out, _ = run("--out", file, "--update", "--endpoint", "/v1/stores", "--yes")
        assert "stores.opened_on: bool became bigint" in out
        assert (
            "with this file, the next load refuses stores: the column opened_on is date in the warehouse"
            in out
        )

    def test_a_key_is_not_loosened_and_an_endpoint_that_fails_is_named(
        self, run: Any, file: Path, sandbox: Running
    ) -> None:
        sandbox.faults.change("/v1/stores", 1, id="one")
        sandbox.faults.fail(404, times=None, path="/v1/orders")
        before = file.read_text("utf-8")
        code, out, _ = run("--out", file, "--update", "--endpoint", "/v1/stores", "--yes")
        assert code == 0
        assert "stores.id rejects records and cannot be loosened" in out
        assert "orders was not compared: GET /v1/orders: status 404" in out
        assert file.read_text("utf-8") == before

    def test_a_file_that_is_laid_out_unusually_is_left_as_it_is(
        self, run: Any, file: Path, sandbox: Running
    ) -> None:
        document = yaml.safe_load(file.read_text("utf-8"))
        before = yaml.safe_dump(document, default_flow_style=True)
        file.write_text(before, "utf-8")
        code, out, _ = run("--out", file, "--update", "--endpoint", "/v1/customers", "--yes")
        assert code == 0
        assert "customers: no list with one item a line" in out
        assert file.read_text("utf-8") == before


def test_a_server_that_forbids_or_is_away_is_named(
    run: Any, api: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ecom_assets.client.adapter.sleep", lambda seconds: None)
    api.replies = [json_reply({"error": "no rights"}, 403)]
    assert "status 403" in run(api.base_url, "--name", "mine", "--yes")[2]
    api.replies = [json_reply({}, 404)]
    assert run(api.base_url, "--name", "mine", "--yes")[2] == (
        "error: found no endpoint; name each with --endpoint PATH\n"
    )
    assert "no connection" in run("http://127.0.0.1:9", "--name", "mine", "--yes")[2]


def test_a_long_pause_that_is_asked_for_ends_it(run: Any, api: Loopback) -> None:
    api.replies = [Reply(429, "{}", {"Retry-After": "3600"})]
    code, _, err = run(api.base_url, "--name", "mine", "--endpoint", "things", "--yes")
    assert code == 1
    assert "asks for a pause of 3600 s" in err
    assert len(api.seen) == 1
