"""The readings of a condition agree: closure, SQL over the profile table, and explanation, NULL included."""

from collections.abc import Callable, Sequence
from random import Random

import duckdb
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from regulars.core.condition import Name, Schema, Type, compile_condition

NUMBERS = ("orders", "revenue", "item.price")
TEXTS = ("city", "context.channel")
BOOLEANS = ("newsletter", "app")
SEGMENTS = ("regulars", "cyclists")
INTERESTS = ("sport/cycling", "it's")
PREFERENCES = {"topics": None, "channel": frozenset({"email", "it's"})}
DECLARED = (("topics", "Tea"), ("topics", "it's"), ("channel", "email"), ("channel", "it's"))
COLUMNS = (*NUMBERS, *TEXTS, *BOOLEANS, "segments", "interests", "preferences")
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
    preferences=PREFERENCES,
    preference_slot=COLUMNS.index("preferences"),
)
# Orders are whole numbers in the table, the other numbers are doubles: both must mean the same.
TYPES = (
    *(pa.int64(), pa.float64(), pa.float64(), pa.string(), pa.string(), pa.bool_(), pa.bool_()),
    *(pa.list_(pa.string()), pa.map_(pa.string(), pa.float64()), pa.list_(pa.string())),
)

# Few values, so that equal ones meet, and the edges of what a double and a text can be.
WHOLE = (0, 1, 2, 3, -1, -3, 365, 2**53, -(2**53), 2**53 - 1)
REAL = (0.0, -0.0, 0.5, 1.0, 2.0, 3.0, -2.5, 0.1, 0.2, 0.3, 1e308, -1e308, 5e-324, 1e16)
WORDS = ("", "a", "A", "ab", "Ab%", "a_b", "it's", "Zürich", "ZÜRICH", "İ", "ΟΔΟΣ", "😀", "a\nb", "\\", "\uffee")
Row = tuple[object, ...]


class Writer:
    """Writes random conditions of the right types, fully bracketed."""

    def __init__(self, random: Random) -> None:
        self.random = random

    def boolean(self, depth: int) -> str:
        """A boolean expression of at most `depth` levels."""
        if depth == 0 or self.random.random() < 0.1:
            member = f"in_segment({quoted(self.random.choice(SEGMENTS))})"
            declared = f"prefers({', '.join(map(quoted, self.random.choice(DECLARED)))})"
            return self.random.choice([*BOOLEANS, *BOOLEANS, member, declared, "true", "false", "null"])
        inner = depth - 1
        match self.random.randrange(8):
            case 0 | 1:
                return self.comparison(self.random.choice([self.number, self.text]), inner, ORDER)
            case 2:
                return self.comparison(self.boolean, inner, ("=", "<>"))
            case 3:
                return self.like(inner)
            case 4:
                return "(" + self.random.choice([" and ", " or "]).join(self.several(self.boolean, inner, 2)) + ")"
            case 5:
                return f"(not {self.boolean(inner)})"
            case 6:
                truth = self.random.choice(["true", "not true", "false", "not false"])
                return f"({self.boolean(inner)} is {truth})"
            case _:
                return self.choice(self.boolean, inner, ["coalesce"])

    def number(self, depth: int) -> str:
        """A number expression of at most `depth` levels."""
        if depth == 0 or self.random.random() < 0.3:
            interest = f"interest({quoted(self.random.choice(INTERESTS))})"
            return self.random.choice([*NUMBERS, interest, written(self.random.choice(WHOLE + REAL)), "null"])
        inner = depth - 1
        match self.random.randrange(6):
            case 0 | 1:
                return f"({self.number(inner)} {self.random.choice('+-*/')} {self.number(inner)})"
            case 2:
                return f"(- {self.number(inner)})"
            case 3:
                return f"abs({self.number(inner)})"
            case 4:
                return f"length({self.text(inner)})"
            case _:
                return self.choice(self.number, inner, ["coalesce", "least", "greatest"])

    def text(self, depth: int) -> str:
        """A text expression of at most `depth` levels."""
        if depth == 0 or self.random.random() < 0.4:
            return self.random.choice([*TEXTS, *TEXTS, quoted(self.random.choice(WORDS)), "null"])
        if self.random.random() < 0.3:
            return f"lower({self.text(depth - 1)})"
        return self.choice(self.text, depth - 1, ["coalesce", "least", "greatest"])

    def comparison(self, value: Callable[[int], str], depth: int, signs: Sequence[str]) -> str:
        negation = self.random.choice(["", "not "])
        item = value(depth)
        match self.random.randrange(5 if signs is ORDER else 4):
            case 0 | 1:
                return f"{negation}({item} {self.random.choice(signs)} {value(depth)})"
            case 2:
                return f"({item} {negation}in ({', '.join(self.several(value, self.random.choice([0, depth]), 1))}))"
            case 3:
                return f"({item} is {negation}null)"
            case _:
                bounds = self.random.choice([0, depth])
                return f"({item} {negation}between {value(bounds)} and {value(bounds)})"

    def like(self, depth: int) -> str:
        word = self.random.choice(["like", "not like", "ilike", "not ilike"])
        pattern = "".join(self.random.choices([*"%_aAbüÜi'\\\n", "it's", "o"], k=self.random.randrange(5)))
        if self.random.random() < 0.3:
            return f"({self.text(depth)} {word} {quoted(pattern + '!%')} escape '!')"
        return f"({self.text(depth)} {word} {quoted(pattern)})"

    def choice(self, value: Callable[[int], str], depth: int, functions: Sequence[str]) -> str:
        """One of several values: by a function, or by case."""
        if self.random.random() < 0.6:
            return f"{self.random.choice(functions)}({', '.join(self.several(value, depth, 1))})"
        whens = self.several(lambda inner: f"when {self.boolean(inner)} then {value(inner)}", depth, 1)
        otherwise = self.random.choice(["", f"else {value(depth)} "])
        return f"(case {' '.join(whens)} {otherwise}end)"

    def several(self, value: Callable[[int], str], depth: int, fewest: int) -> list[str]:
        return [value(depth) for _ in range(self.random.randint(fewest, 3))]


