"""Left behind: what the shopper viewed, put into the basket, took out again or wished for, and did not buy since."""

from typing import ClassVar

import numpy as np

from regulars.recommend.interactions import Int32
from regulars.recommend.material import AssortmentModel
from regulars.recommend.model import Reason, ReasonCode, Reasons, Scored
from regulars.recommend.seeds import NO_SCORES
from regulars.recommend.visit import Visit

#: What was done with a product, and how near to buying it that is.
NEARNESS = {"viewed": 1.0, "removed": 1.5, "wished": 2.5, "basket": 3.0}
#: A product bought within so many days counts as bought since: the profile keeps no day of a view.
BOUGHT_SINCE_DAYS = 30


class LeftBehind(AssortmentModel):
    """What is left of the shopper's views, baskets and wishes; the profile's shares fade already."""

    name: ClassVar[str] = "left_behind"

    def score(self, visit: Visit) -> Scored:
        """By how much is left and how near to buying it was."""
        left = visit.left
        open_ = self._open(visit, left.items)
        if not open_.any():
            return NO_SCORES
        nearness = np.asarray([NEARNESS.get(how, 0.0) for how in left.how])
        keep = open_ & (nearness > 0)
        return Scored(left.items[keep], (left.strengths * nearness)[keep])

    def reasons(self, visit: Visit, items: Int32) -> list[Reasons]:
        """What was done with each."""
        how = dict(zip(visit.left.items.tolist(), visit.left.how, strict=True))
        open_ = self._open(visit, items).tolist()
        return [
            (Reason(ReasonCode.LEFT_BEHIND, {"from": how[item]}),) if still and how.get(item, "") in NEARNESS else ()
            for item, still in zip(items.tolist(), open_, strict=True)
        ]

    def _open(self, visit: Visit, items: Int32) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
        """Neither bought lately nor sent back, and a product."""
        lately = visit.own[visit.days_since <= BOUGHT_SINCE_DAYS]
        gone = np.isin(items, np.concatenate((lately, visit.returned)))
        found: np.ndarray[tuple[int], np.dtype[np.bool_]] = ~gone & self.assortment.products[items]
        return found
