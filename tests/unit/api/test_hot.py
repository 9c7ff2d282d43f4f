"""What hot routes have in common: a sender that was let in once is remembered as it was, and nobody else."""

import base64
from pathlib import Path
from types import SimpleNamespace
from typing import cast

from regulars.api import intake
from regulars.api.hot import SENDERS, Answer, HeaderList, Request, Route, problem_answer
from regulars.api.metrics import Metrics
from regulars.api.problem import Problem
from regulars.collect.network import Networks
from regulars.core.definitions import Definitions, Shop, Source
from regulars.runtime import Services, Settings
from regulars.runtime.rates import Crowds, Strangers

WEB = Source(id="web", kind="browser", write_key="public-web-key", origins=("https://shop.example",))
APP = Source(id="app", kind="browser", write_key="public-app-key", scopes=("decide",))
DEFINITIONS = Definitions(shop=Shop(name="Corner"), sources=(WEB, APP))


def door(name: str = "track") -> Route:
    services = SimpleNamespace(
        definitions=DEFINITIONS,
        intake=None,
        rates=None,
        strangers=Strangers(),
        crowds=Crowds(0),
        networks=Networks([]),
        settings=Settings(shop=Path("shop"), data=Path("data")),
    )
    return intake.routes(cast(Services, services), Metrics())[f"/v1/{name}"]


def opened(route: Route, key: str, *more: tuple[bytes, bytes]) -> tuple[Request, Answer | None]:
    token = base64.b64encode(f"{key}:".encode())
    headers: HeaderList = [(b"authorization", b"Basic " + token), *more]
    request = Request("POST", "/v1/track", b"", headers)
    return request, route.open(request)


def test_a_remembered_sender_is_the_same_source_and_others_are_still_refused() -> None:
    route = door()
    elsewhere = (b"origin", b"https://elsewhere.example")
    for _ in range(2):
        request, refused = opened(route, WEB.write_key)
        assert (request.source, refused) == (WEB, None)
        for key, more, status in (
            (WEB.write_key[:-1], (), 401),
            (APP.write_key, (), 403),
            (WEB.write_key, (elsewhere,), 403),
        ):
            request, refused = opened(route, key, *more)
            assert refused is not None
            assert (request.source, refused.status) == (None, status)


def test_what_one_route_remembers_opens_no_other() -> None:
    assert opened(door("track"), WEB.write_key)[1] is None
    refused = opened(door("import"), WEB.write_key)[1]
    assert refused is not None
    assert refused.status == 403


def test_one_key_in_many_spellings_fills_no_memory() -> None:
    route = door()
    for number in range(2 * SENDERS + 1):
        assert opened(route, f"{WEB.write_key}:{number}")[0].source == WEB
    assert len(route._senders) <= SENDERS  # noqa: SLF001 - memory shows in no answer


def test_a_page_may_read_when_it_shall_come_again() -> None:
    busy = Problem(503, "the disk is slow", headers=((b"retry-after", b"2"),))
    exposed = (b"access-control-expose-headers", b"retry-after")
    assert exposed in problem_answer(busy, b"https://shop.example").headers
    assert exposed not in problem_answer(busy).headers  # no page asked
    assert exposed not in problem_answer(Problem(400, "no"), b"https://shop.example").headers
