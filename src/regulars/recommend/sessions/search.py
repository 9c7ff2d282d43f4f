"""Settings of the neighbours from the sessions themselves: one procedure for every shop.

Random search (Bergstra and Bengio, JMLR 2012) with successive halving (Jamieson and Talwalkar, AISTATS 2016): many
settings on few visits of the held-out tail, the better of them on more. The same sessions and seed give the same
settings.
"""

from collections.abc import Sequence

import msgspec
import numpy as np

from regulars.recommend.sessions.cases import Case, cases_of, hits, ranks
from regulars.recommend.sessions.data import Sessions
from regulars.recommend.sessions.neighbours import Neighbouring, Neighbours


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of the search."""

    tail: float = 0.07  # share of the newest sessions that settings are compared on
    rounds: tuple[tuple[int, int], ...] = ((36, 500), (12, 1500), (4, 4000))  # settings and cases of each round
    seed: int = 1


#: What is tried. Ages are in parts of the time that the sessions span.
SPACE: dict[str, Sequence[float]] = {
    "newest": (500, 1000, 2000),
    "neighbours": (200, 500, 1000),
    "last": (3, 5, 10),
    "back_half_life": (0.8, 1.5, 3, 6),
    "after_half_life": (0.5, 1, 2, 4),
    "before_half_life": (0.5, 1, 2, 4),
    "before": (0.2, 0.4, 0.6, 0.8, 1),
    "idf": (0, 1, 2, 3),
    "length": (0, 0.15, 0.3, 0.5),
    "rare": (0, 0.5, 1),
    "review": (0.2, 0.4, 0.8, 1.2),
}
AGES = (0.0, 0.1, 0.2, 0.4, 1.0, 2.0)
_WHOLE = ("newest", "neighbours", "last")


def search(sessions: Sessions, items: int, how: Search = Search(), *, review: bool = True) -> Neighbouring:
    """The settings that foretell the newest sessions best from the older ones, by hit rate times reciprocal rank.

    Without `review` they are those that foretell best what a visit has not seen yet.
    """
    older, newest = sessions.tail(how.tail)
    cases = cases_of(newest, max(most for _, most in how.rounds), seed=how.seed)
    if not review:
        cases = [case for case in cases if case.target not in case.prefix]
    if not len(older) or not cases:
        return Neighbouring()
    index = Neighbours.fit(older, items)
    chance = np.random.default_rng(how.seed)
    shuffled = [cases[number] for number in chance.permutation(len(cases)).tolist()]
    span = int(sessions.end[-1] - sessions.end[0])
    tried = [Neighbouring(), *(_drawn(chance, span) for _ in range(how.rounds[0][0] - 1))]
    for number, (kept, most) in enumerate(how.rounds):
        tried = tried[:kept]
        scores = [_score(index.with_settings(one), shuffled[:most], review=review) for one in tried]
        order = np.argsort(-np.asarray(scores), kind="stable").tolist()
        tried = [tried[place] for place in order]
        if number == 0 and kept > 8:  # half of the next round is drawn around the best
            near = [_near(chance, tried[place % 3], span) for place in range(how.rounds[1][0] // 2)]
            tried = [*tried[: how.rounds[1][0] - len(near)], *near]
    return tried[0]


def _score(model: Neighbours, cases: Sequence[Case], *, review: bool) -> float:
    found = hits(ranks(model, cases, review=review))
    return found.hit_rate * found.reciprocal_rank  # a tenth more of the one is worth a tenth more of the other


def _drawn(chance: np.random.Generator, span: int) -> Neighbouring:
    """Settings at random."""
    values = {name: float(chance.choice(choices)) for name, choices in SPACE.items()}
    return _made(values, float(chance.choice(AGES)), span)


def _near(chance: np.random.Generator, one: Neighbouring, span: int) -> Neighbouring:
    """Settings that differ in three places."""
    values = {name: float(getattr(one, name)) for name in SPACE}
    for name in chance.choice(list(SPACE), 3, replace=False).tolist():
        values[name] = float(chance.choice(SPACE[name]))
    age = one.age_half_life / span if span and chance.random() < 0.75 else float(chance.choice(AGES))
    return _made(values, age, span)


def _made(values: dict[str, float], age: float, span: int) -> Neighbouring:
    typed = {name: int(value) if name in _WHOLE else value for name, value in values.items()}
    return msgspec.convert({**typed, "age_half_life": round(age * span)}, Neighbouring)
