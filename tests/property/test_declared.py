"""What a customer declares beats what was inferred, in the row of a decision as in the profile table."""

from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import hypothesis.strategies as st
from hypothesis import given, settings

from regulars.adapters.lake.files import Folder
from regulars.adapters.lake.profile_rows import profile_columns
from regulars.adapters.lake.profile_table import ProfileTable
from regulars.core.condition import compile_condition
from regulars.core.definitions import Definitions, Preference, Shop, Trait
from regulars.core.preferences import DECLARED, within
from regulars.core.record import Hot
from regulars.core.schema import Rows

DEFINITIONS = Definitions(
    shop=Shop(name="Corner"),
    traits=(
        Trait(name="seen", kind="affinity", events=("Product Viewed",), of="category", interest=True),
        Trait(name="bought", kind="affinity", events=("Order Completed",), of="products.category", interest=True),
    ),
    preferences=(*Definitions(shop=Shop(name="Corner")).preferences, Preference(id="guests", kind="number")),
)
ROWS = Rows(DEFINITIONS)
CATEGORIES = ("Bikes", "Bikes > Road", "Tea", "O'Hara")
CONDITIONS = [
    compile_condition(text, ROWS.schema)
    for text in (
        *(f"interest('{one.replace(chr(39), chr(39) * 2)}') >= {least}" for one in CATEGORIES for least in (0.4, 1)),
        "interest('Bikes') = 0",
        "preference.channel = 'email' and not prefers('topics', 'Tea')",
        "preference.channel is null or preference.guests > 2",
        "prefers('topics', 'O''Hara') or preference.frequency in ('weekly', 'rarely')",
        "prefers('channel', 'post')",
        "preference.hours like '9%'",
    )
]
SHARES = st.dictionaries(st.sampled_from(CATEGORIES), st.floats(0, 1, width=16), max_size=4)
ANYTHING = st.sampled_from(["email", "weekly", "9-12", 3, 2.5, True, ["Tea"], ["post", "O'Hara"], 7]) | st.none()
FACTS = st.fixed_dictionaries(
    {},
    optional={
        "pref.topics": st.lists(st.sampled_from(CATEGORIES), unique=True),
        "pref.not_again": st.lists(st.sampled_from(["helmet", *(f"category:{one}" for one in CATEGORIES)])),
        "city": st.just("Bern"),
        **{f"pref.{one}": ANYTHING for one in ("channel", "frequency", "guests", "hours")},
    },
)
HOT = st.builds(lambda values, facts: Hot("a", 1, 2, 100, values, {}, [], facts, 0, "v"), st.lists(SHARES, min_size=2, max_size=2), FACTS)  # fmt: skip  # noqa: E501


@settings(max_examples=60, deadline=None)
@given(st.lists(HOT, min_size=1, max_size=12))
def test_the_profile_table_counts_what_the_rows_say(records: list[Hot]) -> None:
    with TemporaryDirectory() as path:
        table = ProfileTable(Folder(Path(path)), profile_columns(DEFINITIONS))
        parts = table.build(iter([dict(enumerate(records))]), as_of=100, offset=1)
        counted = table.count(duckdb.connect(), parts, [one.sql() for one in CONDITIONS], as_of=100)

    rows = [ROWS.row(one.values, frozenset(), one.facts) for one in records]
    assert counted == [sum(condition.test(row) for row in rows) for condition in CONDITIONS]


@given(HOT)
def test_a_declared_topic_is_the_strongest_interest_and_what_is_refused_is_none(hot: Hot) -> None:
    row = ROWS.row(hot.values, frozenset(), hot.facts)
    strengths = row[ROWS.schema.interest_slot]
    refused = {one.partition(":")[2] for one in hot.facts.get("pref.not_again", ()) if ":" in one}

    for category in CATEGORIES:
        if within(category, refused):
            assert category not in strengths
        elif category in hot.facts.get("pref.topics", ()):
            assert strengths[category] == DECLARED == max(strengths.values())
        else:
            assert strengths.get(category) == ROWS.interests(hot.values).get(category)
