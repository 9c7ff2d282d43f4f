"""A connection of the gateway: whatever a client sends, in whatever pieces, it gets its answers in order."""

import asyncio
import json
import socket
from typing import cast

import pytest
import uvicorn
from hypothesis import given
from hypothesis import strategies as st

from regulars.api.intake import BATCH_BYTES
from regulars.api.problem import Problem
from regulars.gateway.arriving import Arriving
from regulars.gateway.refusals import HEAD_BYTES
from tests.unit.gateway.wire import SECONDS, Gateway, chunked, run, track, until

GET = b"GET /there HTTP/1.1\r\nHost: shop\r\n\r\n"
#: Requests after which the connection goes on, with the status of their answer.
KINDS = {
    "event": (track(), 200),
    "chunks": (chunked(b'{"event":', b'"Seen"}'), 200),
    "empty batch": (track(b'{"batch":[]}', path="/v1/batch"), 200),
    "strict": (track(path="/v1/t?strict=1"), 422),
    "no JSON": (track(b'{"event":'), 400),
    "other key": (track().replace(b"public", b"secret"), 401),
    "foreign page": (track(b"{}", "Origin: https://elsewhere.example"), 403),
    "shop's page": (track(b"{}", "Origin: https://shop.example"), 200),
    "packed": (track(b"{}", "Content-Encoding: br"), 415),
    "elsewhere": (GET, 200),
    "elsewhere with a body": (track(b"hello", path="/there"), 200),
    "wrong method": (b"PUT /v1/track HTTP/1.1\r\nHost: shop\r\nContent-Length: 2\r\n\r\n{}", 405),
}


@given(st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=6), st.data())
def test_any_split_of_the_bytes_into_packets_gives_the_same_answers(kinds: list[str], data: st.DataObject) -> None:
    stream = b"".join(KINDS[kind][0] for kind in kinds)
    cuts = sorted(data.draw(st.sets(st.integers(1, len(stream) - 1), max_size=12)))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    heard: list[object] = []

    async def scenario(gateway: Gateway) -> None:
        for packets in ([stream], pieces):
            async with gateway.client() as client:
                await client.send(*packets)
                heard.append([await client.answer() for _ in kinds])
                assert await client.silent()

    run(scenario)
    assert heard[0] == heard[1]
    assert [status for status, _, _ in heard[0]] == [KINDS[kind][1] for kind in kinds]  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_both_ways_to_a_route_give_the_same_answer(kind: str) -> None:
    async def scenario(gateway: Gateway) -> None:
        heard = []
        for address in (b" /v1/", b" /%761/"):  # what is written otherwise goes through the app
            async with gateway.client() as client:
                await client.send(KINDS[kind][0].replace(b" /v1/", address))
                heard.append(await client.answer())
        assert heard[0] == heard[1]

    run(scenario)


def test_an_answer_waits_for_the_log_and_comes_before_those_of_later_requests() -> None:
    async def scenario(gateway: Gateway) -> None:
        async with gateway.client() as client:
            gateway.log.gate.clear()
            await client.send(track(b'{"event":"First"}'), GET, track(b"no"), track(b'{"event":"Last"}'))
            assert await client.silent()
            gateway.log.gate.set()
            answers = [await client.answer() for _ in range(4)]
        assert [status for status, _, _ in answers] == [200, 200, 400, 200]
        assert answers[1][2] == b"GET /there "
        assert gateway.log.bodies() == [b'{"event":"First"}', b'{"event":"Last"}']

    run(scenario)


def test_an_event_behind_a_slow_page_waits_for_its_turn() -> None:
    async def scenario(gateway: Gateway) -> None:
        async with gateway.client() as client:
            await client.send(GET.replace(b"there", b"later") + track() + GET)
            assert await client.silent()
            gateway.later.set()
            answers = [await client.answer() for _ in range(3)]
        assert [body for _, _, body in answers] == [b"GET /later ", b'{"success":true}', b"GET /there "]

    run(scenario)


def test_thousands_of_requests_in_one_packet_are_answered() -> None:
    async def scenario(gateway: Gateway) -> None:
        async with gateway.client() as client:
            gateway.log.gate.clear()
            client.writer.write(track() + track(b"no") * 3000 + track())
            await asyncio.sleep(0)
            gateway.log.gate.set()
            statuses = [(await client.answer())[0] for _ in range(3002)]
        assert statuses == [200, *[400] * 3000, 200]

    run(scenario)


def test_a_body_announced_too_large_is_refused_before_it_comes() -> None:
    async def scenario(gateway: Gateway) -> None:
        async with gateway.client() as client:
            head = track().replace(b"Content-Length: 16", b"Content-Length: %d" % (BATCH_BYTES + 1)).partition(b"{")[0]
            await client.send(head)
            status, headers, body = await client.answer()
            assert (status, headers["connection"], json.loads(body)["expected"]) == (
                413, "close", f"at most {BATCH_BYTES} bytes",
            )  # fmt: skip
            assert await client.rest() == b""
        assert gateway.counted() == {("track", 413): 1}

    run(scenario)


