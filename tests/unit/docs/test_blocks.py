"""Blocks that are not run are at least whole: JSON and TOML parse, conditions compile in the example's shop."""

import json
import tomllib
from pathlib import Path

import pytest

from regulars.core.condition import compile_condition
from regulars.core.schema import Rows
from regulars.shop import load
from tests.unit.docs.pages import ROOT, blocks, name, pages


@pytest.mark.parametrize("page", pages(), ids=name)
def test_json_and_toml_on_a_page_can_be_read(page: Path) -> None:
    for block in blocks(page):
        if block.language == "json":
            json.loads(block.text)
        elif block.language == "toml":
            tomllib.loads(block.text)


def test_the_conditions_of_the_first_hour_speak_of_the_demo_s_traits() -> None:
    schema = Rows(load(ROOT / "examples" / "complete-journey")).schema
    lesson = ROOT / "docs" / "tutorial" / "first-hour.md"
    good, misspelt = (block.text.strip() for block in blocks(lesson) if block.language == "sql")

    compile_condition(good, schema, where="the lesson")
    with pytest.raises(Exception, match="did you mean days_since_order"):
        compile_condition(misspelt, schema, where="the lesson")
