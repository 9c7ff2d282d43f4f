"""What preferences.toml must hold to: kinds, answers, and the preferences that Regulars obeys by itself."""

from collections.abc import Iterable, Mapping

from regulars.core.definitions import (
    CHANNEL,
    FREQUENCY,
    FREQUENCY_DAYS,
    KNOWN_KINDS,
    NOT_AGAIN,
    PREFERENCES,
    TOO_CLOSE,
    Preference,
)
from regulars.core.preferences import LENGTH
from regulars.shop.draft import Draft
from regulars.shop.mistake import listed, nearest

#: Channels of messages, and the wish not to get any.
CHANNELS = ("email", "sms", "push", "post", "phone", "messenger", "none")


def check_preferences(draft: Draft) -> None:
    """Every mistake of the preferences that could be read."""
    for one in draft.preferences.values():
        _check_kind(draft, one)
        _check_options(draft, one)
        _check_titles(draft, one.id, "title", one.title)
        for answer, title in one.options.items():
            _check_titles(draft, one.id, f"options.{answer}", title)
        if one.at_least is not None and one.at_most is not None and one.at_most < one.at_least:
            draft.report("preferences", one.id, "at_most", f"{one.at_most:g} is below at_least, {one.at_least:g}")
        for key, bound in (("at_least", one.at_least), ("at_most", one.at_most)):
            if bound is not None and one.kind != "number":
                draft.report("preferences", one.id, key, f"is of numbers; this is a {one.kind}")


def with_built_in(own: Iterable[Preference]) -> tuple[Preference, ...]:
    """The shop's preferences, and what every shop has: the way to say no."""
    found = tuple(own)
    known = {one.id for one in found}
    return (*found, *(one for one in PREFERENCES if one.id in (NOT_AGAIN, TOO_CLOSE) and one.id not in known))


def _check_kind(draft: Draft, one: Preference) -> None:
    kinds = KNOWN_KINDS.get(one.id)
    if kinds is None:
        near = nearest(one.id, KNOWN_KINDS)
        if near and near not in draft.named["preferences"] and len(near) == len(one.id):
            draft.report("preferences", one.id, "", f"Regulars obeys {near!r}, not {one.id!r}", near)
    elif one.kind not in kinds:
        message = f"Regulars obeys {one.id!r} by itself, so it must be a {' or '.join(kinds)}, not a {one.kind}"
        draft.report("preferences", one.id, "kind", message, kinds[0])


def _check_options(draft: Draft, one: Preference) -> None:
    if one.kind == "choice" and not one.options:
        draft.report("preferences", one.id, "options", "missing; a choice needs answers to choose from")
    if one.options and one.kind not in ("choice", "many"):
        draft.report("preferences", one.id, "options", f"a {one.kind} has no options; make it a choice or many")
    if one.options and one.id in (NOT_AGAIN, TOO_CLOSE):
        draft.report("preferences", one.id, "options", "customers name what they do not want; remove the options")
    for answer in one.options:
        if not answer.isprintable() or not 0 < len(answer) <= LENGTH or "," in answer:
            draft.report("preferences", one.id, "options", f"an answer is a short text without commas, not {answer!r}")
        if one.id == CHANNEL and answer not in CHANNELS:
            message = f"there is no channel {answer!r}; known are {listed(CHANNELS)}"
            draft.report("preferences", one.id, f"options.{answer}", message, nearest(answer, CHANNELS))
        if one.id == FREQUENCY and answer not in FREQUENCY_DAYS and answer not in one.days:
            message = f"say how many days lie between two messages: days = {{ {answer} = 14 }}"
            draft.report("preferences", one.id, f"options.{answer}", message, nearest(answer, FREQUENCY_DAYS))
    for answer, days in one.days.items():
        if one.id != FREQUENCY:
            draft.report("preferences", one.id, "days", f"is of {FREQUENCY!r} alone")
        elif answer not in one.options:
            message = f"{answer!r} is no answer; known are {listed(one.options)}"
            draft.report("preferences", one.id, f"days.{answer}", message, nearest(answer, one.options))
        elif not 1 <= days <= 366:
            draft.report("preferences", one.id, f"days.{answer}", f"expected 1 to 366 days, got {days}")


def _check_titles(draft: Draft, name: str, key: str, title: Mapping[str, str]) -> None:
    languages = draft.shop.languages
    for language in languages:
        if not title.get(language, "").strip():
            draft.report("preferences", name, key, f"customers read it; say it in {language!r}")
    for language in title:
        if language not in languages and key != "title":
            message = f"the shop does not speak {language!r}; shop.toml says {listed(languages)}"
            draft.report("preferences", name, f"{key}.{language}", message, nearest(language, languages))
