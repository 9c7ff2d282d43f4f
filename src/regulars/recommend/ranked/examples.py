"""What the ranker learns from: rows that were shown, slot by slot, and what came of each item.

An example is one row. Its items carry a gain (0: nothing, 1: clicked, 2: clicked and ordered within a week), the slot
that it stood in, and the probability with which the logging policy put it there. Learning weighs an item by the inverse
of that probability (Horvitz and Thompson, 1952), clipped, so that what was rarely drawn speaks for all that were not
drawn; of slots LightGBM learns the bias (position-debiased LambdaMART).

Until a shop has exposures enough, they are simulated on its own purchases and visits: a row is drawn as the product
draws one, and looked at and clicked as the position-based model says. Only what was bought or looked at next is fact.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

import msgspec
import numpy as np

from regulars.recommend.interactions import Float32, Float64, Int32, Int64
from regulars.recommend.model import Shopper
from regulars.recommend.ranked.signals import PARTS, Asks, Signaller, Signals

Learned = Literal["exposures", "simulated"]
CLICKED, ORDERED = 1, 2


class Exposed(NamedTuple):
    """A row that was seen: who saw it when, what stood where, how likely that was, and what came of it."""

    shopper: Shopper
    day: int
    owner: int  # whose it is: rows of one person are held out together
    items: tuple[str, ...]  # by slot
    propensities: tuple[float, ...]  # by slot
    gains: tuple[int, ...]  # by slot


class Happened(NamedTuple):
    """What a shopper did next, without anything having been shown: what a simulation goes by."""

    shopper: Shopper
    day: int
    owner: int
    wanted: dict[str, int]  # product -> gain


#: The models looked at for a shopper on a day.
AskFor = Callable[[Shopper, int], Asks]


class Example(NamedTuple):
    """One row in signals, a line each item."""

    owner: int
    signals: Signals  # of the items shown, by position
    slot: Int32
    gain: Int32
    propensity: Float64
    facts: "Facts | None" = None  # of a simulated row: what is no simulation


class Facts(NamedTuple):
    """All candidates of a shopper, and what each was worth to the shopper afterwards."""

    rows: Float32
    gain: Int32


class Simulation(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of the simulated exposures."""

    items: int = 10  # of a row
    explored: float = 0.3  # share of slots that are drawn from all candidates
    fading: float = 0.5  # a slot is looked at with the probability slot^-fading
    clicked: float = 0.9  # of wanted items that are looked at
    noise: float = 0.02  # of other items that are looked at
    draws: int = 4  # rows of one shopper
    seed: int = 1


def shown(exposed: Iterable[Exposed], signaller: Signaller, ask: AskFor) -> Iterator[Example]:
    """Examples of real exposures."""
    for one in exposed:
        asks = ask(one.shopper, one.day)
        find = asks.catalogue.position
        slots = [(at, slot) for slot, item in enumerate(one.items) if (at := find.get(item)) is not None]
        if not any(one.gains[slot] for _, slot in slots):
            continue  # nothing to learn an order from
        whole = signaller.build(asks, also=[at for at, _ in slots])
        slots.sort()
        picked = np.asarray([slot for _, slot in slots])
        yield Example(
            one.owner,
            _rows(whole, np.asarray([at for at, _ in slots], np.int32)),
            picked.astype(np.int32),
            np.asarray(one.gains, np.int32)[picked],
            np.asarray(one.propensities, np.float64)[picked],
        )


def simulated(
    happened: Iterable[Happened], signaller: Signaller, ask: AskFor, how: Simulation = Simulation()
) -> Iterator[Example]:
    """Rows as a shop of this data might have shown them, with the clicks that followed; a seed draws the same again."""
    chance = np.random.default_rng(how.seed)
    looked = np.arange(1, how.items + 1) ** -how.fading
    for one in happened:
        asks = ask(one.shopper, one.day)
        whole = signaller.build(asks)
        if len(whole.items) < how.items + 1:
            continue
        find = asks.catalogue.position.get
        worth = {at: gain for item, gain in one.wanted.items() if (at := find(item)) is not None}
        wanted = np.asarray([worth.get(at, 0) for at in whole.items.tolist()], np.int32)
        if not wanted.any():
            continue
        facts: Facts | None = Facts(whole.rows, wanted)
        order = np.argsort(-first_order(whole.rows), kind="stable")
        for _ in range(how.draws):
            row, propensity = _drawn(order, how, chance)
            liked = wanted[row]
            clicks = chance.random(how.items) < looked * np.where(liked > 0, how.clicked, how.noise)
            gain = np.where(clicks, np.maximum(liked, CLICKED), 0).astype(np.int32)
            if not gain.any():
                continue
            by_item = np.argsort(row, kind="stable")
            places = row[by_item]
            signals = Signals(whole.items[places], whole.rows[places], whole.part[places])
            yield Example(one.owner, signals, by_item.astype(np.int32), gain[by_item], propensity[by_item], facts)
            facts = None  # once for a shopper


def _drawn(order: Int64, how: Simulation, chance: np.random.Generator) -> tuple[Int64, Float64]:
    """Candidates by slot, and how likely each was to stand there."""
    row, rest = order[: how.items].copy(), order[how.items :].tolist()
    propensity = np.full(how.items, 1 - how.explored)
    likely = how.explored / len(rest)
    for slot in np.flatnonzero(chance.random(how.items) < how.explored).tolist():
        if rest:
            row[slot] = rest.pop(int(chance.integers(len(rest))))
            propensity[slot] = likely
    return row, propensity


def first_order(rows: Float32) -> Float64:
    """How candidates stand before anything was learned: by the places that all parts give them."""
    found: Float64 = rows[:, 1 : 2 * len(PARTS) : 2].sum(axis=1, dtype=np.float64)
    return found


def weights(propensity: Sequence[float] | Float64, *, most: float = 10.0) -> Float64:
    """Inverse probabilities, clipped at `most`, of mean 1.

    >>> weights([1.0, 0.5, 0.001]).round(2).tolist()
    [0.23, 0.46, 2.31]
    """
    found = np.minimum(1.0 / np.maximum(np.asarray(propensity, np.float64), 1e-9), most)
    return found / found.mean() if len(found) else found


def _rows(whole: Signals, items: Int32) -> Signals:
    places = np.searchsorted(whole.items, items)
    return Signals(items, whole.rows[places], whole.part[places])
