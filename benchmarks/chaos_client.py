"""One shop's server that tracks with a vendor's own client: `chaos.py` runs several, each in a process of its own.

The queue and the time between batches are as the vendors ship them. A client told to be impatient tries once more only,
so that some of what it holds is given up; what was given up is known from the client's own error callback.
"""

import argparse
import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

import rudderstack.analytics.client as rudderstack
import segment.analytics.client as segment

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # a script finds its neighbours, wherever it is started

from benchmarks.chaos import event_id, person, weight

#: Of a queue of 10,000: a client that puts a refused batch back into a full queue loses it.
HELD = 5_000


def main() -> int:
    """Send, and write down what the client gave up: a JSON list of message ids."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("vendor", "host", "key", "name", "events", "people", "retries", "batch", "out"):
        parser.add_argument(name)
    asked = parser.parse_args()
    given_up: list[str] = []
    lock = threading.Lock()

    def failed(_: Exception, batch: list[dict[str, Any]]) -> None:
        with lock:
            given_up.extend(event["messageId"] for event in batch)

    made: dict[str, Any] = {"segment": segment.Client, "rudderstack": rudderstack.Client}
    client = made[asked.vendor](
        asked.key, host=asked.host, on_error=failed, max_retries=int(asked.retries), gzip=True,
        upload_size=int(asked.batch),
    )  # fmt: skip
    people = int(asked.people)
    for number in range(int(asked.events)):
        name = event_id(asked.name, number)
        properties = {"product_id": f"p{number % 1000}", "weight": weight(name)}
        while client.queue.qsize() > HELD:
            time.sleep(0.05)
        while not client.track(person(name, people), "Product Viewed", properties, message_id=name)[0]:
            time.sleep(0.05)
    client.shutdown()
    Path(asked.out).write_text(json.dumps(given_up), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
