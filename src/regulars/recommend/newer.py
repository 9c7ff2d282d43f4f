"""Products that came after the training: models that go by the catalogue alone know them at once."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from regulars.recommend.assortment import Good
from regulars.recommend.interactions import Catalogue, Float32
from regulars.recommend.material import AssortmentModel
from regulars.recommend.registry import KINDS

#: Newer products that are known; more wait for the next training.
MOST_NEWER = 2_000


class Newer(NamedTuple):
    """The models that know newer products. Positions go on behind those of the catalogue that was trained on."""

    catalogue: Catalogue
    models: Mapping[str, AssortmentModel]
    version: int

    def padded(self, column: Float32) -> Float32:
        """A column by position with zeros for what is newer."""
        return np.concatenate((column, np.zeros(len(self.catalogue) - len(column), column.dtype)))


def newer_of(
    models: Mapping[str, AssortmentModel], products: Mapping[str, tuple[str, Good]], version: int
) -> Newer | None:
    """The models with products behind theirs, by id their category and what is told of them; None without any."""
    first = next(iter(models.values()), None)
    chosen = dict(list(products.items())[-MOST_NEWER:])
    if first is None or not chosen:
        return None
    assortment = first.assortment.grown(chosen)
    kinds = [kind for kind in KINDS if not kind.learns and kind.name in models]
    return Newer(assortment.catalogue, {kind.name: kind(assortment) for kind in kinds}, version)
