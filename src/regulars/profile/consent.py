"""Consent by purpose: from what each identifier said to one number per purpose, failing closed.

A profile's consent is, per purpose, `since`: events from that instant on count, earlier ones never again. It is a
function of the set of statements of all identifiers of the profile, of the purposes' terms and of the clock, so the
order of arrival does not matter, and merging two profiles is the union of their statements.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from regulars.core.definitions import CONTRACT, Purpose
from regulars.profile.statements import CONFIRMED, EVERYTHING, RIDING, Said, Statement

DAY_MS = 86_400_000


class Terms(msgspec.Struct, frozen=True):
    """How the statements about one purpose are read."""

    standing: bool = False  # holds without a statement, until somebody objects
    expires: int | None = None  # how long a grant lasts, ms
    confirmed: bool = False  # only confirmed grants count
    within: str = ""  # the purpose that must hold, too
    lawful: bool = False  # contract or law asks for it: a restriction leaves it alone

    @property
    def slot(self) -> int:
        """Riding grants of one slot lapse together, ms."""
        return min(self.expires or SLOT, SLOT)


SLOT = 30 * DAY_MS
PLAIN = Terms()
_UNLESS_REFUSED = Terms(standing=True)
NO_TERMS: Mapping[str, Terms] = {}


class Standing(NamedTuple):
    """What holds now, and the first instant at which time alone may change it (ms; None: never)."""

    since: dict[str, int]
    lapses: int | None
    restricted: bool = False  # the person's data may be used for contract and law only


class Effect(msgspec.Struct, frozen=True):
    """What must happen to a stored profile when its consent changed."""

    clear: frozenset[str] = frozenset()  # purposes whose traits go back to zero
    refold: frozenset[str] = frozenset()  # purposes for which events that were folded count, or no longer do

    def __bool__(self) -> bool:
        return bool(self.clear or self.refold)


NO_EFFECT = Effect()


def terms_of(purposes: Iterable[Purpose]) -> dict[str, Terms]:
    """The terms of those purposes that are not plain consent."""
    found = {}
    for purpose in purposes:
        terms = Terms(
            standing=purpose.basis != "consent",
            lawful=purpose.basis in ("contract", "legal_obligation"),
            expires=None if purpose.expires_days is None else purpose.expires_days * DAY_MS,
            confirmed=purpose.double_opt_in,
            within=purpose.id.partition(":")[0] if purpose.partner else "",
        )
        if terms != PLAIN:
            found[purpose.id] = terms
    return found


def since(statements: Iterable[Said], terms: Mapping[str, Terms] = NO_TERMS, now: int = 0) -> dict[str, int]:
    """Per allowed purpose, the start of the allowed interval that lasts until now, ms (decision records 1 and 7).

    At an instant a purpose is allowed when the last statement of at least one identifier grants it and no identifier's
    last statement refuses it; of statements of one instant a refusal is the last. So `since` is the last instant at
    which a refusal ended, or, where nobody ever refused, the first grant. A grant that has lapsed says nothing more.
    While one identifier refuses everything, only what contract or law asks for is left; afterwards all begins anew.

    >>> since([("a", "analytics", 5, "m1", True), ("b", "analytics", 9, "m2", True)])
    {'analytics': 5}
    """
    return standing(statements, terms, now).since


def standing(statements: Iterable[Said], terms: Mapping[str, Terms], now: int) -> Standing:
    """`since` and until when it stands."""
    spoken: dict[str, dict[str, list[tuple[int, bool, str]]]] = {}
    for identifier, purpose, time, message_id, granted in statements:
        spoken.setdefault(purpose, {}).setdefault(identifier, []).append((time, not granted, message_id))
    everything = spoken.pop(EVERYTHING, {})
    result = {purpose: 0 for purpose, own in terms.items() if own.standing}
    lapses: int | None = None
    for purpose, voices in spoken.items():
        own = terms.get(purpose, PLAIN)
        start, until = _start([_heard(voice, own) for voice in voices.values()], own, now)
        if start is None:
            result.pop(purpose, None)
        else:
            result[purpose] = start
            if until is not None:
                lapses = until if lapses is None else min(lapses, until)
    for purpose, own in terms.items():
        if own.within and purpose in result:
            if own.within in result:
                result[purpose] = max(result[purpose], result[own.within])
            else:
                del result[purpose]
    if not everything:
        return Standing(result, lapses)
    begin, _ = _start([_heard(voice, _UNLESS_REFUSED) for voice in everything.values()], _UNLESS_REFUSED, now)
    bounded = {
        purpose: start if terms.get(purpose, PLAIN).lawful else max(start, begin or 0)
        for purpose, start in result.items()
        if begin is not None or terms.get(purpose, PLAIN).lawful
    }
    return Standing(bounded, lapses, restricted=begin is None)


class _Voice(NamedTuple):
    """What one identifier's statements come to."""

    refuses: bool
    ended: int | None  # when its last refusal ended; None: it never refused
    begin: int | None  # of the unbroken grant; None: it grants nothing
    until: int | None  # when that lapses; None: never


