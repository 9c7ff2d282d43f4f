"""What the door looks at to tell machines: networks of data centres, in shop.toml and as the clouds publish them."""

import ipaddress
import re
from collections.abc import Iterator, Mapping

import msgspec

from regulars.shop.draft import Draft
from regulars.shop.mistake import Mistake
from regulars.shop.reading import TomlFile

#: The folder whose files are lists of networks.
LISTS = "networks"
#: Networks of one list, and of all.
MOST = 200_000
_QUOTED = re.compile(r'"([0-9a-fA-F.:]+/[0-9]{1,3})"')
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,60}")


def read_network(draft: Draft, file: TomlFile | None, lists: Mapping[str, bytes]) -> list[Mistake]:
    """Check [network] of shop.toml and add the networks of the lists to it; the mistakes of the lists."""
    network = draft.network
    if file is not None:
        for one in network.data_centres:
            if normal(one) is None:
                file.report(("network", "data_centres"), f'expected networks such as "192.0.2.0/24", got {one!r}')
        if network.asn_header and not _NAME.fullmatch(network.asn_header):
            file.report(("network", "asn_header"), f"expected the name of a header, got {network.asn_header!r}")
        for asn in network.asns or ():
            if not 0 < asn < 2**32:
                file.report(("network", "asns"), f"expected numbers of autonomous systems, got {asn}")
        if network.requests_per_minute < 0:
            got = network.requests_per_minute
            file.report(("network", "requests_per_minute"), f"expected 0 (never) or more, got {got}")
    mistakes: list[Mistake] = []
    found = {normal(one) for one in network.data_centres}
    for name, content in lists.items():
        found |= set(_listed(name, content, mistakes))
    if len(found) > MOST:
        mistakes.append(Mistake(LISTS, None, "", f"{len(found)} networks; at most {MOST} are compared"))
    draft.network = msgspec.structs.replace(network, data_centres=tuple(sorted(one for one in found if one)))
    return mistakes


def normal(text: str) -> str | None:
    """A network as it is usually written; None for what is none.

    >>> normal("192.0.2.7/24"), normal("2001:DB8::/32"), normal("somewhere")
    ('192.0.2.0/24', '2001:db8::/32', None)
    """
    try:
        return str(ipaddress.ip_network(text.strip(), strict=False))
    except ValueError:
        return None


def _listed(name: str, content: bytes, mistakes: list[Mistake]) -> Iterator[str]:
    """The networks of a list: of a JSON file every text that is one; else what stands first on each line.

    The clouds publish theirs as JSON of several shapes or as geofeeds (RFC 8805), which are CSV with the network first.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        mistakes.append(Mistake(name, None, "", "not UTF-8 text; save the list as UTF-8"))
        return
    if name.endswith(".json"):
        networks = [network for quoted in _QUOTED.findall(text) if (network := normal(quoted))]
        if not networks:
            mistakes.append(Mistake(name, None, "", 'holds no network such as "192.0.2.0/24"'))
        yield from networks
        return
    for number, line in enumerate(text.splitlines(), 1):
        first = line.partition("#")[0].partition(",")[0].strip()
        if not first:
            continue
        network = normal(first)
        if network is None:
            expected = "expected a network such as 192.0.2.0/24 first on the line, or a comment after #"
            mistakes.append(Mistake(name, number, "", f"{expected}, got {first[:60]!r}"))
        else:
            yield network
