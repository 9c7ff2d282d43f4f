"""Every link of the documentation leads somewhere."""

import re
from pathlib import Path

import pytest

from tests.unit.docs.pages import ROOT, name, pages, prose

_LINK = re.compile(r"\]\(([^)\s]+)\)")


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as mkdocs makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", heading).strip().lower()) for heading in headings}


@pytest.mark.parametrize("page", pages(), ids=name)
def test_every_link_of_a_page_leads_to_a_file_and_a_heading(page: Path) -> None:
    broken = []
    for target in _LINK.findall(prose(page)):
        if "://" in target:
            continue
        file, _, anchor = target.partition("#")
        found = (page.parent / file).resolve() if file else page
        if not found.exists() or (anchor and anchor not in anchors(found)):
            broken.append(target)
    assert not broken


@pytest.mark.parametrize("page", [page for page in pages() if page.is_relative_to(ROOT / "docs")], ids=name)
def test_pages_of_the_site_link_within_the_site(page: Path) -> None:
    outside = [
        target
        for target in _LINK.findall(prose(page))
        if "://" not in target and not (page.parent / target.partition("#")[0]).resolve().is_relative_to(ROOT / "docs")
    ]
    assert not outside


def test_every_page_of_a_folder_is_listed_in_its_index() -> None:
    for index in ROOT.glob("docs/*/index.md"):
        if index.parent.name == "decisions":
            continue  # numbered, and in the menu by their number
        linked = {(index.parent / target).resolve() for target in _LINK.findall(prose(index)) if "://" not in target}
        unlisted = [page.name for page in index.parent.glob("*.md") if page != index and page not in linked]
        assert not unlisted, f"{name(index)} does not list {unlisted}"


def test_every_picture_is_shown_or_named() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in pages())
    script = (ROOT / "tools" / "screenshots.py").read_text(encoding="utf-8")
    for picture in ROOT.glob("docs/images/*.png"):
        stem = picture.stem.removesuffix("-tablet")
        assert picture.name in text or re.search(rf'"{stem}"|/ f"{stem}{{end}}', script)
        assert picture.stat().st_size < 400_000
