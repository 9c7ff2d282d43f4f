"""What the network tells of a sender."""

import ipaddress
import re
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regulars.collect import network
from regulars.collect.machines import said_of, suffice
from regulars.collect.network import DATA_CENTRES, HOSTS, Networks, head_signs

CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
)
PHONE = (
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36"
)
DESKTOP_SITE = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0"
SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.6 Mobile/15E148 Safari/604.1"
)
BRANDS = '"Chromium";v="140", "Not=A?Brand";v="24", "Google Chrome";v="140"'
EDGE = '"Microsoft Edge";v="141", "Chromium";v="140", "Not/A)Brand";v="24"'
OLDER = '"Not;A=Brand";v="99", "Chromium";v="118"'
HEADLESS = '"HeadlessChrome";v="140", "Not=A?Brand";v="24", "Chromium";v="140"'


@pytest.mark.parametrize(
    ("agent", "brands", "platform"),
    [
        (CHROME, BRANDS, '"Windows"'),
        (CHROME + " Edg/141.0.0.0", EDGE, '"Windows"'),
        (PHONE, BRANDS, '"Android"'),
        (DESKTOP_SITE, BRANDS, '"Android"'),
        (CHROME, "", ""),  # without https no hints are sent
        (FIREFOX, "", ""),
        (SAFARI, "", ""),
        ("Shop/3.1 CFNetwork/1568.100.1 Darwin/24.0.0", "", ""),
        ("okhttp/4.12.0", "", ""),
        ("Dart/3.5 (dart:io)", "", ""),
    ],
)
def test_browsers_and_apps_of_people_say_nothing_odd(agent: str, brands: str, platform: str) -> None:
    assert head_signs(agent, language=True, brands=brands, platform=platform) == ()


@pytest.mark.parametrize(
    ("agent", "language", "brands", "platform", "signs"),
    [
        (CHROME, False, "", "", ("bare",)),
        ("", True, "", "", ("bare",)),
        (CHROME, True, OLDER, "", ("mismatch",)),
        (FIREFOX, True, BRANDS, "", ("mismatch",)),
        (CHROME, True, BRANDS, '"Linux"', ("mismatch",)),
        (CHROME, False, OLDER, "", ("bare", "mismatch")),
        (CHROME, True, HEADLESS, "", ("agent:browser-automation",)),
        ("python-requests/2.32", False, "", "", ("library",)),
        ("Mozilla/5.0 (compatible; Googlebot/2.1)", False, "", "", ("agent:search-engine",)),
    ],
)
def test_a_head_gives_away_who_only_took_a_browsers_name(
    agent: str,
    language: bool,  # noqa: FBT001 - a parameter of the table
    brands: str,
    platform: str,
    signs: tuple[str, ...],
) -> None:
    assert head_signs(agent, language=language, brands=brands, platform=platform) == signs


@given(st.text(max_size=80), st.text(max_size=80), st.text(max_size=20))
def test_whatever_a_head_says_is_read(agent: str, brands: str, platform: str) -> None:
    signs = head_signs(agent, language=bool(platform), brands=brands, platform=platform)
    assert all("," not in one for one in signs)


_V4 = st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 32)).map(lambda p: ipaddress.IPv4Network(p, strict=False))
_V6 = st.tuples(st.integers(0, 2**128 - 1), st.integers(0, 128)).map(lambda p: ipaddress.IPv6Network(p, strict=False))


@given(st.lists(_V4 | _V6, max_size=8), st.ip_addresses(), st.data())
def test_networks_hold_what_one_of_them_holds(
    networks: list[ipaddress.IPv4Network | ipaddress.IPv6Network],
    stranger: ipaddress.IPv4Address | ipaddress.IPv6Address,
    data: st.DataObject,
) -> None:
    known = Networks(map(str, networks))
    address = stranger
    if networks and int(stranger) % 2:
        one = networks[data.draw(st.integers(0, len(networks) - 1))]
        address = one[data.draw(st.integers(0, min(one.num_addresses - 1, 2**62)))]
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    wanted = mapped or address
    assert known.hold(str(address)) == any(wanted in one for one in networks if one.version == wanted.version)


def test_one_sign_is_no_machine_and_two_of_one_kind_are_none_either() -> None:
    for signs in (["data_centre"], ["crowd"], ["bare"], ["data_centre", "crowd"], ["bare", "mismatch"], ["library"]):
        assert not suffice(signs)
        found = said_of(CHROME, signs=",".join(signs))
        assert found == {"verdict": "unknown", "why": signs}


def test_a_place_and_a_head_are_a_machine_whatever_hand_is_claimed() -> None:
    found = said_of(CHROME, hand=True, signs="data_centre,mismatch")
    assert found == {"verdict": "machine", "why": ["data_centre", "mismatch"]}


def test_a_login_that_the_shop_signed_outweighs_a_place_and_no_name_of_a_machine() -> None:
    found = said_of(CHROME, signed_in=True, signs="data_centre,mismatch")
    assert found == {"verdict": "human", "why": ["signed_in", "data_centre", "mismatch"]}
    found = said_of(CHROME, signed_in=True, signs="agent:seo")
    assert found == {"verdict": "machine", "why": ["agent:seo"]}


def test_every_system_of_hosts_stands_once_and_is_a_public_number() -> None:
    """RFC 6996, 7607, 5398 and 7300: numbers that no host has. An access network of people is none of a host's."""
    numbers = [number for found in HOSTS.values() for number in found]
    assert len(numbers) == len(set(numbers)) == len(DATA_CENTRES)
    assert all(name.strip() == name and found for name, found in HOSTS.items())
    reserved = {0, 23456, 65535, *range(64496, 65552)}
    assert all(0 < number < 4_200_000_000 and number not in reserved for number in numbers)
    people = {3320, 3209, 6805, 8881, 7922, 3215, 2856}  # Telekom, Vodafone, O2, 1&1, Comcast, Orange, BT
    assert not people & DATA_CENTRES


def test_the_list_of_hosts_says_of_when_and_from_where_it_is() -> None:
    said = Path(network.__file__).read_text().partition("HOSTS:")[0]
    (day,) = re.findall(r"As of (\d{4}-\d\d-\d\d), from", said)
    assert date.fromisoformat(day) >= date(2026, 11, 22)
    assert "github.com/X4BNet/lists_vpn" in said
