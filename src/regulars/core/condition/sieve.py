"""Many conditions tested on one row at once, for deciding between hundreds of offers while a customer waits.

Most clauses read one value of the row, and the values that matter to it lie between few constants. So for each name,
interest and segment it is worked out beforehand which conditions any value of it rules out: a number is looked up
among the constants that it is compared with, a text in a table of those seen. What remains of a row of conditions is
one bit operation per name. A condition with `or` is several alternatives, each of which may hold; clauses that read
several names are tested one by one where everything else about their alternative holds.

Sets of alternatives are whole numbers with one byte per alternative, 1 for a member.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import product
from math import inf, nextafter
from typing import Any, NamedTuple, cast

from regulars.core.condition.closure import Test, compile_closure
from regulars.core.condition.condition import Condition
from regulars.core.condition.interpret import truth
from regulars.core.condition.nodes import And, InSegment, Interest, IsTruth, Node, Not, Or, Prefers, Ref, walk
from regulars.core.condition.schema import Type
from regulars.core.condition.thresholds import thresholds

#: A condition that has more alternatives is tested whole; so is an `or` that would make as many.
MOST_ALTERNATIVES = 6
#: Values of one text that are remembered.
MOST_VALUES = 5_000


class _Clause(NamedTuple):
    """Part of an alternative: a node, and whether it has to be TRUE or FALSE. NULL is neither."""

    node: Node
    wanted: bool


class _Steps(NamedTuple):
    """The alternatives that a number leaves: below the first point, on it, up to the next, and so on."""

    points: list[float]  # ascending; the last one is infinite
    left: list[int]
    unknown: int  # where the number is NULL


class Sieve:
    """Tests conditions together; it does not change but for the texts that it remembers."""

    def __init__(self, conditions: Sequence[Condition | None]) -> None:
        """None stands for a condition that always holds."""
        self._count = len(conditions)
        self._owners: list[int] = []  # of the alternatives after the first of each condition
        self._tests: dict[int, list[Test]] = {}  # alternative -> what reads several names
        by_source: dict[Ref | Interest | InSegment | Prefers, list[tuple[int, _Clause]]] = {}
        later: list[tuple[int, list[_Clause]]] = []
        never = 0
        for at, condition in enumerate(conditions):
            first, *others = [[]] if condition is None else _alternatives_of(condition)
            later += [(at, one) for one in others]
            never |= self._place(at, first, by_source)
        for owner, clauses in later:
            self._owners.append(owner)
            never |= self._place(self._count + len(self._owners) - 1, clauses, by_source)
        size = self._count + len(self._owners)
        self._everything = int.from_bytes(b"\1" * size) ^ never
        self._several = sum(_member(at) for at in self._tests)
        self._compile(by_source, int.from_bytes(b"\1" * size))

    def holding(self, row: Sequence[object]) -> int:
        """The conditions that are TRUE for the row: byte `at` is 1 where `conditions[at].test(row)`.

        `Sieve([...]).holding(row).to_bytes(count, "little")` has a byte for each condition.
        """
        left = self._everything
        cells: Sequence[Any] = row
        for slot, points, steps, unknown in self._numbers:
            value = cells[slot]
            if value is None:
                left &= unknown
            else:
                at = bisect_left(points, value)
                left &= steps[2 * at + (points[at] == value)]
        for slot, judged in self._interests:
            strengths = cells[slot]
            for key, points, steps in judged:
                value = strengths.get(key, 0.0)
                at = bisect_left(points, value)
                left &= steps[2 * at + (points[at] == value)]
        for slot, known in self._segments:
            members = cells[slot]
            for segment, inside, outside in known:
                left &= inside if segment in members else outside
        for slot, seen, judge in self._others:
            value = cells[slot]
            found = seen.get(value)
            left &= judge(value) if found is None else found
        several = left & self._several
        while several:
            lowest = several & -several
            several ^= lowest
            for test in self._tests[lowest.bit_length() >> 3]:
                if not test(row):
                    left ^= lowest
                    break
        return self._gathered(left)

    def _gathered(self, left: int) -> int:
        """Conditions of which any alternative is left."""
        bits = 8 * self._count
        others = left >> bits
        if others:
            left &= (1 << bits) - 1
            while others:
                lowest = others & -others
                others ^= lowest
                left |= 1 << 8 * self._owners[lowest.bit_length() >> 3]
        return left

    # Building ---------------------------------------------------------------------------------------------------

    def _place(
        self,
        at: int,
        clauses: Iterable[_Clause],
        by_source: dict[Ref | Interest | InSegment | Prefers, list[tuple[int, _Clause]]],
    ) -> int:
        """Note an alternative's clauses by what they read; its member where it never holds."""
        for clause in clauses:
            sources = {part for part in walk(clause.node) if isinstance(part, Ref | Interest | InSegment | Prefers)}
            if not sources:
                if truth(clause.node, ()) is not clause.wanted:
                    return _member(at)
            elif len(sources) == 1 and _is_simple(clause.node, source := next(iter(sources))):
                by_source.setdefault(source, []).append((at, clause))
            else:
                self._tests.setdefault(at, []).append(_test_of(clause))
        return 0

    def _compile(
        self, by_source: Mapping[Ref | Interest | InSegment | Prefers, list[tuple[int, _Clause]]], everything: int
    ) -> None:
        self._numbers: list[tuple[int, list[float], list[int], int]] = []
        self._others: list[tuple[int, dict[object, int], Callable[[object], int]]] = []
        interests: dict[int, list[tuple[str, list[float], list[int]]]] = {}
        segments: dict[int, list[tuple[str, int, int]]] = {}
        for source, clauses in by_source.items():
            match source:
                case Ref(_, slot, Type.NUMBER):
                    self._numbers.append((slot, *_steps(source, clauses, everything)))
                case Ref(_, slot):
                    seen: dict[object, int] = {}
                    self._others.append((slot, seen, _judge(slot, clauses, everything, seen)))
                case Interest(key, slot):
                    points, left, _ = _steps(source, clauses, everything)
                    interests.setdefault(slot, []).append((key, points, left))
                case InSegment() | Prefers():
                    segment, slot = (source.segment if isinstance(source, InSegment) else source.key), source.slot
                    inside = _left(clauses, _Cells({slot: frozenset((segment,))}), everything)
                    outside = _left(clauses, _Cells({slot: frozenset()}), everything)
                    segments.setdefault(slot, []).append((segment, inside, outside))
        self._interests = list(interests.items())
        self._segments = list(segments.items())