def test_a_client_that_sends_on_reads_why_it_was_refused() -> None:
    """Without a pause before the end, bytes that come to a closed socket would reset the connection."""

    async def scenario(gateway: Gateway) -> None:
        async with gateway.client() as client:
            body = b"x" * (BATCH_BYTES + 1)
            client.writer.write(track(body) + track())  # nothing of the next request is answered
            for _ in range(20):
                await client.send(b"x" * 10_000)
            assert (await client.answer())[0] == 413
            assert await client.rest() == b""
        assert gateway.log.head() == 0

    run(scenario)


def test_who_is_refused_and_never_ends_is_cut_off() -> None:
    async def scenario(gateway: Gateway) -> None:
        async with gateway.client(linger_seconds=0.02) as client:
            head = track().replace(b"Content-Length: 16", b"Content-Length: 9999999")
            await client.send(head)
            assert (await client.answer())[0] == 413
            await until(client.served.transport.is_closing)

    run(scenario)


def test_chunks_beyond_the_limit_are_refused_before_the_last_one_came() -> None:
    async def scenario(gateway: Gateway) -> None:
        async with gateway.client() as client:
            head = chunked(b"x" * 1000)[: -len(b"0\r\n\r\n")]
            first, more = head[: head.index(b"3e8")], head[head.index(b"3e8") :]
            await client.send(first + more * (BATCH_BYTES // 1000 + 1))
            assert (await client.answer())[0] == 413
            assert await client.rest() == b""
        assert gateway.log.head() == 0

    run(scenario)


def test_whoever_asks_before_sending_is_told_to_go_on() -> None:
    async def scenario(gateway: Gateway) -> None:
        async with gateway.client() as client:
            head, _, body = track(b"{}", "Expect: 100-continue").partition(b"{")
            await client.send(head)
            assert await client.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            await client.send(b"{" + body)
            assert (await client.answer())[0] == 200
            await client.send(head.replace(b"public", b"secret"))
            assert (await client.answer())[0] == 401

    run(scenario)


def test_http_1_0_and_connection_close_end_the_connection_after_the_answer() -> None:
    async def scenario(gateway: Gateway) -> None:
        for request in (track(version="1.0"), track(b"{}", "Connection: close")):
            async with gateway.client() as client:
                gateway.log.gate.clear()
                await client.send(request + track())
                gateway.log.gate.set()
                status, headers, _ = await client.answer()
                assert (status, headers["connection"]) == (200, "close")
                assert await client.rest() == b""
        assert gateway.log.head() == 2

    run(scenario)


def test_who_sends_no_more_still_gets_the_answer() -> None:
    async def scenario(gateway: Gateway) -> None:
        async with gateway.client() as client:
            gateway.log.gate.clear()
            await client.send(track())
            client.writer.write_eof()
            assert await client.silent()
            gateway.log.gate.set()
            assert (await client.answer())[0] == 200
            assert await client.rest() == b""

    run(scenario)


def test_who_leaves_in_the_middle_is_counted_and_leaves_nothing() -> None:
    async def scenario(gateway: Gateway) -> None:
        async with gateway.client() as client:
            await client.send(track()[:-5])
            client.writer.transport.abort()
            await until(lambda: not gateway.state.connections)
        assert gateway.counted() == {("track", 0): 1}
        async with gateway.client() as client:
            gateway.log.gate.clear()
            await client.send(track())
            client.writer.transport.abort()
            gateway.log.gate.set()
            await until(lambda: not gateway.state.connections)
        assert gateway.log.bodies() == [b'{"event":"Seen"}']

    run(scenario)


def test_what_is_not_http_is_told_so_after_the_answers_before_it() -> None:
    async def scenario(gateway: Gateway) -> None:
        for request in (track(), GET):
            async with gateway.client() as client:
                gateway.log.gate.clear()
                await client.send(request + b"\x00\x01 nonsense\r\n\r\n" + track())
                gateway.log.gate.set()
                assert (await client.answer())[0] == 200
                status, headers, body = await client.answer()
                assert (status, headers["content-type"]) == (400, "application/problem+json")
                assert "not HTTP" in json.loads(body)["detail"]
                assert await client.rest() == b""

    run(scenario)


@pytest.mark.parametrize("path", ["/v1/track", "/there"])
@pytest.mark.parametrize("endless", [b"X-A: " + b"a" * 1_000, b"X-A: a\r\n" * 200])
def test_a_head_without_an_end_is_refused_and_not_kept(path: str, endless: bytes) -> None:
    packets = HEAD_BYTES // len(endless) + 1

    async def scenario(gateway: Gateway) -> None:
        async with gateway.client() as client:
            begin = f"POST {path} HTTP/1.1\r\nHost: shop\r\n".encode()
            await client.send(track() + begin, *[endless] * packets)
            assert (await client.answer())[0] == 200
            status, headers, _ = await client.answer()
            assert (status, headers["content-type"]) == (431, "application/problem+json")
            assert await client.rest() == b""

    run(scenario)


def test_a_large_body_behind_a_small_head_is_no_large_head() -> None:
    async def scenario(gateway: Gateway) -> None:
        async with gateway.client() as client:
            many = b'{"batch":[' + b",".join([b'{"type":"track","event":"Seen"}'] * 2_500) + b"]}"
            await client.send(track(many, path="/v1/batch") + track()[:20], track()[20:])
            assert [(await client.answer())[0] for _ in range(2)] == [200, 200]

    run(scenario)


def test_a_broken_chunk_ends_its_request_and_the_connection() -> None:
    async def scenario(gateway: Gateway) -> None:
        for path in (b"/v1/track", b"/there"):
            async with gateway.client() as client:
                broken = chunked(b"{}").replace(b"2\r\n", b"zz\r\n").replace(b"/v1/track", path)
                await client.send(broken)
                assert (await client.answer())[0] == 400
                assert await client.rest() == b""

    run(scenario)


def test_who_sends_too_slowly_or_nothing_does_not_hold_a_connection() -> None:
    async def scenario(gateway: Gateway) -> None:
        soon = {"look_seconds": 0.01, "request_seconds": 0.03}
        async with gateway.client(**soon) as client:
            await client.send(track()[:-5])
            assert (await client.answer())[0] == 408
            assert await client.rest() == b""
        async with gateway.client(**soon) as client:
            await client.send(b"POST /v1/tr")
            assert await client.rest() == b""
        gateway.config.timeout_keep_alive = 0
        async with gateway.client(**soon) as client:
            assert await client.rest() == b""

    run(scenario)


def test_who_sends_the_body_of_a_page_too_slowly_is_told_so() -> None:
    async def scenario(gateway: Gateway) -> None:
        async with gateway.client(look_seconds=0.01, request_seconds=0.03) as client:
            await client.send(b"POST /echo HTTP/1.1\r\nHost: shop\r\nContent-Length: 5\r\n\r\n12")
            assert (await client.answer())[0] == 408
            assert await client.rest() == b""

    run(scenario)


def test_of_bodies_that_are_too_many_together_the_slowest_gives_way() -> None:
    async def scenario(gateway: Gateway) -> None:
        arriving = Arriving(most=100_000)
        head = track(b"x" * 200_000).partition(b"xxx")[0]
        good = track(b'{"event":"' + b"x" * 30_000 + b'"}')
        async with gateway.client(arriving=arriving) as slow, gateway.client(arriving=arriving) as other:
            await slow.send(head + b"x" * 60_000)
            await until(lambda: arriving.held == 60_000)
            await asyncio.sleep(0.05)
            await other.send(good[:-10])
            await other.send(good[-10:])
            assert (await other.answer())[0] == 200
            await other.send(head + b"x" * 50_000)
            status, headers, body = await slow.answer()
            assert (status, headers["retry-after"], headers["connection"]) == (503, "1", "close")
            assert "nothing of it was stored" in json.loads(body)["detail"]
            assert await slow.rest() == b""
            assert arriving.held == 50_000
        await until(lambda: arriving.held == 0)

    run(scenario)


def test_the_body_of_a_page_gives_way_as_that_of_an_event_does() -> None:
    async def scenario(gateway: Gateway) -> None:
        arriving = Arriving(most=100_000)
        head = b"POST /echo HTTP/1.1\r\nHost: shop\r\nContent-Length: 90000\r\n\r\n"
        async with gateway.client(arriving=arriving) as slow, gateway.client(arriving=arriving) as other:
            await slow.send(head + b"x" * 60_000)
            await until(lambda: arriving.held == 60_000)
            await asyncio.sleep(0.05)
            await other.send(head + b"x" * 50_000)
            status, headers, _ = await slow.answer()
            assert (status, headers["retry-after"], headers["connection"]) == (503, "1", "close")
            assert await slow.rest() == b""
            assert arriving.held == 50_000
            await other.send(*[b"x" * 10_000] * 4)
            assert (await other.answer())[0] == 200
            assert arriving.held == 0

    run(scenario)


def test_who_reads_the_body_that_gave_way_lets_go_of_it_at_once() -> None:
    async def scenario(gateway: Gateway) -> None:
        arriving = Arriving(most=50_000)
        async with gateway.client(arriving=arriving) as client:
            await client.send(b"POST /echo HTTP/1.1\r\nHost: shop\r\nContent-Length: 200000\r\n\r\n", b"x" * 40_000)
            assert len(gateway.state.tasks) == 1
            await client.send(b"x" * 40_000)
            assert (await client.answer())[0] == 503
            await until(lambda: not gateway.state.tasks)

    run(scenario)


def test_a_body_that_gives_way_is_told_so_after_the_answers_before_it() -> None:
    async def scenario(gateway: Gateway) -> None:
        async with gateway.client(arriving=Arriving(most=10_000)) as client:
            page = b"POST /echo HTTP/1.1\r\nHost: shop\r\nContent-Length: 200000\r\n\r\n" + b"x" * 20_000
            await client.send(b"GET /later HTTP/1.1\r\nHost: shop\r\n\r\n" + page)
            assert await client.silent()
            gateway.later.set()
            assert [(await client.answer())[0] for _ in range(2)] == [200, 503]
            assert await client.rest() == b""

    run(scenario)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 400), st.booleans()), max_size=60))
