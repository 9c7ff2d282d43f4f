"""Why somebody is one person, and taking them apart, through HTTP and the command line."""

from typing import Any

import msgspec
import pytest

from regulars.cli._main import run
from regulars.testing import Product
from tests.acceptance.shop import SERVER_KEY

pytestmark = pytest.mark.acceptance
SERVER = (SERVER_KEY, "")


def identify(product: Product, user: str, mail: str, message: str) -> None:
    event = {"type": "identify", "userId": user, "messageId": message, "traits": {"email": mail}}
    assert product.http.post("/v1/identify", json=event, auth=SERVER).is_success
    product.wait_folded(seconds=30)


def told(product: Product, identifier: str, language: str = "en") -> dict[str, Any]:
    answer = product.http.get(f"/v1/profiles/{identifier}/identity", params={"language": language}, auth=SERVER)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_link_is_explained_taken_back_and_explained_again(
    product: Product, capsys: pytest.CaptureFixture[str]
) -> None:
    identify(product, "whois-1", "whois@example.org", "whois-m1")
    found = told(product, "user_id:whois-1")
    (link,) = [one for one in found["links"] if one["b"] == "user_id:whois-1" or one["a"] == "user_id:whois-1"]
    assert (link["status"], link["source"], link["event"]) == ("joined", "till", "Identify")
    assert link["text"].startswith("email:whois@example.org and user_id:whois-1 were named together: “Identify” from")
    shop, data = str(product.shop), str(product.data)
    arguments = [shop, "user_id:whois-1", "email:whois@example.org", "--reason", "a typing error", "--data", data]
    assert run(["identity", "split", *arguments]) == 0
    assert run(["identity", "explain", shop, "user_id:whois-1", "--json", "--data", data]) == 0
    printed = capsys.readouterr().out
    by_cli = msgspec.json.decode(printed[printed.index("{") :])
    (gone,) = by_cli["withdrawn"]
    assert "a typing error" in gone["text"]
    assert (gone["withdrawal"]["by"], gone["withdrawal"]["reason"]) == ("operator", "a typing error")
    german = told(product, "email:whois@example.org", "de")
    assert german["profile"] != by_cli["profile"]
    assert "sind nicht mehr verbunden" in german["withdrawn"][0]["text"]
    pair = ["email:whois@example.org", "user_id:whois-1"]
    assert run(["identity", "relink", shop, *pair, "--reason", "it was none", "--data", data]) == 0
    again = told(product, "user_id:whois-1", "de")
    assert (again["profile"], again["withdrawn"]) == (found["profile"], [])
    assert "ließ sie am" in next(one["text"] for one in again["links"] if one["restored"])
    assert run(["identity", "relink", shop, *pair, "--reason", "twice", "--data", data]) == 2
    assert "was taken back" in capsys.readouterr().err


def test_what_is_no_profile_and_no_part_of_it_is_refused(product: Product, capsys: pytest.CaptureFixture[str]) -> None:
    identify(product, "whois-2", "whois2@example.org", "whois-m2")
    for body, said in (
        ({"profile": "user_id:nobody-here", "keys": ["user_id:whois-2"], "reason": "x"}, "nobody is known"),
        ({"profile": "p_" + "_" * 40, "keys": ["user_id:whois-2"], "reason": "x"}, "nobody is known"),
        ({"profile": "user_id:whois-2", "keys": ["user_id:stranger"], "reason": "x"}, "does not belong"),
        ({"profile": "user_id:whois-2", "keys": ["user_id:whois-2"], "reason": " "}, "say why"),
        ({"profile": "user_id:whois-2", "keys": [], "reason": "x"}, "name 1 to"),
    ):
        answer = product.http.post("/v1/privacy/split", json=body, auth=(SERVER_KEY, ""))
        assert (answer.status_code, said in answer.json()["detail"]) == (422, True), answer.text
    assert run(["identity", "explain", str(product.shop), "user_id:no", "--data", str(product.data)]) == 2
    assert "nobody is known" in capsys.readouterr().err


def test_a_household_is_told_and_tells_nothing_of_its_members_to_one_another(product: Product) -> None:
    for user, name in (("house-1", "Anselma"), ("house-2", "Benedetta")):
        event: dict[str, Any] = {"type": "identify", "userId": user, "messageId": f"{user}-m"}
        event |= {"anonymousId": f"{user}-phone"}
        event |= {"traits": {"firstName": name, "email": f"{name}@example.org"}}
        event |= {"context": {"externalIds": [{"type": "household", "id": "H77"}]}}
        assert product.http.post("/v1/identify", json=event, auth=SERVER).is_success
    product.wait_folded(seconds=30)
    answer = product.http.get("/v1/profiles/user_id:house-1", auth=SERVER)
    (house,) = answer.json()["households"]
    assert (house["group"], house["event"], house["source"]) == ("household:H77", "Identify", "till")
    assert {one["member"] for one in house["members"]} == {"user_id:house-1", "user_id:house-2"}
    assert "benedetta" not in answer.text.lower()
    body = {"action": "me", "identifier": "user_id:house-1", "hours": 1}
    token = product.http.post("/v1/privacy/links", json=body, auth=SERVER).json()["token"]
    told_to_customer = [product.http.get(f"/me/{token}{path}") for path in ("", "/data.json")]
    access = product.http.get("/v1/privacy/access/user_id:house-1", auth=SERVER)
    for said in (*told_to_customer, access):
        assert said.status_code == 200, said.text
        assert "anselma" in said.text.lower()
        assert "benedetta" not in said.text.lower()
        assert "house-2" not in said.text


def test_changed_rules_are_planned_and_applied_while_the_shop_is_open(
    product: Product, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in (1, 2):
        identify(product, "whois-3", f"whois3-{number}@example.org", f"whois-m3-{number}")
    before = (product.shop / "identity.toml").read_text(encoding="utf-8") if _has_rules(product) else None
    shop, data = str(product.shop), str(product.data)
    try:
        (product.shop / "identity.toml").write_text((before or "") + "\n[types.email]\nlimit = 1\n", encoding="utf-8")
        assert run(["identity", "plan", shop, "--json", "--data", data]) == 0
        printed = capsys.readouterr().out
        planned = msgspec.json.decode(printed[printed.index("{") :])
        assert planned["split"] >= 1
        assert planned["stays"] == []
        assert run(["identity", "apply", shop, "--data", data]) == 0
        assert "identifiers settled by the edited rules" in capsys.readouterr().out
        assert len({told(product, f"email:whois3-{n}@example.org")["profile"] for n in (1, 2)}) == 2
    finally:
        if before is None:
            (product.shop / "identity.toml").unlink()
        else:
            (product.shop / "identity.toml").write_text(before, encoding="utf-8")
        capsys.readouterr()
        assert run(["identity", "apply", shop, "--data", data]) == 0
        said = capsys.readouterr().out
    assert "as before: two identifiers that were named together when both told nothing stay apart" in said
    assert said.count("as before") == 1
    assert len({told(product, f"email:whois3-{n}@example.org")["profile"] for n in (1, 2)}) == 1


def _has_rules(product: Product) -> bool:
    return (product.shop / "identity.toml").exists()
