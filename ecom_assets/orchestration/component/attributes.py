"""The attributes of a component: which shop they declare, and which environment variables hold its secrets.

No secret is read here. A template with an environment variable in a field for a secret becomes an `EnvVar`, which is
read when a run starts; all other templates are resolved by Dagster.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dagster import EnvVar

from ecom_assets.client.secrets import used_secrets
from ecom_assets.declaration.api.auth import AUTH_FIELDS
from ecom_assets.declaration.error_text import Place, format_path, format_place, format_value
from ecom_assets.declaration.files.yaml_file import TOP_KEYS
from ecom_assets.declaration.reading import Shop, load_shop
from ecom_assets.foundation.errors import DeclarationError, combined
from ecom_assets.orchestration.component.attributes_schema import OWN_KEYS, SECRET_TEMPLATE

_VARIABLE = re.compile(r"env\W+(\w+)")
_ALLOWED_SECRET = "a template with one environment variable, such as {{ env.MYSHOP_API_KEY }}"
_ATTRIBUTES: Place = ("attributes",)


@dataclass
class Attributes:
    """What a component's attributes say.

    Attributes:
        file: The file with the declaration: `defs.yaml` itself, or the one that `declaration` names.
        secrets: The environment variables that hold secrets, by the secret's name.
        alerts: Whether the definitions have the sensor of failed runs.
    """

    file: Path
    secrets: dict[str, EnvVar]
    alerts: bool
    _document: dict[str, Any] | None = None
    _label: str = ""
    _empty: Mapping[str, str] = field(default_factory=dict)
    """The templates without a value, by their place."""
    _error: DeclarationError | None = None
    """What is wrong with the attributes themselves."""
    _in_auth: frozenset[str] = frozenset()
    """The names of the secrets that stand in `client.auth`."""

    def shop(self) -> Shop:
        """Return the declared shop.

        Raises:
            DeclarationError: It tells all mistakes, or the secrets that the shop does not use.
        """
        shop = self._declared_shop()
        used = used_secrets(shop)
        unused = [
            DeclarationError(
                self._label,
                format_place(
                    (*_ATTRIBUTES, *(("client", "auth") if name in self._in_auth else ("secrets",)), name)
                ),
                f"a secret that shop {shop.name} does not use",
                ", ".join(used) or "none, because the shop has no auth",
            )
            for name in self.secrets
            if name not in used
        ]
        if unused:
            raise combined(unused)
        return shop

    def _declared_shop(self) -> Shop:
        """Return the shop as its declaration has it. Raises DeclarationError as `shop` does."""
        if self._error is not None:
            raise self._error
        try:
            return load_shop(self.file, self._document)
        except DeclarationError as error:
            if self._document is None or error.file != self._label:
                raise
            all_wrong = (error, *error.others)
            wrong = combined(
                [
                    DeclarationError(each.file, f"attributes.{each.path}", self._found(each), each.allowed)
                    for each in all_wrong
                ]
            )
        raise wrong  # outside of the except clause, because the first error is no cause of its own

    def _found(self, error: DeclarationError) -> str:
        """Return what an error found; of a template without a value, also the template."""
        template = self._empty.get(f"attributes.{error.path}")
        return error.found if template is None else f"nothing, the value of {template}"


def read_attributes(attributes: Mapping[str, Any], file: Path, resolve: Callable[[str], Any]) -> Attributes:
    """Return what attributes say.

    Args:
        attributes: The attributes as they stand in the file, with their templates.
        file: The `defs.yaml`.
        resolve: Returns the value of a template.

    Raises:
        DeclarationError: They are neither a declaration nor the name of a file, or a secret is no template.
    """
    label = format_path(file)

    def fail(place: Place, found: str, allowed: str) -> DeclarationError:
        return DeclarationError(label, format_place((*_ATTRIBUTES, *place)), found, allowed)

    keys = (*OWN_KEYS, *TOP_KEYS)
    for key in attributes:
        if key not in keys:
            raise fail((str(key),), "an unknown key", ", ".join(keys))
    own = {key: attributes.get(key) for key in OWN_KEYS}
    document = {key: value for key, value in attributes.items() if key not in OWN_KEYS}
    secrets = _secrets(own["secrets"], fail)
    alerts = own["alerts"]
    if alerts is not None and not isinstance(alerts, bool):
        raise fail(("alerts",), format_value(alerts), "true or false")
    declaration = own["declaration"]
    if declaration is None:
        if not document:
            raise fail((), "nothing", "declaration: a file beside this one, or the keys of a declaration")
        beside = frozenset(secrets)
        _take_auth_secrets(document, secrets, fail)
        empty: dict[str, str] = {}

        def value_of(template: str, place: Place) -> Any:
            try:
                value = resolve(template)
            except Exception as error:  # a template may run any code
                reason = (str(error).strip().splitlines() or [type(error).__name__])[-1].strip()
                found = f"the template {template}, which fails: {reason}"
                wrong = fail(place, found, "a template that has a value")
            else:
                if value is None:
                    empty[format_place((*_ATTRIBUTES, *place))] = template
                return value
            raise wrong  # outside of the except clause, because its trace is long

        resolved = _resolved(document, value_of)
        in_auth = frozenset(secrets) - beside
        return Attributes(file, secrets, bool(alerts), resolved, label, empty, _in_auth=in_auth)
    if document:
        allowed = f"with declaration only {', '.join(OWN_KEYS)}; the other keys belong in {declaration}"
        raise fail((next(iter(document)),), "a key beside declaration", allowed)
    if not isinstance(declaration, str) or Path(declaration).name != declaration:
        raise fail(
            ("declaration",), format_value(declaration), "the name of a YAML file in the folder of defs.yaml"
        )
    return Attributes(file.parent / declaration, secrets, bool(alerts), _label=label)


def wrong_attributes(attributes: Mapping[str, Any], file: Path, error: DeclarationError) -> Attributes:
    """Return attributes that declare no shop, and why. They may still say that there is the sensor of failed runs."""
    return Attributes(file, {}, attributes.get("alerts") is True, _error=error)


def _secrets(given: Any, fail: Callable[[Place, str, str], DeclarationError]) -> dict[str, EnvVar]:
    """Return the environment variables of `secrets`. A wrong value is not repeated, because it may be a secret."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise fail(("secrets",), format_value(given) if not isinstance(given, str) else "a text", "a mapping")
    variables = {}
    for name, value in given.items():
        variable = _variable(value)
        if variable is None:
            raise fail(("secrets", str(name)), "a value that is not repeated here", _ALLOWED_SECRET)
        variables[str(name)] = variable
    return variables


