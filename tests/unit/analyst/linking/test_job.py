"""Who takes part in linking by likeness: people who allow what it needs, and nobody else, as they say it now."""

import json
import random
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regulars.analyst.linking.job import Outcome, customers, run
from regulars.core.definitions import CONTRACT, Definitions, Linking, Purpose, Shop, Source
from regulars.core.event import CONSENT
from regulars.core.identity_types import BUILT_IN_TYPES, PARTICULARS, IdentifierType, Identity
from regulars.core.log import COMMAND, EVENTS, NewRecord
from regulars.core.state import ANSWER
from regulars.flow.engine import Engine
from tests.property.lakes import Keeping
from tests.property.test_consent_flow import tick
from tests.property.test_flow import DAY, START
from tests.unit.analyst.linking.people import file, person

PEOPLE = 6
WANTED = "personalisation"
PERSON = person(random.Random(1))


def definitions(purpose: str) -> Definitions:
    return Definitions(
        shop=Shop(name="Corner"),
        identity=Identity(types=(*BUILT_IN_TYPES, IdentifierType(id="crm_id", kind="person"))),
        sources=(
            Source(id="crm", kind="server"),
            Source(id="acme", kind="server", partner="acme"),
            Source(id="alpina", kind="server", brand="Alpina", own_purpose="brand_alpina"),
            Source(id="regent", kind="server", brand="Regent"),
        ),
        purposes=(
            Purpose(id="analytics"), Purpose(id=WANTED, expires_days=30),
            Purpose(id="partners"), Purpose(id="partners:acme", partner="acme"), Purpose(id="brand_alpina"),
        ),
        linking=Linking(purpose=purpose),
    )  # fmt: skip


class _Customers:
    """Customers of a file, and what they say about consent."""

    def __init__(self, purpose: str) -> None:
        self.definitions = definitions(purpose)
        self.shop = Keeping(Engine(self.definitions))
        self.shop.log.append([tick(START)])
        self.said = 0

    def sends(self, call: dict[str, Any], number: int, day: float, source: str = "crm") -> None:
        self.said += 1
        stamp = datetime.fromtimestamp(START / 1000 + day * 86_400, UTC).isoformat()
        call |= {"messageId": f"m{self.said}", "timestamp": stamp}
        call["context"] = {"externalIds": [{"type": "crm_id", "id": f"c{number}"}]}
        body = json.dumps({"batch": [call]}).encode()
        self.shop.log.append([NewRecord(EVENTS, source, "batch", int(START + day * DAY), body)])
        self.shop.updater.run()

    def tells(self, number: int, row: dict[str, str] = PERSON, *, source: str = "crm") -> None:
        facts = {PARTICULARS[name][0]: value for name, value in row.items()}
        self.sends({"type": "identify", "traits": facts}, number, 1, source)

    def says(self, number: int, day: float, **purposes: bool) -> None:
        self.sends({"type": "track", "event": CONSENT, "properties": {"purposes": purposes}}, number, day)

    def commands(self, name: str, **args: Any) -> dict[str, Any]:
        body = json.dumps({"name": name, "args": args}).encode()
        self.shop.log.append([NewRecord(COMMAND, "eva", "a", START + 5 * DAY, body)])
        self.shop.updater.run()
        row = self.shop.state.get(ANSWER, self.shop.updater.offset)
        assert row is not None
        return dict(json.loads(bytes(row[2])))  # type: ignore[arg-type]  # the body is JSON

    def passes(self, day: int) -> None:
        self.shop.log.append([tick(START + day * DAY)])
        self.shop.updater.run()

    def partaking(self) -> set[str]:
        return {one.key for one in customers(self.shop.state, self.definitions, Outcome())}


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(1, PEOPLE), st.sampled_from([WANTED, "analytics"]), st.booleans()), max_size=12))
def test_only_people_who_allow_the_purpose_are_compared(said: list[tuple[int, str, bool]]) -> None:
    shop = _Customers(WANTED)
    for number in range(1, PEOPLE + 1):
        shop.tells(number)
    last: dict[int, bool] = {}
    for place, (number, purpose, yes) in enumerate(said):
        shop.says(number, 2 + place / 10, **{purpose: yes})
        if purpose == WANTED:
            last[number] = yes
    allowed = {f"crm_id:c{number}" for number, yes in last.items() if yes}
    outcome = Outcome()
    assert {one.key for one in customers(shop.shop.state, shop.definitions, outcome)} == allowed
    assert outcome.without_consent == PEOPLE - len(allowed)


def test_pairs_are_found_among_those_who_allow_it_alone() -> None:
    shop = _Customers(WANTED)
    rows, doubles = file(60, 8)
    silent = {max(pair) for pair in sorted(doubles)[::2]}
    for number, row in enumerate(rows):
        shop.tells(number, row)
        if number not in silent:
            shop.says(number, 2, **{WANTED: True})
    found = run(shop.shop.state, shop.definitions, threads=1)
    assert (found.customers, found.without_consent) == (len(rows) - 4, 4)
    linked = {frozenset((str(one["a"]), str(one["b"]))) for one in found.links}
    assert linked == {frozenset(f"crm_id:c{n}" for n in pair) for pair in doubles if not silent & {*pair}}
    assert not {f"crm_id:c{n}" for n in silent} & {key for one in found.proposals for key in (one.a, one.b)}


def test_a_consent_that_lapsed_ends_the_part_in_it() -> None:
    shop = _Customers(WANTED)
    shop.tells(1)
    shop.says(1, 2, **{WANTED: True})
    shop.passes(20)
    assert shop.partaking() == {"crm_id:c1"}
    shop.passes(33)
    assert shop.partaking() == set()


@pytest.mark.parametrize(
    ("purpose", "compared"),
    [
        (CONTRACT, {"crm", "regent"}),
        (WANTED, {"crm", "regent"}),
        ("partners:acme", {"crm", "regent", "acme"}),
        ("brand_alpina", {"crm", "regent", "alpina"}),
    ],
)
def test_what_rests_on_a_consent_of_its_own_is_compared_for_that_alone(purpose: str, compared: set[str]) -> None:
    shop = _Customers(purpose)
    sources = ("crm", "regent", "acme", "alpina")
    asked = {WANTED: True, "partners": True, "partners:acme": True, "brand_alpina": True}
    for number, source in enumerate(sources):
        shop.says(number, 0.5, **asked)
        shop.tells(number, source=source)
    assert shop.partaking() == {f"crm_id:c{sources.index(source)}" for source in compared}


def test_staff_cannot_make_one_of_two_people_once_one_of_them_has_withdrawn() -> None:
    shop = _Customers(WANTED)
    for number in (1, 2):
        shop.tells(number)
        shop.says(number, 2, **{WANTED: True})
    pair = {"a": "crm_id:c1", "b": "crm_id:c2"}
    shop.commands("propose", proposals=[{**pair, "score": 0.9, "prior": -9.0, "reasons": []}])
    shop.says(2, 3, **{WANTED: False})
    assert "crm_id:c2 does not allow 'personalisation'" in shop.commands("review", **pair, answer="accept")["error"]
    shop.says(2, 4, **{WANTED: True})
    assert shop.commands("review", **pair, answer="accept")["status"] == "accepted"
