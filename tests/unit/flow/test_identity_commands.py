"""Linking and unlinking by command: an ordinary link with a score, or a refusal with its reason."""

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from regulars.adapters.log.memory import MemoryLog
from regulars.adapters.state.sqlite import SqliteState
from regulars.core import state as tables
from regulars.core.identifier import hashed
from regulars.core.log import NewRecord
from regulars.core.record import HOT, Hot, part_id
from regulars.flow.groups import members_of, memberships
from regulars.flow.updater import Updater
from tests.property.test_flow import ENGINE
from tests.property.test_unlink import CLOCK, RECEIVED, command, record

ANA, BEN, CARD, MAIL = "user_id:ana", "user_id:ben", "loyalty_card:7", "email:ana@example.org"


def identify(message_id: str, user: str | None = None, *more: tuple[str, str]) -> NewRecord:
    call: dict[str, Any] = {"type": "identify", "messageId": message_id, "timestamp": "2023-11-16T12:00:00.000Z"}
    call |= {"userId": user} if user else {}
    call["context"] = {"externalIds": [{"type": kind, "id": value} for kind, value in more]}
    return record([call])


def told(*records: NewRecord) -> tuple[SqliteState, dict[str, Any]]:
    """The state after these records, and the answer to the last command."""
    log, state = MemoryLog(), SqliteState(":memory:")
    log.append([CLOCK, *records])
    Updater(ENGINE, log, state, records=1).run()
    answers = sorted(state.select(tables.ANSWER))
    return state, msgspec.json.decode(bytes(answers[-1][2])) if answers else {}  # type: ignore[arg-type]


def link(*links: dict[str, Any], reason: str = "names and streets agree") -> NewRecord:
    return command("link", links=list(links), reason=reason)


PEOPLE = (
    identify("1", "ana"),
    identify("2", "ben"),
    identify("3", None, ("loyalty_card", "7")),
    identify("4", None, ("email", "ana@example.org")),
)


def profiles(state: SqliteState) -> dict[str, int]:
    return {str(row[0]): int(str(row[1])) for row in state.select(tables.IDENTIFIER)}


def test_a_link_with_a_score_joins_and_says_how_sure_it_is() -> None:
    state, answer = told(*PEOPLE, link({"a": CARD, "b": ANA, "score": 0.93, "rule": "similar"}))
    assert [(one["status"], one["reason"]) for one in answer["links"]] == [("stands", "")]
    assert profiles(state)[CARD] == profiles(state)[ANA] != profiles(state)[BEN]
    row = state.select(tables.LINK, {"a": CARD, "b": ANA})[0]
    assert (row[2], row[4], row[6], row[7]) == (RECEIVED, "similar", "", 0.93)
    assert row[8] == "eva: names and streets agree"


def test_every_refusal_has_its_reason() -> None:
    _, answer = told(
        *PEOPLE,
        link(
            {"a": CARD, "b": ANA, "score": 0.9},
            {"a": CARD, "b": BEN, "score": 0.8},
            {"a": ANA, "b": "user_id:nobody"},
            {"a": ANA, "b": ANA},
            {"a": ANA, "b": "user_id:null"},
        ),
    )
    assert [one["reason"] for one in answer["links"]] == ["", "conflict", "unknown", "not_a_pair", "not_an_identifier"]


def test_what_was_named_together_comes_before_what_is_only_similar() -> None:
    later = identify("5", "ben", ("loyalty_card", "7"))
    state, _ = told(*PEOPLE, link({"a": CARD, "b": ANA, "score": 0.9}), later)
    assert profiles(state)[CARD] == profiles(state)[BEN] != profiles(state)[ANA]
    assert state.select(tables.LINK, {"a": CARD, "b": ANA})[0][6] == "refused:conflict"


