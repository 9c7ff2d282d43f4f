"""Rights of a customer over HTTP: what is wrong is put right, and who does not want to be profiled is not."""

from typing import Any

import pytest
from click.testing import CliRunner

from regulars.cli._main import program
from regulars.testing import Product
from tests.acceptance.shop import LIMITED_KEY, SERVER_KEY, WRITE_KEY
from tests.acceptance.test_access import asked, tell

pytestmark = pytest.mark.acceptance
SERVER = (SERVER_KEY, "")


def profile(product: Product, name: str) -> dict[str, Any]:
    found: dict[str, Any] = product.http.get(f"/v1/profiles/{name}", auth=SERVER).json()
    return found


def test_a_correction_wins_over_what_was_told_before_and_stays_as_evidence(product: Product) -> None:
    tell(product, {"type": "identify", "userId": "cora", "messageId": "1", "traits": {"city": "Bonn", "zip": "1"}})
    body = {"identifier": "user_id:cora", "facts": {"city": "Bern", "zip": None}, "reason": "she wrote a letter"}
    answer = product.http.post("/v1/privacy/rectify", json=body, auth=SERVER)
    assert answer.status_code == 200, answer.text
    assert answer.json()["result"]["facts"] == {"city": "Bern"}
    late = {"type": "identify", "userId": "cora", "messageId": "2", "timestamp": "2020-01-01T00:00:00Z"}
    tell(product, {**late, "traits": {"city": "Basel", "zip": "2"}})
    assert profile(product, "user_id:cora")["facts"] == {"city": "Bern"}
    (event,) = [one for one in asked(product, "user_id:cora")["events"] if one["name"] == "Fact Corrected"]
    assert (event["properties"]["by"], event["properties"]["reason"]) == ("till", "she wrote a letter")


def test_a_restricted_customer_keeps_account_and_orders_and_is_in_no_segment(product: Product) -> None:
    order = {"type": "track", "event": "Order Completed", "userId": "rex"}
    orders = [
        {**order, "messageId": f"r{n}", "properties": {"order_id": f"rex-{n}", "total": 5, "currency": "EUR"}}
        for n in range(2)
    ]
    tell(product, *orders)
    assert profile(product, "user_id:rex")["segments"] == ["regulars"]
    body = {"identifier": "user_id:rex", "restricted": True, "reason": "asked on the phone"}
    answer = product.http.post("/v1/privacy/restrict", json=body, auth=SERVER)
    assert answer.status_code == 200, answer.text
    tell(product, {**orders[0], "messageId": "r9", "properties": {"order_id": "rex-9", "total": 5, "currency": "EUR"}})
    found = profile(product, "user_id:rex")
    assert (found["restricted"], found["segments"], found["consent"], found["traits"]["orders"]) == (True, [], {}, 3)
    lifted = product.http.post("/v1/privacy/restrict", json={**body, "restricted": False}, auth=SERVER)
    assert lifted.status_code == 200
    assert profile(product, "user_id:rex")["segments"] == ["regulars"]
    said = asked(product, "user_id:rex")["consent_history"]
    assert [(one["granted"], one["evidence"]["reason"]) for one in said] == [
        (True, "asked on the phone"), (False, "asked on the phone"),
    ]  # fmt: skip


@pytest.mark.parametrize("body", [
    {"identifier": "user_id:nobody-knows", "facts": {"a": 1}, "reason": "x"},
    {"identifier": "user_id:cora", "facts": {}, "reason": "x"},
    {"identifier": "user_id:cora", "facts": {"pref.channel": "email"}, "reason": "x"},
    {"identifier": "user_id:cora", "facts": {"a": "b"}, "reason": " "},
])  # fmt: skip
def test_what_cannot_be_corrected_is_refused(product: Product, body: dict[str, Any]) -> None:
    answer = product.http.post("/v1/privacy/rectify", json=body, auth=SERVER)
    assert answer.status_code in (400, 404)
    assert answer.json()["field"]


def test_a_sensitive_fact_is_refused_and_what_others_told_of_it_is_said_to_be_left_out(product: Product) -> None:
    secret = {"religion": "kept-nowhere", "healthScore": 8}
    tell(product, {"type": "identify", "userId": "rita", "messageId": "q1", "traits": {"city": "Bern", **secret}})
    for name in ("religion", "schwangerschaftsWoche", "healthScore"):
        body = {"identifier": "user_id:rita", "facts": {"city": "Ulm", name: "kept-nowhere"}, "reason": "asked for it"}
        answer = product.http.post("/v1/privacy/rectify", json=body, auth=SERVER)
        assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
        problem = answer.json()
        assert (problem["field"], problem["got"]) == (f"facts.{name}", name)
        assert "is not kept" in problem["detail"]
        assert "kept-nowhere" not in answer.text
    product.wait_folded(seconds=30)
    assert profile(product, "user_id:rita")["facts"] == {"city": "Bern"}
    assert [one["name"] for one in asked(product, "user_id:rita")["events"]] == ["Identify"]
    told = product.http.get("/v1/profiles/user_id:rita/origins", auth=SERVER)
    left = {one["name"]: (one["why"], one["events"], one["sources"]) for one in told.json()["facts_left_out"]}
    assert left == {"religion": ("faith", 1, ["till"]), "healthScore": ("health", 1, ["till"])}
    assert "kept-nowhere" not in told.text
    command = ["explain", str(product.shop), "user_id:rita", "--data", str(product.data)]
    said = CliRunner().invoke(program, command).output
    assert "religion is not kept: its name tells of faith" in said
    assert "kept-nowhere" not in said


