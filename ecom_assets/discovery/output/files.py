"""Writes declaration files: a new file with its JSON Schema beside it, or another text for an existing file."""

from __future__ import annotations

from pathlib import Path

from ecom_assets.declaration.reading import SCHEMA_FILE, format_path
from ecom_assets.foundation.errors import IngestError


def refuse_existing(file: Path) -> None:
    """Raise IngestError where a file exists."""
    if file.exists():
        raise IngestError(
            f"{format_path(file)}: the file exists already; use --update to compare it with the API, "
            "or --out to write another file"
        )


def write_new(file: Path, text: str) -> None:
    """Write a new file, and beside it the present JSON Schema, which the file names.

    Raises:
        IngestError: The file exists already, or cannot be written.
    """
    refuse_existing(file)
    try:
        # "x" refuses a file that somebody created meanwhile
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as stream:
            stream.write(text)
    except OSError as error:
        raise IngestError(f"{format_path(file)} cannot be written: {error.strerror}") from None
    schema_file, schema = file.with_name(SCHEMA_FILE.name), SCHEMA_FILE.read_text("utf-8")
    if not schema_file.exists() or schema_file.read_text("utf-8") != schema:
        replace_text(schema_file, schema)


def replace_text(file: Path, text: str) -> None:
    """Replace the text of a file in one step: it has either the old or the new text.

    Raises:
        IngestError: The file cannot be written.
    """
    new = file.with_name(f".{file.name}.new")
    try:
        new.unlink(missing_ok=True)
        with new.open("x", encoding="utf-8") as stream:  # "x" follows no link
            stream.write(text)
        new.replace(file)
    except OSError as error:
        raise IngestError(f"{format_path(file)} cannot be written: {error.strerror}") from None
