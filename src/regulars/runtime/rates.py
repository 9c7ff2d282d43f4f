"""How many events a source may send: a bucket of tokens for each source with a rate, so that none crowds out others.

The bucket holds `burst` seconds' worth; each event takes a token, and tokens come back at the rate. A request of more
events than a full bucket is let through when the bucket is full, and the next ones wait until that is paid off. There
is one small bucket for each source of sources.toml, whatever senders do.
"""

import time
from collections.abc import Callable, Iterable

from regulars.core.definitions import Source

#: Seconds at the rate that may come at once.
BURST_SECONDS = 10.0


class Rates:
    """The buckets of a shop's sources, of one process.

    >>> rates = Rates([Source(id="web", kind="browser", rate=2)], clock=lambda: 0.0)
    >>> rates.wait("web", 20), rates.wait("web", 1), rates.wait("till", 10**6)
    (0.0, 0.5, 0.0)
    """

    def __init__(self, sources: Iterable[Source], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._rates = {source.id: source.rate for source in sources if source.rate is not None}
        now = clock()
        self._buckets = {name: (rate * BURST_SECONDS, now) for name, rate in self._rates.items()}

    def wait(self, source: str, events: int) -> float:
        """Take tokens for these events: 0; or take none and say after how many seconds they are there."""
        rate = self._rates.get(source)
        if rate is None:
            return 0.0
        most = rate * BURST_SECONDS
        tokens, then = self._buckets[source]
        now = self._clock()
        tokens = min(most, tokens + (now - then) * rate)
        needed = min(events, most)
        if tokens < needed:
            self._buckets[source] = (tokens, now)
            return (needed - tokens) / rate
        self._buckets[source] = (tokens - events, now)
        return 0.0
