"""What is compared, in which levels, and which pairs are looked at: the Fellegi-Sunter model as splink takes it.

A level says how near two values are. `m` is how often the records of one person are that near, `u` how often those of
two people are; the weight of a level is log2(m / u). The values below serve where a shop has too few records to learn
its own.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

#: Levels by which a person reads them.
SAME, SWAPPED, NEAR, SIMILAR, PART, DIFFERS = "same", "swapped", "near", "similar", "part", "differs"


class Level(msgspec.Struct, frozen=True):
    """How near two values are, and the weight of that without data to learn it from."""

    code: str
    sql: str
    m: float
    u: float


class Comparison(msgspec.Struct, frozen=True):
    """A field and its levels, nearest first; the last one is "else"."""

    field: str
    levels: tuple[Level, ...]
    frequency: bool = True  # agreeing on a rare value weighs more than on a frequent one

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes, nearest first."""
        return tuple(level.code for level in self.levels)


def _text(field: str, other: str, u: float) -> Comparison:
    """A name or a line of an address; `other` is the field that is taken for it by mistake."""
    left, right = f"{field}_l", f"{field}_r"
    crossed = f"{left} = {other}_r OR {other}_l = {right}" if other else ""
    levels = [
        Level(SAME, f"{left} = {right}", 0.80, u),
        *([Level(SWAPPED, crossed, 0.02, u / 5)] if crossed else []),
        Level(NEAR, f"damerau_levenshtein({left}, {right}) <= 1", 0.08, u),
        Level(SIMILAR, f"jaro_winkler_similarity({left}, {right}) >= 0.9", 0.04, 2 * u),
        Level(PART, f"jaro_winkler_similarity({left}, {right}) >= 0.8", 0.02, 10 * u),
        Level(DIFFERS, "ELSE", 0.04 if crossed else 0.06, 1 - (14.2 if crossed else 14) * u),
    ]
    return Comparison(field, tuple(levels))


def _code(field: str, u: float, *, exact: float = 0.85) -> Comparison:
    """Digits: a house number, a postcode, a phone."""
    left, right = f"{field}_l", f"{field}_r"
    return Comparison(
        field,
        (
            Level(SAME, f"{left} = {right}", exact, u),
            Level(NEAR, f"damerau_levenshtein({left}, {right}) <= 1", 0.08, 5 * u),
            Level(DIFFERS, "ELSE", 0.92 - exact, 1 - 6 * u),
        ),
    )


_TURNED = "birth_l = substr(birth_r, 1, 4) || substr(birth_r, 7, 2) || substr(birth_r, 5, 2)"
_BIRTH = Comparison(
    "birth",
    (
        Level(SAME, "birth_l = birth_r", 0.90, 0.00004),
        Level(SWAPPED, _TURNED, 0.01, 0.00003),
        Level(NEAR, "damerau_levenshtein(birth_l, birth_r) <= 1", 0.05, 0.0006),
        Level(
            PART,
            "substr(birth_l, 1, 6) = substr(birth_r, 1, 6) OR substr(birth_l, 5, 4) = substr(birth_r, 5, 4) "
            "OR damerau_levenshtein(birth_l, birth_r) <= 2",
            0.02,
            0.012,
        ),
        Level(DIFFERS, "ELSE", 0.02, 0.98733),
    ),
    frequency=False,
)
_EMAIL = Comparison(
    "email",
    (
        Level(SAME, "email_l = email_r", 0.75, 0.00002),
        Level(NEAR, "damerau_levenshtein(email_l, email_r) <= 2", 0.05, 0.00001),
        Level(PART, "split_part(email_l, '@', 1) = split_part(email_r, '@', 1)", 0.05, 0.0001),
        Level(DIFFERS, "ELSE", 0.15, 0.99987),
    ),
)
_REGION = Comparison(
    "region",
    (Level(SAME, "region_l = region_r", 0.95, 0.25), Level(DIFFERS, "ELSE", 0.05, 0.75)),
)
COMPARISONS: tuple[Comparison, ...] = (
    _text("first", "last", 0.004),
    _text("last", "first", 0.001),
    _BIRTH,
    _text("street", "extra", 0.001),
    _code("number", 0.02),
    _text("extra", "street", 0.002),
    _code("postcode", 0.001),
    _text("city", "", 0.005),
    _REGION,
    _EMAIL,
    _code("phone", 0.00002, exact=0.7),
)

