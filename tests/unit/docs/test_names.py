"""What the documentation names exists in the product, and what the product offers is documented."""

import importlib
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec
import pytest

from regulars.api.intake import ROUTES
from regulars.api.metrics import Metrics
from regulars.cli._main import program
from regulars.core.definitions import Definitions, Shop
from regulars.core.log import NewRecord
from regulars.runtime import Settings
from tests.unit.docs.pages import ROOT, blocks, name, pages, prose, spoken
from tools import cli_reference

REFERENCE = ROOT / "docs" / "reference"
PACKAGES = {path.name for path in (ROOT / "src" / "regulars").iterdir() if (path / "__init__.py").exists()}
LIVING = [page for page in pages() if "decisions" not in page.parts and page.name != "CHANGELOG.md"]
#: Made by a command, so it need not be there.
MADE = {"benchmarks/RESULTS.md"}
PLACES = tuple(
    f"{folder}/" for folder in ("src", "tests", "tools", "benchmarks", "docs", "examples", "regulars", *PACKAGES)
)


def commands(page: Path) -> Iterator[list[str]]:
    """Every call of `regulars` on a page, as words."""
    lines = [
        line.removeprefix("$ ")
        for block in blocks(page)
        if block.language in ("sh", "console")
        for line in block.text.splitlines()
    ]
    for line in [*lines, *spoken(page)]:
        found = re.match(r"(?:\S*/)?regulars (?P<rest>[a-z].*)", line)
        if found:
            yield shlex.split(found["rest"].split("#")[0].split("|")[0].replace("…", ""), comments=True)


@pytest.mark.parametrize("page", LIVING, ids=name)
def test_every_command_on_a_page_exists_with_its_options(page: Path) -> None:
    context = click.Context(program)
    for words in commands(page):
        command = program.get_command(context, words[0])
        if isinstance(command, click.Group):
            command = command.commands.get(words[1] if len(words) > 1 else "")
        assert command is not None, f"regulars {' '.join(words)}"
        known = {option for one in command.params for option in one.opts} | {"--help"}
        assert {word.split("=")[0] for word in words if word.startswith("--")} <= known, words


@pytest.mark.parametrize("page", LIVING, ids=name)
def test_every_target_of_make_on_a_page_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    text = [*spoken(page), *(line for block in blocks(page) for line in block.text.splitlines())]
    named = {found[1] for line in text if (found := re.match(r"(?:\$ )?make ([a-z]+)", line))}
    assert named <= targets


@pytest.mark.parametrize("page", LIVING, ids=name)
def test_every_file_of_the_code_that_a_page_names_exists(page: Path) -> None:
    named = [
        text.split("::")[0]
        for text in spoken(page)
        if text.startswith(PLACES) and not set(text) & set(" *<>{}…") and text not in MADE
    ]
    missing = [
        text for text in named if not any((ROOT / start / text).exists() for start in ("", "src", "src/regulars"))
    ]
    assert not [text for text in missing if "." in text or text.endswith("/")]


@pytest.mark.parametrize("page", LIVING, ids=name)
def test_every_module_and_function_that_a_page_names_exists(page: Path) -> None:
    dotted = re.compile(r"(?:regulars\.)?(" + "|".join(sorted(PACKAGES)) + r")(?:\.\w+)+")
    for text in spoken(page):
        found = dotted.fullmatch(text.removesuffix("()"))
        if found and not text.endswith((".md", ".py", ".db", ".toml")):
            resolve(text.removesuffix("()").removeprefix("regulars."))


def resolve(path: str) -> object:
    """What a dotted name below `regulars` means; raises when it means nothing."""
    words = path.split(".")
    found: object = importlib.import_module(f"regulars.{words[0]}")
    at = f"regulars.{words[0]}"
    for word in words[1:]:
        at += f".{word}"
        try:
            found = importlib.import_module(at)
        except ModuleNotFoundError:
            found = getattr(found, word)
    return found


def test_the_reference_of_the_command_line_is_up_to_date() -> None:
    text = (REFERENCE / "cli.md").read_text(encoding="utf-8")
    assert text == cli_reference.page(), "run .venv/bin/python tools/cli_reference.py"


def test_every_setting_is_documented_with_its_default() -> None:
    rows = dict(
        re.findall(r"^\| `REGULARS_(\w+)` \| ([^|]+) \|", (REFERENCE / "settings.md").read_text(), re.MULTILINE)
    )
    fields = {field.name.upper(): field for field in msgspec.structs.fields(Settings) if field.name != "shop"}
    assert rows.keys() == fields.keys()
    for setting, default in rows.items():
        value = fields[setting].default
        if isinstance(value, bool):
            assert default == str(value).lower()
        elif isinstance(value, int | float):
            assert float(default.replace(",", "")) == value, setting
        elif isinstance(value, str):
            assert default == f"`{value}`"


def test_every_metric_is_documented() -> None:
    documented = set(re.findall(r"^\| `(regulars_\w+)`", (REFERENCE / "metrics.md").read_text(), re.MULTILINE))
    source = (ROOT / "src/regulars/api/operations.py").read_text(encoding="utf-8")
    gauges = set(re.findall(r'gauges?\("(regulars_\w+)"', source)) | set(
        re.findall(r'\("(regulars_sudden_\w+)"', source)
    )
    metrics = Metrics()
    metrics.request("track", 200, 0.001)
    counted = {f"{one.name}_total" if one.type == "counter" else one.name for one in metrics.families()}
    restarts = {f"regulars_{child}_restarts" for child in ("gateway", "updater")}
    assert documented == gauges | counted | restarts


def test_every_route_is_documented() -> None:
    from regulars.api.app import HANDLERS

    text = (REFERENCE / "http.md").read_text(encoding="utf-8")
    paths = {path for handler in HANDLERS for path in handler.paths}  # type: ignore[union-attr]  # routers have none; there are none
    plain = {re.sub(r":\w+\}", "}", path) for path in paths}
    assert [path for path in plain if path not in text] == []
    assert [route for route in ROUTES if f"`{route}`" not in text and f"/v1/{route}" not in text] == []


def test_the_glossary_has_each_word_once() -> None:
    words = re.findall(r"^\*\*([^*]+)\*\*", (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(words) == len(set(words)) > 60


def test_the_glossary_knows_the_nouns_of_the_core() -> None:
    words = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8").lower()
    nouns = {field.name.removesuffix("s") for field in msgspec.structs.fields(Definitions)} | {
        field.name for field in msgspec.structs.fields(Shop) if field.name == "clock"
    } | {NewRecord.__name__.removeprefix("New").lower()}  # fmt: skip
    others = {"strict_plan", "version", "record_version", "shop", "identity"}
    assert [noun for noun in nouns - others if f"**{noun}" not in words] == []


def test_pages_say_nothing_of_money_in_floats_or_of_versions_to_come() -> None:
    for page in LIVING:
        assert "TODO" not in prose(page)
        assert "coming soon" not in prose(page).lower()
