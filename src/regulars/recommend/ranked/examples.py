"""What the ranker learns from: rows that were shown, slot by slot, and what came of each item.

An example is one row. Its items carry a gain (0: nothing, 1: clicked, 2: clicked and ordered within a week), the slot
that it stood in, and the probability with which the logging policy put it there. Learning weighs an item by the inverse
of that probability (Horvitz and Thompson, 1952), clipped, so that what was rarely drawn speaks for all that were not
drawn; of slots LightGBM learns the bias (position-debiased LambdaMART).

Until a shop has exposures enough, they are simulated on its own purchases and visits: as if every candidate had been
shown and looked at once. What was bought or looked at next counts as clicked, and nothing else is made up. Simulated
rows of ten with a reader who tires and errs were tried: what they leave out and what they invent cost more than the
trees gain (`benchmarks/ranker.py`, `rows_of_ten`).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

import numpy as np

from regulars.recommend.interactions import Float32, Float64, Int32
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


def simulated(happened: Iterable[Happened], signaller: Signaller, ask: AskFor) -> Iterator[Example]:
    """All candidates of each shopper, with what came of them; of shoppers who wanted none there is nothing to learn."""
    for one in happened:
        asks = ask(one.shopper, one.day)
        whole = signaller.build(asks)
        find = asks.catalogue.position.get
        worth = {at: gain for item, gain in one.wanted.items() if (at := find(item)) is not None}
        gain = np.asarray([worth.get(at, 0) for at in whole.items.tolist()], np.int32)
        if gain.any():
            everywhere = np.zeros(len(gain), np.int32)
            yield Example(one.owner, whole, everywhere, gain, np.ones(len(gain)))


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
