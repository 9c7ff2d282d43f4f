"""What is found: two records, how sure it is that they are one person, and what speaks for and against it."""

from typing import Literal

import msgspec

from regulars.analyst.linking.model import DIFFERS, NEAR, PART, SAME, SWAPPED
from regulars.core.proposal import Reason

#: What may become of a pair: a link, a question to staff, or nothing.
Verdict = Literal["link", "review", "drop"]


class Pair(msgspec.Struct, frozen=True):
    """Two records that may be one person; a < b among the records of one file."""

    a: str
    b: str
    probability: float
    prior: float  # weight in bits before anything was compared: how rare duplicates are
    evidence: tuple[Reason, ...]

    def level(self, field: str) -> str:
        """How near the two are in a field."""
        return next((one.level for one in self.evidence if one.field == field), "missing")

    @property
    def rule(self) -> str:
        """What agrees, in short, for the ledger of links."""
        return "likeness: " + ", ".join(f"{one.field} {one.level}" for one in self.evidence if one.weight > 0)


class Households(msgspec.Struct, frozen=True):
    """What the file says about who lives together; nothing by default, so that staff are asked."""

    no_twins: bool = False  # nobody in it is likely to be the twin of somebody else in it
    no_namesakes: bool = False  # nor to be called like the parent with whom they live


def is_twins(pair: Pair) -> bool:
    """Whether the two could be twins: one birth date, and first names that nobody would mistake for one another."""
    return pair.level("first") == DIFFERS and pair.level("birth") in (SAME, SWAPPED, NEAR)


def is_namesakes(pair: Pair) -> bool:
    """Whether the two could be parent and child: one first name, and another birth date."""
    return pair.level("first") in (SAME, SWAPPED) and pair.level("birth") in (DIFFERS, PART)


def verdict(
    pair: Pair,
    *,
    automatic: float,
    review: float,
    families: Literal["learn", "ask", "trust"] = "ask",
    file: Households = Households(),
) -> Verdict:
    """What becomes of a pair at two thresholds of its probability.

    People of one household share name, address, phone and e-mail, and the model counts each of these as if it were a
    coincidence of its own. So the fields that tell them apart decide alone: who differs in first name and birth date is
    another person; who differs in one of them, or says neither, is never linked without a person having looked.

    With `families` "learn" there is one exception: where the file itself tells that nobody in it has a twin, or a
    parent of the same name (`linking.households`), who differs in that alone is linked when that is probable enough.
    With "trust" the probability decides alone: for files that hold no households, such as a club's members.
    """
    if families == "trust":
        return "link" if pair.probability >= automatic else "review" if pair.probability >= review else "drop"
    first, birth = pair.level("first"), pair.level("birth")
    another = birth in (DIFFERS, PART)  # two people's birth dates often have two parts in common
    if pair.probability < review or (first == DIFFERS and another):
        return "drop"
    unsure = first == DIFFERS or another or (first == birth == "missing")
    if families == "learn" and ((file.no_twins and is_twins(pair)) or (file.no_namesakes and is_namesakes(pair))):
        unsure = False
    return "review" if unsure or pair.probability < automatic else "link"
