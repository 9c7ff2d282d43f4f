"""What a changed row would have won or lost in clicks and margin, from logged exposures and reactions.

Position-based model of clicks (Craswell et al., "An Experimental Comparison of Click Position-Bias Models", 2008): a
click on item i in slot k has the rate theta_k * a_i. theta is of the placement, a_i says how much better than others in
the same slots the item did, shrunk to 1. Both have gamma posteriors; the interval is of draws from them.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

from regulars.core.merchandising import Estimate
from regulars.recommend.interactions import Float64

#: With fewer clicks on a placement, or orders after clicks, nothing is estimated.
LEAST_CLICKS, LEAST_ORDERS = 30, 10
#: An item's own clicks count against so many expected ones.
PRIOR_CLICKS = 5.0
_DRAWS = 400


class Shown(NamedTuple):
    """Exposures and clicks of one placement by slot and item."""

    exposures: Mapping[tuple[int, str], int]
    clicks: Mapping[tuple[int, str], int]


def clicks_won(shown: Shown, moved: Mapping[tuple[int, str], float], *, seed: int = 1) -> Estimate | None:
    """Expected clicks that the change wins; None with too little data."""
    drawn = _drawn(shown, moved, np.random.default_rng(seed))
    return None if drawn is None else _estimate(drawn.sum(axis=1))


def margin_won(
    shown: Shown,
    moved: Mapping[tuple[int, str], float],
    margins: Mapping[str, float],
    *,
    clicked: int,
    ordered: int,
    seed: int = 1,
) -> Estimate | None:
    """Expected margin, minor units: clicks times the share of clicks that were orders times the margin of a piece."""
    chance = np.random.default_rng(seed)
    drawn = _drawn(shown, moved, chance)
    if drawn is None or ordered < LEAST_ORDERS or any(item not in margins for _, item in moved):
        return None
    share = chance.beta(ordered + 0.5, max(clicked - ordered, 0) + 0.5, _DRAWS)
    worth = np.asarray([margins[item] for _, item in moved])
    return _estimate((drawn * worth).sum(axis=1) * share)


def _drawn(shown: Shown, moved: Mapping[tuple[int, str], float], chance: np.random.Generator) -> Float64 | None:
    """Draws of the clicks that each moved (slot, item) wins."""
    if sum(shown.clicks.values()) < LEAST_CLICKS:
        return None
    seen, hit = _by_slot(shown.exposures), _by_slot(shown.clicks)
    rate = {slot: (hit.get(slot, 0) + 0.5) / (count + 1.0) for slot, count in seen.items()}
    typical = sum(hit.values()) / max(sum(seen.values()), 1)
    expected: dict[str, float] = {}
    clicked: dict[str, float] = {}
    for (slot, item), count in shown.exposures.items():
        expected[item] = expected.get(item, 0.0) + count * rate[slot]
    for (_, item), count in shown.clicks.items():
        clicked[item] = clicked.get(item, 0.0) + count
    slots = sorted({slot for slot, _ in moved})
    items = sorted({item for _, item in moved})
    if not slots:
        return np.zeros((_DRAWS, 0))
    known = np.asarray([[hit.get(one, 0) + 0.5, seen.get(one, 0) + 0.5 / max(typical, 1e-9)] for one in slots])
    theta = chance.gamma(known[:, 0], 1 / known[:, 1], (_DRAWS, len(slots)))
    own = np.asarray([[clicked.get(one, 0.0), expected.get(one, 0.0)] for one in items]) + PRIOR_CLICKS
    better = chance.gamma(own[:, 0], 1 / own[:, 1], (_DRAWS, len(items)))
    at_slot = {slot: at for at, slot in enumerate(slots)}
    at_item = {item: at for at, item in enumerate(items)}
    first = [at_slot[slot] for slot, _ in moved]
    second = [at_item[item] for _, item in moved]
    drawn: Float64 = theta[:, first] * better[:, second] * np.asarray(list(moved.values()), np.float64)
    return drawn


def _by_slot(counts: Mapping[tuple[int, str], int]) -> dict[int, int]:
    found: dict[int, int] = {}
    for (slot, _), count in counts.items():
        found[slot] = found.get(slot, 0) + count
    return found


def _estimate(drawn: Iterable[float]) -> Estimate:
    values = np.asarray(drawn)
    low, high = np.quantile(values, (0.025, 0.975)) if len(values) else (0.0, 0.0)
    return Estimate(float(values.mean()), float(low), float(high))
