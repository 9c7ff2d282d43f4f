"""Which pages may send and read: those of the origins in sources.toml, on every hot route alike."""

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from regulars.api import app
from regulars.api.hot import Answer, Request, Route
from regulars.api.metrics import Metrics
from regulars.collect.network import Networks
from regulars.core.definitions import Definitions, Shop, Source
from regulars.runtime import Services, Settings
from regulars.runtime.rates import Crowds, Rates, Strangers

OURS, FOREIGN = b"https://shop.example", b"https://elsewhere.example"
WEB = Source(id="web", kind="browser", write_key="public-web-key", origins=(OURS.decode(),))
DEFINITIONS = Definitions(shop=Shop(name="Corner"), sources=(WEB,))


def routes() -> dict[str, Route]:
    services = SimpleNamespace(
        definitions=DEFINITIONS,
        intake=None,
        rates=Rates([]),
        strangers=Strangers(),
        crowds=Crowds(0),
        networks=Networks([]),
        settings=Settings(shop=Path("shop"), data=Path("data")),
    )
    found: dict[str, Route] = {}
    for make in app.HOT:
        found |= make(cast(Services, services), Metrics())
    return found


ROUTES = routes()


def preflight(path: str, origin: bytes) -> Answer:
    route = ROUTES[path]
    headers = [
        (b"origin", origin),
        (b"access-control-request-method", route.methods[0].encode()),
        (b"access-control-request-headers", b"content-type,authorization"),
        (b"access-control-request-private-network", b"true"),
    ]
    answer = route.open(Request("OPTIONS", path, b"", headers))
    assert answer is not None
    return answer


@pytest.mark.parametrize("path", sorted(ROUTES))
def test_a_page_of_the_shop_may_ask_and_the_answer_is_for_it_alone(path: str) -> None:
    answer = preflight(path, OURS)
    headers = dict(answer.headers)
    assert answer.status == 204
    assert headers[b"access-control-allow-origin"] == OURS
    assert headers[b"vary"] == b"origin"
    assert ROUTES[path].methods[0].encode() in headers[b"access-control-allow-methods"]
    assert b"*" not in b"".join(headers.values())
    assert (b"access-control-allow-credentials" in headers) == ROUTES[path].credentials
    # Nobody's browser is let into a private network by this server.
    assert b"access-control-allow-private-network" not in headers


@pytest.mark.parametrize("path", sorted(ROUTES))
@pytest.mark.parametrize(
    "origin",
    [FOREIGN, b"null", b"https://shop.example.evil.example", b"http://shop.example", b"https://shop.example:8443"],
)
def test_no_other_page_may(path: str, origin: bytes) -> None:
    answer = preflight(path, origin)
    assert answer.status == 403
    assert b"access-control-allow-methods" not in dict(answer.headers)
    if "POST" in ROUTES[path].methods:
        sent = [(b"origin", origin), (b"x-write-key", WEB.write_key.encode())]
        refused = ROUTES[path].open(Request("POST", path, b"", sent))
        if "webhooks" not in path:
            assert refused is not None
            assert (refused.status, dict(refused.headers)[b"vary"]) == (403, b"origin")


def test_only_trackers_that_cannot_do_without_may_send_cookies() -> None:
    assert {path for path, route in ROUTES.items() if route.credentials} == {
        "/com.snowplowanalytics.snowplow/tp2", "/i", "/cxs/eventcollector", "/cxs/context.json", "/g/collect",
    }  # fmt: skip


def test_settings_are_not_taken_from_a_cache_for_another_page() -> None:
    path = f"/array/{WEB.write_key}/config"
    answers: list[Answer] = []
    for headers in ([], [(b"origin", OURS)]):
        request = Request("GET", path, b"", headers)
        assert ROUTES[path].open(request) is None
        ROUTES[path].take(request, b"", answers.append)
    assert [dict(answer.headers).get(b"vary") for answer in answers] == [b"origin", b"origin"]


def test_a_page_may_say_that_it_tries_again() -> None:
    """RudderStack's and Segment's clients add headers to a retry; one that is not allowed here loses the event."""
    allowed = dict(preflight("/v1/track", OURS).headers)[b"access-control-allow-headers"].split(b", ")
    added = {
        b"x-retry-count", b"rsa-retry-attempt", b"rsa-retry-reason", b"rsa-since-first-attempt",
        b"rsa-since-last-attempt", b"rsa-recovered",
    }  # fmt: skip
    assert added <= set(allowed)
