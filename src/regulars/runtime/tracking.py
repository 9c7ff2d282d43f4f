"""Tracking health for whoever asks: read once and kept for a moment, for it reads many counters."""

import threading
import time
from collections.abc import Mapping

from regulars.flow.tracking import Soundness, Tracking, TrackingHealth
from regulars.runtime.services import Services

#: How long an answer is kept; seconds.
KEEP_SECONDS = 30.0


class TrackingDesk:
    """One per process. Its questions read the state and block: ask from a thread."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._health = TrackingHealth(services.definitions)
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[float, int, Tracking]] = {}  # language -> when it was read, at which hour

    @property
    def health(self) -> TrackingHealth:
        """Tracking health of the shop's definitions."""
        return self._health

    def look(self, language: str = "en") -> Tracking:
        """How it is now, or was a moment ago."""
        now = self._services.clock()
        with self._lock:
            kept = self._kept.get(language)
            if kept is not None and time.monotonic() - kept[0] < KEEP_SECONDS and kept[1] == now // 3_600_000:
                return kept[2]
            found = self._health.look(self._services.state, now=now, language=language)
            self._kept[language] = (time.monotonic(), now // 3_600_000, found)
            return found

    def sound(self) -> Mapping[str, bool | None]:
        """By goal, whether its tracking is sound; None where too little came to know."""
        return {one.goal: None if one.state == "unknown" else one.state == "sound" for one in self.look().goals}

    def goal(self, name: str, language: str = "en") -> Soundness | None:
        """Whether the tracking of a goal, or of an event of the plan, is sound; None when there is no such goal."""
        known = next((one for one in self.look(language).goals if one.goal == name), None)
        if known is not None:
            return known
        return self._health.goal(self._services.state, name, now=self._services.clock(), language=language)
