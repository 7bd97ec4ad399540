"""The command `ecom-assets discover`: asks what it must, shows what is being done, and writes a file.

What is found out, and how the file is written, is `ecom_assets.discovery`'s, which is imported when needed, since
dlt takes a second to import.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import typer
from rich.console import Console

if TYPE_CHECKING:
    from ecom_assets.discovery.description.openapi import Description
    from ecom_assets.discovery.discover import Wish
    from ecom_assets.foundation.progress import OnProgress

_err = Console(stderr=True, soft_wrap=True)
_SANDBOX_AUTH = "api_key:api_key:query"


def discover(
    url: Annotated[str, typer.Argument(help="The API's address, such as https://api.example.com/v1.")] = "",
    openapi: Annotated[Path | None, typer.Option(help="An OpenAPI 3 file that describes the API.")] = None,
    name: Annotated[str, typer.Option(help="The shop's name; else that of the host.")] = "",
    auth: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TYPE[:NAME[:LOCATION[:PREFIX]]]", help="An auth kind, as api_key:X-Key:header, or none."
        ),
    ] = None,
    endpoint: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATH",
            help="A collection: /orders?status=any, /orders/{resources.orders.id}/refunds, or "
            'POST /search/orders {"page": {"offset": 0}}.',
        ),
    ] = None,
    parameter: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A parameter that the API has; no others are tried then."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The file; else NAME.yaml in ECOM_SHOPS_DIR or ./shops.")
    ] = None,
    requests: Annotated[
        int, typer.Option(min=3, max=100, help="Requests that an endpoint is asked at most.")
    ] = 12,
    allow_http: Annotated[bool, typer.Option("--allow-http", help="Plain http to other hosts.")] = False,
    offline: Annotated[
        bool, typer.Option("--offline", help="Ask nothing; take --openapi for all there is.")
    ] = False,
    update: Annotated[
        bool, typer.Option("--update", help="Compare a file that is there with the API.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask no question.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was found as JSON.")] = False,
) -> None:
    """Find out how an API is read, and write a declaration of it with the evidence for each guess."""
    from ecom_assets.cli.discover_report import announce, updated
    from ecom_assets.discovery.auth_argument import auth_kinds
    from ecom_assets.discovery.description.openapi import read_openapi
    from ecom_assets.discovery.discover import Wish
    from ecom_assets.discovery.discover import discover as discovered
    from ecom_assets.discovery.output.files import refuse_existing, write_new
    from ecom_assets.foundation.errors import IngestError

    described = read_openapi(openapi) if openapi else None
    if offline and described is None:
        raise IngestError("--offline: found no --openapi; allowed: both, because nothing else is known then")
    if update:
        file = _file(out, name or _name_of(url))
        updated(file, described, endpoint or [], requests, yes=yes, as_json=as_json, progress=_progress)
        return
    address = url or (described.base_url if described else "") or _asked("The API's address", yes, "URL")
    shop = name or (
        _name_of(address) if yes else typer.prompt("Name of the shop", _name_of(address), err=True)
    )
    file = _file(out, shop)
    refuse_existing(file)
    if auth is None and described and described.auth:
        kinds: Any = described.auth
    else:
        texts = _auth_texts(address, yes) if auth is None else auth
        kinds = auth_kinds([text for text in texts if text != "none"])
    wish = Wish(
        name=shop,
        base_url=address,
        auth=kinds,
        endpoints=endpoint or (),
        parameters=parameter or (),
        allow_http=allow_http,
        described=described.endpoints if described else {},
        offline=offline,
        most_requests=requests,
    )
    secrets = {} if offline else _secrets(wish, yes)
    with _progress() as on_progress:
        wish = _with_endpoints(wish, described, secrets, on_progress)
    if not endpoint and not yes:
        wish = _chosen(wish)
    with _progress() as on_progress:
        found = discovered(wish, secrets, on_progress)
    write_new(file, found.text)
    announce(file, found, as_json=as_json)


def _file(out: Path | None, name: str) -> Path:
    return out or Path(os.environ.get("ECOM_SHOPS_DIR") or "shops") / f"{name}.yaml"


def _name_of(url: str) -> str:
    """Return a name for a shop out of its address: the host without what is before and behind it."""
    parts = urlsplit(url)
    if parts.scheme == "sandbox":
        return "sandbox"
    words = [word for word in (parts.hostname or "").split(".") if word not in ("www", "api", "rest", "shop")]
    word = words[-2] if len(words) > 1 and not words[-1].isdigit() else "shop"
    word = re.sub(r"[^a-z0-9]+", "_", word.lower()).strip("_")
    return word if re.match("[a-z]", word) else "shop"


def _asked(question: str, yes: bool, option: str) -> str:
    from ecom_assets.foundation.errors import IngestError

    if yes:
        raise IngestError(f"{option}: found nothing; allowed: the address of an API")
    return str(typer.prompt(question, err=True))


def _auth_texts(address: str, yes: bool) -> list[str]:
    """Return the auth kinds that are asked for where none was given."""
    if address.startswith("sandbox://"):
        return [_SANDBOX_AUTH]
    if yes:
        return []
    _err.print(
        "Auth kinds: none, api_key:NAME:LOCATION (header or query), bearer, http_basic, "
        "oauth2_client_credentials:ADDRESS; with commas between several",
        highlight=False,
    )
    return [text.strip() for text in str(typer.prompt("Auth", "none", err=True)).split(",") if text.strip()]


def _secrets(wish: Wish, yes: bool) -> dict[str, str]:
    """Return the secrets that are nowhere to be found, asked for unseen; with `yes` a missing one is an error."""
    from ecom_assets.client.secrets import environment_variable, resolve_secrets, secret_names
    from ecom_assets.discovery.discover import provisional
    from ecom_assets.foundation.errors import MissingSecret

    shop = provisional(wish)
    names = secret_names(shop)
    given: dict[str, str] = {}
    for name in names:
        try:
            # the others stand in for themselves, so that this one alone is looked for
            resolve_secrets(shop, {**{other: "-" for other in names if other != name}, **given})
        except MissingSecret:
            if yes:
                raise
            given[name] = typer.prompt(
                f"Secret {name} (not shown)", "", hide_input=True, show_default=False, err=True
            )
            _err.print(f"For the commands after this one, put it into {environment_variable(shop, name)}.")
    return given


def _with_endpoints(
    wish: Wish, described: Description | None, secrets: dict[str, str], on_progress: OnProgress
) -> Wish:
    """Return the wish with endpoints: those that were named, else described, else found at the address."""
    from dataclasses import replace

    from ecom_assets.client.api_connection import open_api
    from ecom_assets.discovery.discover import provisional
    from ecom_assets.discovery.exploration.endpoints import find_endpoints

    if wish.endpoints:
        return wish
    if described:
        return replace(wish, endpoints=tuple(described.endpoints))
    with open_api(provisional(wish), secrets) as connection:
        return replace(wish, endpoints=tuple(find_endpoints(connection, on_progress)))


def _chosen(wish: Wish) -> Wish:
    """Let the user choose among the endpoints, or name others."""
    from dataclasses import replace

    from ecom_assets.discovery.named_endpoint import listed

    found = ", ".join(wish.endpoints)
    answer = str(typer.prompt("Endpoints, with commas between them", found or None, err=True))
    return replace(wish, endpoints=tuple(listed(answer)))


@contextmanager
def _progress() -> Iterator[OnProgress]:
    """Show one line that changes, on a terminal alone."""
    with _err.status("") as status:
        yield lambda text: status.update(text)
