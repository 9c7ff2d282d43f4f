"""Every `when` of a folder parses, speaks of what exists, and no segment is defined by itself."""

import re
from collections.abc import Iterator, Mapping

from regulars.core.condition import Condition, InvalidCondition, Schema, compile_condition
from regulars.core.condition.schema import INTERESTS_COLUMN, MOMENT, PREFERENCES_COLUMN, SEGMENTS_COLUMN
from regulars.core.condition.text import name_text
from regulars.core.condition.tokens import CONSTANTS, FUNCTIONS, KEYWORDS
from regulars.core.definitions import PREFERENCES, Definitions, Goal, Segment, Trait
from regulars.core.item_rows import ItemRows
from regulars.core.schema import Rows
from regulars.shop.draft import Draft
from regulars.shop.preference_rules import with_built_in

#: Names that a trait cannot have, because a condition would not see it or the profile table has a column of that name.
TAKEN = frozenset(
    {SEGMENTS_COLUMN, INTERESTS_COLUMN, PREFERENCES_COLUMN, "preference", "context", *FUNCTIONS, *KEYWORDS, *CONSTANTS}
)


def check_conditions(draft: Draft) -> None:
    """Report every mistake of every condition to its file."""
    for name in draft.named["traits"] & TAKEN:
        draft.report("traits", name, "", f"{name!r} is a word of the condition language; choose another name")
    rows = _rows(draft)
    schema = rows.schema
    segments: dict[str, Condition] = {}
    for segment in draft.segments.values():
        condition = _checked(draft, "segments", segment.id, segment.when, schema)
        if condition is None:
            continue
        segments[segment.id] = condition
        for name in sorted(condition.names):
            if name.startswith(MOMENT):
                message = f"a segment holds at any time, so it cannot ask for {name_text(name)!r}; an offer can"
                draft.report("segments", segment.id, "when", message)
    for circle in circles({name: condition.segments for name, condition in segments.items()}):
        draft.report("segments", circle[0], "when", f"segments go in a circle: {' -> '.join([*circle, circle[0]])}")
    for offer in draft.offers.values():
        _checked(draft, "offers", offer.id, offer.when, schema)
    if draft.rules or any(placement.filter for placement in draft.placements.values()):
        of_items = ItemRows(rows, draft.attributes).schema
        for rule in draft.rules.values():
            _checked(draft, "rules", rule.id, rule.when, of_items)
        for placement in draft.placements.values():
            _checked(draft, "placements", placement.id, placement.filter, of_items, "filter")


def circles(uses: Mapping[str, frozenset[str]]) -> Iterator[list[str]]:
    """Every circle of names that use one another, each once and from its smallest name.

    >>> list(circles({"a": frozenset("b"), "b": frozenset("a"), "c": frozenset("a")}))
    [['a', 'b']]
    """
    done: set[str] = set()
    for start in sorted(uses):
        path: list[str] = []
        trail = [iter([start])]
        while trail:
            name = next(trail[-1], None)
            if name is None:
                trail.pop()
                if path:
                    done.add(path.pop())
            elif name in path:
                circle = path[path.index(name) :]
                smallest = circle.index(min(circle))
                yield circle[smallest:] + circle[:smallest]
            elif name not in done:
                path.append(name)
                trail.append(iter(sorted(uses.get(name, ()))))


def _rows(draft: Draft) -> Rows:
    """What conditions may speak of; entries with mistakes of their own count as existing."""
    stand_ins = tuple(
        Trait(name=name, kind="count", events=()) for name in sorted(draft.named["traits"] - set(draft.traits) - TAKEN)
    )
    definitions = Definitions(
        shop=draft.shop,
        traits=(*(trait for trait in draft.traits.values() if trait.name not in TAKEN), *stand_ins),
        segments=tuple(Segment(id=name, when="") for name in sorted(draft.named["segments"])),
        goals=tuple(Goal(id=name, event="") for name in sorted(draft.named["goals"])),
        preferences=with_built_in(draft.preferences.values()) if draft.named["preferences"] else PREFERENCES,
    )
    return Rows(definitions)


def _checked(draft: Draft, table: str, name: str, when: str, schema: Schema, key: str = "when") -> Condition | None:
    if not when.strip():
        return None
    try:
        return compile_condition(when, schema)
    except InvalidCondition as error:
        # A trait or a preference that is itself wrong has a type that nobody knows: one mistake is enough.
        unread = (draft.named["traits"] - set(draft.traits)) | (draft.named["preferences"] - set(draft.preferences))
        if not unread & set(re.findall(r"\w+", when)):
            for mistake in error.mistakes:
                place = f"at line {mistake.line}, " if mistake.line > 1 else "at "
                expected = f"; expected {mistake.expected}" if mistake.expected else ""
                message = f"{place}character {mistake.column}: {mistake.message}{expected}"
                draft.report(table, name, key, message, mistake.suggestion or "")
        return None
