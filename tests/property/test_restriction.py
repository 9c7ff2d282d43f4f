"""Who does not want to be profiled is not, in whatever order the records come and whoever is joined with whom."""

import json
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from regulars.adapters.log.memory import MemoryLog
from regulars.adapters.state.sqlite import SqliteState
from regulars.core.log import COMMAND, NewRecord
from regulars.core.record import HOT, Hot, part_id
from regulars.core.state import IDENTIFIER
from regulars.flow.updater import Updater
from regulars.profile.consent import Terms, since, standing
from regulars.profile.statements import EVERYTHING
from tests.property.test_consent_flow import ENGINE, quick, record, tick
from tests.property.test_flow import DAY, START, calls

SAID = st.tuples(
    st.sampled_from(("user_id:a", "email:b", "anonymous_id:c")),
    st.sampled_from(("analytics", "tax", EVERYTHING)),
    st.integers(0, 9),
    st.sampled_from(("m1", "m2", "+m3", "~m4")),
    st.booleans(),
)
TERMS = {"tax": Terms(standing=True, lawful=True)}


def restrict(restricted: bool, at: int, name: str = "user_id:ana") -> NewRecord:  # noqa: FBT001 - as the command says
    args = {"identifier": name, "restricted": restricted, "reason": "by letter"}
    body = {"name": "restrict", "args": args, "by": "anna"}
    return NewRecord(COMMAND, "anna", "restrict", at, json.dumps(body).encode())


def hots(records: list[NewRecord], at_once: int) -> tuple[dict[int, Hot], dict[str, int]]:
    log, state = MemoryLog(), SqliteState(":memory:")
    log.append(records)
    Updater(ENGINE, log, state, records=at_once).run()
    rows = {str(row[0]): int(str(row[1])) for row in state.select(IDENTIFIER)}
    numbers = set(rows.values())
    stored = state.parts([part_id(number, HOT) for number in numbers])
    return {key >> 4: msgspec.msgpack.decode(data, type=Hot) for key, data in stored.items()}, rows


@given(st.lists(SAID, max_size=12))
def test_one_refusal_of_everything_leaves_what_the_law_asks_for(said: list[tuple[str, str, int, str, bool]]) -> None:
    found = standing(said, TERMS, 10)
    last: dict[str, tuple[int, bool]] = {}
    for identifier, purpose, time, _, granted in said:
        if purpose == EVERYTHING:
            last[identifier] = max(last.get(identifier, (-1, False)), (time, not granted))
    assert found.restricted is any(refused for _, refused in last.values())
    assert found.since.get("tax") == since([one for one in said if one[1] == "tax"], TERMS).get("tax")
    if found.restricted:
        assert found.since.keys() <= {"tax"}


@given(st.lists(SAID, max_size=12), st.lists(SAID, max_size=4))
def test_lifting_lets_nothing_count_that_came_before(
    said: list[tuple[str, str, int, str, bool]], more: list[tuple[str, str, int, str, bool]]
) -> None:
    ends = [(name, EVERYTHING, 5, "no", False) for name in ("user_id:a", "email:b")]
    lifted = [(name, EVERYTHING, 7, "yes", True) for name in ("user_id:a", "email:b")]
    found = since([*said, *ends, *lifted, *more], TERMS, 10)
    assert all(start >= 7 for purpose, start in found.items() if purpose != "tax")


@quick
@given(calls(), calls(), st.integers(0, 14), st.integers(1, 5))
def test_a_restricted_profile_has_no_segment_and_no_trait_beyond_the_contract(
    sent: list[dict[str, Any]], more: list[dict[str, Any]], day: int, at_once: int
) -> None:
    at = START + day * DAY
    known = {"type": "identify", "userId": "ana", "messageId": "known", "traits": {}}
    later = [{**call, "messageId": f"later-{call['messageId']}"} for call in more]
    records = [tick(at), record(known, at), *(record(call, at) for call in sent), restrict(True, at)]
    records += [record(call, START + 15 * DAY) for call in later]
    found, rows = hots(records, at_once)
    hot = found[rows["user_id:ana"]]
    assert hot.restricted
    assert (hot.consent, hot.segments) == ({}, [])
    for slot, trait in enumerate(ENGINE.definitions.traits):
        if trait.purpose != "contract":
            assert not hot.values[slot], trait.name


@quick
@given(calls(), st.integers(0, 14))
def test_an_order_counts_whether_or_not_somebody_wants_to_be_profiled(sent: list[dict[str, Any]], day: int) -> None:
    at = START + day * DAY
    known = record({"type": "identify", "userId": "ana", "messageId": "known", "traits": {}}, at)
    # At the end the clock: what a window holds is as of the day of the last fold until then.
    events = [*(record(call, START + 15 * DAY) for call in sent), tick(START + 15 * DAY)]
    free, rows = hots([known, *events], 3)
    bound, _ = hots([known, restrict(True, at), *events], 3)
    number = rows["user_id:ana"]
    for slot, trait in enumerate(ENGINE.definitions.traits):
        if trait.purpose == "contract" and trait.kind in ("count", "sum"):
            assert bound[number].values[slot] == free[number].values[slot], trait.name
