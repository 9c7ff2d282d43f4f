"""The readings of a condition agree: closure, SQL over the profile table, and explanation, NULL included."""

from collections.abc import Sequence

import duckdb
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from regulars.core.condition import Condition, Name, Schema, Type, compile_condition

NUMBERS = ("orders", "revenue", "item.price")
TEXTS = ("city", "context.channel")
BOOLEANS = ("newsletter", "app")
SEGMENTS = ("regulars", "cyclists")
INTERESTS = ("sport/cycling", "it's")
COLUMNS = (*NUMBERS, *TEXTS, *BOOLEANS, "segments", "interests")
SCHEMA = Schema(
    names={
        **{name: Name(Type.NUMBER, COLUMNS.index(name)) for name in NUMBERS},
        **{name: Name(Type.TEXT, COLUMNS.index(name)) for name in TEXTS},
        **{name: Name(Type.BOOLEAN, COLUMNS.index(name)) for name in BOOLEANS},
    },
    segments=frozenset(SEGMENTS),
    interests=frozenset(INTERESTS),
    segment_slot=COLUMNS.index("segments"),
    interest_slot=COLUMNS.index("interests"),
)
# Orders are whole numbers in the table, the other numbers are doubles: both must mean the same.
TYPES = (
    *(pa.int64(), pa.float64(), pa.float64(), pa.string(), pa.string(), pa.bool_(), pa.bool_()),
    *(pa.list_(pa.string()), pa.map_(pa.string(), pa.float64())),
)

# Few values, so that equal ones meet, and the edges of what a double and a text can be.
whole = st.one_of(st.integers(-3, 3), st.sampled_from([2**53, -(2**53), 365, 10**9]))
real = st.one_of(
    st.sampled_from([0.0, -0.0, 0.5, 1.0, 2.0, -2.5, 0.1, 1e308, -1e308, 5e-324]),
    st.floats(allow_nan=False, allow_infinity=False),
)
words = st.one_of(
    st.sampled_from(["", "a", "A", "ab", "Ab%", "a_b", "it's", "Zürich", "ZÜRICH", "İ", "ΟΔΟΣ", "😀", "\n", "\\"]),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=4),
)
rows = st.tuples(
    st.none() | whole,
    st.none() | real,
    st.none() | real,
    st.none() | words,
    st.none() | words,
    st.none() | st.booleans(),
    st.none() | st.booleans(),
    st.frozensets(st.sampled_from(SEGMENTS)),
    st.dictionaries(st.sampled_from(INTERESTS), real),
)


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def written(number: float) -> str:
    text = repr(abs(number))
    return f"(-{text})" if number < 0 else text


def number(depth: int) -> st.SearchStrategy[str]:
    leaf = st.one_of(
        st.sampled_from(NUMBERS),
        st.sampled_from([f"interest({quoted(key)})" for key in INTERESTS]),
        st.one_of(whole, real).map(written),
        st.just("null"),
    )
    if depth == 0:
        return leaf
    inner = number(depth - 1)
    several = st.lists(inner, min_size=1, max_size=3).map(", ".join)
    return st.one_of(
        leaf,
        st.builds("({} {} {})".format, inner, st.sampled_from("+-*/"), inner),
        st.builds("(- {})".format, inner),
        st.builds("abs({})".format, inner),
        st.builds("length({})".format, text(depth - 1)),
        st.builds("{}({})".format, st.sampled_from(["coalesce", "least", "greatest"]), several),
        case(depth, inner),
    )


def text(depth: int) -> st.SearchStrategy[str]:
    leaf = st.one_of(st.sampled_from(TEXTS), words.map(quoted), st.just("null"))
    if depth == 0:
        return leaf
    inner = text(depth - 1)
    several = st.lists(inner, min_size=1, max_size=3).map(", ".join)
    return st.one_of(
        leaf,
        st.builds("lower({})".format, inner),
        st.builds("{}({})".format, st.sampled_from(["coalesce", "least", "greatest"]), several),
        case(depth, inner),
    )


def boolean(depth: int) -> st.SearchStrategy[str]:
    leaf = st.one_of(
        st.sampled_from(BOOLEANS),
        st.sampled_from([f"in_segment({quoted(segment)})" for segment in SEGMENTS]),
        st.sampled_from(["true", "false", "null"]),
    )
    if depth == 0:
        return leaf
    inner = boolean(depth - 1)
    joined = [st.lists(inner, min_size=2, max_size=3).map(f" {word} ".join) for word in ("and", "or")]
    return st.one_of(
        leaf,
        comparisons(number(depth - 1), ["=", "<>", "!=", "<", "<=", ">", ">="]),
        comparisons(text(depth - 1), ["=", "<>", "<", "<=", ">", ">="]),
        comparisons(inner, ["=", "<>"], ordered=False),
        likes(text(depth - 1)),
        st.one_of(joined).map("({})".format),
        st.builds("(not {})".format, inner),
        st.builds("({} is {}{})".format, inner, st.sampled_from(["", "not "]), st.sampled_from(["true", "false"])),
        st.lists(inner, min_size=1, max_size=3).map(lambda items: f"coalesce({', '.join(items)})"),
        case(depth, inner),
    )


