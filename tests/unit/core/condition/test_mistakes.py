"""A mistake in a condition is named with its place, what was expected and what was probably meant."""

import inspect
import re
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regulars.core.condition import InvalidCondition, Mistake, Name, Schema, Type, check, compile_condition
from regulars.core.condition.tokens import FOREIGN, FUNCTIONS, KEYWORDS, SIGNS
from regulars.core.errors import Misconfigured
from tests.unit.core.condition.shop import SCHEMA


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ordrs_365d > 2", "character 1: unknown name 'ordrs_365d'; did you mean orders_365d?"),
        ("Orders_365d > 2", "did you mean orders_365d?"),
        ("channel = 'web'", "unknown name 'channel'; did you mean context.channel?"),
        ("city = email", "unknown name 'email'; text is written in single quotes; did you mean 'email'?"),
        ('city = "Bern"', "unknown name 'Bern'; text is written in single quotes"),
        ("interst('Tea') > 0", "unknown function 'interst'; expected one of interest, .*; did you mean interest?"),
        ("interest('Te') > 0", "character 10: unknown interest 'Te'; did you mean 'Tea'?"),
        ("in_segment('regular')", "character 12: unknown segment 'regular'; did you mean 'regulars'?"),
        ("context.channel = 'emial'", "character 19: context.channel is never 'emial'; .*did you mean 'email'?"),
        ("lifecycle in ('new', 'actve')", "character 22: lifecycle is never 'actve'; .*did you mean 'active'?"),
        ("orders_365d = 'x'", "character 15: orders_365d is a number and 'x' is a text; expected a number"),
        ("orders_365d = '5'", "expected a number; did you mean 5?"),
        ("city = 5", "expected a text; did you mean '5'?"),
        ("newsletter = 1", "newsletter is a boolean and 1 is a number; expected a boolean; did you mean true?"),
        ("newsletter > false", "booleans have no order"),
        ("orders_365d", "orders_365d is a number; expected a boolean; did you mean orders_365d > 0?"),
        ("not city", "character 5: city is a text; expected a boolean"),
        ("city + 1 > 2", "character 1: city is a text; expected a number"),
        ("city between 1 and 'x'", "character 14: city is a text and 1 is a number"),
        ("orders_365d like '1%'", "orders_365d is a number; expected a text"),
        ("city like lifecycle", "the pattern is not a text in quotes"),
        ("city like 'a!' escape '!'", "ends with its escape character"),
        ("city like 'a' escape 'xy'", "escape needs one character"),
        ("coalesce(city, 1) = 'x'", "character 16: 1 is a number; expected a text for coalesce"),
        ("length(orders_365d) > 1", "orders_365d is a number; expected a text for length"),
        ("abs(1, 2) > 1", "abs is given 2 arguments; expected one argument"),
        ("in_segment(city)", "in_segment takes a text in quotes"),
        ("case when newsletter then 1 else 'x' end > 1", "'x' is a text, but another branch is a number"),
        ("case city when 'x' then true end", "case here has no subject; expected case when a = 1"),
        ("orders_365d in ()", "the list after 'in' is empty"),
        ("orders_365d is 5", "'is' asks for null, true or false only"),
        ("orders_365d == 2", "character 13: '==' is not part of the condition language; did you mean '='?"),
        ("newsletter && newsletter", "did you mean 'and'?"),
        ("orders_365d >", "something is missing after '>'"),
        ("newsletter and", "something is missing after 'and'"),
        ("newsletter and and newsletter", "something is missing after 'and'"),
        ("(newsletter", "character 1: this bracket is not closed"),
        ("newsletter)", "character 11: this bracket closes nothing"),
        ("city = 'Bern", "a quote is opened and not closed"),
        ("orders_365d > 1 newsletter", "character 17: 'newsletter' is not expected here"),
        ("5 (orders_365d) > 1", "only functions take brackets"),
        ("", "the condition is empty"),
        ("orders_365d > 0x10", "'0x10' is not a number"),
        ("orders_365d > 1e999", "the number 1e999 is too large"),
        ("newsletter\nand ordrs_365d > 1", "line 2, character 5: unknown name"),
    ],
)
def test_a_mistake_says_what_where_and_what_was_meant(text: str, message: str) -> None:
    expected = ".*".join(re.escape(part) for part in message.split(".*"))

    with pytest.raises(Misconfigured, match=expected):
        compile_condition(text, SCHEMA)


def test_all_mistakes_are_reported_at_once_in_their_places() -> None:
    text = "ordrs_365d > 2 and interst('x') > 1 and in_segment('regular') and city = 5"

    assert [mistake.position for mistake in check(text, SCHEMA)] == [0, 19, 51, 73]


def test_the_message_names_the_file_and_the_text() -> None:
    with pytest.raises(InvalidCondition, match=r"segments.toml: segments.x.when: the condition 'citty = 1' cannot"):
        compile_condition("citty = 1", SCHEMA, where="segments.toml: segments.x.when")


