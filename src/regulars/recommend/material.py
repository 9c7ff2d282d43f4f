"""What every model of a registry is fitted on, and the interface that they have beyond scoring."""

from collections.abc import Mapping
from typing import ClassVar, NamedTuple, Self

from regulars.recommend.assortment import Assortment
from regulars.recommend.interactions import Catalogue, Int32, Interactions
from regulars.recommend.model import Column, ScoringModel


class Looks(NamedTuple):
    """What was looked at in the same visits: numbers of visits, and items, side by side."""

    visit: Int32
    item: Int32


class Material(NamedTuple):
    """Order lines that may be learned from, and what the catalogue tells."""

    lines: Interactions
    assortment: Assortment
    looks: Looks | None = None

    @property
    def catalogue(self) -> Catalogue:
        """The items."""
        return self.assortment.catalogue


class AssortmentModel(ScoringModel):
    """A model that is fitted on order lines and the assortment. None keeps a row of a person."""

    name: ClassVar[str]
    learns: ClassVar[bool] = False  # whether it has arrays of its own; else the catalogue tells all

    def __init__(self, assortment: Assortment) -> None:
        self.assortment = assortment
        self.catalogue = assortment.catalogue

    @classmethod
    def fit(cls, material: Material) -> Self:
        """The model of the material; of one that learns nothing, all that it needs stands in the catalogue."""
        return cls(material.assortment)

    def columns(self) -> Mapping[str, Column]:
        """The arrays of the model beside those of the assortment."""
        return {}

    @classmethod
    def restore(cls, assortment: Assortment, columns: Mapping[str, Column]) -> Self:  # noqa: ARG003 - some learn
        """The model from its arrays."""
        return cls(assortment)
