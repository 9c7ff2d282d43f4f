"""Train the recommendation models from the lake's order lines and visits, and take people out of them; in the child."""

import os
import time
from collections.abc import Mapping
from typing import Any, NamedTuple, cast

import msgspec
import numpy as np

from regulars.analyst.exposures import read_exposed
from regulars.analyst.learning import Lines, Visits, read_lines, read_visits
from regulars.analyst.work import Workbench
from regulars.catalog.rows import from_row
from regulars.core.errors import Rejected
from regulars.core.item_rows import stock as stock_of
from regulars.core.merchandising import steps_of
from regulars.core.state import PRODUCT, SEALED
from regulars.flow.goods_told import goods_of
from regulars.flow.models import (
    STEPS,
    Progress,
    current,
    forgotten,
    note_forgotten,
    note_progress,
    point,
    prune,
    recommend_folder,
    training,
    versions,
    writing,
)
from regulars.recommend.assortment import Assortment, Good
from regulars.recommend.conversion import orders_per_look
from regulars.recommend.evaluation import Evaluation
from regulars.recommend.interactions import Catalogue, Float64, Int32, Interactions
from regulars.recommend.material import Looks
from regulars.recommend.ranked.learned import RANKER, Ranked, RankerTold
from regulars.recommend.ranked.teaching import Before, baskets_since, teach, visits_of
from regulars.recommend.sessions.data import Kind, Sessions
from regulars.recommend.sessions.questions import baselines, evaluate_next, next_items, share_of_sessions
from regulars.recommend.sessions.served import NAMES, NEIGHBOURS, SESSION_BLEND, Served, browsed
from regulars.recommend.store import forget, owners_of, save, without_visits
from regulars.recommend.training import Settings, TrainedSet, train, without_lines

#: The newest visits that session models are tried on: their share, how many are asked about, and from how many on.
_TRIED, _QUESTIONS, _LEAST_TRIED = 0.1, 1_000, 100
#: The newest visits that the ranker learns from: their share.
_TAUGHT = 0.2


def train_recommendations(work: Workbench) -> dict[str, Any]:
    """Train, evaluate on the last weeks and visits, save and let serve; the figures."""
    models = work.data / "models"
    with training(models):
        try:
            return _train(work)
        finally:
            note_progress(models, None)


def _train(work: Workbench) -> dict[str, Any]:
    began = time.monotonic()
    models = work.data / "models"
    started = time.time_ns() // 1_000_000

    def step(name: str) -> None:
        note_progress(models, Progress(STEPS.index(name), started, os.getpid()))

    step("reading")
    # Before the lake is read: what is sealed meanwhile is told twice, once by the models and once by their delta.
    until = cast(int, work.state.meta(SEALED) or 0)
    lines, visits = read_lines(work), read_visits(work)
    catalogue, interactions, sessions = joined_of(lines, visits)
    if not len(interactions) and not len(sessions):
        raise Rejected(
            "there is nothing to learn from: no order and no visit to two products of anybody who agrees; import "
            "orders, or let visits come in"
        )
    goods, looks = goods_of([from_row(row) for row in work.state.select(PRODUCT)]), looks_of(sessions)
    step("orders")
    trained = (
        train(interactions, catalogue, Settings(), goods=goods, looks=looks)
        if len(interactions)
        else without_lines(catalogue, goods=goods, looks=looks)
    )
    step("visits")
    if len(sessions):
        trained = _with_sessions(trained, sessions, len(catalogue))
    ranked = _ranked(work, trained, Joined(catalogue, interactions, sessions), lines, visits, goods)
    trained = msgspec.structs.replace(trained, until=until, ranked=ranked)
    step("saving")
    now = time.time_ns() // 1_000_000
    name = f"v{now}"
    seconds = round(time.monotonic() - began, 1)
    with writing(models):
        # Who was erased, or withdrew, since the lake was read.
        trained = without_visits(trained, forgotten(models, owners_of(trained)))
        manifest = save(trained, recommend_folder(models) / name, trained_at=now, seconds=seconds)
        point(models, name)
        prune(models)
    return {
        "version": name,
        "lines": len(interactions),
        "lines_without_consent": lines.without_consent,
        "persons": len(lines.persons),
        "products": len(catalogue),
        "visits": manifest.visits,
        "blended": manifest.blended,
        "seconds": seconds,
        "evaluation": _told(manifest.evaluation),
        "ranker": _told(manifest.ranker),
        "visits_evaluation": _told(manifest.visits_evaluation),
    }


