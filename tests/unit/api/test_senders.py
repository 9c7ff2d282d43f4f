"""What the door sees of a sender."""

from regulars.api.hot import Request
from regulars.api.senders import Senders
from regulars.api.visitors import Visitors
from regulars.collect.network import Networks
from regulars.core.definitions import Network, Source
from regulars.runtime.rates import Crowds, Strangers

WEB = Source(id="web", kind="browser", write_key="wk")
CHROME = b"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
HEAD = [(b"user-agent", CHROME), (b"accept-language", b"de")]


def senders(network: Network, *, now: float = 0.0, proxies: str | None = "10.0.0.0/8") -> Senders:
    crowds = Crowds(network.requests_per_minute, clock=lambda: now)
    return Senders(network, Networks(network.data_centres), crowds, Visitors(Strangers(), proxies))


def asked(address: str, *headers: tuple[bytes, bytes]) -> Request:
    return Request("POST", "/v1/track", b"", [*HEAD, *headers], address)


def test_an_address_of_a_data_centre_is_known_behind_a_trusted_proxy_alone() -> None:
    doorman = senders(Network(data_centres=("203.0.113.0/24",)))
    via = (b"x-forwarded-for", b"198.51.100.1, 203.0.113.9")
    assert doorman.signs(asked("203.0.113.9"), WEB) == "data_centre"
    assert doorman.signs(asked("10.0.0.1", via), WEB) == "data_centre"
    assert doorman.signs(asked("192.0.2.1", via), WEB) == ""  # who is no proxy speaks for itself
    assert doorman.signs(asked("198.51.100.1"), WEB) == ""


def test_the_system_that_a_trusted_proxy_names_is_believed() -> None:
    doorman = senders(Network(asn_header="X-ASN"))
    hetzner, telekom = (b"x-asn", b"AS24940"), (b"x-asn", b"AS3320")
    assert doorman.signs(asked("10.0.0.1", hetzner), WEB) == "data_centre"
    assert doorman.signs(asked("10.0.0.1", telekom), WEB) == ""
    assert doorman.signs(asked("192.0.2.1", hetzner), WEB) == ""
    own = senders(Network(asn_header="x-asn", asns=(3320,)))
    assert own.signs(asked("10.0.0.1", telekom), WEB) == "data_centre"
    assert own.signs(asked("10.0.0.1", hetzner), WEB) == ""


def test_very_many_requests_of_one_address_are_a_crowd_and_of_the_shops_own_network_are_none() -> None:
    doorman = senders(Network(requests_per_minute=30))
    assert [doorman.signs(asked("9.9.9.9"), WEB) for _ in range(32)][-2:] == ["crowd", "crowd"]
    assert doorman.signs(asked("8.8.8.8"), WEB) == ""
    assert {doorman.signs(asked("10.0.0.7"), WEB) for _ in range(100)} == {""}
    never = senders(Network(requests_per_minute=0))
    assert {never.signs(asked("9.9.9.9"), WEB) for _ in range(100)} == {""}


def test_a_server_and_a_source_whose_senders_are_not_judged_have_no_signs() -> None:
    doorman = senders(Network(data_centres=("203.0.113.0/24",)))
    bare = Request("POST", "/v1/track", b"", [], "203.0.113.9")
    assert doorman.signs(bare, WEB) == "data_centre,bare"
    assert doorman.signs(bare, Source(id="till", kind="server")) == ""
    assert doorman.signs(bare, Source(id="test", kind="browser", machines="count")) == ""


def test_what_is_remembered_stays_small_whatever_strangers_send() -> None:
    doorman = senders(Network())
    for number in range(9_000):
        long = (b"x-forwarded-for", b"9" * 5_000)
        head = (b"sec-ch-ua", b"%d" % number + b"x" * 5_000)
        doorman.signs(asked(f"2001:db8::{number:x}", long, head), WEB)
    held = doorman._heads.keys() | doorman._places.keys()  # noqa: SLF001 - what an attacker would fill
    assert len(held) <= 2 * 4_096
    assert all(len(part) <= 512 for key in held for part in key if isinstance(part, bytes))
