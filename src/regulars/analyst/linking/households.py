"""Whether a file holds households, told by the file itself: without them nobody is the twin of anybody.

Two records that agree in all but the first name are one person whose name was written down otherwise, or twins. Which
of the two is more likely depends on the file: where people live together with others in it, some of them are twins;
where nobody does, nobody is. The same holds of a parent and a child of one name or of like ones, and of two people of
a household of whom one did not say what would tell them apart. So the pairs of two people at one address are counted,
who differ in first name and in birth date and so are surely two, and from their number follows how many such pairs are
to be expected. Only when that is less than the risk that a shop takes anyway are they linked, and never those at whose
address such a pair was counted: a few families in a file of thousands are too few for the figure, and still families.
"""

import math
import random
from collections.abc import Callable, Iterable, Sequence

import duckdb
import pyarrow as pa

from regulars.analyst.linking.evidence import Households, Pair, is_alike, is_namesakes, is_twins, is_undated, is_unnamed
from regulars.analyst.linking.model import COMPARISONS, NEAR, PART, SIMILAR
from regulars.profile.particulars import Particulars

#: Of the pairs of people in one household at most so many are twins, or bear one name. One child in 42 is a twin
#: (Monden, Pison and Smits, "Twin Peaks", Human Reproduction 36(6), 2021), and most pairs are no siblings.
SHARE = 0.03
#: Fewer records than these tell nothing about the rest.
ENOUGH = 500
#: Pairs of first names that are compared to learn how often two look alike, drawn with this seed.
SAMPLED, SEED = 20_000, 1
#: Of the records so many must say who lives where.
FILLED = 0.5
_PARTS = ((0, 4), (4, 6), (6, 8))  # year, month, day
_TWO = 2
_MOST = 100  # of one address: a barracks has as many pairs as are needed to know


def households(
    records: Sequence[tuple[str, Particulars]],
    others: Sequence[tuple[str, Particulars]] | None,
    pairs: Iterable[Pair],
    *,
    automatic: float,
) -> Households:
    """What may be linked although first names or birth dates differ; nothing, unless the file speaks against families.

    `pairs` are those that were found, of which those above the threshold `automatic` are at stake.
    """
    everybody = (*records, *(others or ()))
    people = [said for _, said in everybody]
    told = [(key, one) for key, one in everybody if one.first and one.last and one.birth and one.street and one.number]
    if len(people) < ENOUGH or len(told) < FILLED * len(people):
        return Households()
    count, relatives = together(told)
    # An upper bound of what the count may be by chance: three where nothing was seen, two standard deviations else.
    bound = count + 2 * math.sqrt(count) + 3
    sure = [pair for pair in pairs if pair.probability >= automatic]
    risk = 1 - automatic
    named = [one.first for one in people if one.first]
    untold = 1 - (len(named) / len(people)) ** 2
    undated = 1 - (sum(one.birth is not None for one in people) / len(people)) ** 2
    chance = alike(named)

    def none(kind: Callable[[Pair], bool], share: float) -> bool:
        return bound * share <= risk * sum(map(kind, sure))

    return Households(
        no_twins=none(is_twins, SHARE),
        no_undated=none(is_undated, SHARE + undated),
        no_namesakes=none(is_namesakes, SHARE),
        no_alike=none(is_alike, SHARE + chance),
        no_unnamed=none(is_unnamed, SHARE + chance + untold),
        relatives=relatives,
    )


def alike(names: Sequence[str]) -> float:
    """How often the first names of two people look alike by chance, 0..1: learned from random pairs of the file."""
    if not names:
        return 1.0
    dice = random.Random(SEED)
    drawn = [(dice.choice(names), dice.choice(names)) for _ in range(SAMPLED)]
    table = pa.table({"first_l": [one for one, _ in drawn], "first_r": [other for _, other in drawn]})
    near = next(one for one in COMPARISONS if one.field == "first")
    levels = " OR ".join(level.sql for level in near.levels if level.code in (NEAR, SIMILAR, PART))
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.register("drawn", table)
        row = connection.execute(f"SELECT avg(CAST({levels} AS INTEGER)) FROM drawn").fetchone()  # noqa: S608 - own
    return float(row[0]) if row else 1.0


def together(people: Iterable[tuple[str, Particulars]]) -> tuple[int, frozenset[str]]:
    """Pairs at one address and of one last name who are surely two people; the records at such addresses."""
    homes: dict[tuple[str | None, ...], list[tuple[str, Particulars]]] = {}
    for key, one in people:
        homes.setdefault((one.last, one.street, one.number, one.postcode), []).append((key, one))
    count, relatives = 0, set[str]()
    for home in homes.values():
        pairs = sum(
            _are_two(one, other) for place, (_, one) in enumerate(home[:_MOST]) for _, other in home[place + 1 : _MOST]
        )
        if pairs:
            count += pairs
            relatives.update(key for key, _ in home)
    return count, frozenset(relatives)


def _are_two(one: Particulars, other: Particulars) -> bool:
    """Other initials and another birth date: a slip of the pen changes neither of them wholly."""
    if not (one.first and other.first and one.birth and other.birth) or one.first[0] == other.first[0]:
        return False
    return sum(one.birth[low:high] != other.birth[low:high] for low, high in _PARTS) >= _TWO
