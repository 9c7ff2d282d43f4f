"""A customer file of families: couples, brothers and sisters, twins, a parent and a child of one name, and doubles.

Names, dates and addresses are made up with a fixed seed. Every tenth person is in the file twice, mistyped; of some of
these the first name was written down otherwise, which looks exactly like a twin.
"""

import random

from regulars.profile.particulars import Particulars, particulars

FAMILIES, SINGLES, SEED = 500, 700, 11
FIRST: tuple[str, ...] = (
    "Anna", "Ben", "Clara", "David", "Emma", "Finn", "Greta", "Hannes", "Ida", "Jonas", "Karla", "Leon", "Mia", "Noah",
    "Olga", "Paul", "Rosa", "Simon", "Tilda", "Uwe", "Vera", "Willi", "Yara", "Zeno", "Marta", "Lukas", "Petra", "Ralf",
    "Stefan", "Monika", "Ulrike", "Agnes", "Bruno", "Dora", "Emil", "Frieda", "Quirin", "Xaver",
)  # fmt: skip
_BEGIN = (
    "Bau", "Berg", "Brand", "Eich", "Feld", "Fisch", "Hoch", "Kirch", "Korn", "Lang", "Nord", "Roth", "Stein", "Wald",
    "Wein", "Zieg",
)  # fmt: skip
_END = ("mann", "er", "bach", "hof", "meier", "stein", "inger", "hauser", "feld", "berger", "hagen", "dorf")
Rows = list[tuple[str, Particulars]]
#: Families, every fourth with twins, among thousands of records of people who live alone.
FEW = 18


def few() -> Rows:
    """The records of a few families, nobody twice: who is linked with whom is linked wrongly."""
    dice = random.Random(SEED)
    people: list[dict[str, str]] = []
    for place in range(FEW):
        home = _home(dice)
        parent = {**home, "first": dice.choice(FIRST), "birth": _born(dice, 1950, 1975)}
        child = {**home, "first": _other(dice, parent), "birth": _born(dice, 1985, 2005)}
        people += [parent, {**home, "first": _other(dice, parent), "birth": _born(dice, 1950, 1975)}, child]
        if place % 4 == 0:
            people.append({**child, "first": _other(dice, child)})  # a twin
    return [(f"rec-family{place}-org", particulars(one)) for place, one in enumerate(people)]


def file() -> tuple[Rows, set[tuple[str, str]]]:
    """The records, and the pairs of keys that are one person."""
    dice = random.Random(SEED)
    people: list[dict[str, str]] = []
    for place in range(FAMILIES):
        home = _home(dice)
        parent = {**home, "first": dice.choice(FIRST), "birth": _born(dice, 1950, 1975)}
        family = [parent, {**home, "first": _other(dice, parent), "birth": _born(dice, 1950, 1975)}]
        child = {**home, "first": _other(dice, parent), "birth": _born(dice, 1985, 2005)}
        if place % 3 == 0:
            family.append(child)
        if place % 40 == 0:
            family.append({**child, "first": _other(dice, child)})  # a twin
        if place % 50 == 0:
            family.append({**child, "first": parent["first"]})  # called like the parent
        people += family
    people += [{**_home(dice), "first": dice.choice(FIRST), "birth": _born(dice, 1940, 2004)} for _ in range(SINGLES)]
    rows = [(f"p{place:05}", particulars(one)) for place, one in enumerate(people)]
    truth = set()
    for place in sorted(dice.sample(range(len(people)), len(people) // 10)):
        double = dict(people[place])
        kind = dice.randrange(4)
        if kind == 0:
            double["first"] = _other(dice, double)
        elif kind == 1:
            double["birth"] = _born(dice, 1940, 2004)
        elif kind == 2:
            double["last"] = double["last"][:2] + double["last"][3:]
        rows.append((f"q{place:05}", particulars(double)))
        truth.add((f"p{place:05}", f"q{place:05}"))
    return rows, truth


def _home(dice: random.Random) -> dict[str, str]:
    return {
        "last": dice.choice(_BEGIN) + dice.choice(_END),
        "street": dice.choice(_BEGIN) + dice.choice(("strasse", "weg", "gasse", "allee")),
        "number": str(dice.randint(1, 99)),
        "postcode": str(50000 + dice.randrange(900)),
        "city": f"{dice.choice(_BEGIN)}stadt",
    }


def _born(dice: random.Random, first: int, last: int) -> str:
    return f"{dice.randint(first, last)}-{dice.randint(1, 12):02}-{dice.randint(1, 28):02}"


def _other(dice: random.Random, one: dict[str, str]) -> str:
    return dice.choice([name for name in FIRST if name[0] != one["first"][0]])
