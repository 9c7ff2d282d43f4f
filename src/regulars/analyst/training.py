"""Train the recommendation models from the lake's order lines and visits, and take people out of them; in the child."""

import os
import time
from collections.abc import Mapping
from typing import Any, cast

import msgspec

from regulars.analyst.joining import Joined, joined_of, looks_of
from regulars.analyst.learning import Lines, Visits, read_lines, read_visits
from regulars.analyst.ranking import Told, stock_now, taught
from regulars.analyst.work import Workbench
from regulars.catalog.rows import from_row
from regulars.core.errors import Rejected
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
from regulars.recommend.ranked.learned import RANKER, Ranked, RankerTold
from regulars.recommend.sessions.data import Sessions
from regulars.recommend.sessions.questions import baselines, evaluate_next, next_items, share_of_sessions
from regulars.recommend.sessions.served import NAMES, NEIGHBOURS, SESSION_BLEND, Served, browsed
from regulars.recommend.store import forget, owners_of, save, without_visits
from regulars.recommend.training import Settings, TrainedSet, train, without_lines

#: The newest visits that session models are tried on: their share, how many are asked about, and from how many on.
_TRIED, _QUESTIONS, _LEAST_TRIED = 0.1, 1_000, 100


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


def _ranked(
    work: Workbench, trained: TrainedSet, joined: Joined, lines: Lines, visits: Visits, goods: Mapping[str, Good]
) -> Ranked | None:
    """The order of all candidates, where a placement asks for it."""
    asked = {name for one in work.definitions.placements for step in steps_of(one.recommend) for name, _ in step.models}
    if RANKER not in asked:
        return None
    told = Told(joined, lines, visits, Assortment.of(joined.catalogue, goods), stock_now(work, joined.catalogue))
    return taught(work, trained.earlier, told)


def _told(found: Evaluation | RankerTold | None) -> Any:
    return None if found is None else msgspec.to_builtins(found)
