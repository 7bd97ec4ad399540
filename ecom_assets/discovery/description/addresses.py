"""Addresses in a description: servers with variables, and parameters of paths that name a tenant, such as a store."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from ecom_assets.discovery.description.openapi_document import Node
from ecom_assets.discovery.description.openapi_schema import schema_of
from ecom_assets.foundation.errors import IngestError

_VARIABLE = re.compile(r"\{([^{}/]+)\}")
_MIN_LISTS_OF_TENANT = 2


@dataclass(frozen=True)
class AddressVariable:
    """A name in braces in an address or in the paths.

    `default` is empty where the description has none. `allowed` are the values that it allows, empty if any.
    """

    name: str
    default: str = ""
    allowed: tuple[str, ...] = ()
    description: str = ""


def variables_in(text: str) -> list[str]:
    """Return the names in braces in an address or a path."""
    return _VARIABLE.findall(text)


def read_servers(document: Node) -> tuple[list[str], dict[str, AddressVariable]]:
    """Return the addresses of a description, and their variables by name."""
    addresses, variables = [], {}
    for _, node in document.each("servers"):
        addresses.append(node.text("url"))
        for name, entry in node.each("variables"):
            allowed = entry.content.get("enum")
            variables[name] = AddressVariable(
                name,
                _text(entry.content.get("default")),
                tuple(map(_text, allowed)) if isinstance(allowed, list) else (),
                entry.text("description"),
            )
    return addresses, variables


def _text(value: object) -> str:
    return str(value) if isinstance(value, (str, int, float)) and not isinstance(value, bool) else ""


def tenant_prefixes(paths: Collection[str]) -> list[str]:
    """Return the beginnings of paths that end with the name of a tenant, such as `/stores/{store}`.

    Several lists are below a tenant, and no list of tenants stands beside them: `/orders/{id}/refunds` is a child.
    """
    counts: Counter[str] = Counter()
    for path in paths:
        pieces = path.split("/")
        for end in range(1, len(pieces)):
            if _VARIABLE.fullmatch(pieces[end - 1]) and not any(map(variables_in, pieces[end:])):
                counts["/".join(pieces[:end])] += 1
                break
    lists = {path.rstrip("/") for path in paths}
    tenants = [
        prefix
        for prefix, count in counts.items()
        if count >= _MIN_LISTS_OF_TENANT
        and not any(above in lists and above for above in _above_variables(prefix))
    ]
    # what is below a further name, such as a store of a project, are parts of the same lists
    return [prefix for prefix in tenants if not any(prefix.startswith(f"{other}/") for other in tenants)]


def _above_variables(prefix: str) -> Iterator[str]:
    """Yield the paths of the lists that would have the variables of a prefix as keys."""
    for match in _VARIABLE.finditer(prefix):
        yield prefix[: match.start()].rstrip("/")


def path_variables(item: Node, names: Collection[str]) -> dict[str, AddressVariable]:
    """Return the parameters of a path that are among some names."""
    found = {}
    nodes = [*item.each("parameters")]
    for method in ("get", "post"):
        operation = item.get(method)
        nodes += operation.each("parameters") if operation else []
    for _, node in nodes:
        name, schema = node.text("name"), node.get("schema")
        if node.text("in") == "path" and name in names:
            content = schema.content if schema else {}
            allowed = content.get("enum")
            found[name] = AddressVariable(
                name,
                _text(content.get("default")),
                tuple(map(_text, allowed)) if isinstance(allowed, list) else (),
                node.text("description") or (schema_of(schema).description if schema else ""),
            )
    return found


def filled(text: str, values: Mapping[str, str]) -> str:
    """Return an address or a path with values in place of its variables; those without a value stay."""
    return _VARIABLE.sub(
        lambda match: quote(values[match[1]], safe=":.@-_~") if match[1] in values else match[0], text
    )


def values_in_address(url: str, servers: Sequence[str], prefixes: Sequence[str]) -> dict[str, str]:
    """Return the values of variables that an address already has.

    Args:
        url: The address that the user gives.
        servers: The described addresses, with variables.
        prefixes: The beginnings of the paths that name a tenant; the address may end with one.
    """
    for server in [*servers, ""]:
        for prefix in [*sorted(prefixes, key=len, reverse=True), ""]:
            template = f"{server.rstrip('/')}{prefix}"
            pattern = "".join(
                f"(?P<v{number // 2}>[^/]+)" if number % 2 else re.escape(piece)
                for number, piece in enumerate(_VARIABLE.split(template))
            )
            whole = pattern if server else rf"https?://[^/]+(?:/.*)?{pattern}"
            match = (
                re.fullmatch(whole, url.rstrip("/"), re.IGNORECASE)
                if template and (server or prefix)
                else None
            )
            if match and (server or urlsplit(url).path.strip("/")):
                names = variables_in(template)
                return {name: match[f"v{number}"] for number, name in enumerate(names)}
    return {}


def path_below(path: str, url: str) -> str:
    """Return a path without the beginning that an address already ends with."""
    pieces = path.split("/")
    for end in range(len(pieces) - 1, 1, -1):
        beginning = "/".join(pieces[:end])
        if urlsplit(url).path.rstrip("/").endswith(beginning):
            return "/" + "/".join(pieces[end:])
    return path


def parse_variables(texts: Sequence[str]) -> dict[str, str]:
    """Return the values that `--variable NAME=VALUE` gives.

    Raises:
        IngestError: A text has another form.
    """
    values = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not name or not equals or not value:
            raise IngestError(
                f"--variable: found {name or 'nothing'!r}; allowed: NAME=VALUE, such as store=acme"
            )
        values[name] = value
    return values
