"""What is found: two records, how sure it is that they are one person, and what speaks for and against it."""

from typing import Literal

import msgspec

from regulars.analyst.linking.model import DIFFERS, NEAR, PART, SAME, SWAPPED
from regulars.core.proposal import Reason

#: What may become of a pair: a link, a question to staff, or nothing.
Verdict = Literal["link", "review", "drop"]
MISSING = "missing"  # one of the two does not say it


class Pair(msgspec.Struct, frozen=True):
    """Two records that may be one person; a < b among the records of one file."""

    a: str
    b: str
    probability: float
    prior: float  # weight in bits before anything was compared: how rare duplicates are
    evidence: tuple[Reason, ...]

    def level(self, field: str) -> str:
        """How near the two are in a field."""
        return next((one.level for one in self.evidence if one.field == field), MISSING)

    @property
    def rule(self) -> str:
        """What agrees, in short, for the ledger of links."""
        return "likeness: " + ", ".join(f"{one.field} {one.level}" for one in self.evidence if one.weight > 0)


class Households(msgspec.Struct, frozen=True):
    """What the file says about who lives together; nothing by default, so that staff are asked.

    Each field says that its kind of pairs is nearly never two people. The later kinds hold the former ones.
    """

    no_twins: bool = False
    no_undated: bool = False  # nor people of whom one gave no birth date
    no_namesakes: bool = False
    no_alike: bool = False  # nor people of like first names
    no_unnamed: bool = False  # nor people of whom one gave no first name
    relatives: frozenset[str] = frozenset()  # records at whose address somebody else of their last name surely lives

    def one_person(self, pair: "Pair") -> bool:
        """Whether the file rules out that they are two of one household, of the kind that they would have to be.

        Whoever has relatives at the same address may have a twin there, however few households the file holds.
        """
        if pair.a in self.relatives or pair.b in self.relatives:
            return False
        return (
            (self.no_twins and is_twins(pair))
            or (self.no_undated and is_undated(pair))
            or (self.no_namesakes and is_namesakes(pair))
            or (self.no_alike and is_alike(pair))
            or (self.no_unnamed and is_unnamed(pair))
        )


def is_twins(pair: Pair) -> bool:
    """Whether the two could be twins: one birth date, and first names that nobody would mistake for one another."""
    return pair.level("first") == DIFFERS and pair.level("birth") in (SAME, SWAPPED, NEAR)


def is_undated(pair: Pair) -> bool:
    """Twins, or two of other first names of whom one gave no birth date."""
    return is_twins(pair) or (pair.level("first") == DIFFERS and pair.level("birth") == MISSING)


def is_namesakes(pair: Pair) -> bool:
    """Whether the two could be parent and child: one first name, and another birth date."""
    return pair.level("first") in (SAME, SWAPPED) and pair.level("birth") in (DIFFERS, PART)


def is_alike(pair: Pair) -> bool:
    """Namesakes, or two of like first names and other birth dates."""
    return pair.level("first") not in (DIFFERS, MISSING) and pair.level("birth") in (DIFFERS, PART)


def is_unnamed(pair: Pair) -> bool:
    """The same, or two of other birth dates of whom one gave no first name."""
    return pair.level("first") != DIFFERS and pair.level("birth") in (DIFFERS, PART)


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

    With `families` "learn" there is one exception: where the file itself tells that nobody in it is likely to have a
    twin, or a parent of the same name (`linking.households`), who differs in that alone is linked when that is
    probable enough. Who says neither stays a question.
    With "trust" the probability decides alone: for files that hold no households, such as a club's members.
    """
    if families == "trust":
        return "link" if pair.probability >= automatic else "review" if pair.probability >= review else "drop"
    first, birth = pair.level("first"), pair.level("birth")
    another = birth in (DIFFERS, PART)  # two people's birth dates often have two parts in common
    if pair.probability < review or (first == DIFFERS and another):
        return "drop"
    unsure = first == DIFFERS or another or (first == birth == MISSING)
    if families == "learn" and file.one_person(pair):
        unsure = False
    return "review" if unsure or pair.probability < automatic else "link"