def _heard(voice: list[tuple[int, bool, str]], terms: Terms) -> _Voice:
    if terms.confirmed:
        voice = [said for said in voice if said[1] or said[2].startswith(CONFIRMED)]
        if not voice:
            return _Voice(refuses=False, ended=None, begin=None, until=None)
    voice.sort()
    if voice[-1][1]:
        return _Voice(refuses=True, ended=None, begin=None, until=None)
    after = next((at + 1 for at in range(len(voice) - 1, -1, -1) if voice[at][1]), 0)
    begin, _, message_id = voice[after]
    ended = begin if after else None
    if terms.expires is None:
        return _Voice(refuses=False, ended=ended, begin=begin, until=None)
    # A signal that rides on events repeats an answer; it does not renew it.
    first = begin - begin % terms.slot if message_id.startswith(RIDING) else begin
    until = first + terms.expires
    for time, _, again in voice[after + 1 :]:
        if again.startswith(RIDING):
            continue
        if time >= until:
            begin = time
        until = max(until, time + terms.expires)
    return _Voice(refuses=False, ended=ended, begin=begin, until=until)


def _start(voices: list[_Voice], terms: Terms, now: int) -> tuple[int | None, int | None]:
    """Start of the allowed interval, and the first instant at which a grant lapses."""
    if any(voice.refuses for voice in voices):
        return None, None
    ended = max((voice.ended for voice in voices if voice.ended is not None), default=0)
    if terms.standing:
        return ended, None
    live = [voice for voice in voices if voice.begin is not None and (voice.until is None or now < voice.until)]
    if not live:
        return None, None
    begin = min(voice.begin for voice in live if voice.begin is not None)
    return max(ended, begin), min((voice.until for voice in live if voice.until is not None), default=None)


def pending(statements: Iterable[Said], terms: Mapping[str, Terms]) -> dict[str, dict[str, tuple[int, str]]]:
    """Grants that wait for their confirmation: purpose -> identifier -> (time, message id) of the newest.

    >>> pending([("email:a", "news", 5, "m1", True)], {"news": Terms(confirmed=True)})
    {'news': {'email:a': (5, 'm1')}}
    """
    last: dict[tuple[str, str], tuple[int, bool, str]] = {}
    confirmed: set[tuple[str, str]] = set()
    for identifier, purpose, time, message_id, granted in sorted(statements, key=lambda said: (said[2], not said[4])):
        if not terms.get(purpose, PLAIN).confirmed:
            continue
        voice = (identifier, purpose)
        if not granted:
            confirmed.discard(voice)
        elif message_id.startswith(CONFIRMED):
            confirmed.add(voice)
        if not (granted and message_id.startswith(CONFIRMED)):
            last[voice] = (time, granted, message_id)
    found: dict[str, dict[str, tuple[int, str]]] = {}
    for (identifier, purpose), (time, granted, message_id) in last.items():
        if granted and (identifier, purpose) not in confirmed:
            found.setdefault(purpose, {})[identifier] = (time, message_id)
    return found


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


__all__ = [
    "CONFIRMED", "NO_TERMS", "RIDING", "Effect", "Said", "Standing", "Statement", "Terms", "allows", "change", "gate",
    "pending", "since", "standing", "terms_of",
]  # fmt: skip