def test_a_fact_that_a_full_profile_would_not_keep_is_refused(product: Product) -> None:
    tell(product, {"type": "identify", "userId": "fay", "messageId": "f1",
                   "traits": {f"fact_{at:02}": at for at in range(40)}})  # fmt: skip
    body = {"identifier": "user_id:fay", "facts": {"zzz": "x"}, "reason": "asked for it"}
    answer = product.http.post("/v1/privacy/rectify", json=body, auth=SERVER)
    assert answer.status_code == 400
    assert "keeps 40 facts" in answer.json()["detail"]
    body["facts"] = {"fact_07": 700}
    assert product.http.post("/v1/privacy/rectify", json=body, auth=SERVER).json()["result"]["facts"]["fact_07"] == 700


def test_a_value_of_the_wrong_type_is_named_with_its_field(product: Product) -> None:
    body = {"identifier": "user_id:cora", "restricted": "yes", "reason": "x"}
    problem = product.http.post("/v1/privacy/restrict", json=body, auth=SERVER).json()
    assert (problem["status"], problem["field"], problem["expected"], problem["got"]) == (
        400, "restricted", "bool", "str",
    )  # fmt: skip
    unknown = product.http.post("/v1/privacy/restrict", json={**body, "purposes": []}, auth=SERVER).json()
    assert unknown["field"] in ("purposes", "restricted")


def test_public_and_limited_keys_change_nothing(product: Product) -> None:
    for key in (WRITE_KEY, LIMITED_KEY):
        for path, more in (("restrict", {"restricted": True}), ("rectify", {"facts": {"a": 1}})):
            body = {"identifier": "user_id:cora", "reason": "x", **more}
            assert product.http.post(f"/v1/privacy/{path}", json=body, auth=(key, "")).status_code == 403


def test_a_browser_corrects_nobody_but_itself(product: Product) -> None:
    tell(product, {"type": "identify", "userId": "vera", "messageId": "v1", "traits": {"city": "Bern"}})
    forged = {
        "type": "track", "event": "Fact Corrected", "anonymousId": "thief", "userId": "vera", "messageId": "v2",
        "properties": {"facts": {"city": "Hacked"}},
    }  # fmt: skip
    tell(product, forged, auth=(WRITE_KEY, ""))
    assert profile(product, "user_id:vera")["facts"] == {"city": "Bern"}


def test_preferences_come_from_customers_and_staff_and_are_told_as_declared(product: Product) -> None:
    wish = {"type": "track", "event": "Preference Declared", "userId": "pia", "messageId": "w1"}
    tell(product, {**wish, "properties": {"preferences": {"channel": "email", "not_again": ["p9"]}}})
    body = {"identifier": "user_id:pia", "preferences": {"frequency": "monthly"}, "reason": "at the till"}
    answer = product.http.post("/v1/privacy/preferences", json=body, auth=SERVER)
    assert answer.status_code == 200, answer.text
    found = profile(product, "user_id:pia")
    assert found["preferences"] == {"channel": "email", "not_again": ["p9"], "frequency": "monthly"}
    assert found["facts"] == {}
    told = {one["preference"]: one["origin"] for one in asked(product, "user_id:pia")["preferences"]}
    assert told == {"channel": "customer", "not_again": "customer", "frequency": "staff"}
    wrong = product.http.post("/v1/privacy/preferences", json={**body, "preferences": {"frequency": "x"}}, auth=SERVER)
    assert (wrong.status_code, wrong.json()["field"]) == (400, "frequency")
    typo = {"identifier": "user_id:pia", "preferences": {"chanel": "email"}, "reason": "at the till"}
    assert "did you mean 'channel'?" in product.http.post("/v1/privacy/preferences", json=typo, auth=SERVER).text


def test_a_declaration_that_the_shop_cannot_keep_fails_at_the_door_and_changes_nothing(product: Product) -> None:
    wish = {"type": "track", "event": "Preference Declared", "userId": "pius", "messageId": "x1"}
    tell(product, {**wish, "properties": {"preferences": {"channel": "email"}}})
    body = {**wish, "messageId": "x2", "properties": {"preferences": {"channel": "carrier pigeon"}}}
    answer = product.http.post("/v1/track?strict=1", json=body, auth=SERVER)
    assert answer.status_code == 422, answer.text
    assert "properties.preferences.channel" in answer.text
    tell(product, {**body, "messageId": "x3"})
    assert profile(product, "user_id:pius")["preferences"] == {"channel": "email"}


def test_declared_interests_stand_beside_inferred_ones(product: Product) -> None:
    wish = {"type": "track", "event": "Preference Declared", "userId": "polly", "messageId": "y1"}
    tell(product, {**wish, "properties": {"preferences": {"topics": ["Tea"], "not_again": ["category:Bikes"]}}})
    told = {one["key"]: (one["strength"], one["origin"]) for one in profile(product, "user_id:polly")["interests"]}
    assert told == {"Tea": (1.0, "declared")}
