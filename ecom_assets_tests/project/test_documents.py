"""The documents link to files and headings that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ecom_assets_tests.support.paths import ROOT

DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]


def anchors(document: Path) -> set[str]:
    """Return the anchors that a document's headings get."""
    text = re.sub(r"^```.*?^```", "", document.read_text("utf-8"), flags=re.M | re.S)
    headings = re.findall(r"^#+ (.*)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_links_lead_somewhere(document: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", document.read_text("utf-8")):
        name, _, anchor = link.partition("#")
        target = document.parent / name if name else document
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_every_document_is_found_from_the_readme() -> None:
    found, todo = {ROOT / "README.md"}, [ROOT / "README.md"]
    while todo:
        document = todo.pop()
        links = re.findall(r"\]\(([^)\s#]+\.md)[^)]*\)", document.read_text("utf-8"))
        new = {(document.parent / link).resolve() for link in links} - found
        found |= new
        todo += new
    assert set(DOCUMENTS) <= found
