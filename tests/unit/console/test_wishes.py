"""Forms for wishes and rights: on the customer page for staff, on the own page for the customer."""

import re

import msgspec
import pytest

from regulars.console.wishes import number
from regulars.core.errors import Rejected
from regulars.core.state import ERASURE
from regulars.runtime.confirmations import OWN_PAGE, Confirmation, LinkSigner
from tests.unit.console.corner import NOW, Corner, token_in


def own_link(corner: Corner, *, expires: int = NOW + 3_600_000, identifier: str = "user_id:ana") -> str:
    link = Confirmation(action=OWN_PAGE, identifier=identifier, id="1", asked_at=NOW, expires=expires, by="test")
    return LinkSigner(corner.services.folder.secret()).sign(link)


def sure_in(text: str) -> str:
    found = re.search(r'name="sure" value="([^"]+)"', text)
    assert found
    return found[1]


def note(corner: Corner, who: str, **fields: str) -> tuple[int, str]:
    page = f"/console/customers/{corner.profile('user_id:ana')}"
    browser = corner.as_(who)
    answer = browser.post(f"{page}/noted", data={"csrf": token_in(browser.get("/console/account").text), **fields})
    return answer.status_code, answer.text


def test_staff_note_wishes_restrict_and_correct_with_a_reason_under_their_name(own_corner: Corner) -> None:
    said = {"wish-channel": "post", "wish-topics": "Tea, Bikes", "reason": "said at the till"}
    assert note(own_corner, "gil", do="wishes", **said)[0] == 303
    assert own_corner.customer("user_id:ana").preferences == {"channel": "post", "topics": ["Bikes", "Tea"]}
    assert note(own_corner, "gil", do="rectify", fact="city", value="Bern", reason="moved")[0] == 303
    assert own_corner.customer("user_id:ana").facts["city"] == "Bern"
    assert note(own_corner, "gil", do="rectify", fact="city", value="", reason="moved away")[0] == 303
    assert "city" not in own_corner.customer("user_id:ana").facts
    assert note(own_corner, "pia", do="restrict", restricted="yes", reason="wrote to us")[0] == 303
    assert own_corner.customer("user_id:ana").restricted
    profile = own_corner.profile("user_id:ana")
    looks = [(user, action) for user, action, subject in own_corner.looks() if subject == profile]
    assert {("gil", "note wishes"), ("gil", "correct a fact"), ("pia", "restrict")} <= set(looks)


@pytest.mark.parametrize(
    "fields",
    [
        {"do": "wishes", "wish-channel": "post"},
        {"do": "wishes", "wish-channel": "pigeon", "reason": "x"},
        {"do": "wishes", "wish-hours": "evenings", "reason": "x"},
        {"do": "restrict", "restricted": "maybe", "reason": "x"},
        {"do": "rectify", "fact": "pref.channel", "value": "post", "reason": "x"},
        {"do": "rectify", "fact": "city", "value": "Bern", "reason": " "},
        {"do": "rectify", "fact": "religion", "value": "none", "reason": "x"},
    ],
)
def test_a_form_without_reason_or_with_a_wrong_answer_changes_nothing(corner: Corner, fields: dict[str, str]) -> None:
    before = corner.customer("user_id:ana")
    status, text = note(corner, "gil", **fields)
    assert status == 422
    assert 'role="alert"' in text
    assert corner.customer("user_id:ana") == before


def test_nobody_agrees_to_words_that_changed_while_the_page_was_open(own_corner: Corner) -> None:
    path = f"/me/{own_link(own_corner)}"
    browser = own_corner.client()
    page = browser.get(path, params={"language": "en"}).text
    form = {"csrf": token_in(page), "do": "consent", "purpose": "analytics"}
    before = own_corner.customer("user_id:ana").consent
    answer = browser.post(path, data={**form, "granted": "yes", "text_version": "of-before"}, params={"language": "de"})
    assert "Text hat sich inzwischen geändert" in answer.text
    assert own_corner.customer("user_id:ana").consent == before
    version = re.search(r'value="analytics"><input type="hidden" name="text_version" value="([^"]+)"', page)
    assert version
    assert browser.post(path, data={**form, "granted": "yes", "text_version": version[1]}).status_code == 303
    assert "analytics" in own_corner.customer("user_id:ana").consent
    # A no needs no words: it counts whatever was read.
    assert browser.post(path, data={**form, "granted": "no", "text_version": "of-before"}).status_code == 303
    assert "analytics" not in own_corner.customer("user_id:ana").consent


def test_a_marketer_notes_nothing_and_sees_no_form(corner: Corner) -> None:
    assert note(corner, "mia", do="restrict", restricted="yes", reason="x")[0] == 403
    page = corner.as_("mia").get(f"/console/customers/{corner.profile('user_id:ana')}").text
    assert "/noted" not in page
    assert not corner.customer("user_id:ana").restricted


def test_a_number_that_is_none_is_refused() -> None:
    for text in ("nan", "inf", "-inf", "1e999", "two"):
        with pytest.raises(Rejected, match="is not a number"):
            number(text)


def test_an_expired_or_foreign_link_answers_with_a_friendly_page(corner: Corner) -> None:
    for token, status, english, german in (
        (own_link(corner, expires=NOW), 410, "has expired", "abgelaufen"),
        (own_link(corner, identifier="user_id:nobody"), 404, "We know nobody", "niemanden"),
        (own_link(corner)[:-2] + "xx", 404, "Ask for a new one", "neuen"),
    ):
        for language, words in (("en", english), ("de", german)):
            answer = corner.client().get(f"/me/{token}", params={"language": language})
            assert answer.status_code == status
            assert words in answer.text
            assert "ana" not in answer.text.replace("manage", "")


def test_a_customer_is_erased_in_two_steps(own_corner: Corner) -> None:
    token, browser = own_link(own_corner), own_corner.client()
    form = {"csrf": token_in(browser.get(f"/me/{token}").text), "do": "erase"}
    for wrong in ("yes", form["csrf"]):
        assert browser.post(f"/me/{token}", data={**form, "sure": wrong}).status_code == 200
    sure = sure_in(browser.post(f"/me/{token}", data=form).text)
    assert not own_corner.state.select(ERASURE)
    done = browser.post(f"/me/{token}?language=de", data={**form, "sure": sure})
    assert "gelöscht" in done.text
    assert len(own_corner.state.select(ERASURE)) == 1
    assert browser.get(f"/me/{token}").status_code == 404


def test_where_staff_erase_the_wish_is_shown_to_them(own_corner: Corner, monkeypatch: pytest.MonkeyPatch) -> None:
    house = own_corner.app.state["house"]
    shop = msgspec.structs.replace(house.definitions.shop, erase_requests="staff")
    monkeypatch.setattr(house, "definitions", msgspec.structs.replace(house.definitions, shop=shop))
    token, browser = own_link(own_corner), own_corner.client()
    form = {"csrf": token_in(browser.get(f"/me/{token}").text), "do": "erase"}
    sure = sure_in(browser.post(f"/me/{token}", data=form).text)
    profile = own_corner.profile("user_id:ana")
    assert browser.post(f"/me/{token}", data={**form, "sure": sure}).status_code == 303
    assert not own_corner.state.select(ERASURE)
    assert "Asked on" in own_corner.as_("gil").get(f"/console/customers/{profile}").text
    assert ("customer", "ask to be erased", profile) in own_corner.looks()
    assert f"/console/customers/{profile}?rights=open#erase" in own_corner.as_("pia").get("/console/erasures").text
