"""The command `discover`: asks the user what is missing, explores the API, and writes a declaration."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import typer
from rich.console import Console

if TYPE_CHECKING:  # or --help would wait for dlt
    from ecom_assets.discovery.description.openapi import ApiDescription
    from ecom_assets.discovery.discover import DiscoveryOptions
    from ecom_assets.foundation.progress import OnProgress

_err = Console(stderr=True, soft_wrap=True)
_SANDBOX_AUTH = "api_key:api_key:query"


def discover(
    url: Annotated[
        str, typer.Argument(help="The address of the API, such as https://api.example.com/v1.")
    ] = "",
    openapi: Annotated[
        Path | None, typer.Option(help="An OpenAPI 3 or Swagger 2.0 file that describes the API.")
    ] = None,
    name: Annotated[str, typer.Option(help="The name of the shop. Default: taken from the host.")] = "",
    auth: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TYPE[:NAME[:LOCATION[:PREFIX]]]",
            help="How requests are authenticated: none, bearer, http_basic, api_key:X-Key:header, or "
            "oauth2_client_credentials:ADDRESS. Repeat it for several.",
        ),
    ] = None,
    endpoint: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATH",
            help="An endpoint that lists records: /orders?status=any, /orders/{resources.orders.id}/refunds, or "
            'POST /search/orders {"page": {"offset": 0}}. Repeat it for several. Default: those that are found.',
        ),
    ] = None,
    parameter: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="A parameter that the API has. If you name any, no others are tried. Repeat it for several.",
        ),
    ] = None,
    variable: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="The value of a name in braces in the addresses or paths of --openapi, such as store=acme. Repeat it "
            "for several.",
        ),
    ] = None,
    all_endpoints: Annotated[
        bool, typer.Option("--all", help="Take every list that the file of --openapi describes.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(help="The file to write. Default: NAME.yaml in ECOM_SHOPS_DIR, or in ./shops."),
    ] = None,
    requests: Annotated[
        int, typer.Option(min=3, max=100, help="How many requests each endpoint gets at most.")
    ] = 12,
    strict: Annotated[
        bool, typer.Option("--strict", help="Declare each column without a null in the sample as never null.")
    ] = False,
    allow_http: Annotated[
        bool, typer.Option("--allow-http", help="Allow plain http to hosts other than the local one.")
    ] = False,
    offline: Annotated[
        bool, typer.Option("--offline", help="Send no request; use the file of --openapi alone.")
    ] = False,
    update: Annotated[
        bool, typer.Option("--update", help="Compare an existing file with the API, and update it.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask no questions.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Find out how an API pages, filters and counts, and write a declaration with the evidence for each guess."""
    from ecom_assets.cli.discover_choice import print_choice
    from ecom_assets.cli.discover_location import locate
    from ecom_assets.cli.discover_summary import print_summary
    from ecom_assets.cli.discover_update import update_file
    from ecom_assets.discovery.auth_argument import auth_kinds
    from ecom_assets.discovery.description.addresses import parse_variables
    from ecom_assets.discovery.description.openapi import read_openapi
    from ecom_assets.discovery.discover import DiscoveryOptions, not_followed_line
    from ecom_assets.discovery.discover import discover as discover_shop
    from ecom_assets.discovery.output.files import refuse_existing, write_new
    from ecom_assets.foundation.errors import IngestError

    if openapi and re.match("https?:", str(openapi), re.IGNORECASE):
        raise IngestError(
            "--openapi: found an address; allowed: a file. Download the description first, with the files that it "
            "refers to, such as: curl -L -o openapi.yaml ADDRESS"
        )
    with _show_progress() as on_progress:
        described = read_openapi(openapi, on_progress) if openapi else None
    values = parse_variables(variable or [])
    if offline and described is None:
        raise IngestError("--offline: found no --openapi; give both, because --offline sends no request")
    if update:
        file = _default_file(out, name or _shop_name(url))
        update_file(
            file,
            described,
            endpoint or [],
            requests,
            values,
            yes=yes,
            as_json=as_json,
            progress=_show_progress,
        )
        return
    address = url or ("" if described and described.names_address else _ask_address(yes))
    notes: list[str] = []
    if described:
        described, notes = locate(described, address, values, yes=yes)
        address = described.base_url or address
    shop = name or (
        _shop_name(address) if yes else typer.prompt("Name of the shop", _shop_name(address), err=True)
    )
    file = _default_file(out, shop)
    refuse_existing(file)
    if auth is None and described and described.auth:
        kinds: Any = described.auth
    else:
        texts = _ask_auth(address, yes) if auth is None else auth
        kinds = auth_kinds([text for text in texts if text != "none"])
    options = DiscoveryOptions(
        name=shop,
        base_url=address,
        auth=kinds,
        endpoints=endpoint or (),
        parameters=parameter or (),
        allow_http=allow_http,
        described=described.endpoints if described else {},
        offline=offline,
        max_requests=requests,
        file=file,
        strict=strict,
        notes=notes,
        not_followed=described.not_followed if described else (),
    )
    secrets = {} if offline else _ask_missing_secrets(options, yes)
    with _show_progress() as on_progress:
        options = _with_endpoints(options, described, secrets, on_progress, all_endpoints=all_endpoints)
    if not endpoint and described and not as_json:
        print_choice(described.collections, options.endpoints)
    if not endpoint and not yes and not all_endpoints:
        options = _ask_endpoints(options)
    with _show_progress() as on_progress:
        discovery = discover_shop(options, secrets, on_progress)
    write_new(file, discovery.text)
    if options.not_followed:
        _err.print(not_followed_line(options.not_followed), markup=False, highlight=False)
    print_summary(file, discovery, as_json=as_json)


