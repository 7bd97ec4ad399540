"""The public API of the package: names that are imported at first use, and an import without side effects."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import ecom_assets
from ecom_assets_tests.support.paths import ROOT

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


_IMPORT_OF_ALL = """
import atexit, gc, logging, os, signal, sys, threading

reads = []

def read(self, key, *rest, of=type(os.environ).__getitem__):
    frame, ours = sys._getframe(1), False
    while frame is not None and not ours:
        # only this package's own modules count; a library reads its settings at its import
        ours = frame.f_globals.get("__name__", "").startswith("ecom_assets")
        frame = None if "site-packages" in frame.f_code.co_filename else frame.f_back
    if ours:
        reads.append(key)
    return of(self, key, *rest)

import dagster, dagster_dlt, dlt, duckdb, pyarrow, requests
before = gc.get_threshold(), gc.isenabled(), gc.get_freeze_count()
handlers = [signal.getsignal(each) for each in signal.valid_signals()]
variables, folder = dict(os.environ), os.getcwd()
registered = []
atexit.register = lambda function, *rest: registered.append(function)
type(os.environ).__getitem__ = read
from ecom_assets import *
import ecom_assets
missing = set(ecom_assets.__all__) - set(globals())
assert not missing, missing
assert not reads, reads
assert not [each for each in registered if each.__module__.startswith("ecom_assets")], registered
assert (gc.get_threshold(), gc.isenabled(), gc.get_freeze_count()) == before
assert [signal.getsignal(each) for each in signal.valid_signals()] == handlers
assert dict(os.environ) == variables and os.getcwd() == folder
assert threading.active_count() == 1
assert not logging.getLogger("ecom_assets").handlers
assert "ecom_assets.definitions" not in sys.modules
assert os.listdir() == []
"""


def test_the_import_of_all_names_reads_no_variable_and_changes_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _IMPORT_OF_ALL],
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "ECOM_SHOPS_DIR": "nowhere",
            "ECOM_WAREHOUSE": "no://where",
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_import_is_cheap_and_changes_nothing_in_its_process() -> None:
    done = subprocess.run([sys.executable, "-c", _IMPORT], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_public_names_are_these() -> None:
    assert sorted(ecom_assets.__all__) == [
        "ShopComponent",
        "ShopSecrets",
        "ShopTranslator",
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
