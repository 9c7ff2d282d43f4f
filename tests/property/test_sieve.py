"""Conditions tested together hold exactly where each of them holds alone, NULL included."""

from collections.abc import Sequence
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from regulars.core.condition import Condition, compile_condition
from regulars.core.condition.sieve import MOST_ALTERNATIVES, MOST_VALUES, Sieve
from tests.property.test_condition_readings import (
    ROWS,
    SCHEMA,
    SEGMENTS,
    Row,
    conditions,
    quoted,
    reals,
    words,
    written,
)

#: What offers usually ask: values against constants, joined in every way.
atoms = st.one_of(
    st.builds(
        "{} {} {}".format,
        st.sampled_from(["orders", "revenue", "item.price", "interest('it''s')", "coalesce(revenue, 1)"]),
        st.sampled_from(["=", "<>", "<", "<=", ">", ">="]),
        st.sampled_from(["0", "0.5", "1", "2", "3.0", "1e308", "5e-324", "9007199254740992"]),
    ),
    st.builds("orders between {} and {}".format, st.integers(0, 3), st.integers(0, 3)),
    st.builds("city {} ('a', {})".format, st.sampled_from(["in", "not in"]), st.sampled_from(["'ab'", "null"])),
    st.sampled_from(["city like 'A%'", "city is null", "revenue is not null", "newsletter", "in_segment('regulars')"]),
    st.sampled_from(["not in_segment('cyclists')", "app is not true", "city = context.channel", "orders > revenue"]),
    st.sampled_from(["true", "false", "null"]),
)
joined = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.builds("({} and {})".format, inner, inner),
        st.builds("({} or {})".format, inner, inner),
        st.builds("(not {})".format, inner),
        st.builds("(({}) is {})".format, inner, st.sampled_from(["true", "not true", "false", "not false"])),
    ),
    max_leaves=8,
)


def compiled(texts: Sequence[str | None]) -> list[Condition | None]:
    return [None if text is None else compile_condition(text, SCHEMA) for text in texts]


def alone(some: Sequence[Condition | None], row: Sequence[object]) -> bytes:
    return bytes(one is None or one.test(row) for one in some)


def together(sieve: Sieve, row: Sequence[object], count: int) -> bytes:
    return sieve.holding(row).to_bytes(count, "little")


@settings(max_examples=300, deadline=None)
@given(st.lists(st.none() | joined | joined | conditions, max_size=8))
def test_together_is_as_alone_on_every_row(texts: list[str | None]) -> None:
    some = compiled(texts)
    sieve = Sieve(some)
    assert [together(sieve, row, len(some)) for row in ROWS] == [alone(some, row) for row in ROWS]


@settings(max_examples=150, deadline=None)
@given(reals, reals, words, st.lists(st.integers(-(2**60), 2**60) | reals, max_size=5))
def test_any_constant_and_any_value_beside_it(low: float, high: float, word: str, values: list[float]) -> None:
    some = compiled(
        [
            f"revenue > {written(low)} and revenue <= {written(high)}",
            f"revenue = {written(low)} or revenue between {written(high)} and {written(low)}",
            f"not (revenue in ({written(low)}, {written(high)}) and city <> {quoted(word)})",
            f"interest('it''s') >= {written(high)} and city < {quoted(word)}",
        ]
    )
    sieve = Sieve(some)
    for value in (low, high, *values, None):
        for city in (word, word + "a", "", None):
            row = (1, value, None, city, None, True, None, frozenset(SEGMENTS), {"it's": value or 0.0})
            assert together(sieve, row, len(some)) == alone(some, row)


def test_more_alternatives_than_are_laid_out_are_tested_whole() -> None:
    chance = Random(1)
    text = " and ".join(f"(orders = {at} or revenue > {at})" for at in range(MOST_ALTERNATIVES))
    some = compiled([text, " or ".join(f"orders = {at}" for at in range(MOST_ALTERNATIVES + 1))])
    for row in chance.sample(ROWS, 50):
        assert together(Sieve(some), row, 2) == alone(some, row)


def test_texts_without_end_are_forgotten() -> None:
    some = compiled(["city = 'c7'", "city like 'c%9'"])
    sieve = Sieve(some)
    for number in [*range(MOST_VALUES + 20), 7, 9]:
        row: Row = (1, 1.0, 1.0, f"c{number}", None, True, True, frozenset[str](), {})
        assert together(sieve, row, 2) == alone(some, row)
    ((_, seen, _),) = sieve._others  # noqa: SLF001 - that memory is bounded shows nowhere else
    assert len(seen) <= MOST_VALUES
