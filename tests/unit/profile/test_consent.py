"""What a customer says about consent, and what it does to the profile."""

from typing import Any

from regulars.core.event import CONSENT, Event
from regulars.profile.consent import Effect, change, gate, since
from regulars.profile.hearing import hear
from regulars.profile.statements import RIDING, Statement, proof, union

PURPOSES = {"analytics", "marketing"}
COOKIE = "anonymous_id:c1"


def event(name: str = CONSENT, *, properties: Any = None, context: Any = None, claims: tuple[str, ...] = ()) -> Event:
    return Event("m1", "shop", name, 1_000, 1_000, COOKIE, (COOKIE,), claims, properties or {}, {}, context or {})


def test_a_consent_event_speaks_for_its_own_subject_only() -> None:
    heard = hear(
        event(properties={"purposes": {"analytics": True, "marketing": False}}, claims=("user_id:ana",)), PURPOSES
    )
    assert heard.statements == (
        Statement(COOKIE, "analytics", 1_000, "m1", True),
        Statement(COOKIE, "marketing", 1_000, "m1", False),
    )


def test_unknown_purposes_and_answers_that_are_no_yes_or_no_are_reported_not_applied() -> None:
    heard = hear(event(properties={"purposes": {"fun": True, "analytics": "yes", "contract": False}}), PURPOSES)
    assert heard.statements == ()
    assert heard.unknown == ("fun", "contract")
    assert heard.malformed == ("analytics",)
    assert hear(event(properties={"purposes": ["analytics"]}), PURPOSES).malformed == ("purposes",)


def test_consent_rides_on_ordinary_events() -> None:
    context = {"consent": {"categoryPreferences": {"analytics": True}}}
    heard = hear(event("Page Viewed", context=context), PURPOSES)
    assert heard.statements == (Statement(COOKIE, "analytics", 1_000, RIDING + "m1", True),)
    assert hear(event("Page Viewed"), PURPOSES).statements == ()


def test_a_withdrawal_ends_the_past_and_a_new_grant_starts_from_zero() -> None:
    yes, no, again = (COOKIE, "analytics", 5, "a", True), (COOKIE, "analytics", 9, "b", False), 12
    assert since([yes]) == {"analytics": 5}
    assert since([yes, no]) == {}
    assert since([yes, no, (COOKIE, "analytics", again, "c", True)]) == {"analytics": 12}
    assert not gate("analytics", since([yes, no]))


def test_two_answers_of_one_instant_are_a_refusal() -> None:
    assert since([(COOKIE, "analytics", 5, "b", True), (COOKIE, "analytics", 5, "a", False)]) == {}


def test_one_refusing_device_closes_the_purpose_for_the_whole_customer() -> None:
    account = ("user_id:ana", "analytics", 5, "a", True)
    assert since([account, (COOKIE, "analytics", 9, "b", False)]) == {}
    reopened = [account, (COOKIE, "analytics", 9, "b", False), (COOKIE, "analytics", 11, "c", True)]
    assert since(reopened) == {"analytics": 11}


def test_a_grant_before_the_next_event_needs_no_work() -> None:
    assert not change({}, {"analytics": 50}, 49)
    assert not change({}, {"analytics": 50}, None)


def test_a_late_grant_brings_events_back_by_a_refold() -> None:
    assert change({}, {"analytics": 50}, 60) == Effect(refold=frozenset({"analytics"}))


def test_a_withdrawal_clears_and_a_late_withdrawal_before_a_grant_refolds() -> None:
    assert change({"analytics": 5}, {}, 60) == Effect(clear=frozenset({"analytics"}))
    assert change({"analytics": 5}, {"analytics": 70}, 60) == Effect(clear=frozenset({"analytics"}))
    assert change({"analytics": 5}, {"analytics": 40}, 60) == Effect(refold=frozenset({"analytics"}))
    assert not change({"analytics": 5}, {"analytics": 5}, 60)


def test_a_grant_on_every_event_of_a_visit_is_kept_once() -> None:
    visit = [(COOKIE, "analytics", 1_000 + n, f"{RIDING}m{n}", True) for n in range(50)]
    assert union([], visit) == visit[:1]


def test_the_history_holds_each_change_of_mind_and_each_explicit_answer() -> None:
    first = Statement(COOKIE, "analytics", 5, RIDING + "a", True)
    same = Statement(COOKIE, "analytics", 6, RIDING + "b", True)
    asked = Statement(COOKIE, "analytics", 7, "c", True)
    no = Statement(COOKIE, "analytics", 8, RIDING + "d", False)
    assert proof([], [first, same, asked, no]) == [first, asked, no]
    assert proof([first], [same]) == []
