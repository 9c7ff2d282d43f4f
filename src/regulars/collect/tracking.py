"""Whether what arrives is what usually arrives: counts by hour beside their own history.

A quiet shop is not a broken one. What a source sends is compared with the same hours of the weeks before, and each
event with what else the same source sends in the same hours: a step of the shop that stopped while its neighbours go on
is lost on a Sunday as on a Monday. A finding needs evidence in proportion to chance: the deviance of a Poisson count,
divided by how much more than a Poisson count the series varied before (McCullagh and Nelder, "Generalized Linear
Models", 1989, section 6.2).
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from math import sqrt
from statistics import median
from typing import Literal, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from regulars.collect.findings import Arrivals, Code, Counts, Finding, SourceHealth, State
from regulars.collect.series import (
    WEEK,
    WEEKS,
    Series,
    dispersion,
    evidence,
    robust_share,
    sometimes,
    tail,
    usual,
)

#: How many hours of history there must be before anything is said.
LEARNING_HOURS = 2 * WEEK
#: Evidence (half the deviance) that a count is not the usual one: by chance about once in three million.
EVIDENCE = 15.0
#: A quiet day of a whole shop brings this share of the usual; what stopped is some evidence against that, too.
QUIET, SOME = 0.35, 5.0
#: Of the usual: below the first it stopped, below the second it is less; above the third it comes twice, above the
#: fourth it is a flood.
STOPPED, LESS, TWICE, FLOOD = 0.2, 0.5, 1.7, 3.0
#: Where others are above this share of their usual, one that is below `LESS` is not just quiet.
OTHERS_USUAL = 0.8
_FEWEST_LESS = 50.0  # expected, to say that something is less, or of shares
_FEWEST = 20
_SHARE_BROKEN, _SHARE_DEGRADED = 0.5, 0.1  # more than usual
_SHARE_HOURS, _SHARE_USUAL_HOURS = 48, 14 * 24
_Z = 6.0
_DAYS_USUAL = 28
_ORDER = "Order Completed"


#: Whether a source sends nothing on a local day because it is closed.
Closed: TypeAlias = Callable[[str, int], bool]


class Watch:
    """Counts and their history up to a moment."""

    def __init__(self, arrivals: Arrivals, *, now: int, closed: Closed = lambda _source, _day: False) -> None:
        """`now` is the local hour that is not over yet; what it brought is left out."""
        self._arrivals = arrivals
        self._now = now
        self._hours = (WEEKS + 1) * WEEK
        self._first = now - self._hours
        self._closed = closed
        self.sources = sorted(
            {source for source, _ in arrivals.arrived}
            | {source for source, *_ in (*arrivals.machines, *arrivals.failed)}
        )
        self._bulk = {source: self._bulk_hours(source) for source in self.sources}
        self._imports = {source for source in self.sources if self._is_import(source)}
        self._events = {place: self._live(place[0], counts) for place, counts in arrivals.arrived.items()}
        self._totals = {source: self._total(source) for source in self.sources}
        self._open = {source: self._open_hours(source) for source in self.sources}
        self._usual = {source: usual(total, self._open[source]) for source, total in self._totals.items()}

    def learned(self, source: str, event: str = "") -> int:
        """Hours since the first that was counted; of a source that is heard live, since the first that came so."""
        bulk = frozenset[int]() if source in self._imports else self._bulk[source]
        counted = [
            min(live)
            for (of, name), counts in self._arrivals.arrived.items()
            if of == source and (not event or name == event) and (live := counts.keys() - bulk)
        ]
        return max(self._now - min(counted), 0) if counted else 0

    def _bulk_hours(self, source: str) -> frozenset[int]:
        """The hours of which most came long after they were over: an import of the past."""
        past = self._arrivals.past.get((source,), {})
        came: Counts = {}
        for (of, name), counts in self._arrivals.arrived.items():
            if of == source and past and not name.startswith("goal:"):
                for hour, count in counts.items():
                    came[hour] = came.get(hour, 0) + count
        return frozenset(hour for hour, count in past.items() if 2 * count >= came.get(hour, 0))

    def _is_import(self, source: str) -> bool:
        """Whether nothing of the last weeks was heard live."""
        bulk = self._bulk[source]
        hours = {hour for (of, _), counts in self._arrivals.arrived.items() if of == source for hour in counts}
        return bool(bulk) and not any(hour >= self._now - LEARNING_HOURS for hour in hours - bulk)

    def health(self) -> list[SourceHealth]:
        """Every source that ever sent."""
        found = self.findings()
        return [self._source(source, [one for one in found if one.source == source]) for source in self.sources]

    def findings(self) -> list[Finding]:
        """Everything that is otherwise than usual, what is worst first."""
        found: list[Finding] = []
        for source in self.sources:
            if self.learned(source) < LEARNING_HOURS:
                continue
            if source in self._imports:  # how much comes when is up to whoever imports
                found += self._shares(source)
                continue
            volume = self._volume(source)
            found += volume
            flooded = any(one.code == "flooded" for one in volume)
            names = sorted(name for of, name in self._events if of == source)
            steps = [] if flooded else [one for name in names for one in self._step(source, name)]
            # Where one step is lost, the others are more of the rest, and where machines came, all shares are others.
            lost = min((one.since for one in steps if one.code == "step_lost"), default=self._now)
            found += [one for one in steps if one.code != "doubled" or one.since < lost - 1]
            found += self._shares(source)
        found += self._orders()
        return sorted(found, key=lambda one: (one.state != "broken", one.since, one.source, one.event, one.field))

    def _source(self, source: str, findings: list[Finding]) -> SourceHealth:
        learned = self.learned(source)
        total, expected = self._totals[source][-24:], self._usual[source][-24:]
        states: set[State] = {one.state for one in findings}
        state: State = "broken" if "broken" in states else "degraded" if states else "sound"
        failed = sum(self._sum(c) for place, c in self._arrivals.failed.items() if place[0] == source)
        again, named = (self._sum(of.get((source,), {})) for of in (self._arrivals.again, self._arrivals.named))
        came = float(total.sum())
        machines, skewed = (self._sum(of.get((source,), {})) for of in (self._arrivals.machines, self._arrivals.skewed))
        return SourceHealth(
            source=source, state="unknown" if learned < LEARNING_HOURS else state, findings=findings,
            day=total.tolist(), usual=expected.tolist(), came=round(came),
            share=came / float(expected.sum()) if self._compares(source) and expected.sum() > 0 else None,
            failed_share=failed / (failed + came) if failed else 0.0,
            repeated_share=again / (again + came) if again else 0.0,
            named_share=named / came if came else None, learned_days=learned // 24,
            imported=source in self._imports, machine_share=machines / (machines + came) if machines else 0.0,
            skewed_share=min(skewed / came, 1.0) if came else 0.0,
        )  # fmt: skip

    def _compares(self, source: str) -> bool:
        return source not in self._imports and self.learned(source) >= LEARNING_HOURS

    # Volume -----------------------------------------------------------------------------------------------------

    def _volume(self, source: str) -> list[Finding]:
        total, expected = self._totals[source], self._usual[source]
        spread = dispersion(total[-5 * WEEK : -24], expected[-5 * WEEK : -24])
        hours = tail(0.5 * expected[-WEEK:] - total[-WEEK:])
        found: list[Finding] = []
        if hours:
            came, wanted = float(total[-hours:].sum()), float(expected[-hours:].sum())
            share = came / wanted
            sure = evidence(came, wanted) >= EVIDENCE * spread
            unquiet = evidence(came, QUIET * wanted) >= SOME
            if sure and unquiet and share < STOPPED:
                found.append(self._finding("silent", "broken", source, hours, came, wanted))
            elif sure and share < LESS and self._alone(source, hours):
                found.append(self._finding("quieter", "degraded", source, hours, came, wanted))
        hours = tail(total[-WEEK:] - 2 * expected[-WEEK:])
        if hours:
            came, wanted = float(total[-hours:].sum()), float(expected[-hours:].sum())
            flood = came >= FLOOD * wanted and evidence(came, max(wanted, 1.0)) >= 3 * EVIDENCE * spread
            if flood and self._ordered(hours) < LESS * came / max(wanted, 1.0):
                found.append(self._finding("flooded", "degraded", source, hours, came, wanted))
        return found

    def _alone(self, source: str, hours: int) -> bool:
        """Whether the other sources sent what they usually do while this one did not, in the hours that say so."""
        others = [one for one in self.sources if one != source]
        if not others:
            return False
        came = cast(Series, np.sum([self._totals[one][-hours:] for one in others], axis=0))
        wanted = cast(Series, np.sum([self._usual[one][-hours:] for one in others], axis=0))
        telling = wanted > 0
        mine, usually = self._totals[source][-hours:][telling], self._usual[source][-hours:][telling]
        if wanted.sum() < _FEWEST_LESS or usually.sum() < _FEWEST_LESS:
            return False
        return bool(came[telling].sum() >= OTHERS_USUAL * wanted.sum() and mine.sum() < LESS * usually.sum())

    def _ordered(self, hours: int) -> float:
        """Orders of these hours as a share of the usual."""
        of = [series for (_, name), series in self._events.items() if name == _ORDER]
        if not of:
            return 1.0
        orders = cast(Series, np.sum(of, axis=0))
        wanted = float(usual(orders, np.ones(len(orders), dtype=bool))[-hours:].sum())
        return float(orders[-hours:].sum()) / wanted if wanted >= 1 else 1.0

    # Steps ------------------------------------------------------------------------------------------------------

    def _step(self, source: str, name: str) -> list[Finding]:
        """An event beside everything else that its source sends in the same hours."""
        if self.learned(source, name) < LEARNING_HOURS:
            return []
        mine = self._events[source, name]
        beside = self._beside(source, name)
        history = slice(max(-5 * WEEK, -self.learned(source, name)), -24)
        if mine[history].sum() < _FEWEST or beside[history].sum() < _FEWEST:
            return []
        expected = beside * robust_share(mine[history], beside[history])
        spread = dispersion(mine[history], expected[history])
        found: list[Finding] = []
        hours = tail(0.5 * expected[-WEEK:] - mine[-WEEK:])
        if hours:
            came, wanted = float(mine[-hours:].sum()), float(expected[-hours:].sum())
            sure = evidence(came, wanted) >= EVIDENCE * spread
            if sure and came < STOPPED * wanted and not sometimes(mine[history], expected[history], wanted, LESS, -1):
                found.append(self._finding("step_lost", "broken", source, hours, came, wanted, event=name))
        hours = tail(mine[-WEEK:] - 1.4 * expected[-WEEK:])
        if hours:
            came, wanted = float(mine[-hours:].sum()), float(expected[-hours:].sum())
            sure = wanted >= _FEWEST and evidence(came, wanted) >= EVIDENCE * spread
            if sure and came >= TWICE * wanted and not sometimes(mine[history], expected[history], wanted, TWICE, 1):
                found.append(self._finding("doubled", "degraded", source, hours, came, wanted, event=name))
        return found

    def _beside(self, source: str, name: str) -> Series:
        """What else a source sends; of a goal, all events of its source that are no goals."""
        own = self._events[source, name] if not name.startswith("goal:") else 0.0
        return self._totals[source] - own

    # Shares -----------------------------------------------------------------------------------------------------

    def _shares(self, source: str) -> Iterable[Finding]:
        for (of, name, field), counts in self._arrivals.empty.items():
            if of == source and (all_of := self._events.get((source, name))) is not None:
                part = self._series(counts)
                yield from self._share("field_empty", source, part, all_of, of=(name, field, ""))
        by_event: dict[str, list[tuple[str, str, Series]]] = {}
        for (of, name, reason, field), counts in self._arrivals.failed.items():
            if of == source:
                by_event.setdefault(name, []).append((reason, field, self._series(counts)))
        for name, reasons in by_event.items():
            part = cast(Series, np.sum([series for _, _, series in reasons], axis=0))
            reason, field, _ = max(reasons, key=lambda one: float(one[2][-24:].sum()))
            came = self._events.get((source, name), self._totals[source])
            yield from self._share("failing", source, part, came + part, of=(name, field, reason))
        total = self._totals[source]
        if (source,) in self._arrivals.machines:
            part = self._series(self._arrivals.machines[source,])
            yield from self._share("machines", source, part, total + part, worst="degraded", more=0.2)
        if (source,) in self._arrivals.again:
            part = self._series(self._arrivals.again[source,])
            yield from self._share("repeated", source, part, total + part, worst="degraded")
        if (source,) in self._arrivals.named:
            nameless = total - self._series(self._arrivals.named[source,])
            yield from self._share("unnamed", source, nameless, total, worst="degraded", more=0.2)

    def _share(
        self,
        code: Code,
        source: str,
        part: Series,
        whole: Series,
        *,
        of: tuple[str, str, str] = ("", "", ""),
        worst: Literal["degraded", "broken"] = "broken",
        more: float = _SHARE_DEGRADED,
    ) -> Iterable[Finding]:
        """A share that is larger than it was; `of` are event, property and reason."""
        before = slice(-_SHARE_USUAL_HOURS, -_SHARE_HOURS)
        base = float(whole[before].sum())
        was = float(part[before].sum()) / base if base else 0.0
        hours = tail(part[-_SHARE_HOURS:] - (was + more) * whole[-_SHARE_HOURS:])
        if not hours:
            return
        counted, all_of = float(part[-hours:].sum()), float(whole[-hours:].sum())
        share = counted / all_of
        unlike = (share - was) / sqrt(max(was * (1 - was), 0.01) / all_of)
        if all_of < _FEWEST or unlike < _Z:
            return
        state = worst if share >= min(was + _SHARE_BROKEN, 0.95) else "degraded"
        if state == "broken" or all_of >= _FEWEST_LESS:
            yield Finding(
                code=code, state=state, source=source, event=of[0], field=of[1], reason=of[2],
                since=self._now - hours, counted=counted, expected=was * all_of, share=share, usual=was,
            )  # fmt: skip

    # Orders -----------------------------------------------------------------------------------------------------

    def _orders(self) -> Iterable[Finding]:
        """Orders that only servers told, or only browsers, beside how it was."""
        today = self._now // 24
        told = self._arrivals.told
        sources = sorted({source for source, _ in told})
        both = {source: told.get((source, "both"), {}) for source in sources}
        for source in sources:
            alone = told.get((source, "server"), {})
            if alone:
                yield from self._of_orders("orders_unseen", source, alone, both[source], until=today + 1)
            alone = told.get((source, "browser"), {})
            if alone:
                backed: Counts = {}
                for counts in both.values():
                    for day, count in counts.items():
                        backed[day] = backed.get(day, 0) + count
                yield from self._of_orders("orders_unbacked", source, alone, backed, until=today)

    def _of_orders(self, code: Code, source: str, alone: Counts, both: Counts, *, until: int) -> Iterable[Finding]:
        def share(days: Collection[int]) -> tuple[int, int]:
            lone = sum(max(alone.get(day, 0), 0) for day in days)
            return lone, lone + sum(max(both.get(day, 0), 0) for day in days)

        before = [share([day]) for day in range(until - _DAYS_USUAL, until - 2)]
        known = [part / whole for part, whole in before if whole]
        counted, whole = share(range(until - 2, until))
        if len(known) < 14 or whole < _FEWEST:
            return
        was = median(known)
        spread = max(was * (1 - was), 0.01)
        now = counted / whole
        if now < was + 0.15 or (now - was) / sqrt(spread / whole) < _Z or was > 0.9:
            return
        yield Finding(
            code=code, state="broken" if now >= min(was + _SHARE_BROKEN, 0.95) else "degraded", source=source,
            event=_ORDER, since=(until - 2) * 24, counted=counted, expected=was * whole, share=now, usual=was,
        )  # fmt: skip

    # Series -----------------------------------------------------------------------------------------------------

    def _finding(
        self, code: Code, state: Literal["degraded", "broken"], source: str, hours: int, came: float, wanted: float,
        *, event: str = "",
    ) -> Finding:  # fmt: skip
        return Finding(
            code=code, state=state, source=source, event=event, since=self._now - hours, counted=came, expected=wanted,
            share=came / wanted if wanted else came,
        )  # fmt: skip

    def _live(self, source: str, counts: Mapping[int, int]) -> Series:
        """Without the hours that were imported, where the source is heard live as well."""
        bulk = self._bulk[source]
        if not bulk or source in self._imports:
            return self._series(counts)
        return self._series({hour: count for hour, count in counts.items() if hour not in bulk})

    def _series(self, counts: Mapping[int, int]) -> Series:
        found = np.zeros(self._hours)
        for hour, count in counts.items():
            if self._first <= hour < self._now:
                found[hour - self._first] += count
        return found

    def _total(self, source: str) -> Series:
        mine = [one for (of, name), one in self._events.items() if of == source and not name.startswith("goal:")]
        return cast(Series, np.sum(mine, axis=0)) if mine else np.zeros(self._hours)

    def _open_hours(self, source: str) -> NDArray[np.bool_]:
        """Hours that say what is usual: of open days, since the source began."""
        begins = self._now - self.learned(source)
        days = {day: not self._closed(source, day) for day in range(self._first // 24, self._now // 24 + 1)}
        hours = range(self._first, self._now)
        bulk = frozenset[int]() if source in self._imports else self._bulk[source]
        return np.array([hour >= begins and days[hour // 24] and hour not in bulk for hour in hours], dtype=bool)

    def _sum(self, counts: Mapping[int, int]) -> float:
        """Of the last 24 whole hours."""
        return float(sum(count for hour, count in counts.items() if self._now - 24 <= hour < self._now))
