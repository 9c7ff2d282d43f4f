"""How good recommendations would have been on the last weeks of a shop's own data, or on a folder of sessions.

Everything is fitted anew on what lay before the cut, so that nothing that is measured was seen. Runs in the child
process; what is being done is told on standard error.
"""

import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from regulars.analyst.joining import Joined, joined_of
from regulars.analyst.knowing import Known, of_shop, of_visits
from regulars.analyst.learning import read_lines, read_visits
from regulars.analyst.ranking import Told
from regulars.analyst.work import Workbench
from regulars.catalog.rows import from_row
from regulars.core.catalog import CatalogItem
from regulars.core.errors import Rejected
from regulars.core.item_rows import SEPARATOR
from regulars.core.record import owner_key
from regulars.core.state import IDENTIFIER, PRODUCT
from regulars.flow import generation
from regulars.flow.goods_told import goods_of
from regulars.flow.members import members
from regulars.recommend.assortment import Assortment
from regulars.recommend.bundles import Bundles
from regulars.recommend.complements import Alternatives, Complements
from regulars.recommend.evaluation import LEAST_CASES, Evaluation, Report, evaluate, next_baskets
from regulars.recommend.interactions import Catalogue, Int32, Int64, Mask
from regulars.recommend.material import AssortmentModel
from regulars.recommend.model import NOTHING, Scored
from regulars.recommend.ranked.learned import RANKER, Ranked
from regulars.recommend.sessions.data import Sessions
from regulars.recommend.sessions.questions import (
    Mode,
    Next,
    Recommender,
    baselines,
    evaluate_next,
    next_items,
    share_of_sessions,
)
from regulars.recommend.sessions.served import NAMES, NEIGHBOURS, SESSION_BLEND, Served
from regulars.recommend.similar import Similar
from regulars.recommend.training import recommenders
from regulars.recommend.visit import Visit

#: Questions of visits that are asked at most: the intervals of more would not be narrower than a reader cares for.
MOST_QUESTIONS = 20_000
_MOST_SEGMENTS = 30
#: Products of a visit, the latest first, that a row beside a product goes by.
_LOOKED_AT = 3
#: Models of the assortment by what they are asked: what completes a basket, what stands beside a product.
_OF_BASKETS = (Complements.name, Bundles.name)
_BESIDE_PRODUCTS = (Alternatives.name, Complements.name, Similar.name)


def evaluate_shop(work: Workbench, *, days: int, k: int) -> Report:
    """The shop's orders and visits: learned from what came before the last `days` days, asked about those."""
    found: dict[str, Evaluation] = {}
    skipped: dict[str, str] = {}
    seconds: dict[str, float] = {}
    learned: dict[str, int] = {}
    rests: dict[str, str] = {}
    spans: list[tuple[int, int, int]] = []
    _say("reading orders")
    lines = read_lines(work)
    _say("reading visits")
    visits = read_visits(work)
    joined = joined_of(lines, visits)
    starts = np.asarray([work.calendar.day(int(end)) for end in joined.sessions.end], np.int64)
    segments = _segments(work)
    assortment = Assortment.of(joined.catalogue, goods_of([from_row(row) for row in work.state.select(PRODUCT)]))
    told = Told(joined, lines, visits, assortment)
    cuts: dict[int, Known] = {}

    def known_at(cut: int) -> Known:
        if cut not in cuts:
            cuts[cut] = of_shop(work, told, starts, cut, seconds)
        return cuts[cut]

    try:
        first, cut, last = _span(joined.interactions.day, days)
        found["baskets"] = _baskets(joined, lines.persons, known_at(cut), k, segments, rests)
        learned["order_lines"] = len(known_at(cut).joined.interactions)
        spans.append((first, cut, last))
    except Rejected as error:
        skipped["baskets"] = str(error)
    try:
        first, cut, last = _span(starts, days)
        known, newest = known_at(cut), joined.sessions.where(starts >= cut)
        questions = next_items(newest, most=MOST_QUESTIONS)
        more = _beside_and_in_order(known, rests)
        before, of_segments = known.joined.sessions, _members(segments, newest)
        found |= _visits(before, questions, len(joined.catalogue), k, seconds, of_segments, more)
        learned["visits"] = len(before)
        spans.append((first, cut, last))
    except Rejected as error:
        skipped["visits"] = str(error)
    if not found:
        raise Rejected("nothing to evaluate: " + "; ".join(skipped.values()))
    firsts, begins, lasts = zip(*spans, strict=True)
    return Report(
        title=work.definitions.shop.name,
        first_day=min(firsts),
        cut_day=min(begins),
        last_day=max(lasts),
        products=len(joined.catalogue),
        learned_from=learned,
        seconds=seconds,
        evaluations=found,
        skipped=skipped,
        rests=rests,
        segments={segment.id: segment.title for segment in work.definitions.segments if segment.title},
    )


