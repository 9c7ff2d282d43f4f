"""Tracking health over HTTP: for monitors, and for whoever must know whether a goal's tracking can be relied on."""

from typing import Annotated

import msgspec
from litestar import get
from litestar.params import QueryParameter

from regulars.api.access import needs
from regulars.api.problem import Problem
from regulars.flow.tracking import FieldUse, Soundness, Tracking
from regulars.runtime import Services
from regulars.runtime.tracking import TrackingDesk

_Language = Annotated[str, QueryParameter(name="lang", pattern="^(de|en)$")]


class Fields(msgspec.Struct):
    """Properties of the tracking plan."""

    fields: list[FieldUse]


@get("/v1/health/tracking", guards=[needs("profiles")], tags=["operations"], sync_to_thread=True)
def tracking_health(tracking: TrackingDesk, language: _Language = "en") -> Tracking:
    """What arrives otherwise than usual, by source and worst first; what it costs and how to mend it."""
    return tracking.look(language)


@get("/v1/health/tracking/fields", guards=[needs("profiles")], tags=["operations"], sync_to_thread=True)
def tracking_fields(tracking: TrackingDesk, services: Services) -> Fields:
    """How often each property of the plan is empty, and what uses it; `used_for` is empty where nothing does."""
    return Fields(tracking.health.fields(services.state, now=services.clock()))


@get(
    ["/v1/tracking/goals/{goal:str}", "/v1/health/tracking/goals/{goal:str}"],
    guards=[needs("profiles")],
    tags=["operations"],
    sync_to_thread=True,
)
def tracking_of_goal(tracking: TrackingDesk, goal: str, language: _Language = "en") -> Soundness:
    """Whether the tracking of a goal of goals.toml, or of an event of the plan, is sound, and why not."""
    found = tracking.goal(goal, language)
    if found is None:
        known = [one.id for one in tracking.health.definitions.goals]
        raise Problem(
            404,
            f"there is no goal or event {goal!r}; goals are listed in goals.toml",
            field="goal",
            expected=", ".join(known) or "an event of events.toml",
            got=goal,
        )
    return found


HANDLERS = (tracking_health, tracking_fields, tracking_of_goal)
