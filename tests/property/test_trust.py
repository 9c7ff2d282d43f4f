"""A public key is in everybody's hands: whatever is sent with it, nothing happens to customers who are known.

The attacker knows the write key, every login, address, card and order of the victims, and is a customer, too: with a
token that is valid in the attacker's own browser. What the attacker does not have is the anonymous id of a victim's
browser, which is that browser's secret.
"""

import json
from typing import Any

import msgspec
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from regulars.adapters.log.memory import MemoryLog
from regulars.adapters.state.sqlite import SqliteState
from regulars.core import state as tables
from regulars.core.definitions import Source, TokenKey
from regulars.core.log import EVENTS, TICK, NewRecord
from regulars.core.record import part_id
from regulars.flow.customer import Customers, asking
from regulars.flow.engine import Engine
from regulars.flow.updater import Updater
from tests.property.test_flow import DAY, DEFINITIONS, START, _iso, calls
from tests.tokens import ED, FOREIGN, pem, signed

RECEIVED = START + 15 * DAY
WEB = Source(id="web", kind="browser", write_key="wk", token_keys=(TokenKey(id="k1", public_key=pem(ED)),))
ENGINE = Engine(msgspec.structs.replace(DEFINITIONS, sources=(DEFINITIONS.sources[0], WEB)))
TOKENS = [
    None,
    signed("x1", at=RECEIVED, sub="eve", ids={"email": "eve@example.org"}),
    signed("x1", at=RECEIVED, key=FOREIGN, sub="ana", ids={"email": "ana@example.org"}),
    signed("d1", at=RECEIVED, sub="ana", ids={"email": "ana@example.org"}),  # stolen
    signed("x1", at=RECEIVED - 2 * DAY, sub="ana"),  # that of a browser sold since
]
quick = settings(
    max_examples=60,
    derandomize=True,
    deadline=None,
    phases=(Phase.generate,),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)
#: Whoever is attacked.
KNOWN = ["ana", "ben"]
own = st.sampled_from(["x1", "x2"])


