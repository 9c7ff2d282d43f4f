"""Series of counts by the hour: what is usual, how sure it is that they are otherwise, and since when."""

from math import log
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Series: TypeAlias = NDArray[np.float64]

WEEK = 168  # hours
#: Weeks that a week is compared with.
WEEKS = 8
_FEWEST = 20


def usual(series: Series, counts: NDArray[np.bool_]) -> Series:
    """What each hour usually brings: of the same hour of the weeks before, without the least and the most.

    Hours of which `counts` is false say nothing and are expected to bring nothing.
    """
    rows = series.reshape(-1, WEEK)
    told = counts.reshape(-1, WEEK)
    found = np.zeros_like(rows)
    for week in range(1, len(rows)):
        past = np.where(told[:week][-WEEKS:], rows[:week][-WEEKS:], np.nan)
        known = np.sum(~np.isnan(past), axis=0)
        ordered = np.sort(past, axis=0)  # what is not known stands last
        for hour in range(WEEK):
            values = ordered[: known[hour], hour]
            if len(values) >= 4:
                values = values[1:-1]
            found[week, hour] = values.mean() if len(values) else 0.0
    return np.where(counts, found.reshape(-1), 0.0)


def tail(gains: Series) -> int:
    """How many of the last values together gain most; 0 when no end of the series gains anything.

    >>> tail(np.array([-5.0, 3.0, -1.0, 4.0]))
    3
    """
    sums = np.cumsum(gains[::-1])
    best = int(np.argmax(sums)) if len(sums) else 0
    return best + 1 if len(sums) and sums[best] > 0 else 0


def evidence(counted: float, expected: float) -> float:
    """Half the deviance of a Poisson count from what was expected.

    >>> round(evidence(0, 15), 1), round(evidence(15, 15), 1)
    (15.0, 0.0)
    """
    if expected <= 0:
        return 0.0 if counted <= 0 else counted
    return (counted * log(counted / expected) if counted > 0 else 0.0) - (counted - expected)


def dispersion(series: Series, expected: Series) -> float:
    """How much more a series varied than a Poisson count: Pearson's statistic by six hours, without its largest."""
    size = len(series) // 6 * 6
    counted, wanted = series[len(series) - size :].reshape(-1, 6).sum(1), expected[-size:].reshape(-1, 6).sum(1)
    counted, wanted = counted[wanted >= 1], wanted[wanted >= 1]
    if len(counted) < _FEWEST:
        return 1.0
    residuals = np.sort((counted - wanted) ** 2 / wanted)
    return float(np.clip(residuals[: max(len(residuals) * 9 // 10, 1)].mean() * 1.4, 1.0, 20.0))


def robust_share(part: Series, whole: Series) -> float:
    """The median over days of how much one series is of another."""
    size = len(part) // 24 * 24
    parts, wholes = part[-size:].reshape(-1, 24).sum(1), whole[-size:].reshape(-1, 24).sum(1)
    told = wholes > 0
    if not told.any():
        return 0.0
    middle = float(np.median(parts[told] / wholes[told]))
    return middle if middle > 0 else float(parts.sum() / wholes.sum())


def sometimes(series: Series, expected: Series, size: float, share: float, direction: int) -> bool:
    """Whether stretches that should have brought `size` were beyond a share of the usual now and then before."""
    counted = wanted = 0.0
    beyond = stretches = 0
    for came, usual_now in zip(series.tolist(), expected.tolist(), strict=True):
        counted, wanted = counted + came, wanted + usual_now
        if wanted >= size:
            stretches += 1
            beyond += direction * (counted - share * wanted) > 0
            counted = wanted = 0.0
    return stretches == 0 or beyond > max(0.05 * stretches, 1 if stretches > 10 else 0)
