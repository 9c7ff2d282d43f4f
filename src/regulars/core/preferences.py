"""What customers declare: how it is written, what of it is valid, and where it beats what was inferred.

Declarations are facts of the hot record in a namespace of their own: `pref.channel`. What a customer says beats what
was inferred: a declared topic is the strongest interest that there is, and what is not wanted any more is none.
"""

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

import msgspec

from regulars.core.definitions import NOT_AGAIN, TOO_CLOSE, TOPICS, Preference

#: Begins the name of a preference among the facts.
NAMESPACE = "pref."
#: The share of a declared topic: no inferred one is larger.
DECLARED = 1.0
#: Texts of one answer, and characters of a text.
MOST, LENGTH = 50, 200
#: What may stand before the colon in `not_again` and `too_close`; without it a product, or an offer.
UNWANTED = ("product", "offer", "category", "brand")
CLOSENESS = ("offer", "placement", "trait", "kind", "reason")
_TOPICS, _NOT_AGAIN, _TOO_CLOSE = NAMESPACE + TOPICS, NAMESPACE + NOT_AGAIN, NAMESPACE + TOO_CLOSE
_HOURS = re.compile(r"([01]?\d|2[0-4])(?::([0-5]\d))?-([01]?\d|2[0-4])(?::([0-5]\d))?")
_DAY_MINUTES = 24 * 60


class Unwanted(msgspec.Struct, frozen=True):
    """What is not to be shown again."""

    products: frozenset[str] = frozenset()
    offers: frozenset[str] = frozenset()
    categories: frozenset[str] = frozenset()
    brands: frozenset[str] = frozenset()  # in small letters

    def item(self, product: str, category: str = "", brand: str = "") -> bool:
        """Whether a product is among it.

        >>> Unwanted(categories=frozenset({"Sport > Bikes"})).item("p1", "Sport > Bikes > Road")
        True
        """
        return (
            product in self.products
            or (bool(self.categories) and within(category, self.categories))
            or (bool(brand) and brand.casefold() in self.brands)
        )


class TooClose(msgspec.Struct, frozen=True):
    """What felt too close: nothing that rests on it is to be shown again."""

    offers: frozenset[str] = frozenset()
    placements: frozenset[str] = frozenset()
    traits: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()
    reasons: frozenset[str] = frozenset()  # codes of reasons for items


def unwanted(facts: Mapping[str, Any]) -> Unwanted | None:
    """What the facts of a hot record say is not wanted again; None where nothing is.

    >>> sorted(unwanted({"pref.not_again": ["helmet", "brand:Acme"]}).brands)
    ['acme']
    """
    said = facts.get(_NOT_AGAIN)
    if not said:
        return None
    found = _sorted_by(said, UNWANTED)
    brands = frozenset(one.casefold() for one in found["brand"])
    return Unwanted(found["product"], found["offer"], found["category"], brands)


def too_close(facts: Mapping[str, Any]) -> TooClose | None:
    """What the facts of a hot record say felt too close; None where nothing did."""
    said = facts.get(_TOO_CLOSE)
    if not said:
        return None
    found = _sorted_by(said, CLOSENESS)
    return TooClose(*(found[one] for one in CLOSENESS))


def interests(inferred: Mapping[str, float], facts: Mapping[str, Any]) -> Mapping[str, float]:
    """The strengths of interests with what was declared laid over them; a no beats a yes.

    >>> interests({"Bikes": 0.7, "Tea": 0.3}, {"pref.topics": ["Coffee"], "pref.not_again": ["category:Bikes"]})
    {'Tea': 0.3, 'Coffee': 1.0}
    """
    liked, refused = facts.get(_TOPICS), unwanted(facts)
    if not liked and refused is None:
        return inferred
    found = dict(inferred)
    if liked:
        found.update(dict.fromkeys(_texts(liked), DECLARED))
    if refused is not None and refused.categories:
        found = {key: share for key, share in found.items() if not within(key, refused.categories)}
    return found


class Interest(msgspec.Struct, frozen=True):
    """One interest, and who says so."""

    key: str
    strength: float  # as conditions read it
    origin: str  # "declared" by the customer, or "inferred" from what the customer did
    inferred: float  # the share that was inferred, 0 where none was


def told_interests(inferred: Mapping[str, float], facts: Mapping[str, Any]) -> list[Interest]:
    """Declared interests beside inferred ones, the strongest first; what was refused stands last, with strength 0.

    >>> [(one.key, one.origin) for one in told_interests({"Tea": 0.3}, {"pref.topics": ["Coffee"]})]
    [('Coffee', 'declared'), ('Tea', 'inferred')]
    """
    holding = interests(inferred, facts)
    liked = set(_texts(facts.get(_TOPICS)))
    found = []
    for key in holding.keys() | inferred.keys():
        origin = "declared" if key in liked or key not in holding else "inferred"
        found.append(Interest(key, holding.get(key, 0.0), origin, inferred.get(key, 0.0)))
    return sorted(found, key=lambda one: (-one.strength, one.key))