def test_a_sound_condition_has_no_mistakes() -> None:
    assert check("orders_365d >= 2", SCHEMA) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 = 1; drop table profiles", "';' ends a statement"),
        ("newsletter;", "';' ends a statement"),
        ("newsletter -- and more", "is a comment"),
        ("newsletter /* and more */", "is a comment"),
        ("/*+ hint */ newsletter", "is a comment|not part of"),
        ("orders_365d in (select 1)", "'select' is SQL beyond"),
        ("exists(select 1)", "'exists' is SQL beyond"),
        ("cast(city as int) = 1", "'cast' is SQL beyond"),
        ("city::int = 1", "'::' is not part"),
        ("sum(orders_365d) over () > 1", "'over' is SQL beyond"),
        ("count(*) > 1", "unknown function 'count'"),
        ("read_csv('/etc/passwd') is null", "unknown function 'read_csv'"),
        ("orders_365d > 1 union select 1", "'union' is SQL beyond"),
        ("orders_365d > 1 as x", "'as' is SQL beyond"),
        ("date '2020-01-01' = city", "unknown name 'date'"),
        ("interval '1 day' > 1", "'interval' is SQL beyond"),
        ("E'a' = city", "not part of the condition language"),
        ("$$a$$ = city", "not part of the condition language"),
        ("orders_365d[1] > 1", "not part of the condition language"),
        ("{'a': 1} = 1", "not part of the condition language"),
        ("orders_365d = ?", "not part of the condition language"),
        ("orders_365d = $1", "not part of the condition language"),
        ("{{ city }} = 'x'", "not part of the condition language"),
        ("city ~ 'x'", "not part of the condition language"),
        ("city || 'x' = 'y'", "not part of the condition language"),
        ("city similar to 'x'", "not part of the condition language"),
        ("orders_365d % 2 = 1", "not part of the condition language"),
        ("* = 1", "not part of the condition language"),
        ("city = '\0'", "is not text"),
        ("city = '\ud800'", "is not text"),
    ],
)
def test_sql_beyond_conditions_is_refused(text: str, message: str) -> None:
    with pytest.raises(Misconfigured, match=message):
        compile_condition(text, SCHEMA)


@pytest.mark.parametrize(
    "text",
    [
        "a" * 9000,
        "(" * 8000,
        "(" * 4000 + "newsletter" + ")" * 4000,
        "(" * 25 + "newsletter" + ")" * 25,
        "not " * 2000 + "newsletter",
        "- " * 4000 + "1 > 1",
        "-+" * 4000 + "1 > 1",
        "not (" * 1500,
        "coalesce(" * 900,
        "case when " * 800,
        "case when newsletter then " * 300,
        "orders_365d in (" * 500,
        "orders_365d between " * 400,
        "orders_365d" + " + orders_365d" * 550 + " > 1",
        "newsletter" + " is null" * 1000,
        "newsletter" + " = newsletter" * 600,
        "city" + " like 'x'" * 800,
        "x" + ".y" * 4000,
        "x = 1 or " * 900 + "x = 1",
        "'" * 8191,
        '"' * 8191,
        "/*" * 4000,
        "\\" * 8000,
        ", " * 4000,
    ],
    ids=lambda text: text[:20],
)
def test_a_hostile_text_ends_quickly_as_a_mistake(text: str) -> None:
    started = time.thread_time()
    with pytest.raises(Misconfigured) as caught:
        compile_condition(text, SCHEMA)

    assert time.thread_time() - started < 1  # milliseconds; what others do on the machine is not counted
    assert len(str(caught.value)) < 20_000


@pytest.mark.parametrize(
    "texts",
    [
        [f"in_segment('s{at}')" for at in range(360)],
        [f"interest('s{at}') > 0" for at in range(330)],
        [f"city = 'nowhere{at}'" for at in range(330)],
        [f"ordrs_{at} > 1" for at in range(440)],
        [f"(not_{at}(1) > 1)" for at in range(380)],
    ],
    ids=lambda texts: texts[0],
)
def test_a_shop_with_many_names_answers_a_hostile_text_as_quickly(texts: list[str]) -> None:
    """Each unknown word is compared with each that is known, but only while somebody reads on."""
    many = frozenset(f"name {at} of ten thousand" for at in range(10_000))
    names = {f"trait_{at}_of_many": Name(Type.NUMBER, at) for at in range(1_000)}
    city = {"city": Name(Type.TEXT, 1_000, many)}
    schema = Schema(names=names | city, segments=many, interests=many, segment_slot=1_001, interest_slot=1_002)
    started = time.thread_time()
    found = check(" or ".join(texts), schema)

    assert len(found) == 50
    assert time.thread_time() - started < 1


def test_a_caller_deep_in_the_stack_gets_a_mistake_too() -> None:
    deepest = sys.getrecursionlimit() - len(inspect.stack()) - 120

    def called_from(depth: int) -> list[Mistake]:
        return (
            check("coalesce(" * 24 + "orders_365d" + ")" * 24 + " > 1", SCHEMA)
            if depth == 0
            else called_from(depth - 1)
        )

    assert called_from(0) == []
    assert "nested too deeply" in str(called_from(deepest)[0])


def test_a_pattern_of_many_wildcards_is_matched_in_linear_time() -> None:
    condition = compile_condition(f"city like '{'%a' * 4000}b'", SCHEMA)
    row = [None] * 4 + ["a" * 20_000] + [None] * 5

    started = time.perf_counter()
    assert condition.test(row) is False
    assert time.perf_counter() - started < 2


PIECES = st.sampled_from(
    [
        *sorted(KEYWORDS | SIGNS | FOREIGN | set(FUNCTIONS)),
        *("city", "orders_365d", "newsletter", "'x'", "1", ".", "(", ")", "in_segment('regulars')", "interest('Tea')"),
        *("'", '"', "--", "/*", "*/", "::", ";", "[", "\\", "?", "@", "{", "n0", "0x", "$", "#", "\n", "\uff11"),
    ]
)


@given(st.one_of(st.lists(PIECES, max_size=12).map(" ".join), st.lists(PIECES, max_size=8).map("".join), st.text()))
def test_any_text_either_compiles_or_is_explained(text: str) -> None:
    mistakes = check(text, SCHEMA)

    if mistakes:
        assert all(0 <= mistake.position <= len(text) for mistake in mistakes)
        with pytest.raises(InvalidCondition):
            compile_condition(text, SCHEMA)
    else:
        compile_condition(text, SCHEMA)
