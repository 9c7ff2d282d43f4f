"""From where a request comes whose key does not hold."""

import pytest

from regulars.api.problem import Problem
from regulars.api.visitors import Headers, Visitors
from regulars.runtime.rates import STRANGER_BURST, Strangers

VIA = [(b"x-forwarded-for", b"198.51.100.7, 203.0.113.9")]


@pytest.mark.parametrize(
    ("proxies", "peer", "headers", "address"),
    [
        (None, "10.0.0.1", VIA, "10.0.0.1"),
        ("10.0.0.0/8", "10.0.0.1", VIA, "203.0.113.9"),
        ("10.0.0.0/8,203.0.113.9", "10.0.0.1", VIA, "198.51.100.7"),
        ("10.0.0.0/8", "192.0.2.1", VIA, "192.0.2.1"),
        ("10.0.0.0/8", "10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.0/8", "10.0.0.1", [(b"x-forwarded-for", b"\xff")], "\xff"),
    ],
)
def test_only_a_trusted_proxy_says_for_whom_it_speaks(
    proxies: str | None, peer: str, headers: Headers, address: str
) -> None:
    assert Visitors(Strangers(), proxies).address(peer, headers) == address


def test_too_many_wrong_keys_of_one_address_are_told_to_wait_and_another_address_is_not() -> None:
    visitors = Visitors(Strangers(clock=lambda: 0.0))
    wrong = Problem(401, "unknown")
    answers = [visitors.refused("192.0.2.1", [], wrong).status for _ in range(STRANGER_BURST + 2)]
    assert answers == [401] * STRANGER_BURST + [429] * 2
    others = {visitors.refused(f"192.0.2.{number}", [], wrong).status for number in range(2, 10)}
    assert 401 in others  # one may share its place in the table with the first, not all
