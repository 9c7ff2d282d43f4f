"""Ask the child process for analysis. It starts with the first question and ends when nobody asks for a while."""

import asyncio
import functools
import os
import selectors
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal, ParamSpec, TypeVar

import msgspec

from regulars.analyst.protocol import IDLE_EXIT, LENGTH, Compacted, ProfilesWritten, Request, Response, Sealed, Setup
from regulars.core.definitions import Definitions
from regulars.core.errors import Unavailable
from regulars.core.event import Event
from regulars.core.lake import Drop, Dropped, PastDecision

T = TypeVar("T")
P = ParamSpec("P")

DECODER = "regulars.collect.segment:Decoder"
#: How long a question may take unless the caller says otherwise; seconds.
SECONDS = 60.0
#: The same for work on many files.
LONG_SECONDS = 3600.0
_START_SECONDS = 60.0


class AnalystClient:
    """One child process, one question at a time; safe to share between threads.

    Calls block. From an event loop: `await analyst.later(analyst.count, conditions, as_of=day)`.
    """

    def __init__(
        self,
        data: Path,
        definitions: Definitions,
        *,
        decoder: str = DECODER,
        memory: str = "1GB",
        threads: int = 1,
        idle_seconds: float = 120,
        nice: int = 10,
    ) -> None:
        self._setup = Setup(definitions=definitions, decoder=decoder, memory=memory, threads=threads)
        self._manner: dict[str, Any] = {"idle_seconds": idle_seconds, "nice": nice}
        options = {"--data": data, "--idle-seconds": idle_seconds, "--nice": nice}
        self._command = [
            sys.executable,
            "-m",
            "regulars.analyst",
            *(str(word) for pair in options.items() for word in pair),
        ]
        self._data = data
        self._child: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._executor: ThreadPoolExecutor | None = None
        self._number = 0

    # Questions ------------------------------------------------------------------------------------------------------

    def seal(self, after: int, until: int, *, limit: int = 50_000) -> Sealed:
        """Write what folding admitted of the records after `after` up to `until` into the lake, about `limit` events.

        The files count once `bookkeeping.sealed` is committed; `Sealed.offset` says how far they reach.
        """
        return self.ask("seal", {"after": after, "until": until, "limit": limit}, Sealed, seconds=LONG_SECONDS)

    def history(self, subjects: Sequence[str]) -> list[Event]:
        """Every sealed event of these subjects, in (time, message id) order."""
        return self.ask("history", {"subjects": list(subjects)}, list[Event])

    def timeline(self, subjects: Sequence[str], *, limit: int = 50, before: int | None = None) -> list[Event]:
        """The newest sealed events of these subjects, newest first; `before` (ms) continues where a page ended."""
        return self.ask("timeline", {"subjects": list(subjects), "limit": limit, "before": before}, list[Event])

    def decisions(self, subjects: Sequence[str], *, limit: int = 50, before: int | None = None) -> list[PastDecision]:
        """The newest sealed decisions about these anchors, newest first; `before` as for `timeline`."""
        args = {"subjects": list(subjects), "limit": limit, "before": before}
        return self.ask("decisions", args, list[PastDecision])

    def count(self, conditions: Sequence[str], *, as_of: int) -> list[int]:
        """Profiles that fulfil each condition (`Condition.sql()`), as of a shop-local day; "TRUE" counts all."""
        return self.ask("count", {"conditions": list(conditions), "as_of": as_of}, list[int])

    def overlap(self, segments: Sequence[str]) -> dict[tuple[str, str], int]:
        """Profiles that are in both segments, by pair in the order given; (a, a) is the size of a."""
        rows = self.ask("overlap", {"segments": list(segments)}, list[tuple[str, str, int]])
        return {(one, other): number for one, other, number in rows}

    def sample(self, condition: str, *, as_of: int, limit: int = 20) -> list[int]:
        """Numbers of a few profiles that fulfil a condition, those seen last first."""
        return self.ask("sample", {"condition": condition, "as_of": as_of, "limit": limit}, list[int])

    def query(self, name: str, arguments: Mapping[str, Any] | None = None, *, seconds: float = SECONDS) -> list[Any]:
        """Rows of a named query over the lake (`adapters.lake.queries`)."""
        args = {"name": name, "arguments": dict(arguments or {})}
        return self.ask("query", args, list[Any], seconds=seconds)

    def compact(self, *, today: int) -> Compacted:
        """Merge what lies in many pieces; list with `bookkeeping.compacted`."""
        return self.ask("compact", {"today": today}, Compacted, seconds=LONG_SECONDS)

    def drop(self, drops: Sequence[Drop], *, share: tuple[int, int] = (0, 1)) -> Dropped:
        """Take rows out of the lake, of what is sealed; list with `bookkeeping.dropped`.

        `share`: out of this one of so many shares of the parts only, numbered from 0; other processes take the others.
        """
        return self.ask("drop", {"drops": list(drops), "share": share}, Dropped, seconds=LONG_SECONDS)

    def update_profiles(
        self, *, as_of: int, rebuild: bool = False, leave: Literal["replaced", "changed", "nothing"] = "replaced"
    ) -> ProfilesWritten:
        """Bring the profile table up to date; list with `bookkeeping.profiles`.

        `rebuild` reads every profile again. `leave` says what its files may still hold that is not so any more: with
        "changed" no row of a profile that is gone (an erasure), with "nothing" no older row of any.
        """
        args = {"as_of": as_of, "rebuild": rebuild, "leave": leave}
        return self.ask("update_profiles", args, ProfilesWritten, seconds=LONG_SECONDS)

    def sweep(self) -> list[str]:
        """Remove the lake's files that the manifest does not list; for the process that seals, while it does not."""
        return self.ask("sweep", {}, list[str])

    def verify(self) -> list[str]:
        """What is wrong with the lake's files, with their names; empty when all are whole."""
        return self.ask("verify", {}, list[str], seconds=LONG_SECONDS)

    def train(self, entry: str, arguments: Mapping[str, Any], *, seconds: float = LONG_SECONDS) -> Any:
        """Run `entry` ("module:function") in the child with its workbench and the arguments; what it returns."""
        raw = self._answer("train", {"entry": entry, "arguments": dict(arguments)}, seconds)
        return msgspec.msgpack.decode(raw)

    def run(self, entry: str, arguments: Mapping[str, Any], result: type[T], *, seconds: float = LONG_SECONDS) -> T:
        """The same with a result of the type given."""
        return self.ask("train", {"entry": entry, "arguments": dict(arguments)}, result, seconds=seconds)

    # Asking ---------------------------------------------------------------------------------------------------------

    def ask(self, method: str, args: dict[str, Any], result: type[T], *, seconds: float = SECONDS) -> T:
        """Ask and wait; the result as the type given, or the problem as an exception."""
        return msgspec.msgpack.decode(self._answer(method, args, seconds), type=result)

    async def later(self, question: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """A question of this client without blocking the event loop."""
        if self._executor is None:
            self._executor = ThreadPoolExecutor(1, thread_name_prefix="analyst")
        call = functools.partial(question, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._executor, call)

    def apart(self) -> "AnalystClient":
        """Another child of the same data, at the lowest priority: long work does not keep the questions waiting."""
        setup = self._setup
        return AnalystClient(
            self._data, setup.definitions, decoder=setup.decoder, memory=setup.memory, idle_seconds=30, nice=19
        )

    def twin(self) -> "AnalystClient":
        """A client with a child of its own that knows the same, for work that is shared out; close it afterwards."""
        return AnalystClient(self._data, **self._manner, **msgspec.structs.asdict(self._setup))

    @property
    def pid(self) -> int | None:
        """The child's process id while it runs."""
        child = self._child
        return child.pid if child is not None and child.poll() is None else None

    def redefine(self, definitions: Definitions) -> None:
        """Use other definitions; a running child is replaced at the next question."""
        with self._lock:
            self._setup = msgspec.structs.replace(self._setup, definitions=definitions)
            self._end()

    def close(self) -> None:
        """End the child if it runs; the next question starts another."""
        if self._executor is not None:
            self._executor.shutdown(wait=False, cancel_futures=True)
            self._executor = None
        child = self._child
        if child is not None and self._lock.locked():
            child.kill()  # amid a question whose answer nobody will use
        with self._lock:
            self._end()

    def _answer(self, method: str, args: dict[str, Any], seconds: float) -> msgspec.Raw:
        with self._lock:
            return self._ask(method, args, seconds, again=True)

    def _ask(self, method: str, args: dict[str, Any], seconds: float, *, again: bool) -> msgspec.Raw:
        child = self._running()
        self._number += 1
        answer = self._exchange(child, Request(self._number, method, args), time.monotonic() + seconds)
        if answer is None:
            code = self._end()
            if code == IDLE_EXIT and again:  # it had gone to rest in the moment of the question
                return self._ask(method, args, seconds, again=False)
            raise Unavailable(
                f"the analysis process ended during {method!r} (exit code {code}); nothing stored is lost, and the "
                "next question starts it again"
            )
        if answer.problem is not None:
            if answer.problem.kind == "defect":
                self._end()  # it ends by itself; the next question must not meet it on its way out
            raise answer.problem.exception()
        return answer.result

    def _running(self) -> subprocess.Popen[bytes]:
        if self._child is not None and self._child.poll() is None:
            return self._child
        self._end()
        try:
            # The child's messages go to this process's own; its standard output is the way back for answers.
            child = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        except OSError as error:
            raise Unavailable(
                f"the analysis process cannot start: {error.strerror}; free memory and try again"
            ) from error
        self._child = child
        setup = msgspec.to_builtins(self._setup)
        ready = self._exchange(child, Request(0, "setup", {"setup": setup}), time.monotonic() + _START_SECONDS)
        if ready is None:
            raise Unavailable(
                f"the analysis process did not start (exit code {self._end()}); see the log of this process"
            )
        if ready.problem is not None:
            self._end()
            raise ready.problem.exception()
        return child

    def _exchange(self, child: subprocess.Popen[bytes], request: Request, deadline: float) -> Response | None:
        """Send and wait; None when the child is gone."""
        body = msgspec.msgpack.encode(request)
        if child.stdin is None or child.stdout is None:
            raise RuntimeError("the child has no pipes")
        try:
            rest = memoryview(LENGTH.pack(len(body)) + body)
            while rest:
                rest = rest[os.write(child.stdin.fileno(), rest) :]
        except BrokenPipeError:
            return None
        head = self._read(child, LENGTH.size, request.method, deadline)
        body_read = None if head is None else self._read(child, LENGTH.unpack(head)[0], request.method, deadline)
        return None if body_read is None else msgspec.msgpack.decode(body_read, type=Response)

    def _read(self, child: subprocess.Popen[bytes], size: int, method: str, deadline: float) -> bytes | None:
        assert child.stdout is not None  # noqa: S101 - asked for in `_running`
        descriptor = child.stdout.fileno()
        received = bytearray()
        with selectors.DefaultSelector() as selector:
            selector.register(descriptor, selectors.EVENT_READ)
            while len(received) < size:
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    child.kill()
                    self._end()
                    raise Unavailable(
                        f"the analysis {method!r} did not answer in time and was ended; ask for less or again later"
                    )
                piece = os.read(descriptor, min(size - len(received), 1 << 20))
                if not piece:
                    return None
                received += piece
        return bytes(received)

    def _end(self) -> int | None:
        """Close the pipes, which ends a child at rest, and wait for it; its exit code."""
        child, self._child = self._child, None
        if child is None:
            return None
        for stream in (child.stdin, child.stdout):
            if stream is not None:
                stream.close()
        try:
            return child.wait(5)
        except subprocess.TimeoutExpired:
            child.kill()
            return child.wait()
