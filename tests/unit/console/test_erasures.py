"""Erasing a customer in the console: who may, what must be typed, and the certificate."""

from regulars.analyst import search
from regulars.console.words import catalogue
from regulars.flow.generation import A, B
from tests.unit.console.corner import Corner, token_in


def ask(corner: Corner, who: str, **fields: str) -> tuple[int, str]:
    browser = corner.as_(who)
    page = f"/console/customers/{corner.profile('user_id:ana')}"
    answer = browser.post(f"{page}/erase", data={"csrf": token_in(browser.get("/console/account").text), **fields})
    return answer.status_code, answer.headers.get("location", answer.text)


def test_who_may_erases_with_a_reason_and_the_number_typed(own_corner: Corner) -> None:
    profile = own_corner.profile("user_id:ana")
    page = own_corner.as_("pia").get(f"/console/customers/{profile}").text
    assert f"/console/customers/{profile}/erase" in page
    assert ask(own_corner, "pia", reason="letter of 3 May", typed="ana")[0] == 422
    assert ask(own_corner, "pia", reason=" ", typed=profile)[0] == 422
    assert own_corner.profile("user_id:ana") == profile
    status, place = ask(own_corner, "pia", reason="letter of 3 May", typed=profile)
    assert (status, place.startswith("/console/erasures?begun=")) == (303, True)
    assert ("pia", "erase", profile) in own_corner.looks()
    listed = own_corner.as_("pia").get(place)
    number = place.partition("begun=")[2]
    assert number in listed.text
    certificate = own_corner.as_("pia").get(f"/console/erasures/{number}").text
    assert "letter of 3 May" in certificate
    assert "Consent statements" in certificate
    assert own_corner.as_("pia").get(f"/console/customers/{profile}").status_code == 404


def test_rights_are_folded_away_until_somebody_comes_for_them(corner: Corner) -> None:
    page = f"/console/customers/{corner.profile('user_id:ana')}"
    folded, open_ = '<section class="card" id="rights"><details>', '<section class="card" id="rights"><details open>'
    assert folded in corner.as_("pia").get(page).text
    assert open_ in corner.as_("pia").get(f"{page}?rights=open").text
    assert 'id="erase"' not in corner.as_("gil").get(f"{page}?rights=open").text


def test_everything_that_a_certificate_counts_has_a_word_in_both_languages() -> None:
    codes = {f"erasures.in.{store.replace(' ', '_')}" for store in search.PLANTS}
    both = [table.name for generation in (A, B) for table in (generation.part, generation.membership, generation.due)]
    rows = {f"erasures.what.{name}" for name in (*both, "redirect", "access", "failed", "answer", "rebuild", "changed")}
    for language in ("de", "en"):
        assert codes | rows <= catalogue(language).keys()


def test_agents_see_neither_the_form_nor_the_page(corner: Corner) -> None:
    profile = corner.profile("user_id:ana")
    assert f"{profile}/erase" not in corner.as_("gil").get(f"/console/customers/{profile}").text
    assert corner.as_("gil").get("/console/erasures").status_code == 403
    assert ask(corner, "gil", reason="x", typed=profile)[0] == 403


def test_a_foreign_form_erases_nobody(corner: Corner) -> None:
    profile = corner.profile("user_id:ana")
    fields = {"csrf": "wrong", "reason": "x", "typed": profile}
    assert corner.as_("pia").post(f"/console/customers/{profile}/erase", data=fields).status_code == 403
    assert corner.as_("pia").get(f"/console/customers/{profile}").status_code == 200


def test_an_erasure_that_is_not_there_is_no_page(corner: Corner) -> None:
    assert corner.as_("pia").get("/console/erasures/e0-0").status_code == 404