#: Pairs that are looked at agree on one of these; each is the list of what is equal on both sides.
BLOCKS: tuple[tuple[str, ...], ...] = (
    ("birth",),
    ("email",),
    ("phone",),
    ("first", "last"),
    ("last", "postcode"),
    ("first", "postcode"),
    ("last", "city"),
    ("first", "city"),
    ("street", "number"),
    ("street", "postcode"),
    ("extra",),
    ("postcode", "number"),
    ("last", "number"),
    ("first", "number"),
    ("last", "substr(birth, 1, 4)"),
    ("first", "substr(birth, 1, 4)"),
    ("postcode", "substr(birth, 1, 4)"),
    ("substr(first, 1, 2)", "substr(birth, 1, 6)"),
    ("substr(last, 1, 2)", "substr(birth, 5, 4)"),
)
#: Names that stand in each other's place; equal on the left to what stands on the right.
CROSSED = "l.first = r.last AND l.last = r.first"
#: Pairs that agree on all of one of these are nearly always one person: how frequent duplicates are follows from them.
CERTAIN: tuple[tuple[str, ...], ...] = (
    ("first", "last", "birth"),
    ("first", "last", "postcode", "street"),
    ("birth", "last", "postcode"),
    ("birth", "first", "postcode"),
)
#: The share of duplicates that these are supposed to find.
CERTAIN_RECALL = 0.8
#: Each `m` is learned among the pairs that agree on other fields. None of these blocks is a household: among people who
#: share an address most pairs are a family, and the model would learn families.
LEARNING: tuple[tuple[str, ...], ...] = (("birth",), ("first", "last"), ("first", "postcode"))


def usable(rules: Sequence[tuple[str, ...]], fields: set[str]) -> list[tuple[str, ...]]:
    """The rules of which every field is there."""
    return [rule for rule in rules if all(field_of(part) in fields for part in rule)]


def field_of(expression: str) -> str:
    """The field that a part of a rule is about.

    >>> field_of("substr(birth, 1, 4)"), field_of("last")
    ('birth', 'last')
    """
    return expression.removeprefix("substr(").partition(",")[0]


def settings(
    comparisons: Sequence[Comparison], rules: Sequence[str], *, link: bool, prior: float, frequencies: bool
) -> dict[str, Any]:
    """The model with its starting values, as splink reads it."""
    return {
        "link_type": "link_only" if link else "dedupe_only",
        "unique_id_column_name": "unique_id",
        "comparisons": [_comparison(one, frequencies=frequencies and one.frequency) for one in comparisons],
        "blocking_rules_to_generate_predictions": [{"blocking_rule": rule, "sql_dialect": "duckdb"} for rule in rules],
        "probability_two_random_records_match": prior,
        "max_iterations": 40,
        "retain_matching_columns": True,
        "retain_intermediate_calculation_columns": True,
    }


def _comparison(one: Comparison, *, frequencies: bool) -> dict[str, Any]:
    null = {"sql_condition": f"{one.field}_l IS NULL OR {one.field}_r IS NULL", "is_null_level": True}
    levels: list[dict[str, Any]] = [{**null, "label_for_charts": "missing"}]
    for level in one.levels:
        said: dict[str, Any] = {
            "sql_condition": level.sql,
            "label_for_charts": level.code,
            "m_probability": level.m,
            "u_probability": level.u,
        }
        if level.code == SAME and frequencies:
            said["tf_adjustment_column"] = one.field
            said["tf_adjustment_weight"] = 1.0
        levels.append(said)
    return {"output_column_name": one.field, "comparison_levels": levels}


def equal_on(rule: tuple[str, ...]) -> str:
    """A rule as SQL over `l` and `r`.

    >>> equal_on(("first", "substr(birth, 1, 4)"))
    'l.first = r.first AND substr(l.birth, 1, 4) = substr(r.birth, 1, 4)'
    """
    sides = ((_sided(part, "l"), _sided(part, "r")) for part in rule)
    return " AND ".join(f"{left} = {right}" for left, right in sides)


def _sided(part: str, side: str) -> str:
    field = field_of(part)
    return part.replace(field, f"{side}.{field}", 1)
