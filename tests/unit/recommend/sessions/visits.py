"""Visits made up by hypothesis: few products, so that sessions meet."""

from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

from regulars.recommend.interactions import Int32
from regulars.recommend.sessions.data import Delta, Sessions
from regulars.recommend.sessions.neighbours import Neighbouring

ITEMS = 8
items = st.lists(st.integers(0, ITEMS - 1), min_size=1, max_size=6)
prefixes = st.lists(st.integers(0, ITEMS + 1), max_size=6).map(lambda one: np.asarray(one, np.int32))
settings = st.builds(
    Neighbouring,
    newest=st.integers(1, 6),
    neighbours=st.integers(1, 8),
    last=st.integers(1, 5),
    back_half_life=st.sampled_from([0.0, 0.7, 2.0]),
    age_half_life=st.sampled_from([0, 3, 10]),
    idf=st.sampled_from([0.0, 1.0, 1.7]),
    length=st.sampled_from([0.0, 0.5]),
    rare=st.sampled_from([0.0, 0.3]),
    decay=st.sampled_from(["halving", "linear"]),
    review=st.sampled_from([0.0, 0.4, 1.0]),
)


@st.composite
def sessions(draw: st.DrawFn, least: int = 0) -> Sessions:
    lists = draw(st.lists(items, min_size=least, max_size=12))
    count = len(lists)
    ends = draw(st.lists(st.integers(0, 40), min_size=count, max_size=count))
    owners = draw(st.lists(st.integers(0, 4), min_size=count, max_size=count))
    return Sessions.of_lists(lists, ends=ends, owners=owners)


class Changed(NamedTuple):
    base: Sessions
    delta: Delta


@st.composite
def changes(draw: st.DrawFn) -> Changed:
    """A base, and a few additions and erasures in any order."""
    delta = Delta()
    for step in draw(st.lists(st.one_of(sessions(), st.integers(1, 4)), max_size=4)):
        delta = delta.then(Delta(forgotten=frozenset((step,))) if isinstance(step, int) else Delta(added=step))
    return Changed(draw(sessions()), delta)


def prefix_of(*products: int) -> Int32:
    return np.asarray(products, np.int32)
