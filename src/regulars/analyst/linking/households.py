"""Whether a file holds households, told by the file itself: without them nobody is the twin of anybody.

Two records that agree in all but the first name are one person whose name was written down otherwise, or twins. Which
of the two is more likely depends on the file: where people live together with others in it, some of them are twins;
where nobody does, nobody is. So the pairs of two people at one address are counted, who differ in first name and in
birth date and so are surely two, and from their number follows how many twins, and how many parents with a child of
the same name, are to be expected. Only when that is less than the risk that a shop takes anyway are such pairs linked.
"""

import math
from collections.abc import Iterable, Sequence

from regulars.analyst.linking.evidence import Households, Pair, is_namesakes, is_twins
from regulars.profile.particulars import Particulars

#: Of the pairs of people in one household at most so many are twins, or bear one name. One child in 42 is a twin
#: (Monden, Pison and Smits, "Twin Peaks", Human Reproduction 36(6), 2021), and most pairs are no siblings.
SHARE = 0.03
#: Fewer records than these tell nothing about the rest.
ENOUGH = 500
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
    people = [said for _, said in (*records, *(others or ()))]
    told = [one for one in people if one.first and one.last and one.birth and one.street and one.number]
    if len(people) < ENOUGH or len(told) < FILLED * len(people):
        return Households()
    count = together(told)
    # An upper bound of what the count may be by chance: three where nothing was seen, two standard deviations else.
    expected = SHARE * (count + 2 * math.sqrt(count) + 3)
    sure = [pair for pair in pairs if pair.probability >= automatic]
    risk = 1 - automatic
    return Households(
        no_twins=expected <= risk * sum(map(is_twins, sure)),
        no_namesakes=expected <= risk * sum(map(is_namesakes, sure)),
    )


def together(people: Iterable[Particulars]) -> int:
    """Pairs at one address and of one last name who are surely two people."""
    homes: dict[tuple[str | None, ...], list[Particulars]] = {}
    for one in people:
        homes.setdefault((one.last, one.street, one.number, one.postcode), []).append(one)
    return sum(
        _are_two(one, other)
        for home in homes.values()
        for place, one in enumerate(home[:_MOST])
        for other in home[place + 1 : _MOST]
    )


def _are_two(one: Particulars, other: Particulars) -> bool:
    """Other initials and another birth date: a slip of the pen changes neither of them wholly."""
    if not (one.first and other.first and one.birth and other.birth) or one.first[0] == other.first[0]:
        return False
    return sum(one.birth[low:high] != other.birth[low:high] for low, high in _PARTS) >= _TWO
