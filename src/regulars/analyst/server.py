"""The child's loop: read a question, answer it; end when nobody asks, or when the parent is gone."""

import inspect
import os
import queue
import signal
import sys
import threading
import traceback
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from regulars.analyst.protocol import IDLE_EXIT, Problem, Request, Response, Setup, receive, send
from regulars.analyst.work import Workbench
from regulars.core.errors import RegularsError, Rejected

METHODS = frozenset(
    {
        "seal", "history", "timeline", "query", "count", "overlap", "sample", "compact", "update_profiles", "sweep",
        "verify", "train", "drop", "decisions",
    }
)  # fmt: skip
DEFECT_EXIT = 70  # EX_SOFTWARE of sysexits.h


def serve(data: Path, *, idle_seconds: float, nice: int) -> int:
    """Answer questions on standard input until nobody asks any more; the exit code."""
    os.nice(nice)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends the child, not the keyboard
    answers = _private_output()
    questions: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(sys.stdin.buffer, questions), daemon=True).start()
    bench: Workbench | None = None
    while True:
        try:
            request = msgspec.msgpack.decode(questions.get(timeout=idle_seconds), type=Request)
        except queue.Empty:
            return IDLE_EXIT
        try:
            if request.method == "setup":
                bench = Workbench(data, msgspec.convert(request.args["setup"], Setup))
                result: Any = None
            else:
                result = _answer(bench, request)
            send(answers, Response(request.id, msgspec.Raw(msgspec.msgpack.encode(result))))
        except RegularsError as error:
            send(answers, Response(request.id, problem=Problem.of(error)))
        except BrokenPipeError:
            return IDLE_EXIT
        except Exception as error:  # noqa: BLE001 - told to the parent; the child ends, as a defect must
            traceback.print_exc()
            send(answers, Response(request.id, problem=Problem.of(error)))
            return DEFECT_EXIT


def _answer(bench: Workbench | None, request: Request) -> Any:
    if request.method not in METHODS or bench is None:
        raise Rejected(
            f"the analysis process knows no {request.method!r}; ask one of {', '.join(sorted(METHODS))}",
            field="method",
            got=request.method,
        )
    method = getattr(bench, request.method)
    hints = inspect.get_annotations(method, eval_str=True)
    arguments = {name: msgspec.convert(value, hints[name]) for name, value in request.args.items()}
    return method(**arguments)


def _listen(stream: BinaryIO, questions: "queue.SimpleQueue[bytes]") -> None:
    """Pass questions on; when the parent is gone, end at once, whatever the main thread is at."""
    while (body := receive(stream)) is not None:
        questions.put(body)
    os._exit(IDLE_EXIT)


def _private_output() -> BinaryIO:
    """Keep standard output for answers, and let whatever a library prints go to standard error."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return answers
