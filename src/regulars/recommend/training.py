"""Training: from order lines to a set of models that serve together, with figures on weeks it has not seen."""

from collections.abc import Mapping
from functools import cached_property

import msgspec
import numpy as np

from regulars.core.errors import Rejected
from regulars.recommend.assortment import Assortment, Good
from regulars.recommend.baselines import OverallPopularity, OwnMostBought
from regulars.recommend.blend import Blend, Blending, learn_weights
from regulars.recommend.bought_together import BoughtTogether, Together
from regulars.recommend.buy_again import BuyAgain, Rhythm
from regulars.recommend.evaluation import Asking, Case, Evaluation, Ranks, evaluate, next_baskets
from regulars.recommend.features import Models
from regulars.recommend.interactions import Catalogue, Float32, Interactions, check_items
from regulars.recommend.material import AssortmentModel, Looks, Material
from regulars.recommend.newer import Newer
from regulars.recommend.popular import Popular, Popularity, Trending
from regulars.recommend.ranked.learned import Order, Ranked
from regulars.recommend.registry import fit_all
from regulars.recommend.sessions.served import Served


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that training may be told."""

    popularity: Popularity = Popularity()
    rhythm: Rhythm = Rhythm()
    together: Together = Together()
    blending: Blending = Blending()
    learn_days: int = 28  # the weights are learned on this many last days, with models of the days before
    learn_baskets: int = 3  # per person
    holdout_days: int = 28  # evaluated on this many last days with a set that has not seen them; 0 = no evaluation
    k: int = 10  # items of a row that is evaluated


class TrainedSet(msgspec.Struct, frozen=True, kw_only=True, eq=False, dict=True):
    """Models that were trained together. `evaluation` is of a set trained the same way, without the held-out days."""

    catalogue: Catalogue
    blend: Blend
    first_day: int
    last_day: int
    lines: int
    learned_from: int  # baskets; 0: the starting weights serve
    evaluation: Evaluation | None = None
    more: Mapping[str, AssortmentModel] = {}  # those of the registry, which no blend blends, by name
    version: str = ""  # known once it is saved
    sessions: Served | None = None  # models of the running visit; None without visits to learn from
    visits_evaluation: Evaluation | None = None  # of session models on the newest visits, fitted without them
    until: int = 0  # log offset up to which visits were learned from
    orders_per_look: Float32 | None = None  # of each item against all, where visits are known that ended with orders
    ranked: Ranked | None = None  # the learned order of all candidates, or why there is none; None: not asked for
    newer: Newer | None = None  # products that came since, as models of the catalogue know them; not saved
    earlier: "TrainedSet | None" = None  # the one that was evaluated, of the days before the held-out ones; not saved

    @cached_property
    def order(self) -> Order | None:
        """The learned order, where there is one that serves."""
        ranked = self.ranked
        return None if ranked is None or ranked.trees is None or not ranked.told.serves else Order(ranked)

    @property
    def known(self) -> Catalogue:
        """All products that any of the models knows, those that came since behind the others."""
        return self.catalogue if self.newer is None else self.newer.catalogue

    @property
    def models(self) -> Models:
        """The models that the blend blends."""
        return self.blend.models


def train(
    interactions: Interactions,
    catalogue: Catalogue,
    settings: Settings = Settings(),
    *,
    goods: Mapping[str, Good] | None = None,
    looks: Looks | None = None,
) -> TrainedSet:
    """Learn weights and models from order lines; lines without quantity (returns) do not count.

    `goods` is what the catalogue tells of its items, `looks` what was looked at in the same visits.

    With `holdout_days` a first set is trained on the days before them and evaluated on them; the set that is returned
    is trained on all days, its weights on the held-out ones.
    """
    trained, lines = _blended(interactions, catalogue, settings)
    more = fit_all(Material(lines, Assortment.of(catalogue, goods or {}), looks))
    return msgspec.structs.replace(trained, more=more)


def _blended(interactions: Interactions, catalogue: Catalogue, settings: Settings) -> tuple[TrainedSet, Interactions]:
    """The blend with its models, and the lines that count."""
    check_items(interactions, catalogue)
    lines = interactions.where(interactions.quantity > 0)
    if not len(lines):
        raise Rejected("no order lines to train on; import orders first")
    cut = lines.last_day + 1 - settings.holdout_days
    before = lines.before(cut)
    if settings.holdout_days and len(before):
        seen: TrainedSet | None
        seen, _ = _blended(before, catalogue, msgspec.structs.replace(settings, holdout_days=0))
        cases = list(next_baskets(lines, since=cut))
        evaluation = evaluate(
            recommenders(seen, before), cases, leader=Blend.name, seen=before, items=len(catalogue), k=settings.k
        )
        earlier = seen.models
    else:
        cut, evaluation, seen = lines.last_day + 1 - settings.learn_days, None, None
        earlier = _fit(lines.before(cut), catalogue, settings)
    weights, learned_from = learn_weights(catalogue, earlier, _cases(lines, cut, settings), settings.blending)
    trained = TrainedSet(
        catalogue=catalogue,
        blend=Blend(catalogue, _fit(lines, catalogue, settings), weights),
        first_day=int(lines.day.min()),
        last_day=lines.last_day,
        lines=len(lines),
        learned_from=learned_from,
        evaluation=evaluation,
        earlier=seen,
    )
    return trained, lines


def no_lines() -> Interactions:
    """The order lines of a shop that sold nothing."""
    none = np.empty(0, np.int32)
    return Interactions(person=none, item=none, basket=none, day=none, quantity=none, unit_price=np.empty(0, np.int64))


def without_lines(
    catalogue: Catalogue,
    settings: Settings = Settings(),
    *,
    goods: Mapping[str, Good] | None = None,
    looks: Looks | None = None,
) -> TrainedSet:
    """The set of a shop without an order yet: nothing is popular, and the starting weights serve.

    What needs no order answers: what is said of products, and what is looked at in the same visits.
    """
    lines = no_lines()
    weights, _ = learn_weights(catalogue, _fit(lines, catalogue, settings), [], settings.blending)
    return TrainedSet(
        catalogue=catalogue,
        blend=Blend(catalogue, _fit(lines, catalogue, settings), weights),
        first_day=0,
        last_day=0,
        lines=0,
        learned_from=0,
        more=fit_all(Material(lines, Assortment.of(catalogue, goods or {}), looks)),
    )


def recommenders(trained: TrainedSet, interactions: Interactions) -> Mapping[str, Ranks]:
    """What is compared: the blend, its parts, and two baselines on the lines that the set was trained on."""
    overall = OverallPopularity(trained.catalogue, interactions)
    models = trained.models
    all_of_them = (
        trained.blend,
        models.buy_again,
        models.bought_together,
        models.popular,
        models.trending,
        OwnMostBought(overall),
        overall,
    )
    return {model.name: model for model in all_of_them}


def _fit(lines: Interactions, catalogue: Catalogue, settings: Settings) -> Models:
    categories = Catalogue.of([(name, "") for name in catalogue.categories])
    by_category = msgspec.structs.replace(lines, item=catalogue.category[lines.item].astype(np.int32))
    return Models(
        popular=Popular.fit(lines, catalogue, settings.popularity),
        trending=Trending.fit(lines, catalogue, settings.popularity),
        buy_again=BuyAgain.fit(lines, catalogue, settings.rhythm),
        category_rhythm=BuyAgain.fit(by_category, categories, settings.rhythm),
        bought_together=BoughtTogether.fit(lines, catalogue, settings.together),
    )


def _cases(lines: Interactions, since: int, settings: Settings) -> list[Case]:
    """Baskets to learn weights from: the first ones of each person since a day, and one begun in hand."""
    window = lines.before(since + settings.learn_days)
    whole = next_baskets(window, since=since, asking=Asking(per_person=settings.learn_baskets))
    return [*whole, *next_baskets(window, since=since, asking=Asking(in_hand=True))]
