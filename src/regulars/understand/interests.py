"""What a customer is interested in, and how well that is known."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

#: A share says little before so much was seen (in the units of the trait's weight).
LEAST_EVIDENCE = 3.0
_UNIT = 1000  # affinity cells count in thousandths of the trait's weight


class Interest(NamedTuple):
    """One interest of a customer."""

    key: str
    share: float  # of the decayed total, 0..1
    evidence: float  # undecayed weight behind it: with weight 1, how many events
    weeks: int  # different weeks in which it showed
    last_day: int  # local day on which the latest of these weeks began
    firm: bool  # whether the evidence is enough to act on


def top_interests(shares: Mapping[str, float], cells: Sequence[Any], *, limit: int = 5) -> list[Interest]:
    """The largest shares with their evidence.

    `shares` is the value of an affinity; `cells` its state, `[week, {key: weight}, ...]`, weeks beginning on Mondays.

    >>> top_interests({"Bikes": 1.0}, [2500, {"Bikes": 2000}, 2499, {"Bikes": 1000}])
    [Interest(key='Bikes', share=1.0, evidence=3.0, weeks=2, last_day=17497, firm=True)]
    """
    found = []
    for key, share in sorted(shares.items(), key=lambda item: (-item[1], item[0]))[:limit]:
        seen = [(week, held[key]) for week, held in zip(cells[::2], cells[1::2], strict=True) if held.get(key)]
        evidence = sum(weight for _, weight in seen) / _UNIT
        last_day = seen[0][0] * 7 - 3 if seen else 0
        found.append(Interest(key, share, evidence, len(seen), last_day, evidence >= LEAST_EVIDENCE))
    return found