def test_what_arrives_is_bounded_and_counted_off_again(steps: list[tuple[int, int, bool]]) -> None:
    async def play() -> None:
        arriving = Arriving(most=1000)
        bodies = [Part(arriving) for _ in range(6)]
        for at, size, ends in steps:
            if bodies[at].refused:
                bodies[at] = Part(arriving)
            bodies[at].size += size
            arriving.came(bodies[at], size)
            if ends:
                arriving.gone(bodies[at])
                bodies[at] = Part(arriving)
            assert arriving.held == sum(one.size for one in bodies if not one.refused) <= 1000
        for one in bodies:
            arriving.gone(one)
        assert arriving.held == 0

    asyncio.run(play())


class Part:
    """A body that arrives."""

    def __init__(self, arriving: Arriving) -> None:
        self.arriving, self.size, self.since, self.refused = arriving, 0, 0.0, False

    def refuse(self, problem: Problem) -> None:
        assert problem.status == 503
        self.refused = True
        self.arriving.gone(self)


def test_beyond_the_connections_that_are_served_at_once_a_client_is_told_to_come_again() -> None:
    async def scenario(gateway: Gateway) -> None:
        async with gateway.client() as first, gateway.client(most_connections=1) as second:
            status, headers, _ = await second.answer()
            assert (status, headers["retry-after"], headers["connection"]) == (503, "1", "close")
            assert await second.rest() == b""
            await first.send(track())
            assert (await first.answer())[0] == 200

    run(scenario)


