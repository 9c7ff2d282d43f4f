"""The kinds of rows that touchpoints send, by name."""

from regulars.collect.files.activity import ACTIVITIES
from regulars.collect.files.calls import CALLS
from regulars.collect.files.shop_facts import ADVERTISING_ROWS, FOOTFALL_ROWS, PROGRAMME_ROWS, SEARCH_ROWS
from regulars.collect.files.sightings import SIGHTINGS
from regulars.collect.files.touch import Rows, Touch
from regulars.collect.files.words import CHATS, REACTIONS, REVIEWS

TOUCHES: dict[str, Touch] = {
    one.name: one
    for one in (
        CALLS,
        SIGHTINGS,
        REVIEWS,
        CHATS,
        REACTIONS,
        ACTIVITIES,
        PROGRAMME_ROWS,
        ADVERTISING_ROWS,
        SEARCH_ROWS,
        FOOTFALL_ROWS,
    )
}
#: The formats of their bodies by route of the log.
ROWS: dict[str, Rows] = {rows.route: rows for rows in map(Rows, TOUCHES.values())}
