"""Rows of a call centre: calls, with the number that was dialled; what was on air is noted when they are folded."""

from typing import Any
from zoneinfo import ZoneInfo

from regulars.collect.files.kind import Said
from regulars.collect.files.touch import WHEN, WHOM, Touch, number, text, texts, track

CALL_RECEIVED = "Call Received"
COLUMNS: dict[str, tuple[str, ...]] = {
    **WHOM,
    **WHEN,
    "timestamp": (*WHEN["timestamp"], "started_at", "call_start", "call_time", "beginn", "anrufzeit"),
    "phone": (*WHOM["phone"], "caller", "caller_id", "ani", "from", "anrufer", "rufnummer"),
    "dialled_number": ("dnis", "called", "called_number", "to", "dialed_number", "gewählte_nummer", "zielrufnummer"),
    "call_id": ("ucid", "session_id", "anruf_id", "gesprächs_id"),
    "agent": ("agent_id", "operator", "mitarbeiter"),
    "duration_seconds": ("duration", "talk_time", "dauer", "gesprächsdauer"),
    "waiting_seconds": ("wait_time", "queue_time", "wartezeit"),
    "outcome": ("result", "disposition", "ergebnis"),
    "reason": ("topic", "category", "grund", "anliegen"),
    "station": ("channel_name", "sender"),
    "order_id": WHOM["order_id"],
    "product_ids": ("products", "product_id", "artikel"),
}


def call(said: Said, zone: ZoneInfo) -> dict[str, Any]:
    """One call. What was said is not taken in: an outcome and a reason are words of the shop's own list."""
    properties = {
        "call_id": text(said, "call_id", most=128),
        "dialled_number": text(said, "dialled_number", most=40),
        "station": text(said, "station", most=100),
        "agent": text(said, "agent", most=100),
        "duration_seconds": number(said, "duration_seconds", most=86_400),
        "waiting_seconds": number(said, "waiting_seconds", most=86_400),
        "outcome": text(said, "outcome", most=100),
        "reason": text(said, "reason", most=100),
        "order_id": text(said, "order_id", most=256),
        "product_ids": texts(said, "product_ids"),
        "channel": "phone",
    }
    return track(said, CALL_RECEIVED, properties, zone)


CALLS = Touch(
    name="calls", title="calls to the call centre", example="calls.csv", event=CALL_RECEIVED, columns=COLUMNS,
    needs=("phone", "timestamp", "dialled_number|call_id|agent"), call=call,
)  # fmt: skip