def test_who_waits_for_a_slow_disk_is_not_taken_for_slow() -> None:
    async def scenario(gateway: Gateway) -> None:
        gateway.config.timeout_keep_alive = 0
        async with gateway.client(look_seconds=0.005, request_seconds=0.01) as client:
            gateway.log.gate.clear()
            await client.send(track())
            loop = asyncio.get_running_loop()
            looked: asyncio.Future[None] = loop.create_future()
            loop.call_later(0.05, looked.set_result, None)  # after several looks
            await looked
            gateway.log.gate.set()
            assert (await client.answer())[0] == 200

    run(scenario)


def test_answers_that_nobody_reads_stop_the_reading() -> None:
    async def scenario(gateway: Gateway) -> None:
        async with gateway.client() as client:
            client.served.transport.set_write_buffer_limits(high=1000)
            cast(asyncio.ReadTransport, client.writer.transport).pause_reading()  # nobody reads
            client.writer.write(track(b"no") * 5000)
            await until(lambda: client.served.flow.write_paused)
            assert client.served.flow.read_paused
            cast(asyncio.ReadTransport, client.writer.transport).resume_reading()
            assert {(await client.answer())[0] for _ in range(5000)} == {400}

    run(scenario)


def test_a_server_that_stops_sends_the_answers_that_wait_for_the_log() -> None:
    async def scenario(gateway: Gateway) -> None:
        listening = socket.create_server(("127.0.0.1", 0))
        address = listening.getsockname()
        server = uvicorn.Server(gateway.config)
        serving = asyncio.create_task(server.serve([listening]))
        reader, writer = await asyncio.open_connection(*address)
        idle, closing = await asyncio.open_connection(*address)
        gateway.log.gate.clear()
        writer.write(track())
        await writer.drain()
        await until(lambda: gateway.group.backlog()[0])
        server.should_exit = True
        assert await asyncio.wait_for(idle.read(), SECONDS) == b""  # it has begun to stop
        gateway.log.gate.set()
        told = await asyncio.wait_for(reader.read(), SECONDS)
        assert told.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b"connection: close\r\n" in told
        assert b"date: " in told
        for ended in (writer, closing):
            ended.close()
            await ended.wait_closed()
        await asyncio.wait_for(serving, SECONDS)

    run(scenario)
