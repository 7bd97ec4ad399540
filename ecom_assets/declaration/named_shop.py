"""A shop by the name that a user gives: of a declared shop, of a YAML file, or of a variable in a Python module."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # or --help would wait for pydantic
    from ecom_assets.declaration.reading import Shop


def find_shop(name: str) -> Shop:
    """Return the shop with a name, the one that a YAML file declares, or the one of a Python module.

    Raises:
        IngestError: No shop has this name, or the module has none.
        DeclarationError: The declaration is wrong, or the file cannot be read.
    """
    from pathlib import Path

    from ecom_assets.declaration.reading import load_shop, shop_files, shops_dir
    from ecom_assets.foundation.errors import IngestError

    if name.endswith((".yaml", ".yml")):
        return load_shop(Path(name))
    if ":" in name:
        return _shop_in_module(name)
    files = {file.stem: file for file in shop_files(shops_dir())}
    if name not in files:
        raise IngestError(
            f"SHOP: found {name!r}; allowed: {', '.join(files)}, or the path of a YAML file, or MODULE:NAME"
        )
    return load_shop(files[name])


def _shop_in_module(name: str) -> Shop:
    """Return the shop in a variable of a Python module, given as MODULE:NAME.

    Raises:
        IngestError: The module cannot be imported, or has no such shop.
        DeclarationError: The shop's dictionary is wrong.
    """
    import importlib
    import sys

    from ecom_assets.declaration.reading import Shop
    from ecom_assets.foundation.errors import IngestError

    module_name, _, variable = name.partition(":")
    if "" not in sys.path:
        sys.path.insert(0, "")  # a module of the working directory, as with `python -m`
    problem = ""
    try:
        module = importlib.import_module(module_name)
    except IngestError:
        raise
    except Exception as error:  # the text of an error in the user's code may hold anything
        problem = f"a module that fails with {type(error).__name__} when it is imported"
    else:
        shop = getattr(module, variable, None)
        if isinstance(shop, Shop):
            return shop
        problem = f"no shop {variable!r} in the module"
    raise IngestError(f"SHOP: found {problem}: {module_name}; allowed: MODULE:NAME of a shop in Python")
