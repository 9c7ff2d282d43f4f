"""Consent by purpose: from what each identifier said to one number per purpose, failing closed.

A profile's consent is, per purpose, `since`: events from that instant on count, earlier ones never again. It is a
function of the set of statements of all identifiers of the profile, so the order of arrival does not matter, and
merging two profiles is the union of their statements.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

import msgspec

from regulars.core.definitions import CONTRACT
from regulars.core.event import CONSENT, Event

#: Marks the message id of a statement that rides on an ordinary event (Segment's `context.consent`).
RIDING = "~"
#: Of the grants that ride on the events of one slot the first counts, ms.
SLOT_MS = 300_000
#: How late a statement may come and still find every repetition of a grant, ms. Beyond it, what is missing narrows.
HORIZON_MS = 7 * 86_400_000

Said = tuple[str, str, int, str, bool]  # a Statement as it is stored


class Statement(NamedTuple):
    """One identifier's yes or no to one purpose. The tuple is what `core.record.Person.statements` holds."""

    identifier: str
    purpose: str
    time: int  # ms
    message_id: str
    granted: bool


class Heard(msgspec.Struct, frozen=True):
    """What an event says about consent; `unknown` purposes and `malformed` answers are reported, not applied."""

    statements: tuple[Statement, ...] = ()
    unknown: tuple[str, ...] = ()
    malformed: tuple[str, ...] = ()


class Effect(msgspec.Struct, frozen=True):
    """What must happen to a stored profile when its consent changed."""

    clear: frozenset[str] = frozenset()  # purposes whose traits go back to zero
    refold: frozenset[str] = frozenset()  # purposes for which events that were folded count, or no longer do

    def __bool__(self) -> bool:
        return bool(self.clear or self.refold)


NOTHING_HEARD = Heard()
NO_EFFECT = Effect()


def since(statements: Iterable[Said]) -> dict[str, int]:
    """Per allowed purpose, the start of the allowed interval that lasts until now, ms (decision record 1).

    At an instant a purpose is allowed when the last statement of at least one identifier grants it and no identifier's
    last statement refuses it; of statements of one instant a refusal is the last. So `since` is the last instant at
    which a refusal ended, or, where nobody ever refused, the first grant.

    >>> since([("a", "analytics", 5, "m1", True), ("b", "analytics", 9, "m2", True)])
    {'analytics': 5}
    """
    spoken: dict[str, dict[str, list[tuple[int, bool]]]] = {}
    for identifier, purpose, time, _, granted in statements:
        spoken.setdefault(purpose, {}).setdefault(identifier, []).append((time, not granted))
    result = {}
    for purpose, voices in spoken.items():
        start = _start(voices.values())
        if start is not None:
            result[purpose] = start
    return result


def _start(voices: Iterable[list[tuple[int, bool]]]) -> int | None:
    first_grant: int | None = None
    refusal_ended: int | None = None
    for voice in voices:
        voice.sort()
        if voice[-1][1]:
            return None
        begin = voice[-1][0]
        for time, refused in reversed(voice):
            if refused:
                refusal_ended = begin if refusal_ended is None else max(refusal_ended, begin)
                break
            begin = time
        else:
            first_grant = begin if first_grant is None else min(first_grant, begin)
    return first_grant if refusal_ended is None else refusal_ended


def allows(since_map: Mapping[str, int], purpose: str, event_time: int) -> bool:
    """Whether an event of `event_time` (ms) counts for a purpose. The contract needs no consent."""
    if purpose == CONTRACT:
        return True
    start = since_map.get(purpose)
    return start is not None and event_time >= start


def gate(purpose: str, since_map: Mapping[str, int]) -> bool:
    """Whether the purpose is allowed now: asked when deciding and once more when sending."""
    return purpose == CONTRACT or purpose in since_map


def change(old: Mapping[str, int], new: Mapping[str, int], last_event_time: int | None) -> Effect:
    """What the change from `old` to `new` asks of a record whose newest folded event is of `last_event_time`, ms.

    A purpose that ended, or begins after everything that was folded, is cleared. A refold is needed only where the new
    interval holds folded events and is not the old one: a grant that came late, a withdrawal and a new grant that both
    came late.
    """
    if old == new:
        return NO_EFFECT
    clear, refold = set(), set()
    for purpose in old.keys() | new.keys():
        before, after = old.get(purpose), new.get(purpose)
        if before == after or purpose == CONTRACT or last_event_time is None:
            continue
        if after is not None and last_event_time >= after:
            refold.add(purpose)
        elif before is not None and last_event_time >= before:
            clear.add(purpose)
    return Effect(frozenset(clear), frozenset(refold)) if clear or refold else NO_EFFECT