@st.composite
def attacks(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Calls of browsers x1 and x2 that say anything about anybody."""
    found = []
    for number in range(draw(st.integers(1, 8))):
        victim = draw(st.sampled_from([*KNOWN, "eve"]))
        call: dict[str, Any] = {
            "messageId": f"a{number}", "timestamp": _iso(START + draw(st.integers(0, 14 * 24)) * 3_600_000),
            "anonymousId": draw(own),
        }  # fmt: skip
        kind = draw(st.sampled_from(["view", "order", "refund", "consent", "identify", "alias"]))
        if draw(st.booleans()):
            call["userId"] = victim
        context: dict[str, Any] = {}
        if draw(st.booleans()):
            context["externalIds"] = [
                {"type": "loyalty_card", "id": f"card-{victim}"},
                {"type": draw(st.sampled_from(["email", "user_id", "anonymous_id"])), "id": victim},
            ]
        if draw(st.booleans()):
            context["consent"] = {"categoryPreferences": {"analytics": draw(st.booleans())}}
        token = draw(st.sampled_from(TOKENS))
        if token is not None:
            context["regulars_token"] = token
            if token == TOKENS[1]:
                call |= {"userId": "eve", "anonymousId": "x1"}
        if kind == "view":
            call |= {"type": "track", "event": "Product Viewed", "properties": {"product_id": "a", "category": "tea"}}
        elif kind in ("order", "refund"):
            whose = draw(st.sampled_from([*KNOWN, "eve"]))
            properties = {"order_id": f"{whose}-{draw(st.sampled_from('ABC'))}", "total": 1, "category": "tea"}
            name = "Order Completed" if kind == "order" else "Order Refunded"
            call |= {"type": "track", "event": name, "properties": properties}
        elif kind == "consent":
            purposes = {"analytics": draw(st.booleans()), "personalisation": draw(st.booleans())}
            call |= {"type": "track", "event": "Consent Updated", "properties": {"purposes": purposes}}
        elif kind == "identify":
            traits = {"email": f"{victim}@example.org", "phone": "+49170111", "name": "Eve"}
            call |= {"type": "identify", "traits": traits}
        else:
            call |= {"type": "alias", "previousId": draw(st.sampled_from([victim, "x1", "x2"]))}
        found.append(call | ({"context": context} if context else {}))
    return found


def told(records: list[NewRecord]) -> SqliteState:
    log, state = MemoryLog(), SqliteState(":memory:")
    log.append([NewRecord(TICK, "clock", "", RECEIVED, b""), *records])
    Updater(ENGINE, log, state, records=1).run()
    return state


def record(call: dict[str, Any], source: str) -> NewRecord:
    return NewRecord(EVENTS, source, "batch", RECEIVED, json.dumps({"batch": [call]}).encode())


def known(state: SqliteState, keys: set[str]) -> dict[str, Any]:
    """Everything that is kept of the persons and devices of these keys."""
    rows = [row for row in state.select(tables.IDENTIFIER) if row[0] in keys]
    numbers = {int(row[1] or 0) for row in rows}
    return {
        "identifiers": sorted(rows, key=str),
        "links": [row for row in state.select(tables.LINK) if row[0] in keys or row[1] in keys],
        "consent": [row for row in state.select(tables.CONSENT) if row[0] in keys],
        "members": [row for row in state.select(tables.MEMBERSHIP) if row[1] in numbers],
        # Without what was told of an order and does not count.
        "orders": [row[:6] for row in state.select(tables.ORDER) if row[1] in numbers],
        "parts": state.parts([part_id(number, part) for number in numbers for part in range(16)]),
    }


@st.composite
def shopping(draw: st.DrawFn) -> list[dict[str, Any]]:
    """What the victims do. Where no server says what was ordered, whoever does so first is believed: not here."""
    done = draw(calls())
    ordered = {call["properties"]["order_id"] for call in done if call["event"] == "Order Completed"}
    return [c for c in done if c["event"] != "Order Refunded" or c["properties"]["order_id"] in ordered]


@quick
@given(shopping(), attacks(), st.randoms(use_true_random=False))
def test_whatever_a_public_key_sends_known_customers_stay_as_they_are(
    base: list[dict[str, Any]], attack: list[dict[str, Any]], order: Any
) -> None:
    mixed = [record(call, "till") for call in base]
    untouched = told(mixed)
    keys = {str(row[0]) for row in untouched.select(tables.IDENTIFIER)}
    for call in attack:
        mixed.insert(order.randint(0, len(mixed)), record(call, "web"))
    assert known(told(mixed), keys) == known(untouched, keys)


@quick
@given(
    shopping(),
    attacks(),
    st.sampled_from(["x1", "x2", "d1"]),
    st.sampled_from([*KNOWN, "eve"]),
    st.sampled_from(TOKENS),
)
def test_a_decision_tells_a_stranger_as_much_of_a_customer_as_if_there_were_none(
    base: list[dict[str, Any]], attack: list[dict[str, Any]], device: str, claimed: str, token: str | None
) -> None:
    """What is read for the attacker is the same whether the victims exist or not; d1 was left by one who logged in."""
    base = [call if device != "d1" or "userId" in call else {**call, "anonymousId": "d2"} for call in base]
    attack = [call for call in attack if not str(call.get("event", "")).startswith("Order")]
    strange = [record(call, "web") for call in attack]
    vouched: frozenset[str] = frozenset()
    if token is not None and device != "d1":  # there the stolen token would hold: it is bound to that browser
        found = ENGINE.decoder.vouched("web", token, device, RECEIVED)
        vouched = frozenset() if isinstance(found, str) else found.keys
    who = asking(
        ENGINE, verified=False, user_id=claimed, anonymous_id=device, identifier=f"user_id:{claimed}", vouched=vouched
    )
    seen = []
    for records in (strange, [record(call, "till") for call in base] + strange):
        day = ENGINE.calendar.day(RECEIVED)
        customers = Customers(ENGINE, told(records))
        seen.append(customers.read(who, (), now=RECEIVED, day=day, purchases=True, reach=True))
    assert msgspec.to_builtins(seen[0]) == msgspec.to_builtins(seen[1])
