"""Teach the order of all candidates from the lake: models of before, and what came after them."""

import time
from typing import NamedTuple

import numpy as np

from regulars.analyst.exposures import read_exposed
from regulars.analyst.joining import Joined, looks_of
from regulars.analyst.learning import Lines, Visits
from regulars.analyst.trial import CONSEQUENCE_MS
from regulars.analyst.work import Workbench
from regulars.catalog.rows import from_row
from regulars.core.item_rows import stock as stock_of
from regulars.core.state import PRODUCT
from regulars.recommend.assortment import Assortment
from regulars.recommend.interactions import Catalogue, Float64
from regulars.recommend.ranked.learned import Ranked
from regulars.recommend.ranked.teaching import Before, baskets_since, teach, visits_of
from regulars.recommend.training import TrainedSet, without_lines

#: The newest visits that the order is learned from: their share.
_TAUGHT = 0.2
_DAY_MS = 86_400_000


class Told(NamedTuple):
    """What there is to learn an order from."""

    joined: Joined
    lines: Lines
    visits: Visits
    assortment: Assortment
    stock: Float64 | None = None  # pieces now, by position


def taught(work: Workbench, earlier: TrainedSet | None, told: Told, *, until: int | None = None) -> Ranked:
    """The order, learned from what came after the days of `earlier`, a set fitted without those; None: without orders.

    `until`: nothing of that local day or after it is looked at, the consequences of a click included.
    """
    catalogue, interactions, sessions = told.joined
    models = earlier or without_lines(catalogue)
    cut = models.last_day + 1 if earlier is not None else 0
    older, newest = sessions.tail(_TAUGHT) if len(sessions) else (sessions, sessions)
    begins = max(work.calendar.start(cut), int(older.end.max()) if len(older) else 0)
    before = Before(
        trained=models,
        lines=interactions.before(cut),
        sessions=older,
        looks=looks_of(older),
        assortment=told.assortment,
        stock=told.stock,
    )
    happened = [
        *(baskets_since(interactions, catalogue, cut) if earlier is not None else ()),
        *visits_of(newest, catalogue, work.calendar.day(int(newest.end.max())) if len(newest) else 0),
    ]
    exposed = read_exposed(work, told.lines, told.visits.steps, told.visits.catalogue, since=begins)
    if until is not None:
        exposed = [one for one in exposed if one.day < until - CONSEQUENCE_MS // _DAY_MS]
    return teach(before, happened, exposed, clock=time.thread_time)


def taught_of_visits(joined: Joined, assortment: Assortment) -> Ranked:
    """The order learned from visits alone."""
    catalogue, lines, sessions = joined
    older, newest = sessions.tail(_TAUGHT)
    models = without_lines(catalogue)
    before = Before(trained=models, lines=lines, sessions=older, looks=looks_of(older), assortment=assortment)
    return teach(before, list(visits_of(newest, catalogue, 0)), [], clock=time.thread_time)


def stock_now(work: Workbench, catalogue: Catalogue) -> Float64:
    """Pieces of each item now, NaN where nobody told."""
    found = np.full(len(catalogue), np.nan)
    for row in work.state.select(PRODUCT):
        item = from_row(row)
        at = catalogue.position.get(item.id)
        stock = stock_of(item)
        if at is not None and stock is not None:
            found[at] = stock
    return found
