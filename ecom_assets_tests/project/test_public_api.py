"""The public API of the package: names that are imported at first use, and an import without side effects."""

from __future__ import annotations

import subprocess
import sys

import pytest

import ecom_assets

_IMPORT = """
import atexit, gc, sys

registered = []
atexit.register = lambda function, *rest: registered.append(function)
before = gc.get_threshold(), gc.isenabled(), gc.get_freeze_count()
import ecom_assets
assert not registered, registered
assert (gc.get_threshold(), gc.isenabled(), gc.get_freeze_count()) == before
heavy = {"dagster", "dagster_dlt", "dlt", "duckdb", "pyarrow", "requests", "pydantic"} & set(sys.modules)
assert not heavy, heavy
assert set(ecom_assets.__all__) <= set(dir(ecom_assets))
"""


def test_the_import_is_cheap_and_changes_nothing_in_its_process() -> None:
    done = subprocess.run([sys.executable, "-c", _IMPORT], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_public_names_are_these() -> None:
    assert sorted(ecom_assets.__all__) == [
        "ShopSecrets",
        "build_defs",
        "load_shop",
        "rest_api_shop",
        "run_load",
        "secret",
        "tables",
    ]


@pytest.mark.parametrize("name", ecom_assets.__all__)
def test_each_public_name_resolves_to_the_object_of_that_name(name: str) -> None:
    value = getattr(ecom_assets, name)
    assert value.__name__ == name
    assert value.__module__.startswith("ecom_assets.")
    assert value is getattr(sys.modules[value.__module__], name)


def test_an_unknown_name_is_an_attribute_error() -> None:
    name = "build_definitons"
    with pytest.raises(AttributeError, match="module 'ecom_assets' has no attribute 'build_definitons'"):
        getattr(ecom_assets, name)
