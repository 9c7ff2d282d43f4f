"""Machines told from people while events are folded: what a device did so far, and the verdict on what it does now.

A verdict stands as it was when its event was folded: it is kept beside the event's place in the log, and in the lake
within the event. What the device did in the month before counted until then; whoever reads the history again finds it
marked with hindsight.
"""

from collections.abc import Sequence

from regulars.collect.machines import HAND, NO_HAND, declared
from regulars.collect.pace import DAY_MS, SIGNS, device_number, judge, note, stands
from regulars.core.definitions import Definitions, Source
from regulars.core.event import Event
from regulars.core.machine import KNOWN, LATER, MACHINE, STANDS_DAYS, VERDICT, Pace, is_machine, marked, verdict_of
from regulars.core.record import Hot
from regulars.decide.call import Call
from regulars.flow.customer import Asking

_HANDS = {HAND: True, NO_HAND: False}
#: Devices of one profile that are watched: those that did something last.
_DEVICES = 8
#: A device that looks on is judged anew at every tenth view.
_EVERY = 10


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
        for at, event in enumerate(events):
            if event.source not in sources or not event.subject.startswith(self._types):
                continue
            said = event.context.get(VERDICT)
            if (said is not None and said["verdict"] == MACHINE) or event.subject in self._shared:
                continue
            pace = pace_of(hot, event.subject)
            note(pace, event, hand=None if said is None else _HANDS.get(said["why"][0]))
            why = judge(pace) if pace.views % _EVERY == 0 else []
            day = event.time // DAY_MS
            if why:
                pace.found = max(pace.found, day)
            elif stands(pace, day):
                why = [KNOWN]
            if why:
                if result is events:
                    result = list(events)
                result[at] = marked(event, why)
                judged.setdefault(event.offset, {})[event.index] = result[at]
        return result


def asks_as_machine(
    call: Call, source: Source, agent: str, who: Asking, riding: Sequence[Event], hot: Hot, *, now: int
) -> bool:
    """Whether a machine asks for a decision: by its own words, those of what rides along, or what its device did."""
    if source.machines == "count":
        return False
    said = call.context.get("userAgent")
    if declared(said if isinstance(said, str) else None, webdriver=call.context.get("webdriver") is True):
        return True
    # A library's name in the header is that of the shop's own code, and says nothing of who is behind it.
    if source.kind != "server" and declared(agent, server=True):
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
