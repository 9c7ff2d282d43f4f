"""What was known on the day of a cut, and every model learned from that alone: each is fitted when it is asked for."""

import time
from collections.abc import Callable
from functools import cached_property, partial
from typing import TypeVar

import msgspec

from regulars.analyst.joining import Joined, looks_of
from regulars.analyst.ranking import Told, taught, taught_of_visits
from regulars.analyst.work import Workbench
from regulars.recommend.assortment import Assortment
from regulars.recommend.interactions import Int64
from regulars.recommend.material import AssortmentModel, Material
from regulars.recommend.ranked.asked import InOrder
from regulars.recommend.ranked.learned import RANKER, Order, Ranked, can_learn, learn
from regulars.recommend.registry import KINDS
from regulars.recommend.sessions.data import Sessions
from regulars.recommend.sessions.served import Served
from regulars.recommend.training import Settings, TrainedSet, no_lines, train, without_lines

Made = TypeVar("Made")
_AS_TRAINED = Settings(holdout_days=0)


class Known:
    """Order lines, visits and models of the days before a cut. `seconds` is told how long each model took to fit."""

    def __init__(
        self,
        joined: Joined,
        assortment: Assortment,
        cut: int,
        seconds: dict[str, float],
        teach: Callable[[TrainedSet | None, Joined], Ranked],
    ) -> None:
        """`joined` is of the days before; `teach` makes the learned order, from models that have not seen its cases."""
        self.joined = joined
        self.assortment = assortment
        self.cut = cut
        self.seconds = seconds
        self._teach = teach

    @cached_property
    def material(self) -> Material:
        """What models of the assortment are fitted on."""
        lines = self.joined.interactions
        return Material(lines.where(lines.quantity > 0), self.assortment, looks_of(self.joined.sessions))

    @cached_property
    def models(self) -> dict[str, AssortmentModel]:
        """The models of the registry."""
        return {kind.name: self._timed(kind.name, partial(kind.fit, self.material)) for kind in KINDS}

    @cached_property
    def trained(self) -> TrainedSet:
        """The blend with its models."""
        return self._timed("blend", lambda: self._trained(before=self.cut))

    @cached_property
    def ranked(self) -> Ranked:
        """The learned order, whether it would serve or rest."""
        if not can_learn():
            return learn([], learned_from="simulated", installed=False)
        return self._timed(RANKER, self._taught)

    def in_order(self, sessions: Served | None = None) -> InOrder | None:
        """The learned order to be asked; None where nothing was learned."""
        if self.ranked.trees is None:
            return None
        trained = msgspec.structs.replace(self.trained, more=self.models, sessions=sessions)
        return InOrder(Order(self.ranked), trained, self.assortment, self.cut)

    def _taught(self) -> Ranked:
        """As a training does: by what came after the days of models that have not seen it."""
        lines = self.joined.interactions
        cut = lines.last_day + 1 - _AS_TRAINED.learn_days
        earlier = self._trained(before=cut) if (lines.before(cut).quantity > 0).any() else None
        return self._teach(earlier, self.joined)

    def _trained(self, *, before: int) -> TrainedSet:
        catalogue, lines = self.joined.catalogue, self.joined.interactions.before(before)
        if not (lines.quantity > 0).any():
            return without_lines(catalogue)
        return train(lines, catalogue, _AS_TRAINED)

    def _timed(self, name: str, fit: Callable[[], Made]) -> Made:
        began = time.perf_counter()
        made = fit()
        self.seconds[name] = round(time.perf_counter() - began, 2)
        return made


def of_shop(work: Workbench, told: Told, starts: Int64, cut: int, seconds: dict[str, float]) -> Known:
    """What a shop knew; `starts` are the days on which the visits ended."""
    whole = told.joined
    joined = Joined(whole.catalogue, whole.interactions.before(cut), whole.sessions.where(starts < cut))

    def teach(earlier: TrainedSet | None, joined: Joined) -> Ranked:
        # What is in stock now was not known then.
        return taught(work, earlier, told._replace(joined=joined, stock=None), until=cut)

    return Known(joined, told.assortment, cut, seconds, teach)


def of_visits(sessions: Sessions, assortment: Assortment, seconds: dict[str, float]) -> Known:
    """What visits alone tell of a catalogue: no orders, nobody's past, no days."""
    joined = Joined(assortment.catalogue, no_lines(), sessions)

    def teach(_: TrainedSet | None, joined: Joined) -> Ranked:
        return taught_of_visits(joined, assortment)

    return Known(joined, assortment, 0, seconds, teach)
