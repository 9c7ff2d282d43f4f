"""A row from candidates: filters before the cut, then what they are chosen for, boosts, pins, caps and exploration.

The laws, whatever the catalogue, the customer and the rules (tests/property/test_rules.py): no item breaks a filter,
no cap is exceeded, a pin that may be shown stands at its place, and a row is shorter than asked for only with a note.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from regulars.recommend.interactions import Float64, Mask
from regulars.recommend.rules import Compiled, Judge

#: Items that may be drawn for a row's slots, the least shown of those that fit it.
MOST_DRAWN = 50

Note = tuple[str, dict[str, Any]]


class Candidate(NamedTuple):
    """An item that a model names; scores compare items of one link of a chain."""

    at: int
    score: float
    model: int  # which of the models of the placement named it first


class Link(NamedTuple):
    """A link of a fall-back chain."""

    name: str
    candidates: Callable[[], Iterable[Candidate]]


class Placed(NamedTuple):
    """An item in its slot."""

    at: int
    score: float
    model: int  # -1: a rule or a draw put it there
    link: int  # -1 likewise
    rules: tuple[int, ...] = ()  # what moved it, by the rules' places
    propensity: float = 1.0  # probability that this item stands in this slot
    explored: bool = False


class Drawing(NamedTuple):
    """How new and rarely shown items get their share of the slots."""

    share: float  # of all slots of the row
    fresh: Sequence[int]  # by how seldom they were shown
    draw: Callable[[int], float]  # a number in [0, 1) for each question


class Wanted(NamedTuple):
    """What a row is to be."""

    items: int
    hidden: Collection[int]  # shown on the page already, unwanted, or known where the row is for discovery
    available: Mask | None  # what may be sold at all
    worth: Float64 | None = None  # what a reaction to each item is worth; None: all the same
    drawing: Drawing | None = None
    refuses: Callable[[int], bool] | None = None  # whether the customer does not want an item

    def hides(self, at: int) -> bool:
        """Whether the item may not be shown here, whatever the rules say."""
        if at in self.hidden or (self.available is not None and not self.available[at]):
            return True
        return self.refuses is not None and self.refuses(at)


class Arranged(NamedTuple):
    """The row, every candidate that was looked at, and what is to be said."""

    placed: list[Placed]
    looked_at: list[tuple[Candidate, int]]  # with its link, the best first
    notes: list[Note]
    drawn_from: int = 0  # items that each drawn slot was filled from


def arrange(links: Sequence[Link], judge: Judge, wanted: Wanted) -> Arranged:
    """The row that a chain of models and the rules make together."""
    notes: list[Note] = []
    pinned = _pins(judge, wanted, notes)
    ranked: list[_Ranked] = []
    looked_at: list[tuple[Candidate, int]] = []
    placed: list[Placed] = []
    for number, link in enumerate(links):
        found = list(link.candidates())
        looked_at += [(one, number) for one in found]
        ranked += _ranked(found, number, judge, wanted)
        ranked.sort(key=_order)
        placed = _filled(ranked, pinned, judge, wanted.items)
        if len(placed) >= wanted.items and not any(_is_buried(one, judge) for one in placed):
            break
    drawn_from = 0
    if wanted.drawing is not None and placed:
        placed, drawn_from = _explored(placed, judge, wanted, wanted.drawing)
    if len(placed) < wanted.items:
        ruled = bool(judge.here.caps) or any(judge.removes(one.at) for one, _ in looked_at)
        notes.append(_short(len(placed), wanted, "rules" if ruled else ""))
    return Arranged(placed, looked_at, notes, drawn_from)


def cut(links: Sequence[Link], wanted: Wanted) -> Arranged:
    """The row where there are no rules: the best of each link in turn that may be shown."""
    placed: list[Placed] = []
    looked_at: list[tuple[Candidate, int]] = []
    seen: set[int] = set()
    for number, link in enumerate(links):
        found = link.candidates()
        looked_at += [(one, number) for one in found]
        for at, score, model in found:
            if len(placed) >= wanted.items:
                break
            if at not in seen and not wanted.hides(at):
                seen.add(at)
                placed.append(Placed(at, score, model, number))
        if len(placed) >= wanted.items:
            break
    notes = [_short(len(placed), wanted, "")] if len(placed) < wanted.items else []
    return Arranged(placed, looked_at, notes)


def _short(count: int, wanted: Wanted, why: str) -> Note:
    """Why the row is shorter than asked for. What models leave out of themselves is out of what they may show."""
    filtered = bool(wanted.hidden) or (wanted.available is not None and not wanted.available.all())
    return (f"short.{why or ('filtered' if filtered else 'no_more')}", {"count": count, "asked": wanted.items})


class _Ranked(NamedTuple):
    at: int
    link: int
    score: float
    value: float
    buried: bool
    model: int
    rules: tuple[int, ...]


def _order(one: _Ranked) -> tuple[bool, int, float, int]:
    return (one.buried, one.link, -one.value, one.at)


def _ranked(found: Sequence[Candidate], link: int, judge: Judge, wanted: Wanted) -> Iterator[_Ranked]:
    """The candidates that may be shown, with what they are worth here."""
    places = [one.at for one in found]
    out = judge.out_of(places)
    moving = [(one, judge.held(one, places)) for one in judge.here.moving]
    for number, (at, score, model) in enumerate(found):
        if out[number] or wanted.hides(at):
            continue
        value = score if wanted.worth is None else score * float(wanted.worth[at])
        buried = False
        moved: tuple[int, ...] = ()
        for one, held in moving:
            if not held[number]:
                continue
            moved = (*moved, one.at)
            if one.rule.kind == "bury":
                buried = True
            else:
                value = value * one.rule.factor if value > 0 else value / one.rule.factor
        yield _Ranked(at, link, score, value, buried, model, moved)


def may_show(at: int, judge: Judge, wanted: Wanted) -> bool:
    """Whether nothing forbids the item in this row."""
    return not wanted.hides(at) and not judge.removes(at)


def _is_buried(one: Placed, judge: Judge) -> bool:
    return bool(one.rules) and any(rule.rule.kind == "bury" and rule.at in one.rules for rule in judge.here.moving)


# Pins and caps ----------------------------------------------------------------------------------------------------


class _Caps:
    """How many of each kind are in the row."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._caps = [(one, judge.group(one), one.rule.most) for one in judge.here.caps]
        self._counts: dict[tuple[int, int], int] = {}

    def full(self, at: int) -> bool:
        """Whether one more like this would be too many."""
        return any(self._counts.get(key, 0) >= most for key, most in self._keys(at))

    def add(self, at: int) -> None:
        """One more is in the row."""
        for key, _ in self._keys(at):
            self._counts[key] = self._counts.get(key, 0) + 1

    def _keys(self, at: int) -> Iterator[tuple[tuple[int, int], int]]:
        for one, groups, most in self._caps:
            group = int(groups[at])
            if group >= 0 and self._judge.holds(one, at):
                yield (one.at, group), most