def test_a_link_that_was_taken_back_for_good_is_not_given_again() -> None:
    given = link({"a": CARD, "b": MAIL, "score": 0.9})
    back = command("unlink", a=MAIL, b=CARD, reason="two sisters")
    state, answer = told(*PEOPLE, given, back, given)
    assert [(one["status"], one["reason"]) for one in answer["links"]] == [("refused", "withdrawn")]
    assert profiles(state)[CARD] != profiles(state)[MAIL]
    assert {row[8] for row in state.select(tables.LINK)} >= {"two sisters"}


def test_a_command_that_cannot_be_read_changes_nothing() -> None:
    before = told(*PEOPLE)[0].select(tables.LINK)
    for wrong in (
        {"links": [], "reason": "x"},
        {"links": [{"a": ANA}], "reason": "x"},
        {"links": [{"a": ANA, "b": CARD, "score": 1.5}], "reason": "x"},
        {"links": [{"a": ANA, "b": CARD}] * 501, "reason": "x"},
        {"links": [{"a": ANA, "b": CARD}], "reason": " "},
    ):
        state, answer = told(*PEOPLE, command("link", **wrong))
        assert "error" in answer
        assert state.select(tables.LINK) == before


HASH = hashed(MAIL, "email_sha256")


def test_an_address_is_not_unlinked_from_its_own_hash() -> None:
    _, answer = told(*PEOPLE, command("unlink", a=MAIL, b=HASH, reason="x"))
    assert "one value in two forms" in answer["error"]


def named(message_id: str, user: str, household: str, day: int) -> NewRecord:
    call = {
        "type": "track",
        "event": "Product Viewed",
        "messageId": message_id,
        "userId": user,
        "timestamp": f"2023-11-{day}T12:00:00.000Z",
        "context": {"externalIds": [{"type": "household", "id": household}]},
    }
    return record([call])


MOVES = (named("1", "ana", "H1", 15), named("2", "ben", "H1", 16), named("3", "ana", "H2", 17))
IDENTITY = ENGINE.definitions.identity


@given(st.permutations(MOVES))
@settings(max_examples=6, deadline=None)
def test_a_household_is_kept_from_until_and_joins_nobody(moves: list[NewRecord]) -> None:
    state, _ = told(*moves)
    assert profiles(state)[ANA] != profiles(state)[BEN]
    ana = memberships([ANA], IDENTITY, state)
    assert [(one.group, one.end is None) for one in ana] == [("household:H1", False), ("household:H2", True)]
    assert ana[0].end == ana[1].start
    assert [one.member for one in members_of("household:H1", IDENTITY, state)] == [ANA, BEN]


def test_a_membership_can_be_taken_back() -> None:
    state, _ = told(*MOVES, command("unlink", a=ANA, b="household:H2", reason="moved back"))
    assert [(one.group, one.end) for one in memberships([ANA], IDENTITY, state)] == [("household:H1", None)]


def test_a_membership_that_was_taken_back_can_be_given_again() -> None:
    apart = command("unlink", a=ANA, b="household:H2", reason="moved back")
    state, _ = told(*MOVES, apart, command("relink", a=ANA, b="household:H2", reason="did not"))
    assert members_of("household:H2", IDENTITY, state) == members_of("household:H2", IDENTITY, told(*MOVES)[0])
    assert members_of("household:H2", IDENTITY, state)
    _, answer = told(*MOVES, command("relink", a=ANA, b="household:H2", reason="never was"))
    assert "was taken back" in answer["error"]


def test_a_link_never_widens_consent() -> None:
    said = [
        command("set_consent", identifier=who, purpose="personalisation", granted=granted, reason="by telephone")
        for who, granted in ((ANA, False), (CARD, True))
    ]
    for first, second in (said, said[::-1]):
        alone, _ = told(*PEOPLE, first, second)
        together, _ = told(*PEOPLE, first, second, link({"a": CARD, "b": ANA, "score": 0.93}))
        assert "personalisation" in consent_of(alone, CARD)
        assert "personalisation" not in consent_of(together, CARD)


def consent_of(state: SqliteState, key: str) -> dict[str, int]:
    data = state.parts([part_id(profiles(state)[key], HOT)])
    return msgspec.msgpack.decode(next(iter(data.values())), type=Hot).consent
