"""Scores: what showing an offer is worth, in minor units of money."""

from collections.abc import Iterable, Mapping

import msgspec

from regulars.core.definitions import Offer

#: Showings that the shop's own expectation is worth. After as many real ones, it counts half.
PRIOR_SHOWINGS = 500.0


class Responses(msgspec.Struct, frozen=True):
    """How often each offer was shown and answered. `version` names the counts, "" for none."""

    version: str = ""
    shown: Mapping[str, int] = {}
    answered: Mapping[str, int] = {}


def response_rate(expected: float, shown: int, answered: int, *, prior_showings: float = PRIOR_SHOWINGS) -> float:
    """The posterior mean of a beta-binomial whose prior is the expected rate, worth `prior_showings` showings.

    (Gelman et al., "Bayesian Data Analysis", section 2.4.) Few showings change little, so that luck does not decide.

    >>> response_rate(0.02, 0, 0), response_rate(0.02, 500, 30)
    (0.02, 0.04)
    """
    return (expected * prior_showings + min(answered, shown)) / (prior_showings + shown)


def scores(offers: Iterable[Offer], responses: Responses) -> list[float]:
    """Response rate x value of each offer, minor units."""
    shown, answered = responses.shown, responses.answered
    return [
        response_rate(offer.response_rate, shown.get(offer.id, 0), answered.get(offer.id, 0)) * offer.value
        for offer in offers
    ]
