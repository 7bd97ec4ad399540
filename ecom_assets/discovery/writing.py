"""Writing declarations: a new file never over another, a changed one whole or not at all."""

from __future__ import annotations

from pathlib import Path

from ecom_assets.ingest.declaration import shown_path
from ecom_assets.ingest.errors import IngestError


def refuse_existing(file: Path) -> None:
    """Raise IngestError for a file that is there."""
    if file.exists():
        raise IngestError(
            f"{shown_path(file)}: found a file; allowed: --update to compare it with the API, or --out for another one"
        )


def write_new(file: Path, text: str) -> None:
    """Write a file that was not there before; raises IngestError where one is, or none can be written."""
    refuse_existing(file)
    try:
        # "x" refuses a file that came meanwhile
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as stream:
            stream.write(text)
    except OSError as error:
        raise IngestError(f"{shown_path(file)} cannot be written: {error.strerror}") from None


def replace_text(file: Path, text: str) -> None:
    """Give a file another text; until that is written the old one stays. Raises IngestError."""
    beside = file.with_name(f".{file.name}.new")
    try:
        beside.write_text(text, "utf-8")
        beside.replace(file)
    except OSError as error:
        raise IngestError(f"{shown_path(file)} cannot be written: {error.strerror}") from None
