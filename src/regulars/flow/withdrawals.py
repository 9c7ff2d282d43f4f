"""Consent that ended takes what it admitted out of the lake, in the transaction that takes the withdrawal in.

Only rows that nothing else admits: those whose type of event asks for the purpose, of the person's identifiers, and of
devices for the time in which they were in the person's hands.
"""

from collections.abc import Mapping, Sequence
from typing import cast

import msgspec

from regulars.core.lake import Drop
from regulars.core.state import IDENTIFIER, LAKE_DROP, Changes, StateReader
from regulars.flow import lake_drops, visits
from regulars.flow.belongings import belongings
from regulars.flow.engine import Engine
from regulars.profile import held
from regulars.profile.assignment import IdRow

#: Before and after: what events of a profile were admitted by, and what holds now (purpose -> since, ms).
Revision = tuple[Sequence[Mapping[str, int]], Mapping[str, int]]
Stretches = Sequence[tuple[str, Sequence[tuple[int | None, int | None]]]]


def follow(
    revised: Mapping[int, Revision], engine: Engine, state: StateReader, changes: Changes, *, offset: int
) -> None:
    """Ask for the rows that are not admitted any more, and spare those that a late statement admits after all."""
    pending = cast(Mapping[str, IdRow], changes.puts.get(IDENTIFIER.name, {}))
    wanted: dict[Drop, set[str]] = {}
    replace = msgspec.structs.replace
    unlearned: set[str] = set()
    waiting = dict(zip(*lake_drops.waiting(state.select(LAKE_DROP)), strict=True))
    for number, (before, now) in revised.items():
        ended = [(purpose, now.get(purpose)) for purpose in sorted(engine.admits) if _ended(purpose, before, now)]
        learned = _ended(visits.PURPOSE, before, now)
        if not ended and not waiting and not learned:
            continue
        own = belongings(number, engine.definitions.identity, state, pending)
        if learned:
            unlearned.update(own.subjects)
        stretches = [(key, held.stretches(key, number, own.rows)) for key in own.subjects]
        for purpose, until in ended:
            for key, found in stretches:
                for start, end in found:
                    last = until if end is None else end if until is None else min(end, until)
                    if start is None or last is None or start < last:
                        drop = replace(engine.admits[purpose], before=last, since=start)
                        wanted.setdefault(drop, set()).add(key)
        _spare(waiting, engine, stretches, now, changes)
    drops = [replace(drop, subjects=tuple(sorted(keys))) for drop, keys in wanted.items()]
    lake_drops.ask(changes, offset, drops, taken=_next(waiting, offset))
    visits.unlearn(state, changes, unlearned, offset=offset)


def _ended(purpose: str, before: Sequence[Mapping[str, int]], now: Mapping[str, int]) -> bool:
    """Whether some event that the purpose admitted is not admitted now."""
    start = now.get(purpose)
    return any(purpose in old and (start is None or start > old[purpose]) for old in before)


def _spare(
    waiting: dict[tuple[int, int], Drop], engine: Engine, stretches: Stretches, now: Mapping[str, int], changes: Changes
) -> None:
    """Take out of the drops that still wait what the profile's consent admits after all."""
    begins = {_events(engine.admits[purpose]): since for purpose, since in now.items() if purpose in engine.admits}
    mine = {key: {start for start, _ in found} for key, found in stretches}
    replace = msgspec.structs.replace
    for key, drop in list(waiting.items()):
        begin = begins.get(_events(drop))
        spared = tuple(one for one in drop.subjects if drop.since in mine.get(one, ()))
        if begin is None or not spared or (drop.before is not None and drop.before <= begin):
            continue
        others = tuple(one for one in drop.subjects if one not in spared)
        del waiting[key]
        changes.delete(LAKE_DROP, key)
        pieces = [replace(drop, subjects=others)] if others else []
        if drop.since is None or drop.since < begin:
            pieces.append(replace(drop, subjects=spared, before=begin))
        for piece in pieces:
            place = (key[0], _next(waiting, key[0]))
            waiting[place] = piece
            lake_drops.ask(changes, key[0], [piece], taken=place[1])


def _events(drop: Drop) -> tuple[tuple[str, ...], ...]:
    """Which events a drop is about."""
    return drop.names, drop.except_names, drop.sources, drop.except_sources


def _next(waiting: Mapping[tuple[int, int], Drop], offset: int) -> int:
    return max((number for at, number in waiting if at == offset), default=-1) + 1
