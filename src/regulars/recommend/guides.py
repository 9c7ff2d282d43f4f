"""Articles, tips and videos: for a product just bought or looked at, an interest, a phase of buying.

They are items of the catalogue like products, and obey the same rules; this model names nothing else.
"""

from typing import ClassVar, NamedTuple

import numpy as np

from regulars.recommend.assortment import PHASES, Assortment
from regulars.recommend.interactions import Int32
from regulars.recommend.material import AssortmentModel
from regulars.recommend.model import Reason, ReasonCode, Reasons, Scored
from regulars.recommend.seeds import NO_SCORES, Seeds, seeds_of
from regulars.recommend.visit import Visit

HALF_LIFE_DAYS = 21.0  # how long a purchase asks for advice
INTEREST = 0.3  # of an interest against a product that the content is about
_BEFORE, _AFTER = PHASES.index("before"), PHASES.index("after")


class _Why(NamedTuple):
    """What speaks most for a piece of content: a seed (-1: none), or a category."""

    score: float
    seed: int
    category: int


class Guides(AssortmentModel):
    """Content about what the shopper bought, has at hand, or is drawn to.

    Content for before a purchase is matched to what is looked at, content for after it to what was bought and kept;
    content without a phase to both.
    """

    name: ClassVar[str] = "guides"

    def __init__(self, assortment: Assortment) -> None:
        super().__init__(assortment)
        self._content = np.flatnonzero(~assortment.products).astype(np.int32)
        self._by_product = assortment.about.turned(len(assortment))
        self._by_category = assortment.topics.turned(len(assortment.catalogue.categories))

    def score(self, visit: Visit) -> Scored:
        """Content with what speaks for it."""
        found = self._found(visit, self._seeds(visit))
        if not found:
            return NO_SCORES
        items = np.asarray(sorted(found), np.int32)
        return Scored(items, np.asarray([found[item].score for item in items.tolist()], np.float64))

    def reasons(self, visit: Visit, items: Int32) -> list[Reasons]:
        """The product that it is about, or the interest."""
        seeds = self._seeds(visit)
        found = self._found(visit, seeds)
        result: list[Reasons] = []
        for item in items.tolist():
            why = found.get(item)
            if why is None:
                result.append(())
            elif why.seed >= 0:
                matched = self.catalogue.ids[int(seeds.items[why.seed])]
                result.append((Reason(ReasonCode.GUIDE, {"item": matched, "from": seeds.sources[why.seed]}),))
            else:
                result.append((Reason(ReasonCode.GUIDE, {"category": self.catalogue.categories[why.category]}),))
        return result

    def _found(self, visit: Visit, seeds: Seeds) -> dict[int, _Why]:
        found: dict[int, _Why] = {}
        if not len(self._content):
            return found
        hidden = {*visit.returned.tolist(), *visit.basket.tolist()}
        liked: dict[int, float] = {}
        total = float(seeds.weights.sum()) or 1.0
        for place, (item, weight, source) in enumerate(
            zip(seeds.items.tolist(), seeds.weights.tolist(), seeds.sources, strict=True)
        ):
            category = int(self.catalogue.category[item])
            liked[category] = liked.get(category, 0.0) + weight / total
            for content in self._by_product[item].tolist():
                if self._suits(content, source) and content not in hidden:
                    self._put(found, content, _Why(weight, place, -1))
        for category, share in liked.items():
            for content in self._by_category[category].tolist():
                if content not in hidden:
                    self._put(found, content, _Why(INTEREST * share, -1, category))
        return found

    def _put(self, found: dict[int, _Why], content: int, why: _Why) -> None:
        before = found.get(content)
        if self.assortment.products[content]:
            return
        if before is None:
            found[content] = why
            return
        # Several reasons add up; the strongest is told.
        leading = why if why.score > before.score else before
        found[content] = leading._replace(score=why.score + before.score)

    def _suits(self, content: int, source: str) -> bool:
        phase = int(self.assortment.phase[content])
        return phase != (_BEFORE if source == "history" else _AFTER)

    def _seeds(self, visit: Visit) -> Seeds:
        return seeds_of(visit, HALF_LIFE_DAYS)
