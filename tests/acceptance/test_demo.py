"""The demo, with a few households: import, training, four weeks of live traffic, and a second start."""

import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import httpx
import pytest

from regulars.testing.product import free_port

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

SECONDS = 240
KEY = ("sk_demo_till", "")


class Demo:
    """`regulars demo` as somebody would type it, what it prints kept in a file."""

    def __init__(self, folder: Path, port: int, *options: str) -> None:
        self.address = f"http://127.0.0.1:{port}"
        self._output = folder / "printed.txt"
        command = [
            sys.executable,
            "-m",
            "regulars",
            "demo",
            "--data",
            str(folder / "data"),
            "--port",
            str(port),
            *options,
        ]
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)

    def printed(self) -> str:
        return " ".join(self._output.read_text(encoding="utf-8").split())  # lines are broken at 80 columns

    def wait_for(self, text: str) -> None:
        until = time.monotonic() + SECONDS
        while text not in self.printed():
            assert self.process.poll() is None, self.printed()
            assert time.monotonic() < until, self.printed()
            time.sleep(0.2)

    def end(self) -> None:
        self.process.send_signal(signal.SIGINT)
        self.process.wait(40)


def test_a_few_households_are_imported_and_four_weeks_come_as_live_traffic(tmp_path: Path) -> None:
    port = free_port()
    few: Sequence[str] = ("--households", "25")
    demo = Demo(tmp_path, port, *few, "--live", "--speed", "10000")
    try:
        demo.wait_for("the year is over")
        assert "25 households" in demo.printed()
        last = httpx.get(f"{demo.address}/v1/profiles/user_id:1/timeline?limit=1", auth=KEY, timeout=60).json()
        assert last["events"][0]["time"] > 1_512_000_000_000, last
    finally:
        demo.end()

    other = Demo(tmp_path, port, "--live")
    assert other.process.wait(60) == 2
    assert "--fresh" in other.printed()

    again = Demo(tmp_path, port, *few)
    try:
        again.wait_for("The shop is open")
        assert "order lines" not in again.printed()
    finally:
        again.end()
