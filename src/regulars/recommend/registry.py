"""The models that are fitted on the assortment: one line each, and a placement can name it.

`regulars.core.merchandising.MODELS` lists the same names, since a shop's folder is checked without loading models.
"""

from collections.abc import Mapping

from regulars.recommend.assortment import Assortment
from regulars.recommend.bundles import Bundles
from regulars.recommend.complements import Alternatives, Complements
from regulars.recommend.guides import Guides
from regulars.recommend.left_behind import LeftBehind
from regulars.recommend.material import AssortmentModel, Material
from regulars.recommend.model import Column
from regulars.recommend.new_arrivals import NewArrivals
from regulars.recommend.similar import Similar
from regulars.recommend.variants import Variants

KINDS: tuple[type[AssortmentModel], ...] = (
    LeftBehind,
    NewArrivals,
    Variants,
    Complements,
    Alternatives,
    Bundles,
    Similar,
    Guides,
)


def fit_all(material: Material) -> dict[str, AssortmentModel]:
    """Every model of the registry."""
    return {kind.name: kind.fit(material) for kind in KINDS}


def columns_of(models: Mapping[str, AssortmentModel]) -> dict[str, Column]:
    """The arrays of the models and of their assortment, by name."""
    found: dict[str, Column] = {}
    for name, model in models.items():
        if not found:
            found = {f"assortment.{part}": column for part, column in model.assortment.columns().items()}
        found |= {f"{name}.{part}": column for part, column in model.columns().items()}
    return found


def restore_all(assortment: Assortment, columns: Mapping[str, Column]) -> dict[str, AssortmentModel]:
    """The models of the arrays; one that came later than the training, and learns, is missing."""
    found = [(kind, _of(columns, kind.name)) for kind in KINDS]
    return {kind.name: kind.restore(assortment, own) for kind, own in found if own or not kind.learns}


def _of(columns: Mapping[str, Column], name: str) -> dict[str, Column]:
    return {one.removeprefix(f"{name}."): column for one, column in columns.items() if one.startswith(f"{name}.")}
