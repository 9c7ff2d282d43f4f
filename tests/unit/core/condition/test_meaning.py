"""What each form of the condition language means, for one customer."""

import duckdb
import pytest

from regulars.core.condition import check
from regulars.core.condition.like import lower
from tests.unit.core.condition.shop import SCHEMA, Row, customer, when

ANA = customer(
    orders_365d=4,
    revenue_365d=300,
    days_since_order=12,
    city="Zürich",
    lifecycle="active",
    context_channel="email",
    newsletter=True,
    segments=frozenset({"regulars"}),
    interests={"Road Cycling": 0.7},
)
STRANGER = customer()


@pytest.mark.parametrize(
    "text",
    [
        "orders_365d = 4 and orders_365d <> 5 and orders_365d != 5",
        "orders_365d > 3 and orders_365d >= 4 and orders_365d < 5 and orders_365d <= 4",
        "city <> '.' or lower(city) = context.channel",
        "days_since_order between 12 and 60",
        "days_since_order not between 13 and 60",
        "lifecycle in ('new', 'active')",
        "city not in ('Berlin', 'Bern')",
        "newsletter and not (orders_365d = 0)",
        "item.price = 1 or true",
        "newsletter is not null and newsletter is not false",
        "newsletter IS TRUE AND newsletter = TRUE AND newsletter <> false",
        "in_segment('regulars') and not in_segment('cyclists')",
        "interest('Road Cycling') > 0.3 and interest('Tea') = 0",
        "city like 'Z%ch' and city like 'Z_rich' and city not like 'z%'",
        "city ilike 'ZÜR%' and city ilike '%ÜRI%'",
        "revenue_365d / orders_365d = 75 and orders_365d / 8 = 0.5",
        "-orders_365d = -4 and abs(-orders_365d) = 4 and 2 - 3 - 4 = -5 and 2 + 3 * 4 = 14",
        "least(orders_365d, 3) = 3 and greatest(orders_365d, 9, 5) = 9",
        "lower(city) = 'zürich' and length(city) = 6",
        "case when orders_365d > 10 then 'many' when newsletter then 'some' else 'none' end = 'some'",
        "case when orders_365d > 10 then true end is null",
        "coalesce(item.price, 50) = 50",
        "item.price is null and item.price + 1 is null and -item.price is null",
        '"orders_365d" = 4. and "context.channel" = \'email\' and .5 < 1e0',
        "context . channel = 'email'",
        "'Z' < 'a' and city > 'Zz' and least('b', 'a') = 'a'",
        "orders_365d in (1, revenue_365d / 75)",
    ],
)
def test_what_holds_for_ana(text: str) -> None:
    condition = when(text)

    assert condition.test(ANA) is True
    assert condition.evaluate(ANA) is True
    assert condition.explain(ANA).verdict is True


@pytest.mark.parametrize(
    ("text", "truth"),
    [
        ("orders_365d > 3", None),
        ("not (orders_365d > 3)", None),
        ("orders_365d = null", None),
        ("null", None),
        ("newsletter", None),
        ("newsletter is true", False),
        ("newsletter is not true", True),
        ("newsletter or true", True),
        ("newsletter and false", False),
        ("newsletter or false", None),
        ("orders_365d between 1 and 3", None),
        ("5 between orders_365d and 3", False),
        ("2 between orders_365d and 3", None),
        ("5 not between orders_365d and 3", True),
        ("2 in (1, 2, orders_365d)", True),
        ("2 in (1, null)", None),
        ("2 not in (1, null)", None),
        ("2 not in (2, null)", False),
        ("city like '%'", None),
        ("interest('Tea') = 0", True),
        ("in_segment('regulars')", False),
        ("least(orders_365d, 3) = 3", True),
        ("greatest(orders_365d, item.price) is null", True),
        ("1 / 0 is null", True),
        ("0 / 0 is null", True),
        ("1 / (1 / 0) is null", True),
        ("1e308 * 10 is null", True),
        ("1 / (1e308 * 10) is null", True),
        ("1e308 * 10 > 1", None),
        ("abs(1e308 * -10) - 1e308 * 10 is null", True),
    ],
)
def test_what_is_missing_is_neither_true_nor_false(text: str, truth: bool | None) -> None:  # noqa: FBT001
    condition = when(text)

    assert condition.evaluate(STRANGER) is truth
    assert condition.test(STRANGER) is (truth is True)
    assert condition.explain(STRANGER).verdict is truth
    assert _in_duckdb(text) is truth


