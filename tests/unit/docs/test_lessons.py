"""The tutorial and the how-tos are true: their commands are run against a started shop, their output is compared.

A page speaks of a shop `my-shop` at port 8765, with its server key in KEY, and of programs that are on the path.
Blocks of `sh` are run by bash and must end well; blocks of `python` by this Python; what a block of `text` shows
must come out of the block before it, where … stands for anything. Blocks of `console` show what a reader does.
"""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from regulars.shop.init import Created, init
from regulars.testing import Product
from regulars.testing.product import free_port
from tests.unit.docs.pages import ROOT, Block, blocks, name

pytestmark = pytest.mark.acceptance

HOWTO = ROOT / "docs" / "howto"
LESSONS = [
    ROOT / "README.md",
    ROOT / "docs" / "tutorial" / "first-hour.md",
    HOWTO / "first-event.md",
    HOWTO / "consent.md",
    HOWTO / "import-orders.md",
    HOWTO / "browser-sdk.md",
    HOWTO / "events-from-apps.md",
    HOWTO / "verify-a-login.md",
    HOWTO / "backup-and-restore.md",
    HOWTO / "read-the-health-page.md",
]
RUN = {"sh", "python"}
SERVE = "$ regulars serve my-shop"


class Desk:
    """A reader's terminals: a working folder with a shop, the server when it was started, and what was printed last."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.created: Created = init(folder / "my-shop", "my-shop")
        self.product: Product | None = None
        self.printed = ""
        programs = folder / "programs"
        programs.mkdir()
        shim = programs / "regulars"
        shim.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m regulars "$@"\n', encoding="utf-8")
        shim.chmod(0o755)
        self.environment = {
            **os.environ,
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "KEY": self.created.server_key,
            "COLUMNS": "200",
        }

    def serve(self) -> None:
        """What `regulars serve my-shop` does, at a port that is free."""
        self.product = Product(self.folder / "my-shop", self.folder / "my-shop" / "data", port=self.port).start()

    def run(self, block: Block) -> None:
        """Run a block; what it printed is remembered."""
        text = block.text.replace("127.0.0.1:8765", f"127.0.0.1:{self.port}")
        program = (
            [sys.executable, "-c", text] if block.language == "python" else ["bash", "-euo", "pipefail", "-c", text]
        )
        done = subprocess.run(
            program, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=120, check=False
        )
        self.printed = done.stdout + done.stderr
        assert done.returncode == 0, f"line {block.line}: {self.printed}"

    def expect(self, block: Block) -> None:
        """What the page shows was printed, somewhere and in this order."""
        shown = block.text.replace("127.0.0.1:8765", f"127.0.0.1:{self.port}").strip("\n")
        pattern = r"[\s\S]*?".join(re.escape(piece) for piece in shown.split("…"))
        assert re.search(pattern, self.printed), (
            f"line {block.line}: the page shows\n{shown}\nand this came\n{self.printed}"
        )

    def close(self) -> None:
        if self.product is not None:
            self.product.close()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    reader = Desk(tmp_path)
    yield reader
    reader.close()


@pytest.mark.parametrize("page", LESSONS, ids=name)
def test_what_a_lesson_says_happens(page: Path, desk: Desk) -> None:
    lesson = blocks(page)
    served_on_the_page = any(SERVE in block.text for block in lesson)
    if not served_on_the_page:
        desk.serve()
    ran = 0
    for block in lesson:
        if block.language == "console" and SERVE in block.text:
            desk.serve()
        elif block.language in RUN:
            desk.run(block)
            ran += 1
        elif block.language == "text" and ran:
            desk.expect(block)
    assert ran


def test_every_block_of_a_lesson_says_what_it_is() -> None:
    known = {"sh", "python", "text", "console", "sql", "json", "toml", "html", "js", "ini", "nginx", "mermaid", "xml"}
    for page in ROOT.glob("docs/**/*.md"):
        assert {block.language for block in blocks(page)} <= known, name(page)