class _Cells(dict[int, object]):
    """A row of which only some slots are read."""


def _member(at: int) -> int:
    return 1 << 8 * at


def _alternatives_of(condition: Condition) -> list[list[_Clause]]:
    found = _alternatives(_Clause(condition.node, wanted=True))
    return [[_Clause(condition.node, wanted=True)]] if len(found) > MOST_ALTERNATIVES else found


def _alternatives(clause: _Clause) -> list[list[_Clause]]:
    """Lists of clauses: what is wanted is so exactly when all of any list are."""
    match clause.node:
        case Not(item):
            return _alternatives(_Clause(item, not clause.wanted))
        case IsTruth(item, wanted) if clause.wanted:
            return _alternatives(_Clause(item, wanted))
        case And(items) | Or(items):
            parts = [_alternatives(_Clause(item, clause.wanted)) for item in items]
            if isinstance(clause.node, Or) == clause.wanted:
                found = [one for part in parts for one in part]
            else:
                count = 1
                for part in parts:
                    count *= len(part)
                if count > MOST_ALTERNATIVES:
                    return [[clause]]
                found = [[clause for one in chosen for clause in one] for chosen in product(*parts)]
            return found if len(found) <= MOST_ALTERNATIVES else [[clause]]
        case _:
            return [[clause]]


def _is_simple(node: Node, source: Ref | Interest | InSegment | Prefers) -> bool:
    """Whether few constants say everything about the only source that a node reads."""
    if isinstance(source, InSegment | Prefers) or (isinstance(source, Ref) and source.type is not Type.NUMBER):
        return True
    return thresholds(node, source) is not None


def _test_of(clause: _Clause) -> Test:
    test, _ = compile_closure(clause.node if clause.wanted else Not(clause.node))
    return test


def _left(clauses: Sequence[tuple[int, _Clause]], cells: _Cells, everything: int) -> int:
    """The alternatives whose clauses have what is wanted."""
    out = 0
    for at, clause in clauses:
        if truth(clause.node, cast(Sequence[object], cells)) is not clause.wanted:
            out |= _member(at)
    return everything ^ out


def _judge(
    slot: int, clauses: Sequence[tuple[int, _Clause]], everything: int, seen: dict[object, int]
) -> Callable[[object], int]:
    def judge(value: object) -> int:
        if len(seen) >= MOST_VALUES:
            seen.clear()
        found = seen[value] = _left(clauses, _Cells({slot: value}), everything)
        return found

    return judge


def _steps(source: Ref | Interest, clauses: Sequence[tuple[int, _Clause]], everything: int) -> _Steps:
    """What each step of a number leaves. A clause is read once for each of its own steps, not for those of all."""
    own = [(at, clause, list(thresholds(clause.node, source) or ())) for at, clause in clauses]
    points = [*sorted({point for _, _, some in own for point in some} - {inf, -inf}), inf]
    left = [everything] * (2 * len(points))
    unknown = everything

    def told(clause: _Clause, value: object) -> bool:
        cell = {source.key: value} if isinstance(source, Interest) else value
        return truth(clause.node, cast(Sequence[object], _Cells({source.slot: cell}))) is clause.wanted

    for at, clause, some in own:
        member = _member(at)
        mine = [*(one for one in some if one < inf), inf]
        verdicts = [told(clause, value) for pair in zip(_between(mine), mine, strict=True) for value in pair]
        for step, point in enumerate(points):
            place = bisect_left(mine, point)
            if not verdicts[2 * place]:
                left[2 * step] &= ~member
            if not verdicts[2 * place + (mine[place] == point)]:
                left[2 * step + 1] &= ~member
        if isinstance(source, Ref) and not told(clause, None):
            unknown &= ~member
    return _Steps(points, left, unknown)


def _between(points: Sequence[float]) -> list[float]:
    """A number below the first point, then one between each two neighbours, where there is one."""
    found = []
    for low, high in zip((-inf, *points), points, strict=False):
        if low == -inf:
            found.append(0.0 if high == inf else nextafter(high, -inf))
            continue
        following = nextafter(low, high)
        # Neighbours among doubles: a whole number may still lie between them.
        found.append(following if following < high else int(low) + 1)
    return found
