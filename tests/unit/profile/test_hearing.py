"""What events say about consent: statements, categories, Google's consent mode, TC strings, and what is no answer."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regulars.core.definitions import Signals, TcfSignals
from regulars.core.event import CONSENT, Event
from regulars.profile import google_consent
from regulars.profile.hearing import Heard, hear
from regulars.profile.statements import CONFIRMED, RIDING

PURPOSES = {"analytics", "personalisation", "location"}
COOKIE = "anonymous_id:c1"
SIGNALS = Signals(
    segment={"Advertising": ("personalisation",), "C0002": ("analytics", "location")},
    google={
        "analytics_storage": ("analytics",),
        "ad_storage": ("personalisation",),
        "ad_user_data": ("personalisation",),
    },
    tcf=TcfSignals(purposes={"8": ("analytics",), "3": ("personalisation",), "4": ("personalisation",)}),
)
STRINGS = json.loads(Path(__file__).with_name("tcf_vectors.json").read_text())


def heard(context: Any = None, *, name: str = "Page Viewed", message_id: str = "m1", **properties: Any) -> Heard:
    event = Event(message_id, "shop", name, 1_000, 1_000, COOKIE, (COOKIE,), (), properties, {}, context or {})
    return hear(event, PURPOSES, SIGNALS)


def answers(found: Heard) -> dict[str, bool]:
    assert len({s.purpose for s in found.statements}) == len(found.statements)
    return {s.purpose: s.granted for s in found.statements}


def test_a_category_means_the_purposes_that_the_shop_says() -> None:
    found = heard({"consent": {"categoryPreferences": {"Advertising": True, "C0002": False, "C0004": True}}})
    assert answers(found) == {"personalisation": True, "analytics": False, "location": False}
    assert found.unknown == ("C0004",)


def test_a_purpose_of_two_words_needs_both() -> None:
    assert answers(heard({"google_consent": {"ad_storage": "granted"}})) == {}
    assert answers(heard({"google_consent": {"ad_storage": "granted", "ad_user_data": "granted"}})) == {
        "personalisation": True
    }
    assert answers(heard({"google_consent": {"ad_storage": "granted", "ad_user_data": "denied"}})) == {
        "personalisation": False
    }


def test_where_signals_contradict_each_other_the_no_counts() -> None:
    context = {"consent": {"categoryPreferences": {"analytics": True}}, "google_consent": "G100"}
    assert answers(heard(context))["analytics"] is False


@pytest.mark.parametrize(
    ("signal", "said"),
    [
        ("G111", {}),  # nobody may have said so: a default that is granted looks the same
        ("G1-0", {"analytics_storage": False}),
        ("13p3t3l3l5", {}),  # a page's default is no answer
        (
            "13r3n3v3m5",
            {"ad_storage": True, "analytics_storage": True, "ad_user_data": True, "ad_personalization": False},
        ),
        ("13q3u3l3l1", {"ad_storage": False, "analytics_storage": False}),
        ({"gcs": "G111", "ad_storage": "denied"}, {"ad_storage": False}),
        ({"gcs": "G111", "analytics_storage": "granted"}, {"analytics_storage": True}),
        ({"gcs": "G101", "ad_storage": "granted"}, {"ad_storage": False}),
        ({"gcs": "G100", "gcd": "13r3v3l3l5"}, {"ad_storage": True, "analytics_storage": True}),
        ({"ad_personalization": True}, {"ad_personalization": True}),
    ],
)
def test_google_consent_mode(signal: Any, said: dict[str, bool]) -> None:
    assert google_consent.read(signal) == (said, [])


@pytest.mark.parametrize(
    ("signal", "unread"),
    [
        ("G2", "gcs"),
        ("13x3r3r3r5", "gcd"),
        ({"ad_storage": "maybe"}, "ad_storage"),
        (7, "google_consent"),
        ({"gcd": 1}, "gcd"),
    ],
)
def test_what_google_consent_mode_does_not_know_is_reported(signal: Any, unread: str) -> None:
    assert google_consent.read(signal) == ({}, [unread])


def test_a_tc_string_says_yes_only_to_purposes_all_of_whose_numbers_have_consent() -> None:
    for vector in STRINGS:
        said = answers(heard({"tcf": {"tcString": vector["text"]}}))
        assert said["analytics"] is (8 in vector["consents"])
        assert said["personalisation"] is ({3, 4} <= set(vector["consents"]))


def test_a_tc_string_counts_for_the_shop_only_when_its_own_vendor_has_consent() -> None:
    signals = Signals(tcf=TcfSignals(purposes={"8": ("analytics",)}, vendor=7))
    both = set()
    for vector in STRINGS:
        event = Event("m", "shop", "Page Viewed", 1, 1, COOKIE, (COOKIE,), (), {}, {}, {"tcf": vector["text"]})
        said = {s.granted for s in hear(event, PURPOSES, signals).statements}
        expected = 8 in vector["consents"] and 7 in vector["vendor_consents"]
        assert said == {expected}
        both |= said
    assert both == {True, False}


def test_an_unreadable_tc_string_is_reported_and_grants_nothing() -> None:
    found = heard({"tcf": "no string", "consent": {"categoryPreferences": {"analytics": True}}})
    assert answers(found) == {"analytics": True}
    assert found.malformed[0].startswith("tcf: ")


def test_evidence_names_text_method_source_and_browser_family_and_nothing_that_identifies() -> None:
    agent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"
    found = heard(
        {"userAgent": agent, "ip": "203.0.113.7"}, name=CONSENT, purposes={"analytics": True}, method="banner",
        text_version="2026-03",
    )  # fmt: skip
    assert found.evidence == {
        "m1": {"source": "shop", "proof": "m1", "method": "banner", "text_version": "2026-03", "agent": "Chrome"}
    }


def test_no_event_can_carry_a_confirmed_grant() -> None:
    found = heard(name=CONSENT, message_id=CONFIRMED + "m1", purposes={"analytics": True})
    assert [s.message_id[:1] for s in found.statements] == ["="]
    riding = heard({"consent": {"categoryPreferences": {"analytics": True}}}, message_id=CONFIRMED + "m1")
    assert [s.message_id[:1] for s in riding.statements] == [RIDING]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "consent": JSON | st.fixed_dictionaries({"categoryPreferences": JSON, "tcString": JSON}),
            "google_consent": JSON | st.fixed_dictionaries({}, optional={"gcs": JSON, "gcd": JSON, "ad_storage": JSON}),
            "tcf": JSON,
        },
    ),
    JSON,
)
def test_whatever_an_event_carries_only_a_plain_yes_grants(context: dict[str, Any], answered: Any) -> None:
    found = heard(context, name=CONSENT, purposes=answered)
    for said in found.statements:
        assert said.purpose in PURPOSES
        assert said.identifier == COOKIE
