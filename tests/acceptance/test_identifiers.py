"""Each type of identifier through the front door: how it is read, how many one person has, what identifies nobody."""

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest

from regulars.cli._main import run
from regulars.testing import Product
from tests.acceptance.shop import SERVER_KEY, make_shop

pytestmark = pytest.mark.acceptance
RULES = """
    [types.email]
    limit = 2
    blocked = ["test@*"]

    [types.loyalty_card]
    limit = 2
    normalise = "digits"
    blocked = ["2900000000017"]

    [types.order_id]
    property = "order_id"
    """


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    root = tmp_path_factory.mktemp("identifiers")
    folder = make_shop(root / "shop")
    rules = "\n".join(line.strip() for line in RULES.splitlines())
    (folder / "identity.toml").write_text(rules, encoding="utf-8")
    with Product(folder, root / "data") as started:
        started.http.auth = (SERVER_KEY, "")
        yield started


def tell(shop: Product, message: str, *, user: str = "", device: str = "", **named: object) -> None:
    """One event that names these; e-mail and telephone as traits, the others as external ids."""
    traits = {kind: named.pop(kind) for kind in ("email", "phone") if kind in named}
    properties = {"order_id": named.pop("order")} if "order" in named else {}
    event: dict[str, Any] = {"messageId": message, "traits": traits, "type": "identify"}
    if properties:
        event |= {"type": "track", "event": "Order Completed", "properties": {**properties, "total": 5}}
    event |= {key: value for key, value in (("userId", user), ("anonymousId", device)) if value}
    event["context"] = {"externalIds": [{"type": kind, "id": value} for kind, value in named.items()], "traits": traits}
    answer = shop.http.post("/v1/batch", json={"batch": [event]})
    assert answer.status_code == 200, answer.text


def who(shop: Product, identifier: str) -> str:
    """The profile that is known so; empty: nobody."""
    shop.wait_folded(seconds=30)
    answer = shop.http.get(f"/v1/profiles/{identifier}/identity")
    assert answer.status_code in (200, 404), answer.text
    return str(answer.json()["profile"]) if answer.status_code == 200 else ""


def test_every_type_leads_to_the_customer_in_any_spelling(shop: Product) -> None:
    hashed = hashlib.sha256(b"every@shop.example").hexdigest()
    tell(shop, "t1", user="every", device="every-browser", email=" Every@Shop.example")
    tell(shop, "t2", user="every", phone="0170 / 765 43 21", loyalty_card="77-00 1")
    tell(shop, "t3", user="every", device_token="every-app", beacon_device="every-beacon")
    tell(shop, "t4", user="every", order="EVERY-1")
    expected = who(shop, "user_id:every")
    assert expected
    for identifier in (
        "anonymous_id:every-browser",
        "email:EVERY@shop.example",
        f"email_sha256:{hashed.upper()}",
        "phone:0049 170 7654321",
        "phone:0170 7654321",
        "phone:491707654321",
        "loyalty_card:77001",
        "loyalty_card:7\u0667001",  # an Arabic seven
        "device_token:every-app",
        "beacon_device:every-beacon",
        "order_id:EVERY-1",
    ):
        assert who(shop, identifier) == expected, identifier


def test_two_logins_are_two_people_whatever_they_share(shop: Product) -> None:
    for user in ("one", "two"):
        tell(shop, f"u-{user}", user=user, email="shared@shop.example", phone="0171 1111222", loyalty_card="4242")
    assert who(shop, "user_id:one") != who(shop, "user_id:two")
    told = shop.http.get("/v1/profiles/user_id:two/identity", params={"language": "de"}).json()
    assert {one["reason"] for one in told["refused"]} == {"conflict"}


def test_a_person_has_as_many_of_a_type_as_the_rules_say(shop: Product) -> None:
    for number in range(3):
        tell(shop, f"l{number}", user="many", email=f"many{number}@shop.example")
    own = who(shop, "user_id:many")
    assert [who(shop, f"email:many{number}@shop.example") == own for number in range(3)] == [True, True, False]
    told = shop.http.get("/v1/profiles/user_id:many/identity").json()
    assert [one["reason"] for one in told["refused"]] == ["limit"]


def test_what_identifies_nobody_joins_nobody(shop: Product) -> None:
    nobody = {
        "email": ["test@anything.example", "keine", "n/a", "a b@shop.example", "p\u0430ul@shop.example"],
        "phone": ["0000000", "1111111111", "110", "017O 1234567", "030 123456 ext. 7"],
        "loyalty_card": ["2900000000017", "29-000000-00017", "000000", "null", "7" * 300, "keine"],
        "order_id": ["undefined", "a\u202eb"],
    }
    count = 0
    for kind, values in nobody.items():
        for value in values:
            for side in ("left", "right"):
                count += 1
                tell(shop, f"n{count}", **{"crm": side, kind: value, "device_token": f"{side}{count}"})
                if kind in ("email", "phone"):
                    tell(shop, f"n{count}b", user=f"{side}-{kind}-{count}", **{kind: value})
            assert who(shop, f"{kind}:{value}") == "", (kind, value)