class Folder(NamedTuple):
    """Sessions to learn from, and questions of others, with items by position."""

    sessions: Sessions
    questions: list[Next]
    items: int
    ids: tuple[str, ...]  # by position


def read_folder(folder: Path) -> Folder:
    """A folder with `train.parquet` (session, position, item) and `test.parquet` (prefix, target)."""
    train_table = _parquet(folder / "train.parquet", ("session", "position", "item"))
    test_table = _parquet(folder / "test.parquet", ("prefix", "target"))
    order = np.lexsort((train_table["position"].to_numpy(), train_table["session"].to_numpy()))
    prefixes = test_table["prefix"].combine_chunks()
    flat, targets = pc.list_flatten(prefixes).to_numpy(), test_table["target"].to_numpy()
    raw = train_table["item"].to_numpy()[order]
    ids, item = np.unique(np.concatenate((raw, flat, targets)), return_inverse=True)
    sessions = Sessions.of(train_table["session"].to_numpy()[order], item[: len(raw)].astype(np.int32))
    asked = item[len(raw) :].astype(np.int32)
    offsets = np.concatenate(([0], np.cumsum(pc.list_value_length(prefixes).to_numpy())))
    questions = [
        Next(number, asked[begin:end], int(target))
        for number, (begin, end, target) in enumerate(
            zip(offsets[:-1].tolist(), offsets[1:].tolist(), asked[len(flat) :].tolist(), strict=True)
        )
        if end > begin
    ]
    return Folder(sessions, questions, len(ids), tuple(map(str, ids.tolist())))


def evaluate_folder(folder: Path, *, k: int, products: Sequence[CatalogItem] = ()) -> Report:
    """The models that would serve, learned from the folder's training part and asked about its test part.

    With `products` also those that look at the catalogue; all of them are products of the folder then.
    """
    sessions, questions, items, ids = read_folder(folder)
    seconds: dict[str, float] = {}
    rests: dict[str, str] = {}
    more = None
    if products:
        catalogue = _catalogue(ids, products, folder)
        known = of_visits(sessions, Assortment.of(catalogue, goods_of(products)), seconds)
        more = _beside_and_in_order(known, rests)
        items = len(catalogue)
    return Report(
        title=folder.name,
        first_day=None,
        cut_day=None,
        last_day=None,
        products=items,
        learned_from={"visits": len(sessions)},
        seconds=seconds,
        evaluations=_visits(sessions, questions, items, k, seconds, more=more),
        rests=rests,
    )


def _catalogue(ids: Sequence[str], products: Sequence[CatalogItem], folder: Path) -> Catalogue:
    """The products of the visits by position, those that nobody visited behind them."""
    categories = {one.id: SEPARATOR.join(one.category) for one in products}
    if categories.keys().isdisjoint(ids):
        raise Rejected(
            f"none of the {len(products)} products in {folder} is in a visit there; both have to use the same ids",
            field="--path",
            expected=f"ids such as {ids[0]}" if ids else "ids of the visits",
            got=f"ids such as {products[0].id}",
        )
    visited = set(ids)
    named = [*ids, *(one for one in categories if one not in visited)]
    return Catalogue.of([(one, categories.get(one, "")) for one in named])


def _baskets(
    joined: Joined,
    persons: Sequence[str],
    known: Known,
    k: int,
    segments: Mapping[str, Sequence[str]],
    rests: dict[str, str],
) -> Evaluation:
    _say("fitting the models of baskets")
    trained = known.trained
    cases = list(next_baskets(joined.interactions, since=known.cut))
    asked = dict(recommenders(trained, known.material.lines))
    asked |= {name: known.models[name] for name in _OF_BASKETS}
    _say("learning an order of all candidates")
    order = known.in_order()
    rests |= _resting(known.ranked)
    if order is not None:
        asked[RANKER] = order
    _say(f"asking for {len(cases):,} baskets")
    return evaluate(
        asked,
        cases,
        leader=trained.blend.name,
        seen=known.material.lines,
        items=len(joined.catalogue),
        segments=_places(segments, [persons[case.person] for case in cases]),
        k=k,
        clock=time.perf_counter,
    )


def _resting(ranked: Ranked) -> dict[str, str]:
    """That the learned order would not serve, and why."""
    return {} if ranked.told.serves else {RANKER: ranked.told.why}


class Beside:
    """A model of the row beside a product, asked what comes after the visit so far: it sees what was looked at."""

    def __init__(self, model: AssortmentModel) -> None:
        self._model = model

    def recommend(
        self, prefix: Int32, n: int, *, exclude: Int32 = NOTHING, allowed: Mask | None = None, review: bool = True
    ) -> Scored:
        """At most `n` items; a model of this kind names nothing that lies before the customer already."""
        seen = prefix[::-1][:_LOOKED_AT]
        left = exclude if review else np.concatenate((exclude, prefix))
        visit = Visit.of(NOTHING, NOTHING, day=0, viewed=seen)
        return self._model.best(visit, n=n, excluded=left, allowed=allowed)