def statements_of(event: Event, purposes: Collection[str]) -> Heard:
    """What the event's subject says about consent.

    Two forms: the event `Consent Updated` with {"purposes": {purpose: bool}}, and Segment's
    `context.consent.categoryPreferences`, which rides on every event
    (https://segment.com/docs/privacy/consent-management/). A claim never speaks: only the verified subject does.
    """
    riding = event.context.get("consent")
    if (event.name != CONSENT and not riding) or not event.subject:
        return NOTHING_HEARD
    said: list[tuple[str, Any, str]] = []
    malformed: list[str] = []
    if event.name == CONSENT:
        _read(event.properties.get("purposes"), event.message_id, said, malformed)
    if isinstance(riding, dict):
        _read(riding.get("categoryPreferences"), RIDING + event.message_id, said, malformed)
    found: list[Statement] = []
    unknown: list[str] = []
    for purpose, granted, message_id in said:
        if not isinstance(granted, bool):
            malformed.append(purpose[:100])
        elif purpose == CONTRACT or purpose not in purposes:
            unknown.append(purpose[:100])
        else:
            found.append(Statement(event.subject, purpose, event.time, message_id, granted))
    return Heard(tuple(found), tuple(unknown), tuple(malformed))


def _read(answers: Any, message_id: str, said: list[tuple[str, Any, str]], malformed: list[str]) -> None:
    if isinstance(answers, dict):
        said.extend((str(purpose), granted, message_id) for purpose, granted in answers.items())
    elif answers is not None:
        malformed.append("purposes")


def union(known: Iterable[Said], heard: Iterable[Said]) -> list[Said]:
    """The statements that can still matter, sorted, for `Person.statements`. Nothing new was said if it equals `known`.

    Per identifier and purpose only the last refusal matters, and the grants after it: the first of them now, the others
    if a later refusal is yet to arrive. Of riding grants the first of a slot is kept; of all grants that repeat the
    first, those of the last `HORIZON_MS`. What is left out can only narrow. The table of statements keeps the history.
    """
    voices: dict[tuple[str, str], list[tuple[int, str, bool]]] = {}
    for identifier, purpose, time, message_id, granted in {*known, *heard}:
        voices.setdefault((identifier, purpose), []).append((time, message_id, granted))
    return sorted(
        (identifier, purpose, *statement)
        for (identifier, purpose), voice in voices.items()
        for statement in _matters(voice)
    )


def _matters(voice: list[tuple[int, str, bool]]) -> list[tuple[int, str, bool]]:
    voice.sort()
    refusals = [statement for statement in voice if not statement[2]]
    kept = refusals[-1:]
    refused = refusals[-1][0] if refusals else -1
    old = voice[-1][0] - HORIZON_MS
    slot_of_last, repeated = -1, False
    for statement in voice:
        time, message_id, granted = statement
        slot = time // SLOT_MS
        # Grants before the refusal but of its slot stay: they say which grant of the slot was the first.
        if not granted or slot < refused // SLOT_MS:
            continue
        if message_id.startswith(RIDING):
            if slot == slot_of_last:
                continue
            slot_of_last = slot
        if time >= old or (time > refused and not repeated):
            kept.append(statement)
        repeated = repeated or time > refused
    return kept


def proof(known: Iterable[Said], heard: Iterable[Statement]) -> list[Statement]:
    """Those of the new statements that belong in the history.

    Each that was made for its own sake; of those that ride on events, each that changes what was said last before it.
    """
    told = list(known)
    found = []
    for statement in heard:
        before = [s for s in told if s[:2] == statement[:2] and s[2] <= statement.time and s != statement]
        last = max(before, key=lambda s: (s[2], not s[4]), default=None)
        if not statement.message_id.startswith(RIDING) or last is None or last[4] != statement.granted:
            found.append(statement)
        told.append(statement)
    return found
