"""A shop to measure, served by the real product, and load from `wrk` counted on the same cores."""

import base64
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec

from regulars.shop import init
from regulars.testing import Product


class Load(msgspec.Struct, frozen=True):
    """What a run of the load generator counted."""

    answered: int
    refused: int
    errors: int
    seconds: float
    p50_ms: float
    p99_ms: float
    smallest_event_bytes: int

    @property
    def per_second(self) -> float:
        """Requests that were answered with 200."""
        return self.answered / self.seconds


def new_shop(folder: Path) -> str:
    """The shop that `regulars init` makes, product views resting on contract so that all are folded; a server key."""
    made = init(folder, "Benchmark")
    events = folder / "events.toml"
    text = events.read_text(encoding="utf-8")
    block = re.search(r'(?ms)^\[events\."Product Viewed"\]\n(.*?)(?=^\[events|\Z)', text)
    if block is None:
        raise SystemExit("the template has no event Product Viewed")
    body = re.sub(r"(?m)^purpose = .*\n", "", block[1])
    text = text.replace(block[0], f'[events."Product Viewed"]\npurpose = "contract"\n{body}')
    events.write_text(text, encoding="utf-8")
    return made.server_key


def wrk(
    product: Product, key: str, path: str, *, events: int, connections: int, seconds: float, run: str, pause_ms: int = 0
) -> Load:
    """Load of `connections`, each sending its next request when the last is answered, after a random pause."""
    arguments = [path, basic(key), str(events), run, str(pause_ms)]
    return generate(product, "intake.lua", arguments, connections=connections, seconds=seconds)


def basic(key: str) -> str:
    """A key as clients send it."""
    return base64.b64encode(f"{key}:".encode()).decode()


def generate(product: Product, script: str, arguments: list[str], *, connections: int, seconds: float) -> Load:
    """Load by `wrk`, as a script beside this file makes it."""
    if shutil.which("wrk") is None:
        sys.exit("this needs wrk, a load generator: apt-get install wrk")
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:.0f}s", "--timeout", "30s", "-s"]
    command += [str(Path(__file__).with_name(script)), product.address, "--", *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found = re.search(r"^RESULT (.*)$", done.stdout, re.MULTILINE)
    if found is None:
        raise SystemExit(f"wrk said nothing that can be read:\n{done.stdout}\n{done.stderr}")
    return msgspec.convert(json.loads(found[1]), Load)


def figures_of(product: Product) -> dict[str, float]:
    """The figures of /metrics without labels."""
    lines: Any = (line.split(" ") for line in product.http.get("/metrics").text.splitlines() if line[0] != "#")
    return {name: float(value) for name, value in lines if "{" not in name}
