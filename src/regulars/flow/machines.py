"""Machines told from people while events are folded: what a device did so far, and the verdict on what it does now.

A verdict stands as it was when its event was folded: it is kept beside the event's place in the log, and in the lake
within the event. What the device did in the month before counted until then; whoever reads the history again finds it
marked with hindsight.
"""

from collections.abc import Sequence
from typing import Any

from regulars.collect.machines import HAND, NO_HAND, declared, suffice
from regulars.collect.pace import DAY_MS, SIGNS, device_number, judge, note, seen_at_door, stands
from regulars.core.definitions import Definitions, Source
from regulars.core.event import Event
from regulars.core.machine import (
    KNOWN,
    LATER,
    MACHINE,
    STANDS_DAYS,
    UNKNOWN,
    VERDICT,
    Pace,
    is_machine,
    marked,
    verdict_of,
)
from regulars.core.record import Hot
from regulars.decide.call import Call
from regulars.flow.customer import Asking

_HANDS = {HAND: True, NO_HAND: False}
#: Devices of one profile that are watched: those that did something last.
_DEVICES = 8
#: A device that looks on is judged anew at every tenth view.
_EVERY = 10
#: One that was found out on this day, at every hundredth: enough to tell from when on with hindsight.
_EVERY_FOUND = 100
_KNOWN = [KNOWN]
_NOBODYS = Pace(0)
_NOTHING: dict[str, Any] = {"verdict": UNKNOWN, "why": []}


class Judge:
    """Judges events of browsers and apps by what their devices did; compiled once from the definitions."""

    def __init__(self, definitions: Definitions) -> None:
        identity = definitions.identity
        shared = set(identity.shared_sources) | {source.id for source in definitions.sources if source.shared}
        self._sources = frozenset(
            s.id for s in definitions.sources if s.kind == "browser" and s.id not in shared and s.machines == "judge"
        )
        self._types = tuple(f"{kind}:" for kind in identity.device)
        self._shared = frozenset(identity.shared_devices)

    def judge(self, hot: Hot, events: list[Event], judged: dict[int, dict[int, Event]]) -> list[Event]:
        """The events of one profile in the order in which they came, with their verdicts, which go into `judged`."""
        sources, result = self._sources, events
        subject, pace, watched = "", _NOBODYS, False  # nearly all events of a profile are of one device
        for at, event in enumerate(events):
            if event.source not in sources:
                continue
            said = event.context.get(VERDICT, _NOTHING)
            if said["verdict"] == MACHINE:
                continue
            if event.subject != subject:
                subject = event.subject
                watched = subject.startswith(self._types) and subject not in self._shared
                if watched:
                    pace = pace_of(hot, subject)
            if not watched:
                continue
            words = said["why"]
            if words:
                note(pace, event, hand=_HANDS.get(words[0]), door=seen_at_door(words))
            else:
                note(pace, event)
            day = event.time // DAY_MS
            why = judge(pace) if pace.views % (_EVERY if pace.found < day else _EVERY_FOUND) == 0 else []
            if why:
                pace.found = max(pace.found, day)
            elif stands(pace, day):
                why = _KNOWN
            if why:
                if result is events:
                    result = list(events)
                better = result[at] = marked(event, why)
                judged.setdefault(event.offset, {})[event.index] = better
        return result


def asks_as_machine(
    call: Call, source: Source, agent: str, who: Asking, riding: Sequence[Event], hot: Hot, *, now: int, signs: str = ""
) -> bool:
    """Whether a machine asks for a decision.

    By its own words, what the door saw (`signs`), the words of what rides along, or what its device did.
    """
    if source.machines == "count":
        return False
    said = call.context.get("userAgent")
    if declared(said if isinstance(said, str) else None, webdriver=call.context.get("webdriver") is True):
        return True
    # A library's name in the header is that of the shop's own code, and says nothing of who is behind it.
    if source.kind != "server" and declared(agent, server=True):
        return True
    if signs and suffice(signs.split(","), signed_in=bool(who.vouched)):
        return True
    if any(is_machine(event) for event in riding):
        return True
    paces, day = hot.paces or {}, now // DAY_MS
    return any(pace is not None and stands(pace, day) for pace in (paces.get(device_number(key)) for key in who.keys))


def pace_of(hot: Hot, device: str) -> Pace:
    """What is known of how a device behaves."""
    if hot.paces is None:
        hot.paces = {}
    key = device_number(device)
    pace = hot.paces.get(key)
    if pace is None:
        if len(hot.paces) >= _DEVICES:
            paces = hot.paces
            del paces[min(paces, key=lambda one: (max(paces[one].day, paces[one].found), one))]
        pace = hot.paces[key] = Pace(0)
    return pace


def with_hindsight(events: list[Event]) -> None:
    """Mark, in place, what devices did in the month before they were found out; `events` of one profile."""
    found: dict[str, list[int]] = {}
    for event in events:
        if VERDICT in event.context and not SIGNS.isdisjoint(verdict_of(event)[1]):
            found.setdefault(event.subject, []).append(event.time)
    if not found:
        return
    for at, event in enumerate(events):
        times: Sequence[int] = found.get(event.subject, ())
        if any(0 < time - event.time < STANDS_DAYS * DAY_MS for time in times) and verdict_of(event)[0] != MACHINE:
            events[at] = marked(event, [LATER])