def comparisons(value: st.SearchStrategy[str], signs: Sequence[str], *, ordered: bool = True) -> st.SearchStrategy[str]:
    negation = st.sampled_from(["", "not "])
    options = st.lists(value, min_size=1, max_size=3).map(", ".join)
    forms = [
        st.builds("({} {} {})".format, value, st.sampled_from(signs), value),
        st.builds("({} {}in ({}))".format, value, negation, options),
        st.builds("({} is {}null)".format, value, negation),
    ]
    if ordered:
        forms.append(st.builds("({} {}between {} and {})".format, value, negation, value, value))
    return st.one_of(forms)


def likes(value: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pattern = st.lists(st.one_of(st.sampled_from("%_aAüÜ\\'"), words), max_size=4).map("".join)
    escaped = pattern.map(lambda source: f"{quoted(source.replace('!', '') + '!%')} escape '!'")
    word = st.sampled_from(["like", "not like", "ilike", "not ilike"])
    return st.builds("({} {} {})".format, value, word, st.one_of(pattern.map(quoted), escaped))


def case(depth: int, value: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    whens = st.lists(st.builds("when {} then {}".format, boolean(depth - 1), value), min_size=1, max_size=2)
    otherwise = st.one_of(st.just(""), value.map("else {} ".format))
    return st.builds("(case {} {}end)".format, whens.map(" ".join), otherwise)


CONDITIONS = boolean(3)
TABLES = duckdb.connect()


def counted(condition: Condition, table: Sequence[Sequence[object]]) -> list[bool | None]:
    """The condition's SQL reading of every row, by one DuckDB query."""
    columns = list(zip(*table, strict=True))
    columns[-2] = tuple(sorted(members) for members in columns[-2])
    columns[-1] = tuple(list(strengths.items()) for strengths in columns[-1])
    arrays = [pa.array(column, type=kind) for column, kind in zip(columns, TYPES, strict=True)]
    profiles = pa.Table.from_arrays(
        [pa.array(range(len(table))), *arrays],
        names=["row", *COLUMNS],
    )
    TABLES.register("profiles", profiles)
    found = TABLES.execute(f"SELECT {condition.sql()} FROM profiles ORDER BY row").fetchall()  # noqa: S608  # its own SQL
    return [verdict for (verdict,) in found]


@settings(max_examples=120)
@given(CONDITIONS, st.lists(rows, min_size=1, max_size=12))
def test_closure_sql_and_explanation_agree_on_every_row(source: str, table: list[tuple[object, ...]]) -> None:
    condition = compile_condition(source, SCHEMA)

    by_closure = [condition.evaluate(row) for row in table]

    assert counted(condition, table) == by_closure
    assert [condition.explain(row).verdict for row in table] == by_closure
    assert [condition.test(row) for row in table] == [verdict is True for verdict in by_closure]


@settings(max_examples=60)
@given(CONDITIONS, rows)
def test_a_condition_rewritten_in_normal_style_means_the_same(source: str, row: tuple[object, ...]) -> None:
    condition = compile_condition(source, SCHEMA)
    rewritten = compile_condition(condition.normal_text(), SCHEMA)

    assert rewritten.normal_text() == condition.normal_text()
    assert rewritten.evaluate(row) is condition.evaluate(row)


@settings(max_examples=60)
@given(CONDITIONS, rows, st.one_of(whole, real), st.sampled_from(["revenue", "item.price"]))
def test_a_number_moving_between_two_thresholds_changes_nothing(
    source: str, row: tuple[object, ...], moved: float, name: str
) -> None:
    condition = compile_condition(source, SCHEMA)
    thresholds = condition.thresholds(name)
    slot = COLUMNS.index(name)
    before = row[slot]
    if thresholds is None or not isinstance(before, float):
        return
    if [before > each for each in thresholds] != [moved > each for each in thresholds]:
        return
    if [before == each for each in thresholds] != [moved == each for each in thresholds]:
        return

    after = (*row[:slot], float(moved), *row[slot + 1 :])

    assert condition.evaluate(after) is condition.evaluate(row)
