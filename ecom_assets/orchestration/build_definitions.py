"""The Dagster definitions of a folder of declarations, all shops in one code location.

Loading them needs no secret, no network and no environment variable.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dagster import AssetKey, AssetsDefinition, Definitions, ScheduleDefinition, SensorDefinition

from ecom_assets.declaration.neighbours import with_neighbours
from ecom_assets.declaration.reading import Shop, format_path, names_shops_dir, unexpected_error
from ecom_assets.declaration.table.union import Union
from ecom_assets.declaration.unions import load_folder, with_unions
from ecom_assets.foundation.errors import DeclarationError, IngestError
from ecom_assets.orchestration.assets import load_assets, shop_assets, shop_specs
from ecom_assets.orchestration.audit import audit_job
from ecom_assets.orchestration.automation.alerts import failure_sensor
from ecom_assets.orchestration.automation.jobs import deletions_job, snapshots_job, windows_job
from ecom_assets.orchestration.automation.schedules import (
    audit_schedule,
    deletions_schedule,
    snapshots_schedule,
    windows_schedule,
)
from ecom_assets.orchestration.automation.sensors import change_sensor
from ecom_assets.orchestration.deletions import deletions_assets
from ecom_assets.orchestration.invalid_declarations import invalid_declaration_assets
from ecom_assets.orchestration.resources import ShopSecrets, secrets_key, shop_resources
from ecom_assets.orchestration.status import status_asset
from ecom_assets.orchestration.translation import Translator, key_of_specs
from ecom_assets.orchestration.translator import KeyOf, asset_key
from ecom_assets.orchestration.unions import union_asset, union_key


def build_defs(
    shops_dir: Path | str | None = None,
    resource_overrides: Mapping[str, ShopSecrets] | None = None,
    shops: Sequence[Shop] = (),
    *,
    alerts: bool = True,
    translator: Translator | None = None,
) -> Definitions:
    """Return the definitions of all shops that a folder declares, and of shops in Python.

    They merge with definitions of your own: each job has its executor, and the whole has none. An invalid file is left
    out; an asset in its place says why.

    Args:
        shops_dir: The folder of declarations. Without it, the folder that ECOM_SHOPS_DIR names, else the bundled one.
        resource_overrides: Secrets that replace a resource `<shop>_secrets`, such as
            `{"acme_secrets": ShopSecrets(secrets={"api_key": EnvVar("ACME_KEY")})}`.
        shops: Shops in Python, as `rest_api_shop` returns them. With these, a folder is read only if `shops_dir` or
            ECOM_SHOPS_DIR names one.
        alerts: Whether there is a sensor `alert_on_failure` for all failed runs of the code location. Of several
            results that are merged, one may have it.
        translator: How tables become assets, if a declaration cannot say it: a subclass of `ShopTranslator` whose
            `get_asset_spec` changes what the shop's declaration says, a translator of dagster-dlt, or a function that
            takes a shop and returns one of them. Keys, dependencies, jobs, sensors and checks follow its keys.

    Raises:
        DeclarationError: The folder has no valid file, or two shops in Python have the same name.
        WarehouseError: No temporary folder can be created. dlt needs one to describe the assets to `translator`.
        IngestError: `translator` makes no translator, failed for a table, or gave two tables one key.
        ValueError: `resource_overrides` has an unknown key, or a secret that is no EnvVar; or an entry of `shops` is
            no shop.
    """
    in_python = _check_shops(shops)
    of_folder: tuple[Shop, ...] = ()
    invalid_files: dict[Path, DeclarationError] = {}
    unions: tuple[Union, ...] = ()
    if shops_dir is not None or not in_python or names_shops_dir():
        folder = None if shops_dir is None else Path(shops_dir)
        of_folder, unions, invalid_files = load_folder(folder, in_python)
    for error in invalid_files.values():
        if not of_folder and not in_python:
            raise error
    shops = (*in_python, *of_folder)
    return definitions_of(
        shops,
        invalid_files,
        resource_overrides or {},
        declaration_checks=lambda file: load_folder(file.parent, in_python)[2].get(file),
        alerts=alerts,
        translator=translator,
        unions=unions,
    )


def definitions_of(
    shops: Sequence[Shop],
    invalid_files: Mapping[Path, DeclarationError],
    resource_overrides: Mapping[str, ShopSecrets],
    *,
    declaration_checks: Callable[[Path], DeclarationError | None],
    alerts: bool,
    translator: Translator | None = None,
    name: str | None = None,
    unions: Sequence[Union] = (),
) -> Definitions:
    """Return the definitions of shops that were read, and of the files that declare none.

    Args:
        shops: The shops.
        invalid_files: The errors of the other files.
        resource_overrides: As in `build_defs`.
        declaration_checks: Reads a file again, and returns what is wrong with it now.
        alerts: As in `build_defs`.
        translator: As in `build_defs`.
        name: What the asset in place of an invalid file is named after; unless given, the file.
        unions: The views over tables of these shops.
    """
    beyond_the_file: dict[Path, DeclarationError] = {}
    resources = shop_resources(tuple(shops), resource_overrides, some_invalid=bool(invalid_files))
    shops = with_neighbours(shops, {shop.name: resources[secrets_key(shop)].secrets for shop in shops})
    unions = _with_keys_of_their_own(unions, shops, beyond_the_file)
    shops = with_unions(shops, unions)
    parts: list[_Parts] = []
    shop_names: dict[AssetKey, str] = {}
    for shop in shops:
        try:
            part = _parts_of(shop, translator)
            _claim_keys(shop, part, shop_names)
            parts.append(part)
        except IngestError as error:
            if shop.file == Path() or len(shops) == 1 or not isinstance(error, DeclarationError):
                raise
            beyond_the_file[shop.file] = error
        except Exception as error:  # a fault of this program: it must not take the other shops down
            if shop.file == Path() or len(shops) == 1:
                raise
            beyond_the_file[shop.file] = unexpected_error(shop.file, error)
    views = [union_asset(union, _tables_below(union, parts)) for union in unions]
    specs, checks, reporting = invalid_declaration_assets(
        {**invalid_files, **beyond_the_file},
        lambda file: beyond_the_file.get(file) or declaration_checks(file),
        shop_names,
        name,
    )
    of_all = [failure_sensor(shops, resources, shop_names)] if alerts else []
    return Definitions(
        assets=[*specs, *(asset for part in parts for asset in part.assets), *views],
        asset_checks=checks,
        jobs=[job for part in parts for job in part.jobs],
        schedules=[schedule for part in parts for schedule in part.schedules],
        sensors=[*of_all, *reporting, *(sensor for part in parts for sensor in part.sensors)],
        resources=resources,
    )


@dataclass
class _Parts:
    """What the definitions have of one shop."""

    shop: Shop
    assets: list[AssetsDefinition]
    key_of: KeyOf = asset_key
    jobs: list[Any] = field(default_factory=list)
    schedules: list[ScheduleDefinition] = field(default_factory=list)
    sensors: list[SensorDefinition] = field(default_factory=list)


def _parts_of(shop: Shop, translator: Translator | None) -> _Parts:
    """Return the assets, jobs, schedules and sensors of a shop."""
    if translator is None:
        parts = _Parts(shop, [*shop_assets(shop), *deletions_assets(shop), status_asset(shop)])
    else:
        specs = shop_specs(shop, translator)
        assets = [*load_assets(shop, specs), *deletions_assets(shop, specs), status_asset(shop, specs)]
        parts = _Parts(shop, assets, key_of=key_of_specs(specs))
    key_of = parts.key_of
    if shop.partitions and (windows := windows_job(shop, key_of)):
        parts.jobs.append(windows)
        parts.schedules.append(windows_schedule(shop, shop.partitions, windows))
        parts.sensors.append(change_sensor(shop, shop.partitions, windows, key_of=key_of))
    if snapshots := snapshots_job(shop, key_of):
        parts.jobs.append(snapshots)
        parts.schedules.append(snapshots_schedule(shop, snapshots))
    if deletions := deletions_job(shop, key_of):
        parts.jobs.append(deletions)
        parts.schedules.append(deletions_schedule(shop, deletions))
    if shop.audit and (audit := audit_job(shop, shop.audit, key_of)):
        parts.jobs.append(audit)
        parts.schedules.append(audit_schedule(shop, shop.audit, audit))
    return parts


def _with_keys_of_their_own(
    unions: Sequence[Union], shops: Sequence[Shop], wrong: dict[Path, DeclarationError]
) -> list[Union]:
    """Return the unions with a key that no table has; note what is wrong with the others."""
    taken = {asset_key(shop, entry.name): shop.name for shop in shops for entry in shop.tables}
    kept = []
    for union in unions:
        key = union_key(union)
        if key in taken:
            found = f"a name that gives a view the key {key.to_user_string()}, which shop {taken[key]} has"
            allowed = "a name with which no view has the key of a table"
            wrong[union.file] = DeclarationError(format_path(union.file), "dataset", found, allowed)
        else:
            kept.append(union)
    return kept


def _tables_below(union: Union, parts: Sequence[_Parts]) -> list[AssetKey]:
    """Return the keys of the tables that a view unites; not those of shops that have no assets."""
    return [part.key_of(part.shop, union.table) for part in parts if part.shop.name in union.shops]


def _claim_keys(shop: Shop, part: _Parts, shop_names: dict[AssetKey, str]) -> None:
    """Add the keys of a shop's assets to those of the others; refuse a key that another shop has."""
    keys = [key for asset in part.assets for key in asset.keys]
    for key in keys:
        if key in shop_names:
            found = f"a prefix that gives the key {key.to_user_string()}, which shop {shop_names[key]} has"
            allowed = "a key_prefix with which no asset has the key of another shop's"
            raise DeclarationError(shop.declared_in, "dagster.key_prefix", found, allowed)
    shop_names.update(dict.fromkeys(keys, shop.name))


def _check_shops(shops: Sequence[Any]) -> tuple[Shop, ...]:
    """Return the shops that were given in Python; refuse anything else, and a name that occurs twice."""
    names: dict[str, str] = {}
    for position, shop in enumerate(shops):
        if not isinstance(shop, Shop):
            allowed = "a shop, as rest_api_shop and load_shop return it"
            raise ValueError(
                f"shops[{position}]: found a value of type {type(shop).__name__}; allowed: {allowed}"
            )
        if shop.name in names:
            found = f"{shop.name!r}, the name of {names[shop.name]}"
            raise DeclarationError(shop.declared_in, "name", found, "a name that no other shop has")
        names[shop.name] = shop.declared_in
    return tuple(shops)
