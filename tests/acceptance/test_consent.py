"""Consent through the front door: words for a banner, a yes, its proof, and a no that holds when it is answered."""

from typing import Any

import pytest

from regulars.testing import Product
from tests.acceptance.shop import SERVER_KEY, WRITE_KEY

pytestmark = pytest.mark.acceptance
SERVER = (SERVER_KEY, "")
BROWSER = (WRITE_KEY, "")


def consents(product: Product, identifier: str) -> dict[str, Any]:
    answer = product.http.get(f"/v1/privacy/consent/{identifier}", auth=SERVER)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_banner_gets_its_words_without_a_key_and_nothing_is_preselected(product: Product) -> None:
    answer = product.http.get("/v1/consent/texts", params={"language": "de"})
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "*"
    body = answer.json()
    assert body["language"] == "de"
    (analytics,) = [one for one in body["purposes"] if one["id"] == "analytics"]
    assert analytics["title"] == "Understanding our shop"
    assert analytics["version"].startswith("text-")
    assert (analytics["answers"], analytics["preselected"]) == ([True, False], None)


def test_what_was_said_is_kept_with_its_proof_and_a_withdrawal_holds_when_it_is_answered(product: Product) -> None:
    said = {"purposes": {"analytics": True}, "method": "banner", "text_version": "7"}
    event = {"type": "track", "event": "Consent Updated", "userId": "proof", "messageId": "proof-1", "properties": said}
    product.http.post("/v1/track", json=event, auth=SERVER)
    product.wait_folded(seconds=30)
    (now,) = [one for one in consents(product, "user_id:proof")["now"] if one["purpose"] == "analytics"]
    assert (now["state"], now["allowed"]) == ("granted", True)
    withdrawn = {
        "identifier": "user_id:proof", "purpose": "analytics", "granted": False, "reason": "by letter",
        "method": "letter", "proof": "letter-9",
    }  # fmt: skip
    assert product.http.post("/v1/privacy/consent", json=withdrawn, auth=SERVER).status_code == 200
    found = consents(product, "user_id:proof")
    assert found["now"][0]["state"] == "refused"
    last, first = found["history"]
    assert (first["granted"], first["evidence"]["method"], first["evidence"]["text_version"]) == (True, "banner", "7")
    assert (last["granted"], last["evidence"]["proof"], last["evidence"]["by"]) == (False, "letter-9", "till")
    assert "127.0.0.1" not in str(found)


def test_a_public_key_reads_nobodys_consent(product: Product) -> None:
    assert product.http.get("/v1/privacy/consent/user_id:proof", auth=BROWSER).status_code == 403
    assert product.http.get("/v1/privacy/consent/user_id:proof").status_code == 401
