"""The documents: links lead to files and headings that exist, and a reader finds every page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ecom_assets_tests.support.paths import ROOT

DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md"))
NAMES = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")
DOCUMENTS = [*(ROOT / name for name in NAMES if (ROOT / name).is_file()), *PAGES]
SITE: dict[str, Any] = yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))


def prose(document: Path) -> str:
    """Return a document without its blocks of code."""
    return re.sub(r"^```.*?^```", "", document.read_text("utf-8"), flags=re.M | re.S)


def headings(document: Path) -> list[str]:
    return re.findall(r"^#+ (.*)$", prose(document), re.M)


def anchor(heading: str) -> str:
    """Return the anchor that a code host gives to a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def links(document: Path) -> list[str]:
    return re.findall(r"\]\(([^)\s]+)\)", document.read_text("utf-8"))


def reachable(start: Path) -> set[Path]:
    """Return the documents that links lead to, from a document on."""
    found, todo = {start}, [start]
    while todo:
        document = todo.pop()
        names = {link.partition("#")[0] for link in links(document)}
        pages = {(document.parent / name).resolve() for name in names if name.endswith(".md")}
        new = {page for page in pages if page.is_file()} - found
        found |= new
        todo += new
    return found


def in_navigation(entry: Any) -> Iterator[str]:
    """Yield the pages of a part of the site's navigation."""
    if isinstance(entry, str):
        yield entry
        return
    for part in entry.values() if isinstance(entry, dict) else entry:
        yield from in_navigation(part)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_links_lead_somewhere(document: Path) -> None:
    for link in links(document):
        name, _, place = link.partition("#")
        target = document.parent / name if name else document
        assert target.exists(), link
        assert not place or place in {anchor(heading) for heading in headings(target)}, link


def test_every_document_is_found_from_the_readme() -> None:
    assert set(DOCUMENTS) <= reachable(ROOT / "README.md")


def test_every_page_is_found_from_the_map() -> None:
    assert set(PAGES) <= reachable(DOCS / "index.md")
    # the page that helps to choose a warehouse lists those of engines
    listed = {
        link for page in ("index.md", "warehouses.md") for link in links(DOCS / page) if "#" not in link
    }
    assert {page.name for page in PAGES} - {"index.md"} <= listed


def test_every_page_is_in_the_navigation_once() -> None:
    assert sorted(in_navigation(SITE["nav"])) == sorted(page.name for page in PAGES)


def test_the_site_refuses_what_is_missing() -> None:
    assert SITE["docs_dir"] == "docs"
    assert SITE["site_dir"] == "build/site"
    assert set(SITE["validation"]["nav"].values()) == {"warn"}
    assert set(SITE["validation"]["links"].values()) == {"warn"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_leads_to_no_file_outside_of_the_site(page: Path) -> None:
    for link in links(page):
        assert "://" in link or (page.parent / link.partition("#")[0]).resolve().is_relative_to(DOCS), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_code_host_and_the_site_give_a_heading_the_same_anchor(page: Path) -> None:
    found = [anchor(heading) for heading in headings(page)]
    assert len(set(found)) == len(found)
    # the site makes one dash of several
    assert not [name for name in found if "--" in name or name.strip("-") != name]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_has_one_title_and_blocks_of_code_at_the_margin(page: Path) -> None:
    assert len(re.findall(r"^# ", prose(page), re.M)) == 1
    # within a list, the site would show the fence as text
    assert not re.search(r"^[ \t]+```", page.read_text("utf-8"), re.M)
