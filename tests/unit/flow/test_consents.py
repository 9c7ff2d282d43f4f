"""Consent in the state: evidence, double opt-in, partners, and signals that cannot be read."""

import json
from typing import Any, cast

import msgspec
import pytest

from regulars.adapters.log.memory import MemoryLog
from regulars.adapters.state.sqlite import SqliteState
from regulars.core.definitions import Purpose, Signals
from regulars.core.log import COMMAND, EVENTS, TICK, NewRecord
from regulars.core.record import HOT, Hot, part_id, profile_number
from regulars.core.state import ANSWER, CONSENT, COUNTER, FAILED
from regulars.flow.consents import UNREADABLE
from regulars.flow.engine import Engine
from regulars.flow.updater import Updater
from tests.property.test_flow import DAY, DEFINITIONS, START

PURPOSES = (
    Purpose(id="analytics"),
    Purpose(id="personalisation"),
    Purpose(id="news", double_opt_in=True, channel="email"),
    Purpose(id="partners"),
    Purpose(id="partners:acme", partner="acme"),
    Purpose(id="orders_by_law", basis="legal_obligation"),
)
ENGINE = Engine(
    msgspec.structs.replace(DEFINITIONS, purposes=PURPOSES, signals=Signals(segment={"C2": ("analytics",)}))
)


class Desk:
    """A shop to which things are told one by one."""

    def __init__(self) -> None:
        self.log, self.state = MemoryLog(), SqliteState(":memory:")
        self.updater = Updater(ENGINE, self.log, self.state, records=1)
        self.time = START
        self.tell(NewRecord(TICK, "clock", "", START, b""))

    def tell(self, *records: NewRecord) -> None:
        self.log.append(list(records))
        self.updater.run()

    def track(self, name: str, properties: dict[str, Any] | None = None, **more: Any) -> None:
        self.time += 1_000
        call = {
            "type": "track", "event": name, "userId": "ana", "messageId": f"m{self.time}", "timestamp": self.time,
            "properties": properties or {}, **more,
        }  # fmt: skip
        self.tell(NewRecord(EVENTS, "till", "batch", self.time, json.dumps({"batch": [call]}).encode()))

    def command(self, name: str, **args: Any) -> dict[str, Any]:
        self.time += 1_000
        body = json.dumps({"name": name, "args": args, "by": "eva"}).encode()
        self.tell(NewRecord(COMMAND, "eva", name, self.time, body))
        row = self.state.select(ANSWER, order=("-offset",), limit=1)[0]
        answer = msgspec.json.decode(cast(bytes, row[2]))
        return {**answer, "ok": bool(row[1])}

    def say(self, purpose: str, *, granted: bool, **more: Any) -> dict[str, Any]:
        return self.command(
            "set_consent", identifier="user_id:ana", purpose=purpose, granted=granted, reason="by phone", **more
        )

    def allowed(self) -> set[str]:
        data = self.state.parts([part_id(profile_number("user_id:ana"), HOT)])
        return set(msgspec.msgpack.decode(next(iter(data.values())), type=Hot).consent) - {"orders_by_law"}

    def evidence(self, purpose: str) -> list[dict[str, Any]]:
        rows = self.state.select(CONSENT, {"purpose": purpose}, order=("time",))
        return [msgspec.json.decode(cast(bytes, row[5])) for row in rows]


@pytest.fixture
def desk() -> Desk:
    made = Desk()
    made.track("Order Completed", {"order_id": "1", "total": 5})
    return made


def test_every_statement_has_its_evidence(desk: Desk) -> None:
    desk.track("Consent Updated", {"purposes": {"analytics": True}, "method": "banner", "text_version": "2026-03"})
    desk.say("analytics", granted=False)
    first, second = desk.evidence("analytics")
    assert (first["method"], first["text_version"], first["source"]) == ("banner", "2026-03", "till")
    assert second == {"by": "eva", "reason": "by phone", "method": "staff"}


def test_a_double_opt_in_waits_for_its_confirmation(desk: Desk) -> None:
    desk.track("Consent Updated", {"purposes": {"news": True}})
    assert desk.allowed() == set()
    assert desk.say("news", granted=True)["pending"] is True
    assert desk.allowed() == set()
    link = {"id": "l1", "action": "consent", "identifier": "user_id:ana", "purposes": ["news"], "expires": START + DAY}
    assert desk.command("confirm", **link)["ok"]
    assert desk.allowed() == {"news"}
    assert [one["method"] for one in desk.evidence("news")[-2:]] == ["staff", "confirmation_link"]
    assert not desk.command("confirm", **link)["ok"]


def test_a_confirmation_that_a_backend_keeps_needs_a_proof(desk: Desk) -> None:
    refused = desk.say("news", granted=True, method="double_opt_in")
    assert (refused["ok"], refused["field"]) == (False, "proof")
    assert "pending" not in desk.say("news", granted=True, method="double_opt_in", proof="mail-77")
    assert desk.allowed() == {"news"}


def test_no_message_id_of_an_event_makes_a_confirmation(desk: Desk) -> None:
    desk.track("Consent Updated", {"purposes": {"news": True}}, messageId="+command-1")
    assert desk.allowed() == set()


def test_a_partner_is_revoked_alone_or_with_all(desk: Desk) -> None:
    desk.track("Consent Updated", {"purposes": {"partners:acme": True}})
    assert desk.allowed() == set()
    desk.track("Consent Updated", {"purposes": {"partners": True}})
    assert desk.allowed() == {"partners", "partners:acme"}
    desk.say("partners:acme", granted=False)
    assert desk.allowed() == {"partners"}
    desk.say("partners:acme", granted=True)
    desk.say("partners", granted=False)
    assert desk.allowed() == set()


def test_what_needs_no_consent_cannot_be_refused(desk: Desk) -> None:
    answer = desk.say("orders_by_law", granted=False)
    assert (answer["ok"], answer["field"]) == (False, "purpose")


def test_a_signal_that_cannot_be_read_is_counted_kept_and_no_yes(desk: Desk) -> None:
    desk.track("Product Viewed", {"product_id": "x"}, context={"tcf": "garbage", "google_consent": "G1"})
    desk.track("Product Viewed", {"product_id": "x"}, context={"consent": {"categoryPreferences": {"C9": True}}})
    assert desk.allowed() == set()
    assert sum(int(str(row[3])) for row in desk.state.select(COUNTER, {"name": "consent_unread"})) == 2
    rows = desk.state.select(FAILED)
    assert [(row[6], row[7]) for row in rows] == [(UNREADABLE, "gcs")]
    assert b"garbage" in cast(bytes, rows[0][10])


def test_a_category_of_the_shops_consent_manager_counts_for_its_purposes(desk: Desk) -> None:
    desk.track("Product Viewed", {"product_id": "x"}, context={"consent": {"categoryPreferences": {"C2": True}}})
    assert desk.allowed() == {"analytics"}
