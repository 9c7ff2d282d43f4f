"""What a settlement means for stored profiles: a merge, a new name, or a refold."""

from collections.abc import Iterable, Mapping

import msgspec

from regulars.core.record import profile_number
from regulars.profile.assignment import IdRow
from regulars.profile.links import Holding, has_several, holding_in


class Cut(msgspec.Struct, frozen=True):
    """A device's events of `start` until before `end` (ms, None without bound) belong to `into` and no longer to `old`.

    It matters only if the stored record of `old` has an event at or after `start`; `left` is who has the rest of it.
    """

    old: int
    left: int
    into: int
    start: int
    end: int | None


class Effects(msgspec.Struct, kw_only=True):
    """Changes of stored profiles, in the order in which to apply them: moved, merges, then refolds."""

    moved: dict[int, int] = {}  # old -> new number, the content unchanged
    merges: list[tuple[int, int]] = []  # (from, into): all of `from` belongs to `into`: add the records
    refolds: set[int] = set()  # read the history of these
    cuts: list[Cut] = []  # refold if the record had events in the stretch: see `cut_refolds`
    gone: set[int] = set()  # numbers that name nobody any more: delete their records
    redirects: dict[int, int] = {}  # of those that are gone
    new: set[int] = set()  # numbers that name somebody now and did not before: their redirects end


def cut_refolds(cuts: Iterable[Cut], last_seen: Mapping[int, int]) -> set[int]:
    """The profiles to refold because of cuts, given the last event time (ms) of the stored records by old number."""
    found: set[int] = set()
    for cut in cuts:
        if last_seen.get(cut.old, -1) >= cut.start:
            found |= {cut.left, cut.into}
    return found


def compare(
    before: Mapping[str, IdRow], after: Mapping[str, IdRow], devices: Iterable[str], numbers: Mapping[str, int]
) -> Effects:
    """The effects of going from the rows `before` to `after`.

    `devices` are those whose logins may have changed; `numbers` gives the present profile of every key concerned.
    """
    old_of = {key: row[1] for key, row in before.items()}
    content: dict[int, set[int]] = {number: set() for number in old_of.values()}
    cuts: list[Cut] = []
    held = {key for key, row in before.items() if row[3] and _first(row) is not None}
    for key, old in old_of.items():
        # Events of a device that somebody held follow the key of the holder; see below where that changed.
        if key not in held:
            content[old].add(_now(after[key], before[key][2], numbers))
    for device in devices:
        if device in before:
            cuts += _cuts(before[device], after[device], old_of, numbers)
    effects = _movements(content, set(old_of.values()), {row[1] for row in after.values()})
    effects.cuts = cuts
    anchors = {profile_number(key): key for key in before if profile_number(key) == old_of[key]}
    for number in effects.gone:
        anchor = anchors.get(number)
        effects.redirects[number] = after[anchor][1] if anchor else min(content[number] or effects.new, default=number)
    return effects


def _movements(content: Mapping[int, set[int]], old: set[int], live: set[int]) -> Effects:
    effects = Effects(moved={}, merges=[], refolds=set(), gone=old - live, new=live - old, redirects={}, cuts=[])
    arriving: dict[int, list[int]] = {}
    for number, places in content.items():
        if len(places) > 1:
            effects.refolds |= places | ({number} & live)
        for place in places:
            if place != number:
                arriving.setdefault(place, []).append(number)
    for place, sources in sorted(arriving.items()):
        # The record under this number must be this person's own, or what arrives would be added to a stranger.
        if place in content and place not in content[place]:
            effects.refolds |= {place} | content[place]
        if place in effects.refolds:
            continue
        whole = sorted(number for number in sources if len(content[number]) == 1)
        if place not in old and whole:
            effects.moved[whole.pop(0)] = place
        effects.merges += [(number, place) for number in whole]
    effects.merges = [merge for merge in effects.merges if merge[1] not in effects.refolds]
    effects.moved = {was: now for was, now in effects.moved.items() if now not in effects.refolds}
    return effects


def _first(row: IdRow) -> str | None:
    """The first holder, if the row is a device's that has one."""
    return holding_in(row[3]).first()


def _now(row: IdRow, time: int, numbers: Mapping[str, int]) -> int:
    """The present profile of a key's events at a time, ms."""
    if not has_several(row[3]):
        return row[1]
    holder = holding_in(row[3]).holder(time)
    return numbers[holder] if holder else row[1]


def _cuts(before: IdRow, after: IdRow, old_of: Mapping[str, int], numbers: Mapping[str, int]) -> list[Cut]:
    """Stretches of time in which a device's events went to somebody else than their old holder's person."""
    was, now = holding_in(before[3]), holding_in(after[3])
    first_seen = before[2]
    edges = sorted({first_seen, *_edges(was, first_seen), *_edges(now, first_seen)})
    start_number = _now(after, first_seen, numbers)
    found: list[Cut] = []
    for start, end in zip(edges, [*edges[1:], None], strict=True):
        holder = was.holder(start)
        # A holder's record goes where the holder's key goes; that of a lone device, where its beginning goes.
        left = numbers[holder] if holder else start_number
        old = (old_of.get(holder) or numbers[holder]) if holder else before[1]
        into = _now(after, start, numbers)
        if into != left:
            found.append(Cut(old, left, into, start, end))
    return found


def _edges(holding: Holding, after: int) -> list[int]:
    return [time for time, _ in holding.runs() if time > after]
