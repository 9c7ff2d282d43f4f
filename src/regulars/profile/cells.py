"""Cells: the integer state under windows and caps.

A cell is a place (day, key) with an integer. Adding is key-wise addition, and truncation keeps a prefix of the places
in the order (day descending, key ascending), or the places within a window of the newest day. Neither looks at the
values, and a place once cut is never among the first again whatever is added, so that adding and cutting is
associative, commutative and independent of batches. A place whose amounts cancel out stays, with 0.

A place can also hold stays: times that somebody was there, as intervals no two of which are within a gap of each other.
Their union takes the place of addition, and is idempotent as well.

Four layouts, all plain lists, dicts and integers:

- *days*: `[day, amount, day, amount, ...]`, days descending, no key;
- *keyed*: `[period, {key: amount}, period, {key: amount}, ...]`, periods descending;
- *stays*: keyed, with `[begin, end, begin, end, ...]` ascending in place of the amount;
- *latest*: `{key: day}`, of each key its latest day.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Days = list[int]
Keyed = list[Any]
Latest = dict[str, int]


def add_day(cells: Days, day: int, amount: int, width: int) -> Days:
    """Add `amount` at `day`, in place, and keep the places within `width` days of the newest one."""
    if not cells:
        cells[:] = (day, amount)
        return cells
    newest = cells[0]
    if day == newest:
        cells[1] += amount
    elif day > newest:
        cells[:0] = (day, amount)
        oldest = day - width
        while cells[-2] <= oldest:
            del cells[-2:]
    elif day > newest - width:
        _insert_day(cells, day, amount)
    return cells


def _insert_day(cells: Days, day: int, amount: int) -> None:
    at = 2
    while at < len(cells) and cells[at] > day:
        at += 2
    if at < len(cells) and cells[at] == day:
        cells[at + 1] += amount
    else:
        cells[at:at] = (day, amount)


def cut_days(cells: Days, cap: int) -> Days:
    """Keep the `cap` newest days, in place."""
    del cells[2 * cap :]
    return cells


def merge_days(left: Days, right: Days, width: int) -> Days:
    """The sum of two, as a new list."""
    total = dict(zip(left[::2], left[1::2], strict=True))
    for at in range(0, len(right), 2):
        day = right[at]
        total[day] = total.get(day, 0) + right[at + 1]
    merged: Days = []
    if total:
        oldest = max(total) - width
        for day in sorted(total, reverse=True):
            if day > oldest:
                merged += (day, total[day])
    return merged


def sum_days(cells: Days, after: int) -> int:
    """The sum of the amounts on days > `after`."""
    if not cells:
        return 0
    if cells[-2] > after:
        return sum(cells[1::2])
    total = 0
    for at in range(0, len(cells), 2):
        if cells[at] <= after:
            break
        total += cells[at + 1]
    return total


def oldest_day(cells: Days, after: int) -> int | None:
    """The oldest day > `after` that has a place."""
    for at in range(len(cells) - 2, -1, -2):
        if cells[at] > after:
            return cells[at]
    return None


def add_key(cells: Keyed, period: int, key: str, amount: int, *, width: int, cap: int) -> Keyed:
    """Add `amount` at (period, key), in place; keep places within `width` periods of the newest, and `cap` of them."""
    at = 0
    end = len(cells)
    while at < end and cells[at] > period:
        at += 2
    if at < end and cells[at] == period:
        amounts = cells[at + 1]
        if key in amounts:
            amounts[key] += amount
            return cells
        amounts[key] = amount
    elif at and period <= cells[0] - width:
        return cells
    else:
        cells[at:at] = (period, {key: amount})
        if not at:
            _cut_periods(cells, period - width)
    _cut_keys(cells, cap)
    return cells


def add_keys(cells: Keyed, period: int, amounts: Mapping[str, int], *, width: int, cap: int) -> Keyed:
    """`add_key` for all `amounts` by key; they are not empty."""
    at = 0
    end = len(cells)
    while at < end and cells[at] > period:
        at += 2
    if at < end and cells[at] == period:
        here = cells[at + 1]
        known = len(here)
        for key, amount in amounts.items():
            here[key] = here.get(key, 0) + amount
        if len(here) == known:
            return cells
    elif at and period <= cells[0] - width:
        return cells
    else:
        cells[at:at] = (period, dict(amounts))
        if not at:
            _cut_periods(cells, period - width)
    _cut_keys(cells, cap)
    return cells


def _cut_periods(cells: Keyed, oldest: int) -> None:
    while cells[-2] <= oldest:
        del cells[-2:]


def _cut_keys(cells: Keyed, cap: int) -> None:
    """Keep the first `cap` places in the order (period descending, key ascending)."""
    excess = sum(map(len, cells[1::2])) - cap
    while excess > 0:
        last = cells[-1]
        if len(last) <= excess:
            excess -= len(last)
            del cells[-2:]
        else:
            for key in sorted(last)[len(last) - excess :]:
                del last[key]
            return


def merge_keys(left: Keyed, right: Keyed, *, width: int, cap: int) -> Keyed:
    """The sum of two, as a new list."""
    total: dict[int, dict[str, int]] = {period: dict(left[2 * at + 1]) for at, period in enumerate(left[::2])}
    for at in range(0, len(right), 2):
        amounts = total.setdefault(right[at], {})
        for key, amount in right[at + 1].items():
            amounts[key] = amounts.get(key, 0) + amount
    return _newest(total, width, cap)


def _newest(total: Mapping[int, dict[str, Any]], width: int, cap: int) -> Keyed:
    """Cells of the `width` newest periods, newest first, with at most `cap` keys."""
    merged: Keyed = []
    if total:
        oldest = max(total) - width
        for period in sorted(total, reverse=True):
            if period > oldest:
                merged += (period, total[period])
        _cut_keys(merged, cap)
    return merged


def joined(stays: Sequence[int], gap: int) -> list[int]:
    """The union of intervals `[begin, end, ...]` in any order; those no further than `gap` apart become one.

    >>> joined([40, 50, 0, 10, 13, 20], 5)
    [0, 20, 40, 50]
    """
    united: list[int] = []
    for begin, end in sorted(zip(stays[::2], stays[1::2], strict=True)):
        if united and begin - united[-1] <= gap:
            united[-1] = max(united[-1], end)
        else:
            united += (begin, end)
    return united


def add_stay(cells: Keyed, day: int, key: str, stay: tuple[int, int], *, gap: int, width: int, cap: int) -> Keyed:
    """Unite `stay` (begin, end) with those at (day, key), in place; keep places as `add_key` does."""
    at = 0
    end = len(cells)
    while at < end and cells[at] > day:
        at += 2
    if at < end and cells[at] == day:
        held = cells[at + 1]
        held[key] = joined([*held.get(key, ()), *stay], gap)
    elif at and day <= cells[0] - width:
        return cells
    else:
        cells[at:at] = (day, {key: list(stay)})
        if not at:
            _cut_periods(cells, day - width)
    _cut_keys(cells, cap)
    return cells


def merge_stays(left: Keyed, right: Keyed, *, gap: int, width: int, cap: int) -> Keyed:
    """The union of two, as a new list."""
    total: dict[int, dict[str, list[int]]] = {}
    for cells in (left, right):
        for at in range(0, len(cells), 2):
            held = total.setdefault(cells[at], {})
            for key, stays in cells[at + 1].items():
                held[key] = joined([*held.get(key, ()), *stays], gap)
    return _newest(total, width, cap)


def add_latest(cells: Latest, keys: Iterable[str], day: int, *, width: int | None, cap: int) -> Latest:
    """Note `keys` on `day`, in place; keep keys within `width` days of the newest day, and `cap` of them."""
    moved = False
    for key in keys:
        known = cells.get(key)
        if known is None or day > known:
            cells[key] = day
            moved = True
    if moved:
        if width is not None:
            oldest = min(cells.values())
            # What was there lies within `width` of its newest day. So only what is new, at `day`, can put anything out
            # of the window: it is the newest itself and has outrun the oldest, or it is the oldest.
            if oldest <= day - width or oldest == day:
                _cut_latest(cells, width, cap)
                return cells
        if len(cells) > cap:
            _cut_latest(cells, None, cap)
    return cells


def _cut_latest(cells: Latest, width: int | None, cap: int) -> None:
    if width is not None:
        oldest = max(cells.values()) - width
        if min(cells.values()) <= oldest:
            for key in [key for key, day in cells.items() if day <= oldest]:
                del cells[key]
    excess = len(cells) - cap
    if excess > 0:
        for _, key in sorted((-day, key) for key, day in cells.items())[-excess:]:
            del cells[key]


def merge_latest(left: Latest, right: Latest, *, width: int | None, cap: int) -> Latest:
    """The union of two, as a new dict."""
    merged = dict(left)
    for key, day in right.items():
        if merged.get(key, day) <= day:
            merged[key] = day
    if merged:
        _cut_latest(merged, width, cap)
    return merged
