"""The command `schema`: prints the JSON Schema of declarations."""

from __future__ import annotations


def schema() -> None:
    """Print the JSON Schema of declarations, for editors. `discover` writes it beside a new file."""
    from ecom_assets.declaration.reading import SCHEMA_FILE

    print(SCHEMA_FILE.read_text("utf-8"), end="")