def _in_duckdb(text: str) -> bool | None:
    """The verdict of the SQL reading for a profile with nothing known."""
    columns = 'NULL::BIGINT orders_365d, NULL::DOUBLE "item.price", NULL::VARCHAR city, NULL::BOOLEAN newsletter'
    table = f"SELECT {columns}, NULL::VARCHAR[] segments, NULL::MAP(VARCHAR, DOUBLE) interests"
    row = duckdb.sql(f"SELECT {when(text).sql()} FROM ({table})").fetchone()  # noqa: S608  # fixed texts
    assert row is not None
    verdict: bool | None = row[0]
    return verdict


@pytest.mark.parametrize(
    ("text", "city", "matches"),
    [
        ("city like ''", "", True),
        ("city like '%'", "", True),
        ("city like '_'", "😀", True),
        ("city like 'a%b%c'", "a-b-b\n-c", True),
        ("city like 'a%b%c'", "acb", False),
        ("city like '%ab'", "abab", True),
        ("city like 'ab%ab'", "ab", False),
        ("city like '100!%' escape '!'", "100%", True),
        ("city like '100!%' escape '!'", "100 m", False),
        ("city like 'a\\%'", "a\\b", True),
        ("city like '.*'", "abc", False),
        ("city ilike 'STRASSE'", "straße", False),
        ("city ilike 'οδοσ'", "ΟΔΟΣ", True),
    ],
)
def test_patterns(text: str, city: str, matches: bool) -> None:  # noqa: FBT001
    condition = when(text)

    assert condition.test(customer(city=city)) is matches
    assert duckdb.execute(f"SELECT {condition.sql()} FROM (SELECT ? AS city)", [city]).fetchone() == (matches,)  # noqa: S608


def test_lower_case_means_the_same_in_the_profile_table_for_every_character() -> None:
    every = "".join(chr(code) for code in range(1, 0x110000) if not 0xD800 <= code <= 0xDFFF)

    found = duckdb.execute("SELECT lower(?)", [every]).fetchone()

    assert found is not None
    assert [pair for pair in zip(lower(every), found[0], strict=True) if pair[0] != pair[1]] == []


def test_numbers_are_doubles_in_every_reading() -> None:
    largest = 2**53
    row = customer(orders_365d=largest - 1, days_since_order=largest - 1)
    table = f"SELECT {largest - 1}::BIGINT orders_365d, {largest - 1}::BIGINT days_since_order"
    for text, truth in {
        "orders_365d * days_since_order + 1 = orders_365d * days_since_order": True,
        "orders_365d * days_since_order - 81129638414606663681390495662081 = 0": True,
        "orders_365d + 3 = orders_365d + 2": False,
        "orders_365d + 2 = orders_365d + 1": True,
        "0.1 + 0.2 = 0.3": False,
        "0.1 + 0.2 > 0.3": True,
    }.items():
        condition = when(text)

        assert condition.evaluate(row) is truth, text
        assert condition.explain(row).verdict is truth, text
        assert duckdb.sql(f"SELECT {condition.sql()} FROM ({table})").fetchone() == (truth,), text  # noqa: S608


