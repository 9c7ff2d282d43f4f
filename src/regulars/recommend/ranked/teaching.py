"""Teach the ranker: models of before, looked at for shoppers of after, and what these did."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec
import numpy as np

from regulars.recommend.assortment import Assortment
from regulars.recommend.interactions import Catalogue, Float64, Int32, Interactions
from regulars.recommend.material import Looks, Material
from regulars.recommend.model import Shopper
from regulars.recommend.ranked.examples import CLICKED, ORDERED, Exposed, Happened, shown, simulated
from regulars.recommend.ranked.learned import LEAST_EXPOSED, Order, Ranked, learn, timed
from regulars.recommend.ranked.signals import Asks, Signaller, facts_of
from regulars.recommend.registry import fit_all
from regulars.recommend.sessions.data import Kind, Sessions
from regulars.recommend.sessions.served import Served
from regulars.recommend.sources import Sources, background_of
from regulars.recommend.training import TrainedSet

#: Baskets, visits and exposed rows that are learned from at most: each costs a millisecond or two.
MOST_CASES = 2_500
_PER_PERSON = 3
_NEVER = 1 << 40  # visits to learn an order of session models from: none is learned here


class Before(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """What lay before the days that the ranker learns from."""

    trained: TrainedSet  # the blend and its models, fitted without those days
    lines: Interactions
    sessions: Sessions
    looks: Looks | None
    assortment: Assortment
    stock: Float64 | None = None  # pieces now, by position


def teach(
    before: Before,
    happened: Sequence[Happened],
    exposed: Sequence[Exposed],
    *,
    installed: bool | None = None,
    clock: Callable[[], float] | None = None,
) -> Ranked:
    """From exposures where there are enough, else simulated ones. The same data teaches the same.

    `clock` gives seconds of the processor; without it nobody knows how long ordering takes.
    """
    models = msgspec.structs.replace(
        before.trained,
        more=fit_all(Material(before.lines, before.assortment, before.looks)),
        sessions=Served.fit(before.sessions, len(before.assortment), least=_NEVER) if len(before.sessions) else None,
    )
    day = max((*(one.day for one in happened), *(one.day for one in exposed)), default=0)
    background, facts = background_of(models), facts_of(before.assortment, day, before.stock)
    signaller = Signaller(background, facts)

    def ask(shopper: Shopper, day: int) -> Asks:
        return Sources(models, shopper, day)

    real = list(shown(exposed[-MOST_CASES:], signaller, ask)) if len(exposed) >= LEAST_EXPOSED else []
    if len(real) >= LEAST_EXPOSED:
        ranked = learn(real, learned_from="exposures", exposed_rows=len(exposed), installed=installed)
    else:
        examples = list(simulated(happened, signaller, ask))
        ranked = learn(examples, learned_from="simulated", exposed_rows=len(exposed), installed=installed)
    if clock is None:
        return ranked

    def ordering(one: Happened | Exposed) -> Callable[[Order], object]:
        return lambda order: order.rank(ask(one.shopper, one.day), background, facts, (), None)

    return timed(ranked, [*map(ordering, happened), *map(ordering, exposed)], clock)


def baskets_since(lines: Interactions, catalogue: Catalogue, since: int, *, seed: int = 1) -> Iterator[Happened]:
    """The first baskets of persons on or after a day, with what each had bought on days before; drawn persons."""
    order = np.lexsort((lines.item, lines.basket, lines.day, lines.person))
    person, day, basket, item = (one[order] for one in (lines.person, lines.day, lines.basket, lines.item))
    quantity = lines.quantity[order]
    begins = np.flatnonzero(np.diff(person, prepend=-1))
    ends = np.append(begins[1:], len(person))
    chosen = np.random.default_rng(seed).permutation(len(begins))
    left = MOST_CASES
    for number in chosen.tolist():
        start, end = int(begins[number]), int(ends[number])
        place = start + int(np.searchsorted(day[start:end], since))
        for _ in range(_PER_PERSON):
            if place >= end or not left:
                break
            stop = place + int((basket[place:end] == basket[place]).sum())
            known = start + int(np.searchsorted(day[start:end], day[place]))
            past = slice(max(start, known - 1000), known)
            wanted = {catalogue.ids[at]: ORDERED for at in item[place:stop][quantity[place:stop] > 0].tolist()}
            if wanted:
                bought = [
                    (catalogue.ids[at], on, count)
                    for at, on, count in zip(
                        item[past].tolist(), day[past].tolist(), quantity[past].tolist(), strict=True
                    )
                ]
                left -= 1
                yield Happened(Shopper(purchases=bought), int(day[place]), int(person[start]), wanted)
            place = stop
        if not left:
            return


def visits_of(
    sessions: Sessions, catalogue: Catalogue, day: int, bought: Mapping[int, Shopper] = {}, *, seed: int = 1
) -> Iterator[Happened]:
    """Visits broken off somewhere, and what came after; `bought` are shoppers by the owner of a visit."""
    chance = np.random.default_rng(seed)
    for number in chance.permutation(len(sessions))[:MOST_CASES].tolist():
        items: Int32 = sessions.items_of(number)
        if len(items) < 2:
            continue
        at = int(chance.integers(1, len(items)))
        kinds = sessions.kind[sessions.start[number] + at : sessions.start[number + 1]].tolist()
        wanted: dict[str, int] = {}
        for item, kind in zip(items[at:].tolist(), kinds, strict=True):
            name = catalogue.ids[item]
            wanted[name] = max(wanted.get(name, 0), ORDERED if kind == Kind.BUY else CLICKED)
        prefix = tuple(catalogue.ids[item] for item in items[:at].tolist())
        owner = int(sessions.owner[number])
        purchases = bought[owner].purchases if owner in bought else ()
        yield Happened(Shopper(purchases=purchases, viewed=prefix[-3:], session=prefix), day, owner or -number, wanted)
