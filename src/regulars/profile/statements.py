"""Statements: what identifiers said about purposes, and which of it can still matter."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

#: Marks the message id of a statement that rides on an ordinary event, as consent managers send it.
RIDING = "~"
#: Marks the message id of a grant that was confirmed by the addressee. No event can carry it.
CONFIRMED = "+"
#: Stands for every purpose beyond contract and law: a refusal of it restricts the profile. No purpose has this name.
EVERYTHING = "*"
#: Of the grants that ride on the events of one slot the first counts, ms.
SLOT_MS = 300_000
#: How late a statement may come and still find every repetition of a grant, ms. Beyond it, what is missing narrows.
HORIZON_MS = 7 * 86_400_000

Said = tuple[str, str, int, str, bool]  # a Statement as it is stored
_Voice = list[tuple[int, str, bool]]
_NO_SLOTS: Mapping[str, int] = {}


class Statement(NamedTuple):
    """One identifier's yes or no to one purpose. The tuple is what `core.record.Person.statements` holds."""

    identifier: str
    purpose: str
    time: int  # ms
    message_id: str
    granted: bool


def own_id(message_id: str) -> str:
    """A sender's message id as that of a statement: it cannot look like one that we mark.

    >>> own_id("m1"), own_id("+m1")
    ('m1', '=+m1')
    """
    return "=" + message_id if message_id[:1] in (CONFIRMED, RIDING, "=") else message_id


def union(known: Iterable[Said], heard: Iterable[Said], slots: Mapping[str, int] = _NO_SLOTS) -> list[Said]:
    """The statements that can still matter, sorted, for `Person.statements`. Nothing new was said if it equals `known`.

    Per identifier and purpose only the last refusal matters, and the grants after it: the first of them now, the others
    if a later refusal is yet to arrive. Of riding grants the first of a slot is kept; of all grants that repeat the
    first, those of the last `HORIZON_MS`, and where grants lapse (`slots`, ms by purpose) the first and the last of
    each slot. What is left out can only narrow. The table of statements keeps the history.
    """
    voices: dict[tuple[str, str], _Voice] = {}
    for identifier, purpose, time, message_id, granted in {*known, *heard}:
        voices.setdefault((identifier, purpose), []).append((time, message_id, granted))
    return sorted(
        (identifier, purpose, *statement)
        for (identifier, purpose), voice in voices.items()
        for statement in _matters(voice, slots.get(purpose))
    )


def _matters(voice: _Voice, slot: int | None) -> set[tuple[int, str, bool]]:
    voice.sort()
    refusals = [statement for statement in voice if not statement[2]]
    refused = refusals[-1][0] if refusals else -1
    old = voice[-1][0] - HORIZON_MS
    kept = {*refusals[-1:]}
    confirmed = [statement for statement in voice if statement[2] and statement[1].startswith(CONFIRMED)]
    others = [statement for statement in voice if statement[2] and not statement[1].startswith(CONFIRMED)]
    for grants in (others, confirmed):
        kept.update(_repetitions(grants, refused, old))
    if slot is not None:
        # What renews a grant and what only repeats it are told apart: they lapse differently.
        for grants, riding in ((others, False), (others, True), (confirmed, False)):
            kept.update(_ends(grants, refused, slot, riding=riding))
    return kept


def _repetitions(grants: _Voice, refused: int, old: int) -> Iterable[tuple[int, str, bool]]:
    slot_of_last, repeated = -1, False
    for statement in grants:
        time, message_id, _ = statement
        at = time // SLOT_MS
        # Grants before the refusal but of its slot stay: they say which grant of the slot was the first.
        if at < refused // SLOT_MS:
            continue
        if message_id.startswith(RIDING):
            if at == slot_of_last:
                continue
            slot_of_last = at
        if time >= old or (time > refused and not repeated):
            yield statement
        repeated = repeated or time > refused


def _ends(grants: _Voice, refused: int, slot: int, *, riding: bool) -> Iterable[tuple[int, str, bool]]:
    """The first and the last grant of each slot."""
    ends: dict[int, list[tuple[int, str, bool]]] = {}
    for statement in grants:
        if statement[0] > refused and statement[1].startswith(RIDING) is riding:
            ends.setdefault(statement[0] // slot, []).append(statement)
    for found in ends.values():
        yield found[0]
        yield found[-1]


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
