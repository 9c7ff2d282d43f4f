"""The browser SDK keeps to its types: TypeScript reads the script's annotations and a page that uses it."""

import shutil
import subprocess
from pathlib import Path

import pytest

import regulars.sdk
from tests.clients.packages import installed, usable

SDK = Path(regulars.sdk.__file__).parent
OPTIONS = ["--noEmit", "--strict", "--target", "es2022", "--lib", "es2022,dom", "--ignoreConfig", "--types"]
PAGE = """import "./regulars";
const answer = await regulars.decide(["home.hero"], { timeout: 500, basket: ["p1", 2] });
const title: string | undefined = answer.placements["home.hero"].offer?.title;
regulars.load({ key: "wk_1", host: "https://regulars.example", storage: "cookie" });
regulars.orderCompleted({ order_id: "a", total: 1, currency: "EUR", products: [{ product_id: 1 }] });
export { title };
"""
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not usable(), reason="node and npm are not installed: the browser SDK's types were not checked"),
]


def complaints(folder: Path, *arguments: str) -> str:
    command = [str(installed(Path(__file__).parent) / "node_modules" / ".bin" / "tsc"), *OPTIONS, "", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    return done.stdout + done.stderr


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("regulars.js", "regulars.d.ts"):
        shutil.copy(SDK / name, tmp_path / name)
    return tmp_path


def test_the_script_is_what_its_annotations_say(folder: Path) -> None:
    assert complaints(folder, "--allowJs", "--checkJs", "regulars.js", "regulars.d.ts") == ""
    script = folder / "regulars.js"
    script.write_text(script.read_text(encoding="utf-8").replace("let failures = 0;", 'let failures = "0";'))
    assert "error TS" in complaints(folder, "--allowJs", "--checkJs", "regulars.js")


def test_a_page_may_call_it_as_documented_and_not_otherwise(folder: Path) -> None:
    page = folder / "page.mts"
    page.write_text(PAGE.replace("./regulars", "./regulars.js"), encoding="utf-8")
    assert complaints(folder, "--module", "nodenext", "page.mts") == ""
    page.write_text(page.read_text(encoding="utf-8") + "regulars.viewed({ name: 'no id' });\n", encoding="utf-8")
    assert "product_id" in complaints(folder, "--module", "nodenext", "page.mts")
