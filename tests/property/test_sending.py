"""The last gate: no history leads to a message that nobody agreed to, or that somebody refused."""

from typing import Any, cast

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from regulars.core.calendar import Calendar
from regulars.core.definitions import PREFERENCES, MessageChannel, Purpose
from regulars.core.event import CONSENT
from regulars.core.record import HOT, Hot, part_id
from regulars.core.state import IDENTIFIER
from regulars.decide.sending import Sending, contact_of
from regulars.decide.sending import may_send as ask
from regulars.profile.assignment import IdRow, profile_of
from tests.property.test_consent_flow import TERMS
from tests.property.test_flow import DAY, START, calls
from tests.property.test_withdrawals import everything, kept, steps

CALENDAR = Calendar("Europe/Berlin")
PURPOSES = {purpose.id: msgspec.structs.replace(purpose, channel="email") for purpose in TERMS}


@settings(
    max_examples=100,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)
@given(calls(), steps, st.integers(0, 9))
def test_a_message_needs_a_yes_that_stands_and_no_no(
    sent: list[dict[str, Any]], after_each: list[str], last: int
) -> None:
    """Told from the statements themselves, apart from the rules that the fold uses."""
    shop = kept(sent, after_each, last)
    now = START + (14 + last) * DAY
    rows = cast(dict[str, IdRow], {str(row[0]): row for row in shop.state.select(IDENTIFIER)})
    said: dict[tuple[int | None, str], dict[str, list[tuple[int, bool]]]] = {}
    for event in everything(shop):
        if event.name == CONSENT:  # a device speaks for whoever held it then
            whose = profile_of(event.subject, event.time, rows)
            for purpose, granted in event.properties["purposes"].items():
                voice = said.setdefault((whose, purpose), {}).setdefault(event.subject, [])
                voice.append((event.time, granted))
    for number in {row[1] for row in rows.values()}:
        for data in shop.state.parts([part_id(number, HOT)]).values():
            hot = msgspec.msgpack.decode(data, type=Hot)
            for purpose in TERMS:
                if may_send(purpose.id, "email", hot.consent, PURPOSES, now) is Sending.ALLOWED:
                    voices = list(said.get((number, purpose.id), {}).values())
                    assert all(max(voice, key=lambda one: (one[0], not one[1]))[1] for voice in voices)
                    if purpose.basis == "consent":
                        term = (purpose.expires_days or 0) * DAY
                        assert any(granted and now < time + term + DAY for voice in voices for time, granted in voice)


SAID = st.fixed_dictionaries(
    {},
    optional={
        "pref.channel": st.sampled_from(["email", "post", "phone", "none"]),
        "pref.frequency": st.sampled_from(["weekly", "monthly", "rarely"]),
        "pref.hours": st.sampled_from(["9-12", "22:30-6", "0-24", "8-9, 18:15-20"]),
    },
)
DAYS = {"weekly": 7, "monthly": 30, "rarely": 90}


@given(SAID, st.integers(0, 200 * DAY), st.none() | st.integers(0, 200 * DAY), st.sampled_from(["email", "post"]))
def test_no_message_goes_out_by_another_way_more_often_or_at_another_time_than_was_wished(
    facts: dict[str, str], now: int, last: int | None, channel: MessageChannel
) -> None:
    purposes = {"news": Purpose(id="news", channel=channel)}
    answer = may_send(
        "news", channel, {"news": 0}, purposes, START + now, facts, None if last is None else START + last
    )
    clock = CALENDAR.local(START + now).strftime("%H:%M")
    stretches = [
        [edge.zfill(2) if ":" in edge else edge.zfill(2) + ":00" for edge in part.strip().split("-")]
        for part in facts.get("pref.hours", "0-24").split(",")
    ]
    stretches = [[edge.zfill(5) for edge in part] for part in stretches]
    wanted_now = any(a <= clock < b if a < b else clock >= a or clock < b for a, b in stretches)
    wanted_way = facts.get("pref.channel", channel) == channel
    often = last is not None and now - last < DAYS.get(facts.get("pref.frequency", ""), 0) * DAY
    assert (answer is Sending.ALLOWED) == (wanted_way and not often and (wanted_now or channel == "post"))


def may_send(
    purpose: str,
    channel: str,
    consent: dict[str, int],
    purposes: dict[str, Purpose],
    now: int,
    facts: dict[str, str] | None = None,
    last: int | None = None,
) -> Sending:
    contact = contact_of(facts or {}, PREFERENCES)
    return ask(purpose, channel, consent, purposes, now, contact=contact, calendar=CALENDAR, last=last)


def test_the_reason_of_a_no_is_told() -> None:
    purposes = {"news": Purpose(id="news", channel="email")}
    assert may_send("news", "email", {}, purposes, 9) is Sending.NO_CONSENT
    assert may_send("news", "email", {"news": 10}, purposes, 9) is Sending.NO_CONSENT
    assert may_send("surprise", "email", {"surprise": 1}, purposes, 9) is Sending.UNKNOWN_PURPOSE
    assert may_send("news", "sms", {"news": 1}, purposes, 9) is Sending.OTHER_CHANNEL
    assert may_send("news", "email", {"news": 1}, purposes, 9, {"pref.channel": "post"}) is Sending.PREFERENCE
    assert may_send("contract", "email", {}, purposes, 9, {"pref.channel": "post"}) is Sending.ALLOWED