def _default_file(out: Path | None, name: str) -> Path:
    from ecom_assets.declaration.reading import names_shops_dir, shops_dir

    return out or (shops_dir() if names_shops_dir() else Path("shops")) / f"{name}.yaml"


def _shop_name(url: str) -> str:
    """Return a name for a shop from its address: the host's own name, without subdomains and the top-level domain."""
    parts = urlsplit(url)
    if parts.scheme == "sandbox":
        return "sandbox"
    words = [word for word in (parts.hostname or "").split(".") if word not in ("www", "api", "rest", "shop")]
    word = words[-2] if len(words) > 1 and not words[-1].isdigit() else "shop"
    word = re.sub(r"[^a-z0-9]+", "_", word.lower()).strip("_")
    return word if re.match("[a-z]", word) else "shop"


def _ask_address(yes: bool) -> str:
    from ecom_assets.foundation.errors import IngestError

    if yes:
        raise IngestError("URL: found nothing; allowed: the address of an API")
    return str(typer.prompt("The API's address", err=True))


def _ask_auth(address: str, yes: bool) -> list[str]:
    """Return the auth kinds that the user types, where the command line has none."""
    if address.startswith("sandbox://"):
        return [_SANDBOX_AUTH]
    if yes:
        return []
    _err.print(
        "Auth kinds: none, api_key:NAME:LOCATION (header or query), bearer, http_basic, "
        "oauth2_client_credentials:ADDRESS; put commas between several",
        highlight=False,
    )
    return [text.strip() for text in str(typer.prompt("Auth", "none", err=True)).split(",") if text.strip()]


def _ask_missing_secrets(options: DiscoveryOptions, yes: bool) -> dict[str, str]:
    """Return the secrets that are found nowhere, typed by the user and not shown.

    Raises:
        MissingSecret: A secret is missing, and `yes` forbids questions.
    """
    from ecom_assets.client.secrets import environment_variable, resolve_secrets, secret_names
    from ecom_assets.discovery.discover import provisional_shop
    from ecom_assets.foundation.errors import MissingSecret

    shop = provisional_shop(options)
    names = secret_names(shop)
    given: dict[str, str] = {}
    for name in names:
        try:
            # the other secrets get a stand-in, so that only this one is looked up
            resolve_secrets(shop, {**{other: "-" for other in names if other != name}, **given})
        except MissingSecret:
            if yes:
                raise
            given[name] = typer.prompt(
                f"Secret {name} (not shown)", "", hide_input=True, show_default=False, err=True
            )
            _err.print(f"For later commands, set the variable {environment_variable(shop, name)} to it.")
    return given


def _with_endpoints(
    options: DiscoveryOptions,
    described: ApiDescription | None,
    secrets: dict[str, str],
    on_progress: OnProgress,
    *,
    all_endpoints: bool,
) -> DiscoveryOptions:
    """Return the options with endpoints: those that the user names, else the described ones, else those found.

    Of a long description only the likely collections are taken, unless `all_endpoints` is set.
    """
    from dataclasses import replace

    from ecom_assets.cli.discover_choice import chosen_endpoints
    from ecom_assets.client.api_connection import open_api
    from ecom_assets.discovery.discover import provisional_shop
    from ecom_assets.discovery.exploration.endpoint_search import find_endpoints

    if options.endpoints:
        return options
    if described:
        return replace(
            options, endpoints=chosen_endpoints(described.collections, all_endpoints=all_endpoints)
        )
    with open_api(provisional_shop(options), secrets) as connection:
        return replace(options, endpoints=tuple(find_endpoints(connection, on_progress)))


def _ask_endpoints(options: DiscoveryOptions) -> DiscoveryOptions:
    """Let the user choose among the endpoints, or name others."""
    from dataclasses import replace

    from ecom_assets.discovery.endpoint_argument import split_endpoints

    default = ", ".join(options.endpoints)
    answer = str(typer.prompt("Endpoints, with commas between them", default or None, err=True))
    return replace(options, endpoints=tuple(split_endpoints(answer)))


@contextmanager
def _show_progress() -> Iterator[OnProgress]:
    """Show the newest line of progress, in a terminal only."""
    with _err.status("") as status:
        yield lambda text: status.update(text)
