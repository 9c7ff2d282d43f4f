"""Models to decide with: of baskets and of visits over 100,000 products that hold what goes together; made once."""

import shutil
from pathlib import Path

import msgspec
import numpy as np

from benchmarks import neighbours
from benchmarks.fixture import NOW, Fixture, product
from benchmarks.fixture_shop import CATEGORIES, PRODUCTS
from regulars.flow.models import point, recommend_folder
from regulars.recommend.interactions import Catalogue, Interactions
from regulars.recommend.sessions.blend import Mixing
from regulars.recommend.sessions.search import Search
from regulars.recommend.sessions.served import Served
from regulars.recommend.store import save
from regulars.recommend.training import Settings, TrainedSet, train

VERSION = 2  # grows when the models of the benchmarks change
CLICKS = 1_000_000


def models_of(made: Fixture) -> Path:
    """The models folder beside a fixture, trained when it is missing."""
    models = made.root / f"models-{VERSION}"
    if not models.exists():
        folder = models.with_name(f"{models.name}.partial")
        shutil.rmtree(folder, ignore_errors=True)
        recommend_folder(folder).mkdir(parents=True, exist_ok=True)
        trained = msgspec.structs.replace(of_baskets(), sessions=of_visits())
        save(trained, recommend_folder(folder) / "v1", trained_at=NOW)
        point(folder, "v1")
        folder.rename(models)
    return models


def of_visits(clicks: int = CLICKS) -> Served:
    """Session models of made-up visits. The order is learned from few of them: speed is measured, not accuracy."""
    few = Mixing(search=Search(rounds=((2, 100),)), cases=4_000)
    return Served.fit(neighbours.visits(clicks, seed=1), PRODUCTS, few, neighbours=neighbours.SETTINGS)


def of_baskets(*, baskets: int = 60_000, people: int = 6_000) -> TrainedSet:
    """Models of order lines; every third line goes with the one before it, so that there is something to learn."""
    chance = np.random.default_rng(1)
    basket = np.repeat(np.arange(baskets), chance.integers(1, 12, baskets))
    weights = np.cumsum(1 / (np.arange(PRODUCTS) + 20))  # few products sell most
    item = np.searchsorted(weights, chance.random(len(basket)) * weights[-1])
    follows = np.flatnonzero((chance.random(len(item)) < 1 / 3) & (np.arange(len(item)) > 0))
    item[follows] = (item[follows - 1] + len(CATEGORIES)) % PRODUCTS
    lines = Interactions(
        person=(basket % people).astype(np.int32),
        item=item.astype(np.int32),
        basket=basket.astype(np.int32),
        day=(NOW // 86_400_000 - 360 + basket * 360 // baskets).astype(np.int32),
        quantity=np.ones(len(item), np.int32),
        unit_price=np.full(len(item), 999, np.int64),
    )
    told = [product(number) for number in range(PRODUCTS)]
    catalogue = Catalogue.of([(str(one["product_id"]), str(one["category"])) for one in told])
    return train(lines, catalogue, Settings(holdout_days=0))