def _pins(judge: Judge, wanted: Wanted, notes: list[Note]) -> dict[int, Placed]:
    """By slot, counted from 0: the first item of each pin that may be shown."""
    found: dict[int, Placed] = {}
    taken: set[int] = set()
    caps = _Caps(judge)
    for one in judge.here.pins:
        slot = one.rule.position - 1
        fitting = _fitting(one, judge, wanted, taken, caps)
        if fitting is None:
            if _asks(one, judge):
                notes.append(("pin.lost", {"rule": one.rule.id, "item": ", ".join(one.rule.items)}))
            continue
        if slot in found or slot >= wanted.items:
            notes.append(("pin.taken", {"rule": one.rule.id, "position": one.rule.position}))
            continue
        found[slot] = Placed(fitting, 0.0, -1, -1, (one.at,))
        taken.add(fitting)
        caps.add(fitting)
    return found


def _asks(one: Compiled, judge: Judge) -> bool:
    """Whether a pin would stand here if only its item could."""
    places = [judge.goods.place(item) for item in one.rule.items]
    return any(at is None or judge.holds(one, at) for at in places)


def _fitting(one: Compiled, judge: Judge, wanted: Wanted, taken: Collection[int], caps: _Caps) -> int | None:
    for item in one.rule.items:
        at = judge.goods.place(item)
        if at is None or at in taken or not judge.holds(one, at):
            continue
        if may_show(at, judge, wanted) and not caps.full(at):
            return at
    return None


def _filled(ranked: Iterable[_Ranked], pinned: Mapping[int, Placed], judge: Judge, count: int) -> list[Placed]:
    """The best that the caps let through, around what is pinned. In a row that gets short, pins move up."""
    caps = _Caps(judge)
    seen: set[int] = set()
    for pin in pinned.values():
        caps.add(pin.at)
        seen.add(pin.at)
    free = count - len(pinned)
    chosen: list[Placed] = []
    for one in ranked:
        if len(chosen) >= free:
            break
        if one.at in seen or caps.full(one.at):
            continue
        seen.add(one.at)
        caps.add(one.at)
        chosen.append(Placed(one.at, one.score, one.model, one.link, one.rules))
    others = iter(chosen)
    placed: list[Placed] = []
    for slot in range(count):
        if slot in pinned:
            placed.append(pinned[slot])
            continue
        following = next(others, None)
        if following is not None:
            placed.append(following)
    return placed


# Exploration ------------------------------------------------------------------------------------------------------


def _explored(placed: list[Placed], judge: Judge, wanted: Wanted, drawing: Drawing) -> tuple[list[Placed], int]:
    """The row with some slots given to new and rarely shown items.

    Each slot that is not pinned is given away with the same probability, independent of the others, to one of the
    items that fit wherever they stand, each alike. Of exchangeable draws without replacement every one is uniform, so
    of m items one stands in a given slot with the slot's probability divided by m.
    """
    free = [slot for slot, one in enumerate(placed) if one.model >= 0]
    fitting = _drawable(placed, judge, wanted, drawing)
    open_slots = free[len(free) - min(len(fitting), len(free)) :]  # the last ones: the best stay
    if not open_slots:
        return placed, 0
    chance = min(drawing.share * len(placed) / len(open_slots), 1.0)
    found = list(placed)
    left = list(fitting)
    for slot in open_slots:
        if drawing.draw(2 * slot) >= chance:
            found[slot] = found[slot]._replace(propensity=1.0 - chance)
            continue
        at = left.pop(min(int(drawing.draw(2 * slot + 1) * len(left)), len(left) - 1))
        found[slot] = Placed(at, 0.0, -1, -1, (), chance / len(fitting), explored=True)
    return found, len(fitting)


def _drawable(placed: Sequence[Placed], judge: Judge, wanted: Wanted, drawing: Drawing) -> list[int]:
    """Items of which any number may stand in any slot: together with the whole row they exceed no cap."""
    caps = _Caps(judge)
    there = set()
    for one in placed:
        caps.add(one.at)
        there.add(one.at)
    found: list[int] = []
    for at in drawing.fresh:
        if len(found) >= MOST_DRAWN:
            break
        if at not in there and may_show(at, judge, wanted) and not caps.full(at):
            caps.add(at)
            found.append(at)
    return found
