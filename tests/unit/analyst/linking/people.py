"""Made-up customer files with doubles that are known."""

import random

from regulars.profile.particulars import Particulars, particulars

FIRST = (
    "Anna", "Ben", "Clara", "David", "Emma", "Finn", "Greta", "Hannes", "Ida", "Jonas", "Karla", "Leon", "Mia", "Noah",
    "Olga", "Paul", "Rosa", "Simon", "Tilda", "Uwe", "Vera", "Willi", "Yara", "Zeno", "Marta", "Lukas", "Petra", "Ralf",
    "Stefan", "Monika", "Ulrike", "Jürgen", "Käthe", "Björn", "Sören", "Agnes", "Bruno", "Dora", "Emil", "Frieda",
)  # fmt: skip
_PARTS = (
    "Bau",
    "Berg",
    "Brand",
    "Eich",
    "Feld",
    "Fisch",
    "Grün",
    "Hoch",
    "Kirch",
    "Korn",
    "Lang",
    "Mühl",
    "Nord",
    "Roth",
)
_ENDS = ("mann", "er", "bach", "hof", "meier", "stein", "inger", "wald", "müller", "schmidt", "feld", "berger")
CITIES = ("Köln", "Bonn", "Aachen", "Trier", "Mainz", "Koblenz", "Neuss", "Essen", "Siegen", "Hagen")


def person(dice: random.Random) -> dict[str, str]:
    """One customer."""
    year, month, day = dice.randint(1940, 2004), dice.randint(1, 12), dice.randint(1, 28)
    city = dice.randrange(len(CITIES))
    return {
        "first": dice.choice(FIRST),
        "last": dice.choice(_PARTS) + dice.choice(_ENDS),
        "birth": f"{year}-{month:02}-{day:02}",
        "street": dice.choice(_PARTS) + dice.choice(("straße", "weg", "gasse", "allee")),
        "number": str(dice.randint(1, 99)),
        "postcode": str(50000 + city * 1000 + dice.randrange(60)),
        "city": CITIES[city],
        "email": f"k{dice.randrange(10**9)}@example.org",
        "phone": f"0170 {dice.randrange(10**7):07}",
    }


def mistyped(said: dict[str, str], dice: random.Random) -> dict[str, str]:
    """The same customer, written down by somebody else."""
    other = dict(said)
    last = other["last"]
    place = dice.randrange(1, len(last) - 1)
    kind = dice.randrange(4)
    if kind == 0:
        other["last"] = last[:place] + last[place + 1] + last[place] + last[place + 2 :]
    elif kind == 1:
        other["first"], other["last"] = last, other["first"]
    elif kind == 2:
        other["birth"] = f"{said['birth'][:4]}-{said['birth'][8:]}-{said['birth'][5:7]}"
    else:
        other["last"] = last.replace("ü", "ue").upper()
    other["email"] = ""
    if dice.random() < 0.5:
        other["phone"] = ""
    return other


def file(people: int, doubles: int, seed: int = 7) -> tuple[list[dict[str, str]], set[tuple[int, int]]]:
    """Rows of a file, and the pairs of rows that are one person."""
    dice = random.Random(seed)
    rows = [person(dice) for _ in range(people)]
    pairs = set()
    for place in dice.sample(range(people), doubles):
        pairs.add((place, len(rows)))
        rows.append(mistyped(rows[place], dice))
    return rows, pairs


def records(rows: list[dict[str, str]]) -> list[tuple[str, Particulars]]:
    """The rows as what is compared; keys sort as rows do."""
    return [(f"crm_id:{place:06}", particulars(row)) for place, row in enumerate(rows)]
