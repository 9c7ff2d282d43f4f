"""Every example on the reference page of the language is true to the product."""

import re
from pathlib import Path

import duckdb
import pytest

from regulars.core.condition import InvalidCondition, compile_condition, render
from regulars.core.condition.parse import MAX_DEPTH
from regulars.core.condition.tokens import FUNCTIONS, MAX_LENGTH, MAX_NESTING
from tests.unit.core.condition.shop import SCHEMA, customer, when

PAGE = (Path(__file__).parents[4] / "docs/reference/conditions.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", PAGE, re.DOTALL)
CONDITIONS = [line for kind, block in BLOCKS if kind == "sql" for line in block.splitlines()]
MESSAGE, EXPLANATION = (block for kind, block in BLOCKS if kind == "text")
INLINE = [text for text in re.findall(r"`([^`\n]+)`", PAGE) if re.search(r"365d? [<>=]| in \(|order >", text)]


@pytest.mark.parametrize("text", CONDITIONS + INLINE)
def test_every_example_compiles_in_both_readings(text: str) -> None:
    condition = when(text)

    columns = "1 orders_365d, 2.5 revenue_365d, 3 days_since_order, 4.5 \"item.price\", 'Bern' city, 'new' lifecycle"
    table = f"SELECT {columns}, 'web' \"context.channel\", true newsletter, [] segments, map {{'Tea': 1e0}} interests"
    said = "'email' \"preference.channel\", NULL::VARCHAR \"preference.frequency\", ['topics=Tea'] preferences"
    table = f"{table}, {said}"
    row = customer(
        orders_365d=1,
        revenue_365d=2.5,
        days_since_order=3,
        item_price=4.5,
        city="Bern",
        lifecycle="new",
        context_channel="web",
        newsletter=True,
        interests={"Tea": 1.0},
        preference_channel="email",
        declared=frozenset({"topics=Tea"}),
    )
    assert duckdb.sql(f"SELECT {condition.sql()} FROM ({table})").fetchone() == (condition.evaluate(row),)  # noqa: S608


def test_the_page_shows_many_examples() -> None:
    assert len(CONDITIONS) > 25
    assert len(INLINE) >= 2


def test_the_message_on_the_page_is_what_the_product_says() -> None:
    with pytest.raises(InvalidCondition) as caught:
        compile_condition(
            "ordrs_365d >= 2 and context.channel = 'emial'", SCHEMA, where="segments.toml: segments.cyclists.when"
        )

    assert str(caught.value) == MESSAGE.strip()


def test_the_explanation_on_the_page_is_what_the_product_says() -> None:
    condition = when("newsletter and (orders_365d >= 2 or days_since_order < 30)")

    assert render(condition.explain(customer(newsletter=True, orders_365d=1))) == EXPLANATION.strip().splitlines()


def test_the_page_names_every_function_and_limit() -> None:
    assert [function for function in FUNCTIONS if f"`{function}(" not in PAGE] == []
    assert f"{MAX_LENGTH:,} characters" in PAGE
    assert f"at most {MAX_NESTING} deep" in PAGE
    assert f"at most {MAX_DEPTH}" in PAGE
