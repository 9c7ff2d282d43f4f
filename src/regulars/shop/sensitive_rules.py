"""Sensitive inferences are refused: whoever wants one says so in the purpose and asks for explicit consent."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from regulars.core.definitions import Offer, Preference, Segment, Trait
from regulars.core.sensitive import Detector, detector
from regulars.shop.draft import Draft

_LITERAL = re.compile(r"'((?:[^']|'')*)'")


def check_sensitive(draft: Draft) -> None:
    """Report traits, segments, offers and preferences that amount to a sensitive inference, with key and reason."""
    words = detector(draft.sensitive)
    explicit = {purpose.id for purpose in draft.purposes.values() if purpose.sensitive}
    unread = draft.named["purposes"] - set(draft.purposes)
    groups: tuple[tuple[str, Iterable[tuple[str, str, Iterator[tuple[str, str]]]]], ...] = (
        ("traits", ((t.name, t.purpose, _of_trait(t, words)) for t in draft.traits.values())),
        ("segments", ((s.id, s.purpose, _of_segment(s, words)) for s in draft.segments.values())),
        ("offers", ((o.id, o.purpose, _in_condition(o, words)) for o in draft.offers.values())),
    )
    for table, entries in groups:
        for name, purpose, found in entries:
            if purpose in explicit or purpose in unread:
                continue
            for key, kind in found:
                message = (
                    f"tells of {kind}: that is a sensitive inference; leave it out, or give it a purpose of its own "
                    "with sensitive = true, for which customers are asked explicitly (consent.toml)"
                )
                draft.report(table, name, key, message)
                break
    for preference in draft.preferences.values():
        for key, kind in _of_preference(preference, words):
            message = (
                f"asks for {kind}: what customers wish for belongs to no purpose, so nobody agreed to it; leave it out"
            )
            draft.report("preferences", preference.id, key, message)
            break


def _of_preference(preference: Preference, words: Detector) -> Iterator[tuple[str, str]]:
    yield from _named("", preference.id, preference.title, words)
    for answer, titles in preference.options.items():
        if kind := words.name(answer) or next((found for text in titles.values() if (found := words.name(text))), ""):
            yield f"options.{answer}", kind


def _of_trait(trait: Trait, words: Detector) -> Iterator[tuple[str, str]]:
    yield from _named("", trait.name, trait.title, words)
    if kind := words.name(trait.of):
        yield "of", kind
    for path, value in trait.where.items():
        if kind := words.name(path) or _of_value(value, words):
            yield "where", kind


def _of_segment(segment: Segment, words: Detector) -> Iterator[tuple[str, str]]:
    yield from _named("", segment.id, segment.title, words)
    yield from _in_condition(segment, words)


def _in_condition(entry: Segment | Offer, words: Detector) -> Iterator[tuple[str, str]]:
    for literal in _LITERAL.findall(entry.when):
        if kind := words.category(literal):
            yield "when", kind


def _named(key: str, name: str, title: dict[str, str], words: Detector) -> Iterator[tuple[str, str]]:
    if kind := words.name(name):
        yield key, kind
    for text in title.values():
        if kind := words.name(text):
            yield "title", kind


def _of_value(value: Any, words: Detector) -> str:
    if isinstance(value, str):
        return words.category(value)
    if isinstance(value, list):
        return next((kind for one in value if (kind := _of_value(one, words))), "")
    return ""
