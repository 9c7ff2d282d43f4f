"""The pages of the documentation and the blocks of code on them."""

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[3]
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


class Block(NamedTuple):
    """A block of code: its language, its text, and the line on which it begins."""

    language: str
    text: str
    line: int


@cache
def pages() -> list[Path]:
    """Every page that a reader meets, those beside the code included."""
    found = [path for path in ROOT.glob("*.md") if path.name != "CHANGELOG.md"]
    return sorted([*found, ROOT / "CHANGELOG.md", *ROOT.glob("docs/**/*.md")])


def name(page: Path) -> str:
    """How a page is called in the name of a test."""
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path) -> list[Block]:
    """The blocks of a page in their order."""
    text = page.read_text(encoding="utf-8")
    return [Block(one[1], one[2], text.count("\n", 0, one.start()) + 1) for one in _BLOCK.finditer(text)]


def prose(page: Path) -> str:
    """The page without its blocks."""
    return _BLOCK.sub("", page.read_text(encoding="utf-8"))


def spoken(page: Path) -> list[str]:
    """What stands in `backticks` outside of blocks."""
    return re.findall(r"`([^`\n]+)`", prose(page))