@pytest.mark.parametrize(
    ("text", "rewritten"),
    [
        ("((orders_365d - (2 - 1)) - 3) > (- 4)", "orders_365d - (2 - 1) - 3 > -4"),
        ("orders_365d / (2 * 3) >= (1 + 2) * 3", "orders_365d / (2 * 3) >= (1 + 2) * 3"),
        (
            "(newsletter AND (NOT (city='x'))) OR newsletter IS NOT NULL",
            "newsletter and not city = 'x' or newsletter is not null",
        ),
        (
            "newsletter and (newsletter or city not in ('it''s'))",
            "newsletter and (newsletter or city not in ('it''s'))",
        ),
        ("(newsletter = newsletter) = (city is null)", "(newsletter = newsletter) = (city is null)"),
        ("not (not newsletter)", "not (not newsletter)"),
    ],
)
def test_the_normal_text_has_the_fewest_brackets(text: str, rewritten: str) -> None:
    assert when(text).normal_text() == rewritten
    assert when(rewritten).normal_text() == rewritten


def test_a_condition_tells_what_it_reads() -> None:
    condition = when("orders_365d > 1 and (in_segment('regulars') or interest('Tea') > item.price)")

    assert condition.names == {"orders_365d", "item.price"}
    assert condition.segments == {"regulars"}
    assert condition.interests == {"Tea"}


def test_names_never_reach_the_generated_source() -> None:
    condition = when("city = 'x''); import os  #' and \"item.price\" > 1")

    assert condition.test(customer(city="x'); import os  #", item_price=2)) is True
    assert "import os" not in condition.test.__code__.co_names


@pytest.mark.parametrize(
    "text",
    [
        "(" * 24 + "orders_365d > 1" + ")" * 24,
        "not (" * 12 + "orders_365d > 1" + ")" * 12,
        "coalesce(" * 24 + "orders_365d" + ")" * 24 + " > 1",
        "case when orders_365d > 1 then " * 24 + "true" + " end" * 24,
        "case when " * 24 + "orders_365d > 1" + " then true end" * 24,
        "(orders_365d + " * 24 + "1" + ")" * 24 + " > 1",
        "1 / (" * 24 + "orders_365d + 1" + ")" * 24 + " > 0",
        " + ".join(["orders_365d"] * 60) + " > 1",
        " or ".join(["orders_365d > 1"] * 430),
        "case " + "when orders_365d < 1 then 1 " * 280 + "else 5 end > 1",
        "case " + "when 1 < 0 then 0 " * 450 + "else 1 end > 0",
        f"coalesce({', '.join(['null'] * 1300)}, 1) > 0",
        f"greatest({', '.join(['1'] * 2000)}) > 0",
        f"orders_365d in ({', '.join(map(str, range(1400)))})",
    ],
    ids=lambda text: text[:30],
)
def test_the_largest_conditions_still_compile_and_agree(text: str) -> None:
    ana: Row = customer(orders_365d=4)
    condition = when(text)

    table = "SELECT 4::BIGINT AS orders_365d"
    assert duckdb.sql(f"SELECT {condition.sql()} FROM ({table})").fetchone() == (condition.evaluate(ana),)  # noqa: S608
    assert condition.explain(ana).verdict is condition.evaluate(ana)


def test_what_the_customer_declared_is_asked_by_preference_and_answer() -> None:
    condition = when("preference.channel = 'email' and not prefers('topics', 'Tea')")

    assert condition.test(customer(preference_channel="email"))
    assert not condition.test(customer(preference_channel="email", declared=frozenset({"topics=Tea"})))
    assert condition.names == {"preference.channel"}
    assert condition.preferences == {"topics"}
    assert condition.normal_text() == condition.text


@pytest.mark.parametrize(
    ("text", "suggestion"),
    [
        ("preference.chanel = 'email'", "preference.channel"),
        ("preference.channel = 'emial'", "'email'"),
        ("prefers('topcis', 'Tea')", "'topics'"),
        ("prefers('channel', 'emial')", "'email'"),
        ("prefer('channel', 'email')", "prefers"),
    ],
)
def test_a_typo_in_a_preference_comes_with_a_suggestion(text: str, suggestion: str) -> None:
    assert [mistake.suggestion for mistake in check(text, SCHEMA)] == [suggestion]
