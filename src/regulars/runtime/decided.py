"""Decisions in plain words, for the customer whom they are about: what was shown, where, and why."""

from collections.abc import Mapping
from typing import Any

from regulars.core.definitions import CONTRACT, Definitions
from regulars.flow.engine import Engine

_MOST_ITEMS = 5
_WORDS: dict[str, dict[str, str]] = {
    "de": {
        "offer": "{place}: „{title}“", "items": "{place}: Empfehlungen ({items})", "nothing": "{place}: nichts Eigenes",
        "changed": "{place}: ein Angebot von damals, das es so nicht mehr gibt", "everybody": "ein Angebot für alle",
        "explored": "ausgelost unter mehreren passenden, um zu lernen", "segment": "Sie gehören zu „{title}“",
        "interest": "Ihr Interesse an „{title}“", "trait": "„{title}“", "rests": "beruht auf: {causes}",
        "agreed": "erlaubt durch Ihre Einwilligung „{title}“", "allowed": "dafür braucht es keine Einwilligung",
        "preference": "Ihr Wunsch „{title}“", "for": "für den Zweck „{title}“", "more": "und {n} weitere",
    },
    "en": {
        "offer": "{place}: “{title}”", "items": "{place}: recommendations ({items})",
        "nothing": "{place}: nothing of your own", "everybody": "an offer for everybody",
        "changed": "{place}: an offer of that time, which is not there any more in that form",
        "explored": "drawn by lot among several that fit, in order to learn", "segment": "you belong to “{title}”",
        "interest": "your interest in “{title}”", "trait": "“{title}”", "rests": "it rests on: {causes}",
        "agreed": "allowed by your consent “{title}”", "allowed": "no consent is needed for it",
        "preference": "your wish “{title}”", "for": "for the purpose “{title}”", "more": "and {n} more",
    },
}  # fmt: skip


def in_words(shown: Mapping[str, Any], engine: Engine, titles: Mapping[str, str], language: str) -> tuple[str, str]:
    """What one place of a decision showed, and why: (what and where, why). `titles` are those of products.

    `shown` is a place of a decision as `runtime.access` tells it; "changed" says that the definitions are others now.
    """
    words = _WORDS["de" if language.startswith("de") else "en"]
    definitions = engine.definitions
    placement = next((one for one in definitions.placements if one.id == shown["placement"]), None)
    place = _title(placement.title, placement.id, language) if placement is not None else str(shown["placement"])
    why: list[str] = []
    if shown["offer"]:
        what = words["offer"].format(place=place, title=shown["title"])
        why.append(_because(str(shown["offer"]), engine, words, language))
        why.append(_consent(str(shown["purpose"]), definitions, words, language))
    elif shown["items"]:
        named = [titles.get(item, item) for item in shown["items"]]
        more = [words["more"].format(n=len(named) - _MOST_ITEMS)] if len(named) > _MOST_ITEMS else []
        what = words["items"].format(place=place, items=", ".join([*named[:_MOST_ITEMS], *more]))
        if placement is not None:
            why.append(_consent(placement.purpose, definitions, words, language))
    else:
        what = words["changed" if shown.get("changed") else "nothing"].format(place=place)
    if shown["explored"]:
        why.append(words["explored"])
    return what, "; ".join(one for one in why if one)


def _because(offer: str, engine: Engine, words: Mapping[str, str], language: str) -> str:
    """What the offer's condition asks about; not its figures, which may be of another day."""
    condition = engine.offers.get(offer)
    if condition is None:
        return words["everybody"]
    definitions = engine.definitions
    segments = {one.id: one.title for one in definitions.segments}
    traits = {one.name: one.title for one in definitions.traits}
    wishes = {one.id: one.title for one in definitions.preferences}
    causes = [
        words[kind].format(title=_title(known.get(name, {}), name, language))
        for kind, names, known in (
            ("segment", condition.segments, segments), ("trait", condition.names & traits.keys(), traits),
            ("interest", condition.interests, {}), ("preference", condition.preferences, wishes),
        )
        for name in sorted(names)
    ]  # fmt: skip
    return words["rests"].format(causes=", ".join(causes)) if causes else words["everybody"]


def _consent(purpose: str, definitions: Definitions, words: Mapping[str, str], language: str) -> str:
    one = next((known for known in definitions.purposes if known.id == purpose), None)
    if purpose == CONTRACT or one is None:
        return words["allowed"] if purpose == CONTRACT else ""
    return words["agreed" if one.basis == "consent" else "for"].format(title=_title(one.title, purpose, language))


def _title(titles: Mapping[str, str], name: str, language: str) -> str:
    return titles.get(language) or titles.get("en") or next(iter(titles.values()), "") or name
