"""The browser SDK as a file: small, whole, and of the types that it is said to have."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

import regulars.sdk
from regulars.core.event import PREFERENCE
from regulars.sdk import files, snippet
from regulars.shop.init import TEMPLATE

ROOT = Path(__file__).parents[3]
HERE = Path(regulars.sdk.__file__).parent
NODE, NPM = shutil.which("node"), shutil.which("npm")
SOURCE = (HERE / "regulars.js").read_text(encoding="utf-8")


def test_the_script_takes_at_most_eight_kibibytes_of_the_network() -> None:
    assert len(files()["regulars.js"].packed) <= 8_192


def test_serving_takes_nothing_but_comments_and_indentation() -> None:
    served = files()["regulars.js"].content.decode()
    assert "/*" not in served
    code = [line.strip() for line in SOURCE.splitlines() if "*" not in line and not line.strip().startswith("//")]
    assert [line for line in code if line and line not in served] == []


def test_the_snippet_keeps_every_call_that_the_types_name() -> None:
    types = (HERE / "regulars.d.ts").read_text(encoding="utf-8")
    body = types[types.index("interface Regulars {") : types.index("declare global")]
    calls = set(re.findall(r"^  (\w+)\(", body, re.MULTILINE))
    kept = re.search(r'"(load [\w ]+)"\.split', (HERE / "snippet.html").read_text(encoding="utf-8"))
    assert kept is not None
    # The id of a browser is an answer, which nobody can keep for later.
    assert set(kept[1].split()) == calls - {"anonymousId"}


@pytest.mark.parametrize("folder", [TEMPLATE, ROOT / "examples" / "complete-journey"], ids=["init", "demo"])
def test_what_it_sends_by_itself_fits_the_tracking_plan(folder: Path) -> None:
    plan = tomllib.loads((folder / "events.toml").read_text(encoding="utf-8"))["events"]
    named = set(re.findall(r'"((?:[A-Z][a-z]+ )+[A-Z][a-z]+)"', SOURCE))
    assert len(named) > 15
    assert named - plan.keys() == {PREFERENCE}  # our own, whose fields no plan has to list


def test_a_key_cannot_leave_its_place_in_the_snippet() -> None:
    lines = snippet("https://shop.example/", 'k"</script><script>hit()')
    assert lines.count("</script>") == 1
    assert '"https://shop.example"' in lines


@pytest.mark.skipif(NODE is None, reason="node is not installed: the browser SDK was not parsed outside of a browser")
def test_the_script_can_be_read_as_it_is_served(tmp_path: Path) -> None:
    script = tmp_path / "regulars.js"
    script.write_bytes(files()["regulars.js"].content)
    subprocess.run([str(NODE), "--check", str(script)], check=True, timeout=60)
