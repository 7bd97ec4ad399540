"""Writing declarations: a new file never over another, with its schema beside it, a changed one whole or not at all."""

from __future__ import annotations

from pathlib import Path

from ecom_assets.declaration.reading import SCHEMA_FILE, format_path
from ecom_assets.foundation.errors import IngestError


def refuse_existing(file: Path) -> None:
    """Raise IngestError for a file that is there."""
    if file.exists():
        raise IngestError(
            f"{format_path(file)}: found a file; allowed: --update to compare it with the API, or --out for another one"
        )


def write_new(file: Path, text: str) -> None:
    """Write a file that was not there before, and beside it the schema that it names, as it is now.

    Raises IngestError where a file is, or none can be written.
    """
    refuse_existing(file)
    try:
        # "x" refuses a file that came meanwhile
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as stream:
            stream.write(text)
    except OSError as error:
        raise IngestError(f"{format_path(file)} cannot be written: {error.strerror}") from None
    beside, schema = file.with_name(SCHEMA_FILE.name), SCHEMA_FILE.read_text("utf-8")
    if not beside.exists() or beside.read_text("utf-8") != schema:
        replace_text(beside, schema)


def replace_text(file: Path, text: str) -> None:
    """Give a file another text; until that is written the old one stays. Raises IngestError."""
    beside = file.with_name(f".{file.name}.new")
    try:
        beside.write_text(text, "utf-8")
        beside.replace(file)
    except OSError as error:
        raise IngestError(f"{format_path(file)} cannot be written: {error.strerror}") from None
