"""What the network tells of a sender: where its address is, and how its browser introduces itself.

Each sign alone is weak: people sit behind a VPN in a data centre, a school shares one address, an extension gives a
browser another name. What is kept is the sign, a word; the address is forgotten with the request.
"""

import ipaddress
import re
from bisect import bisect_right
from collections.abc import Iterable

from regulars.collect.machines import LIBRARY, kind_of_agent
from regulars.core.machine import BARE, CROWD, DATA_CENTRE, IN_LIBRARY, MISMATCH

#: Autonomous systems of clouds and hosts that rent machines to all, by the name of the host. As of 2026-11-22, from
#: the public list of hosts of X4BNet (github.com/X4BNet/lists_vpn, input/datacenter/ASN.txt); what that lacks (Google
#: Cloud, Hetzner Cloud, Oracle, Tencent, netcup, M247, the younger one of Datacamp) as other public lists of hosts name
#: it. Looked up one by one, not proven complete: `asns` of a shop's [network] takes the place of it.
HOSTS: dict[str, tuple[int, ...]] = {
    "Amazon": (14618, 16509),
    "Google Cloud": (396982,),
    "Microsoft": (8075,),
    "DigitalOcean": (14061,),
    "OVH": (16276,),
    "Hetzner": (24940, 213230),
    "Akamai (Linode)": (63949,),
    "Vultr": (20473,),
    "Oracle": (31898,),
    "Alibaba": (45102,),
    "Tencent": (132203,),
    "Contabo": (51167,),
    "Leaseweb": (60781, 28753),
    "Scaleway": (12876,),
    "netcup": (197540,),
    "UpCloud": (202053,),
    "M247": (9009,),
    "Datacamp": (60068, 212238),
}
DATA_CENTRES = frozenset(number for numbers in HOSTS.values() for number in numbers)
#: What a browser calls itself, and only browsers do.
_BROWSER = re.compile(r"Mozilla/5\.0 \(.*(?:Chrome|Firefox|Safari)/")
_CHROME = re.compile(r"Chrome/([0-9]{1,5})")
_BRAND = re.compile(r'"(?:Chromium|Google Chrome)"; ?v="([0-9]{1,5})')
#: The platform of a client hint -> what its browsers' names hold. Android asks for desktop sites as Linux.
_PLATFORMS = {
    "Windows": ("Windows",), "macOS": ("Macintosh",), "Android": ("Android", "Linux"), "Linux": ("Linux", "X11"),
    "Chrome OS": ("CrOS", "X11"), "iOS": ("iPhone", "iPad", "Macintosh"),
}  # fmt: skip
_LONGEST = 512


class Networks:
    """Networks that are looked up by address.

    >>> networks = Networks(["192.0.2.0/24", "2001:db8::/32"])
    >>> networks.hold("192.0.2.7"), networks.hold("::ffff:192.0.2.7"), networks.hold("198.51.100.1"), networks.hold("?")
    (True, True, False, False)
    """

    def __init__(self, networks: Iterable[str]) -> None:
        spans: dict[int, list[tuple[int, int]]] = {4: [], 6: []}
        for text in networks:
            one = ipaddress.ip_network(text, strict=False)
            spans[one.version].append((int(one.network_address), int(one.broadcast_address)))
        self._spans = {version: _joined(found) for version, found in spans.items()}

    def hold(self, address: str) -> bool:
        """Whether one of them holds an address."""
        found = _parsed(address)
        if found is None:
            return False
        starts, ends = self._spans[found.version]
        at = bisect_right(starts, int(found)) - 1
        return at >= 0 and int(found) <= ends[at]


def is_public(address: str) -> bool:
    """Whether an address is one of the internet: a proxy of the shop's own tells nothing of who is behind it.

    >>> is_public("192.168.0.1"), is_public("9.9.9.9"), is_public("")
    (False, True, False)
    """
    found = _parsed(address)
    return found is not None and found.is_global


def number_of_system(text: str) -> int | None:
    """The number of an autonomous system as proxies write it.

    >>> number_of_system("AS24940"), number_of_system("24940 Hetzner Online GmbH"), number_of_system("-")
    (24940, 24940, None)
    """
    found = re.match(r"\s*(?:AS)?([0-9]{1,10})\b", text, re.IGNORECASE)
    return int(found[1]) if found else None


def head_signs(agent: str, *, language: bool, brands: str = "", platform: str = "") -> tuple[str, ...]:
    """What the head of a browser's or an app's request says of itself; `language` whether it names any.

    Every browser sends Accept-Language (RFC 9110 12.5.4); those made of Chromium tell brand and platform again in
    client hints (W3C UA-CH), which whoever only changes the name forgets.

    >>> head_signs("curl/8.5", language=False), head_signs("Shop/2 CFNetwork/1408 Darwin/22.5", language=True)
    (('library',), ())
    """
    agent = agent[:_LONGEST]
    kind = kind_of_agent(agent) if agent else ""
    if kind:
        return (IN_LIBRARY,) if kind == LIBRARY else (f"agent:{kind}",)
    if "HeadlessChrome" in brands:
        return ("agent:browser-automation",)
    if not _BROWSER.match(agent):
        return () if agent else (BARE,)
    found = () if language else (BARE,)
    return (*found, MISMATCH) if _differs(agent, brands[:_LONGEST], platform.strip(' "')) else found


def place_signs(*, data_centre: bool, crowd: bool) -> tuple[str, ...]:
    """What is said of where a request comes from."""
    return ((DATA_CENTRE,) if data_centre else ()) + ((CROWD,) if crowd else ())


def _differs(agent: str, brands: str, platform: str) -> bool:
    if brands:
        said, told = _CHROME.search(agent), _BRAND.search(brands)
        if said is None:
            return True  # neither Firefox nor Safari knows these hints
        if told is not None and told[1] != said[1]:
            return True
    names = _PLATFORMS.get(platform)
    return names is not None and not any(name in agent for name in names)


def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found


def _joined(spans: list[tuple[int, int]]) -> tuple[list[int], list[int]]:
    """Starts and ends, in order, without overlaps."""
    starts: list[int] = []
    ends: list[int] = []
    for start, end in sorted(spans):
        if starts and start <= ends[-1] + 1:
            ends[-1] = max(ends[-1], end)
        else:
            starts.append(start)
            ends.append(end)
    return starts, ends
