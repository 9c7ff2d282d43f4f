"""What the door sees of who sends a browser's or an app's events: signs of machines, in words that name nobody.

An address is looked at and forgotten: it stands in memory for some minutes and in no file. The words are stored with
the record, so that folding finds the same whenever it is done.
"""

import time

from regulars.api.hot import Request
from regulars.api.visitors import Visitors, visitors_of
from regulars.collect.network import DATA_CENTRES, Networks, head_signs, is_public, number_of_system, place_signs
from regulars.core.definitions import Network, Source
from regulars.runtime import Services
from regulars.runtime.rates import Crowds

#: Heads and addresses that are remembered, so that none is looked at twice; and for how long, in seconds.
_MOST, _SECONDS = 4_096, 600.0
#: Bytes of a header that are looked at, and of one that holds a word.
_LONGEST, _SHORT = 512, 64
_NOBODYS = -1  # in place of where it is counted: an address that is not of the internet


class Senders:
    """Looks at senders for all doors of a process."""

    def __init__(self, network: Network, networks: Networks, crowds: Crowds, visitors: Visitors) -> None:
        self._visitors = visitors
        self._networks = networks
        self._asn_header = network.asn_header.lower().encode()
        self._asns = DATA_CENTRES if network.asns is None else frozenset(network.asns)
        self._counts = network.requests_per_minute > 0
        self._crowds = crowds
        self._since = time.monotonic()
        self._heads: dict[tuple[bytes, bool, bytes, bytes], tuple[str, ...]] = {}
        self._places: dict[tuple[str, bytes, bytes], tuple[int, bool]] = {}

    def signs(self, request: Request, source: Source) -> str:
        """The signs of a request, comma-separated; none of a server, and of a source whose senders are not judged."""
        if source.kind != "browser" or source.machines != "judge":
            return ""
        agent = brands = platform = forwarded = asn = b""
        language = False
        for name, value in request.headers:
            if name == b"user-agent":
                agent = value[:_LONGEST]
            elif name == b"accept-language":
                language = bool(value)
            elif name == b"sec-ch-ua":
                brands = value[:_LONGEST]
            elif name == b"sec-ch-ua-platform":
                platform = value[:_SHORT]
            elif name == b"x-forwarded-for":
                forwarded += b"," + value
            elif name == self._asn_header:
                asn = value[:_SHORT]
        self._forget()
        head = self._heads.get((agent, language, brands, platform))
        if head is None:
            head = self._heads[agent, language, brands, platform] = _read(agent, language, brands, platform)
        place = self._places.get((request.address, forwarded, asn))
        if place is None:
            place = self._placed(request, asn)
            if len(forwarded) <= _LONGEST:
                self._places[request.address, forwarded, asn] = place
        at, data_centre = place
        crowd = self._counts and at != _NOBODYS and self._crowds.counted(at)
        return ",".join((*place_signs(data_centre=data_centre, crowd=crowd), *head))

    def _forget(self) -> None:
        """Let go of what was remembered, when it is too old or too much."""
        now = time.monotonic()
        if now - self._since > _SECONDS or len(self._places) >= _MOST or len(self._heads) >= _MOST:
            self._places.clear()
            self._heads.clear()
            self._since = now

    def _placed(self, request: Request, asn: bytes) -> tuple[int, bool]:
        """Where an address is counted, and whether it is of a data centre."""
        address = self._visitors.address(request.address, request.headers)
        system = number_of_system(asn.decode("latin-1")) if asn and self._visitors.trusts(request.address) else None
        data_centre = system in self._asns or self._networks.hold(address)
        return (self._crowds.place(address) if is_public(address) else _NOBODYS), data_centre


def senders_of(services: Services) -> Senders:
    """For a door; all doors of a process share one count of crowds."""
    return Senders(services.definitions.network, services.networks, services.crowds, visitors_of(services))


def _read(agent: bytes, language: bool, brands: bytes, platform: bytes) -> tuple[str, ...]:  # noqa: FBT001 - a key
    said, named, on = (one.decode("latin-1") for one in (agent, brands, platform))
    return head_signs(said, language=language, brands=named, platform=on)
