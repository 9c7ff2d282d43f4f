"""Order lines and visits by the positions of one catalogue."""

from typing import NamedTuple

import msgspec
import numpy as np

from regulars.analyst.learning import Lines, Visits
from regulars.recommend.interactions import Catalogue, Int32, Interactions
from regulars.recommend.material import Looks
from regulars.recommend.sessions.data import Kind, Sessions


def looks_of(sessions: Sessions) -> Looks | None:
    """What was looked at in the same visits; None where nothing was."""
    looked = sessions.kind == Kind.VIEW
    return Looks(sessions.of_event[looked].astype(np.int32), sessions.item[looked]) if looked.any() else None


class Joined(NamedTuple):
    """Order lines and visits by the positions of one catalogue."""

    catalogue: Catalogue
    interactions: Interactions
    sessions: Sessions


def joined_of(lines: Lines, visits: Visits) -> Joined:
    """Both by the positions of one catalogue; a visit to one product alone says nothing."""
    products = {
        product: catalogue.category_of(at)
        for catalogue in (visits.catalogue, lines.catalogue)
        for at, product in enumerate(catalogue.ids)
    }
    whole = Catalogue.of(sorted(products.items()))
    interactions = msgspec.structs.replace(
        lines.interactions, item=_moved(lines.interactions.item, lines.catalogue, whole)
    )
    sessions = msgspec.structs.replace(visits.sessions, item=_moved(visits.sessions.item, visits.catalogue, whole))
    return Joined(whole, interactions, sessions.where(sessions.lengths > 1))


def _moved(items: Int32, before: Catalogue, now: Catalogue) -> Int32:
    places: Int32 = np.asarray([now.position[product] for product in before.ids], np.int32)
    return places[items]
