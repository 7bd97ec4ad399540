"""A translator of a project's own: which one a shop has, and what its specs must have so that our runs find them.

See `ecom_assets.orchestration.translator` for the one that reads the declaration.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from dagster import AssetDep, AssetKey, AssetSpec
from dagster_dlt import DagsterDltTranslator
from dagster_dlt.translator import DltResourceTranslatorData

from ecom_assets.declaration.reading import Shop
from ecom_assets.declaration.table.deletes import deletions_name
from ecom_assets.foundation.errors import IngestError
from ecom_assets.orchestration.deletions import deletions_key
from ecom_assets.orchestration.partitions import partitions_def
from ecom_assets.orchestration.translator import KeyOf, ShopTranslator, asset_key, table_metadata_of

Translator: TypeAlias = DagsterDltTranslator | Callable[[Shop], DagsterDltTranslator]
"""What `build_defs` takes as `translator`."""

_ALLOWED = (
    "a subclass of ShopTranslator, a DagsterDltTranslator, or a function that takes a shop and returns one"
)


def translator_for(shop: Shop, given: Translator) -> DagsterDltTranslator:
    """Return the translator of a shop.

    Args:
        shop: The declared shop.
        given: A subclass of `ShopTranslator` or a function, which is called with the shop; or a translator of
            dagster-dlt, which all shops share.

    Raises:
        IngestError: It is neither.
    """
    if isinstance(given, DagsterDltTranslator):
        return given
    made: object = given
    if isinstance(given, type) and not issubclass(given, ShopTranslator):
        without_shop: Callable[[], object] = given
        made = without_shop()
    elif callable(given):
        made = given(shop)
    if not isinstance(made, DagsterDltTranslator):
        raise IngestError(f"translator: found a value of type {type(made).__name__}; allowed: {_ALLOWED}")
    return made


class NamedFailures(DagsterDltTranslator):
    """Asks another translator, and names it and the table in an error of it."""

    def __init__(self, shop: Shop, translator: DagsterDltTranslator) -> None:
        """Take the shop and its translator."""
        self._shop = shop
        self._translator = translator

    def get_asset_spec(self, data: DltResourceTranslatorData) -> AssetSpec:
        """Return the spec of a dlt resource.

        Raises:
            IngestError: The other translator failed, or returned something else.
        """
        where = f"translator {type(self._translator).__name__}, for {self._shop.name}.{data.resource.name}"
        try:
            spec: object = self._translator.get_asset_spec(data)
        except Exception as error:  # it is code of the project that calls
            raise IngestError(f"{where}: {type(error).__name__}: {error}") from error
        if not isinstance(spec, AssetSpec):
            raise IngestError(f"{where}: found a value of type {type(spec).__name__}; allowed: an AssetSpec")
        return spec


def runnable_specs(shop: Shop, names: Sequence[str], specs: Sequence[AssetSpec]) -> dict[AssetKey, AssetSpec]:
    """Return specs by the declared keys of their tables, as our runs need them.

    A dependency on a table has the key that the table's spec has. A spec without a description of its table gets one.

    Args:
        shop: The declared shop.
        names: The names of the resources, in the order of the specs.
        specs: What the translator made.

    Raises:
        IngestError: Two specs have one key, or one has partitions that are not the windows of the declaration.
    """
    keys = {asset_key(shop, name): spec.key for name, spec in zip(names, specs, strict=True)}
    owners: dict[AssetKey, str] = {}
    runnable = {}
    for name, spec in zip(names, specs, strict=True):
        if spec.key in owners:
            raise IngestError(
                f"translator, for {shop.name}.{name}: found the key {spec.key.to_user_string()}, which "
                f"{owners[spec.key]} has; allowed: a key that no other table has"
            )
        owners[spec.key] = name
        windows = (
            partitions_def(shop.partitions) if shop.partitions and shop.resource(name).windowed else None
        )
        if spec.partitions_def is not None and spec.partitions_def != windows:
            raise IngestError(
                f"translator, for {shop.name}.{name}: found a partitions_def ({spec.partitions_def}); allowed: "
                f"{'none' if windows is None else windows}, because a partition is a window of the declaration"
            )
        deps = [
            AssetDep(keys.get(dep.asset_key, dep.asset_key), partition_mapping=dep.partition_mapping)
            for dep in spec.deps
        ]
        # dagster-dlt adds objects for its own way to run: the UI would show them
        own = {key: value for key, value in spec.metadata.items() if not key.startswith("dagster_dlt/")}
        metadata = {**table_metadata_of(shop, shop.resource(name)), **own}
        # a resource that failed yields no result, while the others report theirs
        runnable[asset_key(shop, name)] = spec.replace_attributes(
            deps=deps, metadata=metadata, skippable=True
        )
    return runnable


def key_of_specs(specs: Mapping[AssetKey, AssetSpec]) -> KeyOf:
    """Return the function that returns the keys of a shop's assets, from specs by their declared keys."""

    def key_of(shop: Shop, name: str) -> AssetKey:
        declared = asset_key(shop, name)
        if declared in specs:
            return specs[declared].key
        for entry in shop.resources_with_deletes():
            if deletions_name(entry.name) == name:
                return deletions_key(specs[asset_key(shop, entry.name)].key)
        return declared

    return key_of
