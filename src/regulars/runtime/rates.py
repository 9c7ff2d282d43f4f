"""How much a source may send, and how often somebody without a key may try.

A bucket of tokens for each source with a rate, so that none crowds out others.

The bucket holds `burst` seconds' worth; each event takes a token, and tokens come back at the rate. A request of more
events than a full bucket is let through when the bucket is full, and the next ones wait until that is paid off. There
is one small bucket for each source of sources.toml, whatever senders do.
"""

import ipaddress
import time
from array import array
from collections.abc import Callable, Iterable

from regulars.core.definitions import Source

#: Seconds at the rate that may come at once.
BURST_SECONDS = 10.0
#: Refused keys and signatures of one address at once, and how many more each second.
STRANGER_BURST, STRANGER_RATE = 60, 1.0
#: Places of the table in which addresses are counted; two that share one are told to wait together.
_PLACES = 16_384


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


class Strangers:
    """How often keys and signatures of an address were refused, in a table that never grows.

    What it limits is what such attempts cost and what they fill: whoever has a key that holds is let in from the same
    address all the same, so nobody is shut out by a neighbour behind the same router. Each place of the table holds
    the instant at which its attempts are paid off (a virtual scheduling algorithm, ITU-T I.371 annex A).

    >>> strangers = Strangers(clock=lambda: 0.0)
    >>> [strangers.refused("192.0.2.1") for _ in range(62)][-3:]
    [0.0, 1.0, 1.0]
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._paid = array("d", [0.0]) * _PLACES

    def refused(self, address: str) -> float:
        """Count an attempt: 0; or, when there were too many, after how many seconds another one is heard."""
        place = hash(network(address)) % _PLACES  # a text's hash is keyed: nobody chooses with whom to share a place
        now = self._clock()
        paid = max(self._paid[place], now) + 1 / STRANGER_RATE
        over = paid - now - STRANGER_BURST / STRANGER_RATE
        if over > 0:
            return over
        self._paid[place] = paid
        return 0.0


class Crowds:
    """From which addresses very many requests come, in a table that never grows and holds no address.

    As `Strangers`, but nobody is refused: each request of an address takes its time, and a minute's worth that is not
    paid off makes a crowd; two minutes' worth are remembered, so that it is over soon after.

    >>> crowds = Crowds(60, clock=lambda: 0.0)
    >>> [crowds.counted(crowds.place("9.9.9.9")) for _ in range(62)][-3:]
    [False, True, True]
    """

    def __init__(self, per_minute: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._each = 60.0 / per_minute if per_minute else 0.0
        self._paid = array("d", [0.0]) * (_PLACES if per_minute else 1)

    def place(self, address: str) -> int:
        """Where an address is counted."""
        return hash(network(address)) % len(self._paid)

    def counted(self, place: int) -> bool:
        """Count a request; whether its address is a crowd."""
        now = self._clock()
        paid = self._paid[place] = min(max(self._paid[place], now) + self._each, now + 120.0)
        return paid - now > 60.0


def network(address: str) -> str:
    """Whom an address belongs to: an IPv6 customer has a whole /64.

    >>> network("2001:db8:1:2:3:4:5:6"), network("::ffff:192.0.2.1"), network("somewhere")
    ('2001:db8:1:2::', '192.0.2.1', 'somewhere')
    """
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.IPv6Address(int(found) >> 64 << 64))
