"""Turn dlt's other spellings in one document into the one form that the models know.

This happens before documents are merged: a plain text becomes a resource, a list of columns becomes a mapping, a
parameter with `type: incremental` becomes the endpoint's `incremental`. Keys that are refused raise the error that the
table of all keys words. See `ecom_assets.declaration.dlt_config.bindings` for what depends on the merged resource.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from ecom_assets.declaration.api.auth import AUTH_FIELDS
from ecom_assets.declaration.api.page_count_path import is_page_count
from ecom_assets.declaration.dlt_config.connection_keys import AUTH, CLIENT, PAGINATOR_TYPES
from ecom_assets.declaration.dlt_config.endpoint_keys import ENDPOINT, INCREMENTAL
from ecom_assets.declaration.dlt_config.key import DltKey, DltSection
from ecom_assets.declaration.dlt_config.names import (
    column_name,
    field_with_table_name,
    table_name,
    with_table_names,
)
from ecom_assets.declaration.dlt_config.refusals import take_keys
from ecom_assets.declaration.dlt_config.table_keys import (
    COLUMN,
    CONTRACT_MODES,
    DISPOSITION,
    RESOURCE,
    SCHEMA_CONTRACT,
)
from ecom_assets.declaration.error_text import Place, format_place, format_value
from ecom_assets.declaration.placeholders import PARTS
from ecom_assets.foundation.errors import DeclarationError

_PLAIN = (str, int, float, bool, Mapping, list, tuple, type(None))


class Spellings:
    """One document in the form of the models, and where its places are in the file that was written."""

    def __init__(self, document: Mapping[str, Any], file: str) -> None:
        """Turn a document into the form of the models.

        Args:
            document: The mapping in a file, or in Python. It stays as it is.
            file: Its displayed path, for messages.
        """
        self._file = file
        self._moves: dict[Place, Place] = {}
        entries = document.get("resources")
        self._entries = entries if isinstance(entries, (list, tuple)) else ()
        self.document: dict[str, Any] = dict(document)
        self.errors: list[DeclarationError] = []
        """One for each part with a key of dlt that the project refuses, or a value of it. The part stays as it is."""
        if isinstance(document.get("client"), Mapping):
            self.document["client"] = self._part(document["client"], self._client)
        if isinstance(document.get("resource_defaults"), Mapping):
            self.document["resource_defaults"] = self._part(
                document["resource_defaults"], lambda given: self._resource(given, ("resource_defaults",))
            )
        if isinstance(document.get("resources"), (list, tuple)):
            self.document["resources"] = [
                self._part(entry, partial(self._entry, place=("resources", position)))
                for position, entry in enumerate(document["resources"])
            ]

    def _part(self, given: Any, form: Callable[[Any], Any]) -> Any:
        """Return a part of the document in the form of the models; note the error of one that has none."""
        try:
            return form(given)
        except DeclarationError as error:
            self.errors.append(error)
            return given

    def written_place(self, place: Place) -> Place:
        """Return where in the file a place of `document` is."""
        for depth in range(len(place), 0, -1):
            if place[:depth] in self._moves:
                return (*self._moves[place[:depth]], *place[depth:])
        return place

    def _move(self, place: Place, written: Place) -> None:
        """Note that a place of the document is elsewhere in the file."""
        self._moves[place] = written

    def _fail(self, place: Place, found: str, allowed: str) -> DeclarationError:
        return DeclarationError(self._file, format_place(place), found, allowed)

    def _take(self, section: DltSection, given: Mapping[str, Any], place: Place) -> dict[str, Any]:
        return take_keys(section, given, place, self._fail)

    def _refuse(self, key: DltKey | None, value: Any, place: Place) -> None:
        """Raise the error of a value that the table refuses."""
        if key and key.treatment == "refused":
            found = f"{format_value(value)}, which is refused, because {key.text}"
            raise self._fail(place, found, key.instead)

    def _client(self, given: Mapping[str, Any]) -> dict[str, Any]:
        client = self._take(CLIENT, given, ("client",))
        if "auth" in client:
            client["auth"] = self._auth(client["auth"], ("client", "auth"))
        if "paginator" in client:
            client["paginator"] = self._paginator(client["paginator"], ("client", "paginator"))
        return client

    def _auth(self, given: Any, place: Place) -> Any:
        """Return an auth as a mapping; a bare text that is no type of auth stays, as it may be a secret."""
        if isinstance(given, str):
            return {"type": given} if given in AUTH_FIELDS else given
        if isinstance(given, (list, tuple)):
            return [self._auth(entry, (*place, position)) for position, entry in enumerate(given)]
        if not isinstance(given, Mapping):
            return given
        auth = self._take(AUTH, given, place)
        if "token" in auth and "type" not in auth:
            auth["type"] = "bearer"
        secrets = {"access_token", *(field for fields in AUTH_FIELDS.values() for field in fields)}
        return {key: value for key, value in auth.items() if key not in secrets or value is not None}

    def _paginator(self, given: Any, place: Place) -> Any:
        """Return a paginator with the type's present name; None for `auto`, which stands for no paginator."""
        if given in ("auto", {"type": "auto"}):
            return None
        kind = given.get("type") if isinstance(given, Mapping) else given
        if isinstance(kind, str):
            here = (*place, "type") if isinstance(given, Mapping) else place
            self._refuse(PAGINATOR_TYPES.find(kind), kind, here)
        if kind == "page_number" and isinstance(given, Mapping):
            return self._page_number(given, place)
        if kind != "json_response":
            return given
        return {**given, "type": "json_link"} if isinstance(given, Mapping) else "json_link"

    def _page_number(self, given: Mapping[str, Any], place: Place) -> Mapping[str, Any]:
        """Return a paginator with the path of the number of pages, which dlt calls `total_path`, under our key."""
        if "page_count_path" in given or not is_page_count(given.get("total_path")):
            return given
        self._move((*place, "page_count_path"), (*place, "total_path"))
        return {"page_count_path" if key == "total_path" else key: value for key, value in given.items()}

    def _refuse_object(self, given: Any, place: Place, allowed: str) -> None:
        """Refuse an object of Python without repeating its text, which may hold a secret."""
        if not isinstance(given, _PLAIN):
            raise self._fail(place, "an object of Python", allowed)

    def _entry(self, given: Any, place: Place) -> Any:
        """Return an entry of `resources`; a text is the name, and so the path."""
        if isinstance(given, str):
            self._move((*place, "name"), place)
            given = {"name": given}
        self._refuse_object(given, place, "a mapping with name and endpoint, or a name alone")
        return self._resource(given, place) if isinstance(given, Mapping) else given

    def _resource(self, given: Mapping[str, Any], place: Place) -> dict[str, Any]:
        resource = self._take(RESOURCE, given, place)
        self._name_table(resource, place)
        endpoint = resource.get("endpoint")
        if isinstance(endpoint, str):
            self._move((*place, "endpoint", "path"), (*place, "endpoint"))
            endpoint = {"path": endpoint}
        if isinstance(endpoint, Mapping):
            resource["endpoint"] = self._endpoint(endpoint, (*place, "endpoint"))
        if isinstance(resource.get("write_disposition"), Mapping):
            disposition_place = (*place, "write_disposition")
            disposition = self._take(DISPOSITION, resource["write_disposition"], disposition_place)
            if set(disposition) == {"disposition"}:
                self._move(disposition_place, (*disposition_place, "disposition"))
                resource["write_disposition"] = disposition["disposition"]
        if isinstance(resource.get("rows_from"), Mapping):
            rows_from = resource["rows_from"]
            resource["rows_from"] = {**rows_from, "resource": table_name(rows_from.get("resource"))}
        if "primary_key" in resource:
            resource["primary_key"] = self._key(resource["primary_key"])
        if "columns" in resource:
            resource["columns"] = self._columns(resource["columns"], (*place, "columns"))
        if "schema_contract" in resource:
            contract_place = (*place, "schema_contract")
            resource["schema_contract"] = self._schema_contract(resource["schema_contract"], contract_place)
        return resource

    def _key(self, given: Any) -> Any:
        """Return a primary key in which a field of a parent has the name of the parent's table."""
        names = [
            entry if isinstance(entry, str) else entry.get("name")
            for entry in self._entries
            if isinstance(entry, (str, Mapping))
        ]
        if isinstance(given, (list, tuple)):
            return [field_with_table_name(field, names) for field in given]
        return field_with_table_name(given, names)

    def _name_table(self, resource: dict[str, Any], place: Place) -> None:
        """Give a resource the name of its table, and the name as written as its path."""
        written = resource.get("name")
        resource["name"] = table_name(written)
        if resource["name"] == written:
            if written is None:
                del resource["name"]
            return
        endpoint = resource.get("endpoint")
        if resource.get("rows_from") is None and endpoint in (None, {}):
            resource["endpoint"] = {"path": written}
        elif isinstance(endpoint, Mapping) and endpoint.get("path") is None:
            resource["endpoint"] = {**endpoint, "path": written}

    def _endpoint(self, given: Mapping[str, Any], place: Place) -> dict[str, Any]:
        endpoint = self._take(ENDPOINT, given, place)
        for key in PARTS:
            if key in endpoint:
                endpoint[key] = with_table_names(endpoint[key])
        if "auth" in endpoint:
            # as in dlt, null leaves the requests unsigned
            given_auth = [] if endpoint["auth"] is None else endpoint["auth"]
            endpoint["auth"] = self._auth(given_auth, (*place, "auth"))
        if "paginator" in endpoint:
            endpoint["paginator"] = self._paginator(endpoint["paginator"], (*place, "paginator"))
        if isinstance(endpoint.get("incremental"), Mapping):
            here = (*place, "incremental")
            endpoint["incremental"] = self._incremental(endpoint["incremental"], here)
        if isinstance(endpoint.get("params"), Mapping):
            self._move_incremental_param(endpoint, place)
        return endpoint

    def _incremental(self, given: Mapping[str, Any], place: Place) -> dict[str, Any]:
        incremental = self._take(INCREMENTAL, given, place)
        path = incremental.get("cursor_path")
        if isinstance(path, str):
            incremental["cursor_path"] = path.removeprefix("$.")
        elif isinstance(path, (list, tuple)):
            incremental["cursor_path"] = [
                entry.removeprefix("$.") if isinstance(entry, str) else entry for entry in path
            ]
        return incremental

    def _move_incremental_param(self, endpoint: dict[str, Any], place: Place) -> None:
        """Turn the parameter with `type: incremental`, dlt's older form, into `incremental` of the endpoint."""
        names = [
            name
            for name, value in endpoint["params"].items()
            if isinstance(value, Mapping) and value.get("type") == "incremental"
        ]
        for position, name in enumerate(names):
            here = (*place, "params", name)
            if position or endpoint.get("incremental") is not None:
                raise self._fail(here, "a second incremental", "one incremental for an endpoint")
            given = {key: value for key, value in endpoint["params"][name].items() if key != "type"}
            for key in ("start_param", "end_param"):
                if key in given:
                    raise self._fail(
                        (*here, key), f"{key} in a parameter", f"{key} in the endpoint's incremental"
                    )
            self._move((*place, "incremental"), here)
            self._move((*place, "incremental", "start_param"), here)
            endpoint["incremental"] = {**self._incremental(given, here), "start_param": name}
            endpoint["params"] = {key: value for key, value in endpoint["params"].items() if key != name}

    def _columns(self, given: Any, place: Place) -> Any:
        """Return columns as a mapping by name."""
        if isinstance(given, Mapping):
            named: dict[str, Any] = {}
            for name, body in given.items():
                if not isinstance(body, Mapping):
                    named[name] = body
                else:
                    self._add_column(named, self._column(body, (*place, name), name), (*place, name), name)
            return named
        self._refuse_object(given, place, "a mapping of column names, or a list of columns with name")
        if not isinstance(given, (list, tuple)) or not all(isinstance(body, Mapping) for body in given):
            return given
        columns: dict[str, Any] = {}
        for position, body in enumerate(given):
            here = (*place, position)
            name = body.get("name")
            if not isinstance(name, str):
                found = "nothing" if name is None else format_value(name)
                raise self._fail((*here, "name"), found, "the name of the column")
            self._add_column(columns, self._column(body, here, name), here, name)
        return columns

    def _add_column(self, columns: dict[str, Any], body: dict[str, Any], written: Place, given: str) -> None:
        """Add a column by its name in the table."""
        name = column_name(given)
        if name in columns:
            raise self._fail(written, f"the name {name} twice", "each column once")
        if written != (place := (*written[:-1], name)):
            self._move(place, written)
        if name != given and body.get("pii"):
            # personal data is found by its path alone
            body = {"path": [given], **body}
        columns[name] = body

    def _column(self, given: Mapping[str, Any], place: Place, name: str) -> dict[str, Any]:
        column = self._take(COLUMN, given, place)
        if (other := column.pop("name", None)) not in (None, name):
            found = f"{format_value(other)}, while the column's key is {name}"
            raise self._fail((*place, "name"), found, "the key itself, or no name")
        if column.get("timezone") is True:
            del column["timezone"]
        elif column.get("timezone") is False:
            key = COLUMN.find("timezone")
            raise self._fail((*place, "timezone"), "false", key.instead if key else "true")
        return column

    def _schema_contract(self, given: Any, place: Place) -> Any:
        """Return a contract as a mapping, in which `data_type` is evolve or freeze."""
        if isinstance(given, str) and CONTRACT_MODES.find(given):
            self._refuse(CONTRACT_MODES.find(given), given, place)
            return {"columns": given, "data_type": given}
        if not isinstance(given, Mapping):
            return given
        contract = self._take(SCHEMA_CONTRACT, given, place)
        return {**contract, "data_type": "freeze"} if contract.get("data_type") == "discard_row" else contract
