"""The customer's own page: open to the holder of the link, closed to everybody else, and safe to look at."""

import re
from typing import Any

import pytest

from regulars.testing import Product
from tests.acceptance.shop import SERVER_KEY
from tests.acceptance.test_access import tell
from tests.acceptance.test_rights import profile

pytestmark = pytest.mark.acceptance
SERVER = (SERVER_KEY, "")


def link(product: Product, user: str, action: str = "me", **more: Any) -> str:
    tell(product, {"type": "identify", "userId": user, "messageId": f"{user}-{action}", "traits": {"name": user}})
    body = {"action": action, "identifier": f"user_id:{user}", "hours": 1, **more}
    answer = product.http.post("/v1/privacy/links", json=body, auth=SERVER)
    assert answer.status_code == 200, answer.text
    token: str = answer.json()["token"]
    return token


def page(product: Product, token: str, language: str = "en") -> str:
    answer = product.http.get(f"/me/{token}", params={"language": language})
    assert answer.status_code == 200, answer.text
    assert (answer.headers["cache-control"], answer.headers["referrer-policy"]) == ("no-store", "same-origin")
    return answer.text


def csrf(text: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', text)
    assert found
    return found[1]


def test_a_customer_reads_changes_and_takes_away(product: Product) -> None:
    token = link(product, "mia")
    text = page(product, token)
    assert "Your data with us" in text
    german = page(product, token, "de")
    assert "Ihre Daten bei uns" in german
    assert "<dt>Name</dt>" in german
    assert "Angaben zur Person" in german
    form = {"csrf": csrf(text), "do": "consent", "purpose": "analytics", "granted": "yes"}
    assert product.http.post(f"/me/{token}", data=form).status_code == 303
    assert "analytics" in profile(product, "user_id:mia")["consent"]
    form = {"csrf": csrf(text), "do": "wishes", "wish-channel": "email", "wish-topics": "Tea, Bikes"}
    assert product.http.post(f"/me/{token}", data=form).status_code == 303
    assert profile(product, "user_id:mia")["preferences"] == {"channel": "email", "topics": ["Bikes", "Tea"]}
    form = {"csrf": csrf(text), "do": "profile", "restricted": "yes"}
    assert product.http.post(f"/me/{token}", data=form).status_code == 303
    assert profile(product, "user_id:mia")["restricted"] is True
    taken = product.http.get(f"/me/{token}/data.json")
    assert taken.json()["about"]["restricted"] is True
    assert "attachment" in taken.headers["content-disposition"]


def test_looking_changes_nothing_and_a_form_needs_the_token_of_its_own_link(product: Product) -> None:
    mine, theirs = link(product, "nina"), link(product, "otto")
    text = page(product, mine)
    product.http.get(f"/me/{mine}", params={"do": "profile", "restricted": "yes", "csrf": csrf(text)})
    for sent in ("", "x", csrf(page(product, theirs))):
        form = {"csrf": sent, "do": "profile", "restricted": "yes"}
        assert product.http.post(f"/me/{mine}", data=form).status_code == 403
    foreign = product.http.post(
        f"/me/{mine}", data={"csrf": csrf(text), "do": "profile", "restricted": "yes"},
        headers={"origin": "https://evil.example"},
    )  # fmt: skip
    assert foreign.status_code == 403
    product.wait_folded(seconds=30)
    assert profile(product, "user_id:nina")["restricted"] is False


def test_tampered_foreign_and_other_links_open_nothing(product: Product) -> None:
    token = link(product, "petra")
    body, _, signature = token.partition(".")
    other = link(product, "quinn", "consent", purposes=["analytics"])
    for bad in (body, f"{body}x.{signature}", f"{body}.{signature[:-2]}aa", "x", other):
        assert product.http.get(f"/me/{bad}").status_code == 404
        assert product.http.get(f"/me/{bad}/data.json").status_code == 404
        assert product.http.post(f"/me/{bad}", data={"do": "profile"}).status_code == 404
    assert product.http.post(f"/confirm/{token}").status_code == 404


def test_what_a_customer_wrote_is_text(product: Product) -> None:
    token = link(product, "rosa")
    hostile = '"><script>alert(1)</script>'
    tell(product, {"type": "identify", "userId": "rosa", "messageId": "h1", "traits": {"city": hostile}})
    tell(product, {"type": "track", "event": "Preference Declared", "userId": "rosa", "messageId": "h2",
                   "properties": {"preferences": {"topics": [hostile], "sizes": [hostile]}}})  # fmt: skip
    assert "<script" not in page(product, token)


@pytest.mark.parametrize(("language", "said"), [("de", "kann so nicht gespeichert werden"), ("en", "cannot be kept")])
def test_an_answer_that_is_none_is_refused_in_the_language_of_the_page(
    product: Product, language: str, said: str
) -> None:
    token = link(product, f"tess-{language}")
    sent = {"csrf": csrf(page(product, token, language)), "do": "wishes"}
    for wish in ({"wish-channel": "pigeon"}, {"wish-hours": "evenings"}, {"wish-topics": "diabetes"}):
        answer = product.http.post(f"/me/{token}", params={"language": language}, data=sent | wish)
        assert answer.status_code == 422
        assert said in answer.text
        assert "expected" not in answer.text
    assert profile(product, f"user_id:tess-{language}")["preferences"] == {}
