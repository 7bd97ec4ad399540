"""Where Delta tables are: a bucket or a folder that holds `<dataset>/<table>`, as dlt lays them out.

Who may write there is `delta_turn`'s, what is written `delta_commit`'s.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import unquote, urlparse

import obstore
from deltalake import DeltaTable
from obstore.store import LocalStore, ObjectStore, from_url

OF_OURS = "_ecom_assets"
"""The folder beside the datasets in which this project keeps whose turn it is."""
_PATIENCE = {"connect_timeout": "10s", "timeout": "60s", "max_retries": "6", "retry_timeout": "60s"}
"""Of requests to a store, unless `deltalake_storage_options` says otherwise: a dead one is noticed in a minute."""
_OF_REQUESTS = ("connect_timeout", "timeout", "allow_http")
_SIDE_BY_SIDE = 8


class DeltaFolder:
    """A bucket, or a folder on a disk; nothing is asked before it is needed."""

    def __init__(self, url: str, options: Mapping[str, str]) -> None:
        """Take its address, `s3://…` or `file://…`, and what the store is to be told, secrets among it."""
        self.url = url.rstrip("/")
        self.path = Path(unquote(urlparse(url).path)) if url.startswith("file:") else None
        self._options = {**_PATIENCE, **options}

    def store(self) -> ObjectStore:
        """Return a client of the store, relative to this place."""
        if self.path is not None:
            return LocalStore(self.path, mkdir=True)
        told = {_short(name): text for name, text in self._options.items()}
        requests = {name: told.pop(name) for name in _OF_REQUESTS if name in told}
        retries = {"max_retries": int(told.pop("max_retries"))}
        told.pop("retry_timeout")  # deltalake's alone
        config = {f"aws_{name}": text for name, text in told.items()}
        return from_url(self.url, config=config, client_options=requests, retry_config=retries)  # type: ignore[call-overload,no-any-return]

    def tables(self, dataset: str) -> list[str]:
        """Return the names of a dataset's tables, sorted."""
        found = obstore.list_with_delimiter(self.store(), f"{dataset}/")
        return sorted(prefix.rstrip("/").rpartition("/")[2] for prefix in found["common_prefixes"])

    def opened(self, dataset: str, versions: Mapping[str, int | None]) -> dict[str, DeltaTable]:
        """Open tables at versions, the newest where None is asked for."""
        with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
            tables = pool.map(lambda name: self.table(dataset, name, versions[name]), versions)
            return dict(zip(versions, tables, strict=True))

    def table(self, dataset: str, name: str, version: int | None = None) -> DeltaTable:
        """Open a table at a version, the newest where None is asked for."""
        return DeltaTable(self.uri(dataset, name), version=version, storage_options=self.options)

    def uri(self, dataset: str, name: str) -> str:
        """Return the address of a table."""
        return f"{self.path or self.url}/{dataset}/{name}"

    @property
    def options(self) -> dict[str, str]:
        """Return what deltalake is to tell the store."""
        return {} if self.path is not None else dict(self._options)

    def remove(self, dataset: str, name: str) -> None:
        """Remove a table, its log at last: without it there is none."""
        store = self.store()
        listed = [entry["path"] for entry in obstore.list(store, f"{dataset}/{name}/").collect()]
        _delete(store, (path for path in listed if "/_delta_log/" not in path))
        _delete(store, (path for path in listed if "/_delta_log/" in path))
        if self.path is not None:
            # a store knows no folders, a disk keeps the empty ones
            for folder in sorted((self.path / dataset / name).glob("**"), reverse=True):
                folder.rmdir()


def _delete(store: ObjectStore, paths: Iterable[str]) -> None:
    if listed := list(paths):
        obstore.delete(store, listed)


def _short(option: str) -> str:
    """Return the name of an option without what tells whose it is: deltalake takes both, obstore one of them."""
    return option.lower().removeprefix("aws_")
