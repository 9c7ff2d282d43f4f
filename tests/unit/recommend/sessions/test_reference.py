"""Item by item, or figure by figure, what others publish: session-rec on a sample of YooChoose, Serenade on its own.

The lists of AR and SR come from the reference implementation of Ludewig and Jannach; their settings are read from the
scores: counts over whole sessions, and weights of 1 / distance squared over 20 steps. Both count a product's repeats.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from benchmarks.shared_data import VARIABLE, shared_data
from regulars.recommend.interactions import Int64
from regulars.recommend.sessions.cases import Case, cases_of, hits, ranks
from regulars.recommend.sessions.data import Sessions
from regulars.recommend.sessions.neighbours import Neighbouring, Neighbours
from regulars.recommend.sessions.rules import Rules, Ruling
from regulars.recommend.sessions.search import search
from tests.unit.recommend.sessions.visits import prefix_of

SAMPLE = shared_data("session-rsc15-100k")
SERENADE = shared_data("session-serenade-example")
ABSENT = f"the shared data is not at hand: set {VARIABLE} to its folder"


@pytest.mark.slow
@pytest.mark.skipif(SAMPLE is None, reason=ABSENT)
@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("ar", Ruling(kind="association", steps=10_000, kept=None)),
        ("sr", Ruling(kind="sequence", steps=20, distance=2, kept=None)),
    ],
)
def test_the_lists_of_rules_are_those_of_the_reference(name: str, settings: Ruling) -> None:
    ids, made = clicks("train_full")
    model = Rules.fit(made, len(ids), settings)
    of_test = events("test")
    for row in reference(name):
        visit = of_test[1][of_test[0] == row["SessionId"]][: row["Position"] + 1]
        place = int(np.searchsorted(ids, visit[-1]))
        found = model.recommend(prefix_of(place), 20)
        scores = (found.scores / found.scores[0]).round(9).tolist() if len(found.scores) else []
        mine = dict(zip(ids[found.items].tolist(), scores, strict=True))
        theirs = {item: round(score, 9) for item, score in listed(row) if score > 0}
        assert sorted(mine.values()) == sorted(theirs.values())
        # At the end of the list ties decide which items are on it.
        last = min(theirs.values(), default=0.0)
        assert {item for item in mine if mine[item] > last} == {item for item in theirs if theirs[item] > last}


@pytest.mark.slow
@pytest.mark.skipif(SAMPLE is None, reason=ABSENT)
def test_neighbours_with_settings_of_the_search_reach_the_reference() -> None:
    ids, made = clicks("train_full")
    session, item, _ = events("test")
    cases = []
    for row in reference("vsknn"):
        visit = np.searchsorted(ids, item[session == row["SessionId"]]).astype(np.int32)
        place = row["Position"] + 1
        cases.append(Case(visit[:place], int(visit[place])))
    found = hits(ranks(Neighbours.fit(made, len(ids), search(made, len(ids))), cases))
    assert found.hit_rate >= 0.610
    assert found.reciprocal_rank >= 0.334


@pytest.mark.slow
@pytest.mark.skipif(SERENADE is None, reason=ABSENT)
def test_neighbours_with_the_settings_of_serenade_reach_its_figure() -> None:
    """Its evaluator reveals each session event by event, in the order of time, and gives the last four of them.

    Its answer never holds the last of these. A candidate counts by likeness, rarity, and how far back the match is.
    """
    made, test = (serenade(part) for part in ("train", "test"))
    items = int(max(made.item.max(), test.item.max())) + 1
    settings = Neighbouring(
        newest=1502,
        neighbours=288,
        last=4,
        decay="linear",
        idf=0,
        rare=1,
        length=0,
        after_half_life=0,
        before_half_life=0,
        before=1,
        review=1,
    )
    model = Neighbours.fit(made, items, settings)
    places = []
    for prefix, target in cases_of(test):
        found = model.recommend(prefix[-4:], 20, exclude=prefix[-1:]).items.tolist()
        places.append(found.index(target) + 1 if target in found else 0)
    assert len(places) == 931
    assert hits(np.asarray(places)).reciprocal_rank >= 0.340


def serenade(part: str) -> Sessions:
    """Clicks of one of its files, times rounded to seconds as its reader does."""
    assert SERENADE is not None
    session, item, time = columns(SERENADE / f"{part}.parquet", 1)
    return Sessions.of(session, item, time=time)


def columns(path: Path, per_second: int) -> Any:
    """Session, item and time."""
    table = pq.read_table(path)
    time = np.asarray(table["Time"].to_numpy() * per_second).round().astype(np.int64)
    return table["SessionId"].to_numpy().astype(np.int64), table["ItemId"].to_numpy().astype(np.int64), time


def events(part: str) -> tuple[Int64, Int64, Int64]:
    """Session, item and time of the clicks, by session and time."""
    assert SAMPLE is not None
    session, item, time = columns(SAMPLE / f"yoochoose-clicks-100k_{part}.parquet", 1000)
    order = np.lexsort((time, session))
    return session[order], item[order], time[order]


def clicks(part: str) -> tuple[Int64, Sessions]:
    """The ids of items by position, and the sessions."""
    session, item, time = events(part)
    ids, place = np.unique(item, return_inverse=True)
    return ids, Sessions.of(session, place.astype(np.int64), time=time)


def reference(name: str) -> list[dict[str, Any]]:
    assert SAMPLE is not None
    rows: list[dict[str, Any]] = pq.read_table(SAMPLE / f"recoms_rsc15_100k_{name}.parquet").to_pylist()
    assert len(rows) == 387
    return rows


def listed(row: dict[str, Any]) -> list[tuple[int, float]]:
    """Items and scores of a reference list."""
    items, scores = row["Recommendations"].split(","), row["Scores"].split(",")
    return [(int(item), float(score)) for item, score in zip(items, scores, strict=True)]