def _variable(value: Any) -> EnvVar | None:
    """Return the environment variable that a template stands for, None for anything else."""
    if not isinstance(value, str) or not re.fullmatch(SECRET_TEMPLATE, value.strip()):
        return None
    found = _VARIABLE.search(value)
    return EnvVar(found[1]) if found else None


def _take_auth_secrets(
    document: dict[str, Any],
    secrets: dict[str, EnvVar],
    fail: Callable[[Place, str, str], DeclarationError],
) -> None:
    """Move templates in the secret fields of `client.auth` to the secrets; the document is changed in place."""
    client = document.get("client")
    auth = client.get("auth") if isinstance(client, Mapping) else None
    if not isinstance(client, Mapping) or not isinstance(auth, Mapping):
        return
    fields = {field for of_kind in AUTH_FIELDS.values() for field in of_kind}
    kept = {}
    for key, value in auth.items():
        variable = _variable(value) if key in fields else None
        if variable is None:
            kept[key] = value
        elif auth.get("secret") is not None or key in secrets:
            other = "secrets" if key in secrets else "secret"
            raise fail(("client", "auth", key), f"{key} beside {other}", f"only one of {key}, {other}")
        else:
            secrets[key] = variable
    document["client"] = {**client, "auth": kept}


def _resolved(value: Any, value_of: Callable[[str, Place], Any], place: Place = ()) -> Any:
    """Return a value whose templates are resolved. Dagster would also read a text without a template as Python."""
    if isinstance(value, Mapping):
        return {key: _resolved(entry, value_of, (*place, str(key))) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_resolved(entry, value_of, (*place, position)) for position, entry in enumerate(value)]
    return value_of(value, place) if isinstance(value, str) and "{{" in value else value