def unlearn(work: Workbench, *, owners: list[int]) -> int:
    """Take the visits of these owners out of every version that is kept; how many visits. Repeated it finds none.

    A training that runs is not waited for: it is told, and leaves them out before it saves.
    """
    models = work.data / "models"
    with writing(models):
        note_forgotten(models, owners)
        gone = sum(forget(recommend_folder(models) / name, owners) for name in versions(models))
        serving = current(models)
        if gone and serving is not None:
            point(models, serving)  # who serves loads it anew
        return gone


def _with_sessions(trained: TrainedSet, sessions: Sessions, items: int) -> TrainedSet:
    """The set with session models, and how good they are on the newest visits without having seen them."""
    evaluation: Evaluation | None = None
    chosen = None
    if browsed(sessions) >= _LEAST_TRIED:
        older, newest = sessions.tail(_TRIED)
        seen = Served.fit(older, items)
        chosen = seen.neighbouring if seen.blended else None
        questions = next_items(newest, most=_QUESTIONS)
        share = share_of_sessions(older, items)
        names = [name for name in NAMES if name != SESSION_BLEND or seen.blended]
        if questions:
            evaluation = evaluate_next(
                {**{name: seen.model(name) for name in names}, **baselines(share)},
                questions,
                share=share,
                leader=SESSION_BLEND if seen.blended else NEIGHBOURS,
                k=10,
                clock=time.perf_counter,
            )
    served = Served.fit(sessions, items, neighbours=chosen)
    rates = orders_per_look(sessions, items)
    return msgspec.structs.replace(trained, sessions=served, visits_evaluation=evaluation, orders_per_look=rates)


def looks_of(sessions: Sessions) -> Looks | None:
    """What was looked at in the same visits; None where nothing was."""
    looked = sessions.kind == Kind.VIEW
    return Looks(sessions.of_event[looked].astype(np.int32), sessions.item[looked]) if looked.any() else None


class Joined(NamedTuple):
    """Order lines and visits by the positions of one catalogue."""

    catalogue: Catalogue
    interactions: Interactions
    sessions: Sessions


def joined_of(lines: Lines, visits: Visits) -> Joined:
    """Both by the positions of one catalogue; a visit to one product alone says nothing."""
    products = {
        product: catalogue.category_of(at)
        for catalogue in (visits.catalogue, lines.catalogue)
        for at, product in enumerate(catalogue.ids)
    }
    whole = Catalogue.of(sorted(products.items()))
    interactions = msgspec.structs.replace(
        lines.interactions, item=_moved(lines.interactions.item, lines.catalogue, whole)
    )
    sessions = msgspec.structs.replace(visits.sessions, item=_moved(visits.sessions.item, visits.catalogue, whole))
    return Joined(whole, interactions, sessions.where(sessions.lengths > 1))


def _moved(items: Int32, before: Catalogue, now: Catalogue) -> Int32:
    places: Int32 = np.asarray([now.position[product] for product in before.ids], np.int32)
    return places[items]


def _ranked(
    work: Workbench, trained: TrainedSet, joined: Joined, lines: Lines, visits: Visits, goods: Mapping[str, Good]
) -> Ranked | None:
    """The order of all candidates, where a placement asks for it: models of before, and what came after."""
    asked = {name for one in work.definitions.placements for step in steps_of(one.recommend) for name, _ in step.models}
    if RANKER not in asked:
        return None
    catalogue, interactions, sessions = joined
    earlier = trained.earlier or without_lines(catalogue)
    cut = earlier.last_day + 1 if trained.earlier is not None else 0
    older, newest = sessions.tail(_TAUGHT) if len(sessions) else (sessions, sessions)
    begins = max(work.calendar.start(cut), int(older.end.max()) if len(older) else 0)
    assortment = Assortment.of(catalogue, goods)
    before = Before(
        trained=earlier,
        lines=interactions.before(cut),
        sessions=older,
        looks=looks_of(older),
        assortment=assortment,
        stock=_stock(work, catalogue),
    )
    happened = [
        *(baskets_since(interactions, catalogue, cut) if trained.earlier is not None else ()),
        *visits_of(newest, catalogue, work.calendar.day(int(newest.end.max())) if len(newest) else 0),
    ]
    exposed = read_exposed(work, lines, visits.steps, visits.catalogue, since=begins)
    return teach(before, happened, exposed, clock=time.thread_time)


def _stock(work: Workbench, catalogue: Catalogue) -> Float64:
    """Pieces of each item now, NaN where nobody told."""
    found = np.full(len(catalogue), np.nan)
    for row in work.state.select(PRODUCT):
        item = from_row(row)
        at = catalogue.position.get(item.id)
        stock = stock_of(item)
        if at is not None and stock is not None:
            found[at] = stock
    return found


def _told(found: Evaluation | RankerTold | None) -> Any:
    return None if found is None else msgspec.to_builtins(found)
