"""Rows that were seen and clicked, read from the lake and the log: what the ranker learns from."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from regulars.analyst.learning import Lines, Steps, of_orders, of_those_who_agree
from regulars.analyst.trial import CLICKED, CONSEQUENCE_MS, FIELDS, decisions, tail
from regulars.analyst.work import Workbench
from regulars.core.event import DECISION_SHOWN
from regulars.core.lake import RowDecision
from regulars.core.record import Hot, owner_key
from regulars.core.state import CLOCK
from regulars.recommend.interactions import Catalogue
from regulars.recommend.model import Shopper
from regulars.recommend.ranked import examples
from regulars.recommend.ranked.examples import Exposed

_MILLION = 1e6
_DAY_MS = 86_400_000
_MOST_OF_ONE = 20  # decisions of one person
_hot = msgspec.msgpack.Decoder(Hot).decode
_MOST_LINES = 1_000  # of a person's past


def read_exposed(work: Workbench, lines: Lines, steps: Steps, visited: Catalogue, *, since: int) -> list[Exposed]:
    """Rows with a click from an instant (ms) on, the oldest first, of persons who agree from then on.

    A row counts where it was reported as seen or, at placements that count decisions, where it was decided; a click is
    seen, too. What a person had bought counts from the days before, what was looked at up to the instant.
    """
    clock = int(str(work.state.meta(CLOCK) or 0))
    newest = tail(work)
    names = [CLICKED, DECISION_SHOWN]
    table = work.table("reactions", {"names": names, "since": work.calendar.day(since), "until": None})
    rows: list[tuple[Any, ...]] = list(zip(*(column.to_pylist() for column in table.columns), strict=True))
    rows += [
        (one.name, one.subject, one.time, *(_text(one.properties.get(field)) for field in FIELDS))
        for one in newest.events
        if one.name in names
    ]
    clicks: dict[tuple[str, str], dict[str, tuple[str, int]]] = {}
    for name, subject, time, identifier, placement, product in rows:
        if name == CLICKED and identifier and placement and product:
            clicks.setdefault((identifier, placement), {}).setdefault(product, (subject, time))
    wanted = {identifier for identifier, _ in clicks}
    if not wanted:
        return []
    until = clock + _DAY_MS  # it ticks now and then
    found = [one for one in decisions(work, since, until, newest) if one.id in wanted]
    found = _agreeing(work, found)
    ordered = _ordered(work, since)
    past = _Past(lines)
    result = []
    counts: Counter[str] = Counter()
    for decision in sorted(found, key=lambda one: -one.time):
        counts[decision.anchor] += 1
        if counts[decision.anchor] > _MOST_OF_ONE or _hot(decision.hot).machine:
            continue  # nobody's clicks teach what everybody is shown
        day = work.calendar.day(decision.time)
        seen = steps.running(decision.anchor, decision.time)
        session = tuple(visited.ids[at] for at in seen)
        shopper = Shopper(purchases=past.of(decision.anchor, day), viewed=session[-3:], session=session)
        for row in decision.rows:
            name, items = decision.chosen[row.place][0], decision.chosen[row.place][4]
            clicked = clicks.get((decision.id, name))
            if not clicked or not items or not row.personal:
                continue
            gains = tuple(_gain(item, clicked, ordered) for item in items)
            if not any(gains):
                continue  # a click of something that did not stand there
            certain = [1.0] * len(items)
            chances = [one / _MILLION for one in row.propensities] or certain
            result.append(Exposed(shopper, day, owner_key(decision.anchor), tuple(items), tuple(chances), gains))
    return result[::-1]


def _gain(item: str, clicked: dict[str, tuple[str, int]], ordered: dict[tuple[str, str], list[int]]) -> int:
    click = clicked.get(item)
    if click is None:
        return 0
    subject, time = click
    later = any(time <= at <= time + CONSEQUENCE_MS for at in ordered.get((subject, item), ()))
    return examples.ORDERED if later else examples.CLICKED


def _agreeing(work: Workbench, found: Sequence[RowDecision]) -> list[RowDecision]:
    """Decisions about persons who agree, of the time that their consent covers."""
    if not found:
        return []
    table = pa.table(
        {
            "subject": pa.array([one.anchor for one in found], pa.string()),
            "time": pa.array([one.time for one in found], pa.int64()),
            "at": pa.array(range(len(found)), pa.int64()),
        }
    )
    kept: list[Any] = of_those_who_agree(work, table)["at"].to_pylist()
    return [found[at] for at in kept]


def _ordered(work: Workbench, since: int) -> dict[tuple[str, str], list[int]]:
    table = work.table("order_lines", of_orders(work.definitions, since=work.calendar.day(since)))
    found: dict[tuple[str, str], list[int]] = {}
    columns = (table.column(name).to_pylist() for name in ("subject", "product_id", "time"))
    for subject, product, time in zip(*columns, strict=True):
        found.setdefault((subject, product), []).append(time)
    return found


class _Past:
    """What each person had bought before a day."""

    def __init__(self, lines: Lines) -> None:
        self._places = {name: at for at, name in enumerate(lines.persons)}
        held = lines.interactions
        order = np.lexsort((held.day, held.person))
        self._person, self._day = held.person[order], held.day[order]
        self._item, self._quantity = held.item[order], held.quantity[order]
        self._ids = lines.catalogue.ids

    def of(self, subject: str, day: int) -> list[tuple[str, int, int]]:
        place = self._places.get(subject)
        if place is None:
            return []
        begin, end = np.searchsorted(self._person, [place, place + 1]).tolist()
        end = begin + int(np.searchsorted(self._day[begin:end], day))
        part = slice(max(begin, end - _MOST_LINES), end)
        columns = (self._item[part].tolist(), self._day[part].tolist(), self._quantity[part].tolist())
        return [(self._ids[item], on, count) for item, on, count in zip(*columns, strict=True)]


def _text(value: object) -> str | None:
    return None if value is None else str(value)