def test_an_identifier_as_long_as_a_request_costs_nothing_and_is_not_repeated(shop: Product) -> None:
    """Neither where it comes with an event nor where a command names it; the event counts for who else is named."""
    assert shop.http.post("/v1/identify", json={"userId": "x" * 1_000_000}).status_code == 413
    huge = "x" * 5_000
    tell(shop, "huge", user="beside-huge", email=f"{huge}@shop.example", loyalty_card="7" * 5_000, crm=huge)
    assert who(shop, "user_id:beside-huge")
    told = shop.http.get("/v1/profiles/user_id:beside-huge").json()
    assert told["identifiers"] == ["user_id:beside-huge"]
    huge = "x" * 200_000
    for path, body in (
        ("/v1/privacy/erase", {"identifier": f"user_id:{huge}", "reason": "x"}),
        ("/v1/privacy/unlink", {"a": f"user_id:{huge}", "b": f"email:{huge}", "reason": "x"}),
        ("/v1/privacy/split", {"profile": f"user_id:{huge}", "keys": [huge], "reason": "x"}),
        ("/v1/privacy/links", {"action": "me", "identifier": f"user_id:{huge}"}),
    ):
        answer = shop.http.post(path, json=body)
        assert (answer.status_code, len(answer.content) < 2_000) == (422, True), (path, len(answer.content))


def test_a_household_stands_above_its_people(shop: Product) -> None:
    for user in ("mother", "child"):
        tell(shop, f"h-{user}", user=user, household="H-9")
    assert who(shop, "user_id:mother") != who(shop, "user_id:child")
    (house,) = shop.http.get("/v1/profiles/user_id:child").json()["households"]
    assert {one["member"] for one in house["members"]} == {"user_id:mother", "user_id:child"}


def test_a_confirmation_link_and_a_search_know_the_shops_own_spelling(
    shop: Product, capsys: pytest.CaptureFixture[str]
) -> None:
    tell(shop, "c1", user="caller", phone="+49 171 5550123")
    own = who(shop, "user_id:caller")
    body = {"action": "confirm_identifier", "identifier": "phone:0171 5550123", "anonymous_id": "callers-browser"}
    link = shop.http.post("/v1/privacy/links", json=body)
    assert link.status_code == 200, link.text
    page = shop.http.post(f"/confirm/{link.json()['token']}")
    assert page.status_code in (200, 303), page.text
    assert who(shop, "anonymous_id:callers-browser") == own
    where = [str(shop.shop), "--data", str(shop.data)]
    assert run(["erase", *where, "--verify", "phone:0171 5550123"]) == 1
    assert "found: 0" not in capsys.readouterr().out


def test_what_was_stored_in_another_spelling_stays_within_reach(shop: Product) -> None:
    """A value that the rules block by now, or spell otherwise, is found as it was stored, and can be erased."""
    tell(shop, "s1", user="spelt", loyalty_card="5550001")
    assert who(shop, "loyalty_card:5550001") == who(shop, "user_id:spelt") != ""
    rules = (shop.shop / "identity.toml").read_text(encoding="utf-8")
    edited = rules.replace('"2900000000017"', '"2900000000017", "5550001"')
    (shop.shop / "identity.toml").write_text(edited, encoding="utf-8")
    assert run(["identity", "apply", str(shop.shop), "--data", str(shop.data)]) == 0
    own = who(shop, "user_id:spelt")
    assert who(shop, "loyalty_card:5550001") not in ("", own)
    answer = shop.http.post("/v1/privacy/erase", json={"identifier": "loyalty_card:5550001", "reason": "the till's"})
    assert answer.is_success, answer.text
    assert who(shop, "loyalty_card:5550001") == ""
    assert who(shop, "user_id:spelt") == own


def test_two_spellings_of_a_card_become_one_value_when_the_rules_say_so(
    shop: Product, capsys: pytest.CaptureFixture[str]
) -> None:
    """`plan` says who would merge, `apply` does it, and each link is told in words that fit."""
    for user, card in (("left", "AB-1"), ("right", "ab-1")):
        tell(shop, f"w-{user}", membership=card, email=f"{user}@shop.example")
    edit(shop, '[types.membership]\nkind = "person"\n')
    for user, card in (("left", "AB-1"), ("right", "ab-1")):
        tell(shop, f"v-{user}", membership=card, email=f"{user}@shop.example")
        tell(shop, f"o-{user}", membership=card, order=f"W-{user}")
    assert len({who(shop, f"membership:{card}") for card in ("AB-1", "ab-1")}) == 2
    where = [str(shop.shop), "--data", str(shop.data)]
    edit(shop, '[types.membership]\nkind = "person"\nnormalise = "lower"\nunique = true\n', apply=False)
    assert run(["identity", "plan", *where, "--show"]) == 0
    planned = capsys.readouterr().out
    assert "merged: 1, split: 0" in planned
    assert "as before" not in planned
    assert run(["identity", "apply", *where]) == 0
    (both,) = {who(shop, one) for one in ("membership:AB-1", "membership:ab-1", "email:left@shop.example")}
    assert both == who(shop, "email:right@shop.example")
    assert shop.http.get("/v1/profiles/membership:aB-1").json()["traits"]["orders"] == 2
    german = shop.http.get("/v1/profiles/membership:AB-1/identity", params={"language": "de"}).json()
    assert ["ein Wert in zwei Schreibweisen" in one["text"] for one in german["links"]].count(True) == 1
    pair = {"a": "membership:AB-1", "b": "membership:ab-1", "reason": "x"}
    answer = shop.http.post("/v1/privacy/unlink", json=pair)
    assert answer.status_code == 422, answer.text
    tell(shop, "later", membership="Ab-1", order="W-3")
    assert who(shop, "order_id:W-3") == both
    assert run(["identity", "plan", *where]) == 0
    assert "merged: 0, split: 0" in capsys.readouterr().out


def edit(shop: Product, table: str, *, apply: bool = True) -> None:
    """Put a type at the end of identity.toml, in the place of what this said before."""
    path = shop.shop / "identity.toml"
    rules = path.read_text(encoding="utf-8").partition("[types.membership]")[0]
    path.write_text(f"{rules}\n{table}", encoding="utf-8")
    if apply:
        assert run(["identity", "apply", str(shop.shop), "--data", str(shop.data)]) == 0