def _beside_and_in_order(known: Known, rests: dict[str, str]) -> Callable[[Served], Mapping[str, Recommender]]:
    """What stands beside a product, and the learned order of all candidates; `rests` is told where that would rest."""
    beside: dict[str, Recommender] = {name: Beside(known.models[name]) for name in _BESIDE_PRODUCTS}

    def models(served: Served) -> Mapping[str, Recommender]:
        _say("learning an order of all candidates")
        order = known.in_order(served)
        rests.update(_resting(known.ranked))
        return beside if order is None else {RANKER: order, **beside}

    return models


def _visits(
    sessions: Sessions,
    questions: list[Next],
    items: int,
    k: int,
    seconds: dict[str, float],
    by_segment: Mapping[str, Collection[int]] | None = None,
    more: Callable[[Served], Mapping[str, Recommender]] | None = None,
) -> dict[str, Evaluation]:
    """With re-views and, apart, for discovery; `more` are models beside those of visits, some of which ask these."""
    if not len(sessions):
        raise Rejected("no visit lies before the cut; choose fewer days, or collect visits first")
    _say(f"fitting the models of {len(sessions):,} visits")
    share = share_of_sessions(sessions, items)
    began = time.perf_counter()
    served = Served.fit(sessions, items)
    spent = round(time.perf_counter() - began, 2)
    leader = SESSION_BLEND if served.blended else NEIGHBOURS
    names = [leader, *(name for name in NAMES if name not in (leader, SESSION_BLEND))]
    models: dict[str, Recommender] = {name: served.model(name) for name in names}
    seconds |= dict.fromkeys(names, spent)  # they are learned together
    models |= {**({} if more is None else more(served)), **baselines(share)}
    found: dict[str, Evaluation] = {}
    modes: tuple[Mode, ...] = ("review", "discovery")
    for mode in modes:
        _say(f"asking {len(questions):,} visits for what came next ({mode})")
        found[mode] = evaluate_next(
            models, questions, share=share, leader=leader, mode=mode, k=k, members=by_segment, clock=time.perf_counter
        )
    return found


def _span(days: Any, held_out: int) -> tuple[int, int, int]:
    """First day, first day asked about, last day."""
    if not len(days):
        raise Rejected("there are none that may be learned from; import orders, or let visits come in, with consent")
    first, last = int(days.min()), int(days.max())
    cut = last + 1 - held_out
    if cut <= first:
        raise Rejected(
            f"they cover {last - first + 1} days, and {held_out} are to be asked about; choose fewer with --days",
            field="days",
        )
    return first, cut, last


def _segments(work: Workbench) -> dict[str, list[str]]:
    """By segment, the subjects whose profile is a member now."""
    tables = generation.tables(work.state)
    belongs: dict[int, list[str]] = {}
    wanted = [segment.id for segment in work.definitions.segments][:_MOST_SEGMENTS]
    for segment in wanted:
        for profile, _ in members(work.state, tables, segment):
            belongs.setdefault(profile, []).append(segment)
    found: dict[str, list[str]] = {segment: [] for segment in wanted}
    for row in work.state.select(IDENTIFIER):
        for segment in belongs.get(int(row[1] or 0), ()):
            found[segment].append(str(row[0]))
    return found


def _places(segments: Mapping[str, Sequence[str]], subjects: Sequence[str]) -> dict[str, Int64]:
    """By segment, the places of its members; segments with too few are left out."""
    found = {}
    for segment, subjects_in in segments.items():
        chosen = set(subjects_in)
        places = [at for at, subject in enumerate(subjects) if subject in chosen]
        if len(places) >= LEAST_CASES:
            found[segment] = np.asarray(places, np.int64)
    return found


def _members(segments: Mapping[str, Sequence[str]], told: Sessions) -> dict[str, list[int]]:
    """By segment, the numbers of its members' visits."""
    keys = {segment: [owner_key(one) for one in subjects] for segment, subjects in segments.items()}
    return {segment: np.flatnonzero(np.isin(told.owner, found)).tolist() for segment, found in keys.items()}


def _parquet(path: Path, columns: Sequence[str]) -> pa.Table:
    """The columns of a file; what is missing is said."""
    if not path.is_file():
        raise Rejected(
            f"{path} is missing; a folder to evaluate holds train.parquet (session, position, item) and test.parquet "
            "(prefix, target)",
            field="--path",
        )
    try:
        return pq.read_table(path, columns=list(columns))
    except (pa.ArrowException, OSError) as error:
        raise Rejected(
            f"{path} cannot be read: {error}", field="--path", expected=f"Parquet with columns {', '.join(columns)}"
        ) from None


def _say(what: str) -> None:
    """Tell whoever waits."""
    sys.stderr.write(f"regulars evaluate: {what}\n")
    sys.stderr.flush()