def within(category: str, categories: Iterable[str]) -> bool:
    """Whether a category is one of these or lies below one of them, however they are capitalised."""
    path = category.casefold() + " > "
    return any(path.startswith(one.casefold() + " > ") for one in categories)


def answers(facts: Mapping[str, Any], preference: str) -> list[str]:
    """The texts that were answered, one or several."""
    return _texts(facts.get(NAMESPACE + preference))


def declared_values(facts: Mapping[str, Any], preferences: Iterable[Preference]) -> list[str]:
    """Every answer in texts as `preference=answer`, which prefers('…', '…') looks for."""
    return [f"{one.id}={text}" for one in preferences for text in answers(facts, one.id)]


def declared_value(facts: Mapping[str, Any], one: Preference) -> str | float | None:
    """The answer of one text or number, as conditions read `preference.…`; None for anything else."""
    said = facts.get(NAMESPACE + one.id)
    if one.kind == "number":
        return said if isinstance(said, int | float) and not isinstance(said, bool) else None
    return said if isinstance(said, str) else None


def hours_of(said: str) -> list[tuple[int, int]] | None:
    """Stretches of a day in minutes, the end not included; None for what is none. One may go over midnight.

    >>> hours_of("9-12, 18:30-21"), hours_of("22-6"), hours_of("evenings")
    ([(540, 720), (1110, 1260)], [(1320, 360)], None)
    """
    found = []
    for part in said.split(","):
        match = _HOURS.fullmatch(part.replace(" ", "").replace("–", "-"))  # noqa: RUF001 - people type it
        if match is None:
            return None
        start, end = (int(match[at]) * 60 + int(match[at + 1] or 0) for at in (1, 3))
        if start >= _DAY_MINUTES or end > _DAY_MINUTES or start == end:
            return None
        found.append((start, end))
    return found


def wrong(one: Preference, value: object) -> str | None:
    """What an answer should be; None where it is that."""
    return None if value is None or _fits(one, value) else expected(one, value)


def expected(one: Preference, value: object = None) -> str:
    """What may be answered, with the answer that was probably meant."""
    if one.options:
        told = ("one of " if one.kind == "choice" else "some of ") + ", ".join(one.options)
        near = [nearest(text, one.options) for text in _texts(value) if text not in one.options]
        return f"{told}; did you mean {', '.join(filter(None, near))}?" if any(near) else told
    if one.id in (NOT_AGAIN, TOO_CLOSE):
        known = UNWANTED if one.id == NOT_AGAIN else CLOSENESS
        return f"a list of texts such as {known[0]}:…, {known[1]}:…, at most {MOST}"
    bounds = [
        f"{word} {bound:g}"
        for word, bound in (("at least", one.at_least), ("at most", one.at_most))
        if bound is not None
    ]
    return {
        "number": " ".join(["a number", *bounds]),
        "range": "two texts, from and to",
        "text": f"a text of at most {LENGTH} characters",
        "hours": "hours such as 9-12, 18:30-21",
    }.get(one.kind, f"a list of at most {MOST} texts")


def _fits(one: Preference, value: object) -> bool:
    if one.kind == "number":
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e15:  # NaN, too
            return False
        return (one.at_least is None or value >= one.at_least) and (one.at_most is None or value <= one.at_most)
    if one.kind in ("many", "range"):
        if not isinstance(value, list) or len(value) > MOST or (one.kind == "range" and len(value) != 2):
            return False
        return all(_is_text(text) and (not one.options or text in one.options) for text in value)
    if not _is_text(value):
        return False
    if one.kind == "hours":
        return isinstance(value, str) and hours_of(value) is not None
    return one.kind == "text" or value in one.options


def _is_text(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= LENGTH and value.isprintable()


def _texts(said: object) -> list[str]:
    if isinstance(said, str):
        return [said]
    return [one for one in said if isinstance(one, str)] if isinstance(said, list | tuple) else []


def nearest(text: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant."""
    return next(iter(get_close_matches(text[:100].lower(), list(known), n=1)), None)


def _sorted_by(said: object, kinds: tuple[str, ...]) -> dict[str, frozenset[str]]:
    """Entries by what stands before the colon; without one of the kinds, it is the first kind."""
    found: dict[str, set[str]] = {one: set() for one in kinds}
    for entry in _texts(said):
        kind, colon, rest = entry.partition(":")
        if colon and kind in found:
            found[kind].add(rest.strip())
        else:
            found[kinds[0]].add(entry)
    return {kind: frozenset(some) for kind, some in found.items()}