ORDER = ("=", "<>", "!=", "<", "<=", ">", ">=")


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def written(number: float) -> str:
    return f"(-{-number!r})" if number < 0 else repr(number)


def random_row(random: Random) -> Row:
    values = [
        random.choice((None, *values)) for values in (WHOLE, REAL, REAL, WORDS, WORDS, (True, False), (True, False))
    ]
    members = frozenset(segment for segment in SEGMENTS if random.random() < 0.5)
    strengths = {key: random.choice(REAL) for key in INTERESTS if random.random() < 0.5}
    said = frozenset(f"{one}={answer}" for one, answer in DECLARED if random.random() < 0.5)
    return (*values, members, strengths, said)


def profile_table(table: Sequence[Row]) -> pa.Table:
    columns = [list(column) for column in zip(*table, strict=True)]
    columns[-3] = [sorted(members) for members in columns[-3]]
    columns[-2] = [list(strengths.items()) for strengths in columns[-2]]
    columns[-1] = [sorted(said) for said in columns[-1]]
    arrays = [pa.array(column, type=kind) for column, kind in zip(columns, TYPES, strict=True)]
    return pa.Table.from_arrays([pa.array(range(len(table))), *arrays], names=["row", *COLUMNS])


ROWS = [random_row(Random(seed)) for seed in range(300)]
DUCKDB = duckdb.connect()
DUCKDB.register("arrow", profile_table(ROWS))
DUCKDB.execute("CREATE TABLE profiles AS FROM arrow")

seeds = st.integers(0, 2**32)
conditions = st.builds(lambda seed, depth: Writer(Random(seed)).boolean(depth), seeds, st.integers(1, 4))


@settings(max_examples=500)
@given(conditions)
def test_closure_sql_and_explanation_agree_on_every_row(source: str) -> None:
    condition = compile_condition(source, SCHEMA)

    by_closure = [condition.evaluate(row) for row in ROWS]

    assert [condition.test(row) for row in ROWS] == [verdict is True for verdict in by_closure]
    counted = DUCKDB.execute(f"SELECT {condition.sql()} FROM profiles ORDER BY row").fetchall()  # noqa: S608  # its own
    assert [verdict for (verdict,) in counted] == by_closure
    assert [condition.explain(row).verdict for row in ROWS[::20]] == by_closure[::20]


words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=4)
reals = st.floats(allow_nan=False, allow_infinity=False)


@settings(max_examples=60)
@given(reals, reals, words, words, conditions)
def test_any_literal_and_any_value_mean_the_same_in_every_reading(
    real: float, other: float, word: str, other_word: str, source: str
) -> None:
    row: Row = (2, real, other, word, other_word, True, None, frozenset(SEGMENTS), {"it's": real}, frozenset())
    texts = [
        f"revenue = {written(real)} and revenue + {written(other)} < item.price * {written(real)}",
        f"city = {quoted(word)} and city <= {quoted(other_word)} and city < context.channel",
        f"city ilike {quoted(other_word)} or lower(city) = context.channel or length(city) > 3",
        source,
    ]
    compiled = [compile_condition(text, SCHEMA) for text in texts]
    DUCKDB.register("one", profile_table([row]))

    columns = ", ".join(condition.sql() for condition in compiled)
    counted = DUCKDB.execute(f"SELECT {columns} FROM one").fetchone()  # noqa: S608  # its own

    assert counted == tuple(condition.evaluate(row) for condition in compiled)
    assert counted == tuple(condition.explain(row).verdict for condition in compiled)


@settings(max_examples=150)
@given(conditions)
def test_a_condition_rewritten_in_normal_style_means_the_same(source: str) -> None:
    condition = compile_condition(source, SCHEMA)
    rewritten = compile_condition(condition.normal_text(), SCHEMA)

    assert rewritten.normal_text() == condition.normal_text()
    assert [rewritten.evaluate(row) for row in ROWS] == [condition.evaluate(row) for row in ROWS]


@settings(max_examples=150)
@given(conditions, st.sampled_from(["revenue", "item.price"]))
def test_a_number_moving_between_two_thresholds_changes_nothing(source: str, name: str) -> None:
    condition = compile_condition(source, SCHEMA)
    thresholds = condition.thresholds(name)
    if thresholds is None:
        return
    slot = COLUMNS.index(name)
    for row in ROWS[:40]:
        verdicts: dict[tuple[object, ...] | None, set[bool | None]] = {}
        for moved in (*REAL, None):
            between = None if moved is None else tuple((moved > each, moved == each) for each in thresholds)
            after = (*row[:slot], moved, *row[slot + 1 :])
            verdicts.setdefault(between, set()).add(condition.evaluate(after))
        assert {len(found) for found in verdicts.values()} == {1}
