"""The pages, asked like a browser asks: what they show, what is logged, what forms change."""

import re
from pathlib import Path

import pytest

from regulars.console.house import asset
from regulars.core.record import profile_name, profile_number
from regulars.core.state import CONSENT, FAILED
from regulars.runtime.consents import asked
from tests.unit.console.corner import PAGES, Corner, agrees, call, order, send, token_in

# Customers -----------------------------------------------------------------------------------------------------------


def test_every_look_at_a_customer_is_logged_and_the_privacy_officer_sees_it(own_corner: Corner) -> None:
    ana = own_corner.profile("user_id:ana")
    gil = own_corner.as_("gil")
    gil.get(f"/console/customers/{ana}")
    gil.get(f"/console/customers/{ana}/events")
    gil.get(f"/console/customers/{ana}/placements")
    own_corner.as_("mia").get("/console/segments/buyers")
    assert own_corner.looks() == [
        ("gil", "look at customer", ana),
        ("gil", "look at events", ana),
        ("gil", "look at placements", ana),
        ("mia", "list segment", "segment:buyers"),
    ]
    page = own_corner.as_("pia").get("/console/access").text
    assert page.count(f'href="/console/customers/{ana}"') == 3
    only = own_corner.as_("pia").get("/console/access?user=mia").text
    assert ana not in only
    assert "segment:buyers" in only


def test_a_customer_is_found_by_any_identifier_and_named_in_no_address(corner: Corner) -> None:
    ana = corner.profile("user_id:ana")
    for wanted in ("ana", "user_id:ana", " ana ", ana):
        answer = send(corner.as_("gil"), "/console/customers", "/console/customers", identifier=wanted)
        assert (answer.status_code, answer.headers.get("location")) == (303, f"/console/customers/{ana}")
    nobody = send(corner.as_("gil"), "/console/customers", "/console/customers", identifier="nobody")
    assert nobody.status_code == 404
    assert "Nobody is known by this" in nobody.text


@pytest.mark.parametrize("name", ["p_AAAAAAAAAAA", "p_", "p_%00", "ana", "user_id:ana", "p_" + "z" * 300, "p_ü"])
def test_an_address_of_nobody_is_a_page_that_says_so(corner: Corner, name: str) -> None:
    answer = corner.as_("ada").get(f"/console/customers/{name}")
    assert answer.status_code == 404
    assert "There is nothing here" in answer.text


def test_the_page_shows_what_is_known_and_on_which_ground(corner: Corner) -> None:
    page = corner.as_("ada").get(f"/console/customers/{corner.profile('user_id:ana')}").text
    assert re.search(r"Orders ever</dt><dd>2<", page)
    assert re.search(r"Spent</dt><dd>€65\.50<", page)
    assert re.search(r"Days since the last order</dt><dd>2 days<", page)
    assert re.search(r"Views</dt><dd>1<", page)
    assert "Bikes" in page
    assert "Understanding our shop" in page


def test_who_refused_is_shown_as_a_difference(corner: Corner) -> None:
    page = corner.as_("ada").get(f"/console/customers/{corner.profile('user_id:ben')}").text
    assert "Nothing is kept: this person has not agreed." in page
    assert not re.search(r"Views</dt><dd>1<", page)
    overview = corner.as_("ada").get("/console").text
    assert "1 agree · 1 do not" in overview
    assert re.search(r"<strong>Understanding our shop</strong><span>50%", overview)


def test_every_offer_not_shown_has_its_reason_clause_by_clause(corner: Corner) -> None:
    page = corner.as_("ada").get(f"/console/customers/{corner.profile('user_id:ben')}/placements").text
    assert "No consent for: Offers made for you" in page
    assert "The condition does not hold:" in page
    assert re.search(r"Orders ever</span> <span class=\"asks\">at least 100", page)
    assert "actual: 1" in page
    assert "Open on Sunday" in page


def test_looking_at_placements_records_no_decision(own_corner: Corner) -> None:
    head = own_corner.log.head()
    path = f"/console/customers/{own_corner.profile('user_id:ana')}/placements"
    assert own_corner.as_("ada").get(path).status_code == 200
    assert [record.kind for record in own_corner.log.read(head)] == ["access"]


def test_consent_noted_by_staff_holds_at_once_and_keeps_its_proof(own_corner: Corner) -> None:
    ben = own_corner.profile("user_id:ben")
    path = f"/console/customers/{ben}"
    fields = {"purpose": "analytics", "granted": "yes", "reason": "by telephone"}
    answer = send(own_corner.as_("gil"), path, f"{path}/consent", **fields)
    assert answer.headers["location"] == f"{path}?done=granted"
    assert "1 / 2" in own_corner.as_("gil").get(path).text
    rows = own_corner.state.select(CONSENT, {"identifier": "user_id:ben", "purpose": "analytics"}, order=("time",))
    assert rows[-1][4] == 1
    assert isinstance(rows[-1][5], bytes)
    assert b'"by":"gil"' in rows[-1][5]
    assert b"by telephone" in rows[-1][5]
    wording = {one.id: one.wording for one in own_corner.services.definitions.purposes}["analytics"]
    assert f'"text_version":"{wording.version}"'.encode() in rows[-1][5]
    assert wording.text["en"] in own_corner.as_("gil").get(path).text  # to read out


def test_those_who_note_consent_see_what_was_said_with_its_proof_and_others_do_not(own_corner: Corner) -> None:
    path = f"/console/customers/{own_corner.profile('user_id:ben')}"
    fields = {"purpose": "analytics", "granted": "no", "reason": "by <b>letter</b>"}
    send(own_corner.as_("gil"), path, f"{path}/consent", **fields)
    for name in ("gil", "pia"):
        page = own_corner.as_(name).get(path).text
        assert "noted by staff" in page
        assert "by &lt;b&gt;letter&lt;/b&gt;" in page
    assert "letter" not in own_corner.as_("mia").get(path).text


def test_a_yes_weighs_as_much_as_a_no(own_corner: Corner) -> None:
    page = own_corner.as_("gil").get(f"/console/customers/{own_corner.profile('user_id:ben')}").text
    assert page.count('<button name="granted" value=') == 2
    assert '<button name="granted" value="yes">' in page
    assert '<button name="granted" value="no">' in page
    house = own_corner.app.state["house"]
    macros = house.templates.get_template("_choices.html").module
    shown = macros.choices(asked(own_corner.services.definitions, "de"), "/me", "", house.words("de"))
    assert "Angebote für Sie" in shown
    assert shown.count('value="yes">Ja, ich stimme zu') == shown.count('value="no">Nein, ich stimme nicht zu') == 2
    for preselecting in ("checked", "selected", "autofocus", "primary"):
        assert preselecting not in shown


@pytest.mark.parametrize(
    "fields",
    [
        {"purpose": "analytics", "granted": "yes", "reason": ""},
        {"purpose": "analytics", "granted": "", "reason": "asked"},
        {"purpose": "nothing", "granted": "yes", "reason": "asked"},
    ],
)
def test_consent_without_a_reason_a_word_or_a_purpose_changes_nothing(
    own_corner: Corner, fields: dict[str, str]
) -> None:
    path = f"/console/customers/{own_corner.profile('user_id:ben')}"
    answer = send(own_corner.as_("gil"), path, f"{path}/consent", **fields)
    assert answer.status_code == 422
    assert 'class="notice bad"' in answer.text
    assert "0 / 2" in own_corner.as_("gil").get(path).text


def test_the_timeline_shows_the_newest_first_and_more_when_asked(own_corner: Corner) -> None:
    own_corner.happened(*[call("ana", "Product Viewed", f"n{n}", {"product_id": f"N{n}"}) for n in range(15)])
    path = f"/console/customers/{own_corner.profile('user_id:ana')}/events"
    ada = own_corner.as_("ada")
    first = ada.get(path).text
    assert first.count('class="when">') >= 10
    more = re.search(r'href="([^"]+shown=\d+)"', first)
    assert more is not None
    assert ada.get(more[1]).text.count("<li") > first.count("<li")
    part = ada.get(path, headers={"hx-request": "true"}).text
    assert "<html" not in part
    assert part.lstrip().startswith('<div class="timeline-part">')


def test_a_profile_that_went_into_another_leads_there(own_corner: Corner) -> None:
    old = {"type": "track", "messageId": "x1", "event": "Product Viewed", "properties": {"product_id": "1"}}
    own_corner.happened(old | {"anonymousId": "device1", "timestamp": "2024-03-15T10:00:00.000Z"})
    before = own_corner.profile("anonymous_id:device1")
    own_corner.happened(
        {"type": "identify", "messageId": "x2", "anonymousId": "device1", "userId": "ana",
         "timestamp": "2024-03-15T11:00:00.000Z", "traits": {}}
    )  # fmt: skip
    ana = own_corner.profile("user_id:ana")
    assert before != ana
    answer = own_corner.as_("ada").get(f"/console/customers/{before}")
    assert (answer.status_code, answer.headers.get("location")) == (303, f"/console/customers/{ana}")


# What pages are made of ----------------------------------------------------------------------------------------------


def test_nothing_that_anybody_sent_becomes_markup(corner: Corner) -> None:
    ana = corner.profile("user_id:ana")
    hostile = ("<script>alert", "<svg onload", "<i>bell", "<b>shop")
    for path in ("/console", "/console/failed", f"/console/customers/{ana}", f"/console/customers/{ana}/events"):
        page = corner.as_("ada").get(path).text
        assert not any(text in page for text in hostile), path
    reflected = corner.as_("ada").get("/console/segments?when=%3Cscript%3Ealert(1)%3C/script%3E").text
    assert "<script>alert" not in reflected
    assert "<script>alert" not in corner.client().get("/login?next=%22%3E%3Cscript%3Ealert(1)").text


@pytest.mark.parametrize(
    "path", ["/login", "/console", "/console/customers/ANA", "/console/none", "/static/x/none.css"]
)
def test_every_answer_carries_the_security_headers(corner: Corner, path: str) -> None:
    headers = corner.as_("ada").get(path.replace("ANA", corner.profile("user_id:ana"))).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "same-origin"


def test_no_page_needs_what_its_own_policy_forbids(corner: Corner) -> None:
    ana = corner.profile("user_id:ana")
    for path in PAGES:
        page = corner.as_("ada").get(path.replace("ANA", ana)).text
        assert not re.search(r"<[^>]+\sstyle=", page), path
        assert not re.search(r"<[^>]+\son[a-z]+=", page), path
        assert re.findall(r"<script(?![^>]* src=)", page) == [], path
        assert not re.search(r"(?:src|href|action)=\"(?:https?:)?//", page), path


def test_static_files_are_kept_by_browsers_and_nothing_else_is_served(corner: Corner) -> None:
    client = corner.client()
    style = client.get(asset("console.css"))
    assert style.headers["content-type"].startswith("text/css")
    assert "immutable" in style.headers["cache-control"]
    base = asset("console.css").rsplit("/", 1)[0]
    for name in ("..%2fapp.py", "none.css", "%2e%2e%2fhouse.py", "console.css%00"):
        assert client.get(f"{base}/{name}").status_code == 404


def test_pages_speak_the_language_that_was_chosen(own_corner: Corner) -> None:
    pia = own_corner.as_("pia")
    assert "Overview" in pia.get("/console").text
    answer = send(pia, "/console", "/console/language", language="de", back="/console/health")
    assert answer.headers["location"] == "/console/health"
    page = pia.get("/console").text
    assert 'lang="de"' in page
    assert "Überblick" in page
    assert "77,50\N{NO-BREAK SPACE}€" in page or "78\N{NO-BREAK SPACE}€" in page
    assert "Einkäufe" in pia.get(f"/console/customers/{own_corner.profile('user_id:ana')}").text


def test_a_stranger_is_greeted_in_the_browsers_language(corner: Corner) -> None:
    assert "Anmelden" in corner.client().get("/login", headers={"accept-language": "de-AT,de;q=0.9"}).text
    assert "Log in" in corner.client().get("/login", headers={"accept-language": "fr"}).text


def test_a_condition_with_mistakes_is_answered_with_suggestions(corner: Corner) -> None:
    page = corner.as_("mia").get("/console/segments?when=ordrs+%3E+3+and+in_segment('byers')").text
    assert "2 reasons" in page
    assert "Did you mean <code>orders</code>?" in page
    assert "buyers" in page


def test_segments_say_what_they_ask_in_words(corner: Corner) -> None:
    page = corner.as_("mia").get("/console/segments").text
    assert re.search(r'Orders ever</span> <span class="asks">at least 2<', page)
    assert re.search(r'Spent</span> <span class="asks">more than €50\.00<', page)
    assert re.search(r'Interest in Bikes</span> <span class="asks">more than 40\.0%<', page)
    members = corner.as_("mia").get("/console/segments/buyers").text
    assert corner.profile("user_id:ana") in members
    assert corner.profile("user_id:ben") not in members


def test_failed_events_are_grouped_with_what_to_do(corner: Corner) -> None:
    page = corner.as_("ada").get("/console/failed").text
    assert "Not in the tracking plan" in page
    assert "Did the sender mean “Product Viewed”?" in page
    assert corner.state.count(FAILED)[None] == 2
    assert "2 events" in page


def test_an_empty_shop_teaches_the_next_step(tmp_path: Path) -> None:
    with Corner(tmp_path) as corner:
        ada = corner.as_("ada")
        assert "Nobody has looked at anybody" in ada.get("/console/access").text
        assert "Nothing has happened here yet" in ada.get("/console").text
        assert "curl -u wk:" in ada.get("/console").text
        assert "Every event was understood" in ada.get("/console/failed").text
        assert "Nobody was here lately" in ada.get("/console/customers").text
        assert "Nobody is in it" in ada.get("/console/segments/buyers").text


def test_revenue_and_orders_add_up_for_the_range_that_was_chosen(corner: Corner) -> None:
    year = corner.as_("ada").get("/console").text
    month = corner.as_("ada").get("/console?days=28").text
    for page in (year, month):
        assert re.search(r'Orders</span><span class="figure">3<', page)
    assert re.search(r'Revenue</span><span class="figure">€78<', year)
    assert "1 order" in month  # the tooltip of a day
    assert corner.as_("ada").get("/console?days=abc").status_code == 400


def test_a_withdrawn_consent_is_visible_on_the_next_page(own_corner: Corner) -> None:
    own_corner.happened(agrees("ana", days_ago=0, analytics=False, personalisation=False))
    page = own_corner.as_("ada").get(f"/console/customers/{own_corner.profile('user_id:ana')}").text
    assert "0 / 2" in page
    assert "No interest" not in page


def test_the_health_page_tells_of_signals_that_proved_nothing(own_corner: Corner) -> None:
    assert "proved nothing" not in own_corner.as_("ada").get("/console/health").text
    said = call("ana", "Product Viewed", "odd", {"product_id": "p1"})
    own_corner.happened({**said, "context": {"tcf": "no TC string"}})
    page = own_corner.as_("ada").get("/console/health").text
    assert re.search(r"Consent that cannot be read</th><td>till</td><td class=\"num\">1<", page)


def test_the_health_page_names_what_everybody_is_named_with(own_corner: Corner) -> None:
    """More people than can be one used the same card; who may not see identifiers reads that there is one."""
    assert "Identifiers that everybody" not in own_corner.as_("ada").get("/console/health").text
    till = {"context": {"externalIds": [{"type": "loyalty_card", "id": "29000017"}]}}
    own_corner.happened(
        *({**call(f"u{n}", "Product Viewed", f"c{n}", {"product_id": "p1"}), **till} for n in range(11))
    )
    card = profile_name(profile_number("loyalty_card:29000017"))
    page = own_corner.as_("ada").get("/console/health").text
    assert "Identifiers that everybody is named with" in page
    assert f"/console/customers/{card}/identity" in page  # which says what to declare, though nothing was done with it
    assert "loyalty_card:29000017" in own_corner.as_("ada").get(f"/console/customers/{card}/identity").text
    own_corner.happened({**order("", "o-till", 5), "userId": None, **till})
    page = own_corner.as_("ada").get("/console/health").text
    assert f"/console/customers/{card}/identity" in page
    assert "loyalty_card:29000017" in own_corner.as_("ada").get(f"/console/customers/{card}/identity").text
    assert "29000017" not in page
    assert own_corner.customer("loyalty_card:29000017").restricted
    assert not own_corner.customer("user_id:u3").restricted
    hidden = own_corner.as_("mia").get("/console/health").text
    assert "Identifiers that everybody is named with" in hidden
    assert card not in hidden


def test_a_failed_event_is_mended_on_its_page_and_counts_once(tmp_path: Path) -> None:
    with Corner(tmp_path) as corner:
        corner.happened({"type": "track", "event": "Product Veiwed", "messageId": "x1", "userId": "ana"})
        ada = corner.as_("ada")
        (path,) = re.findall(r'href="(/console/failed/[0-9a-f]{16})"', ada.get("/console/failed").text)
        for role in ("mia", "gil", "pia"):
            assert corner.as_(role).get(path).status_code == 403
        asked = {"action": "rename_event", "field": "", "to": "Product Viewed"}
        preview = ada.get(path, params=asked).text
        assert "What it would do" in preview
        assert "the newest 1 of 1 were tried" in preview
        assert corner.state.count(FAILED)[None] == 1
        form = {"csrf": token_in(preview), **asked}
        assert ada.post(path, data={**form, "csrf": "another"}).status_code == 403
        answer = ada.post(path, data=form)
        assert answer.status_code == 303
        assert "left=0" in answer.headers["location"]
        assert corner.state.count(FAILED).get(None, 0) == 0
        assert ada.get(path).status_code == 404


def test_why_a_mend_would_not_help_is_told_in_german_too(tmp_path: Path) -> None:
    with Corner(tmp_path) as corner:
        corner.happened({"type": "track", "event": "Product Veiwed", "messageId": "x1", "userId": "ana"})
        ada = corner.as_("ada")
        send(ada, "/console", "/console/language", language="de", back="/console")
        (path,) = re.findall(r'href="(/console/failed/[0-9a-f]{16})"', ada.get("/console/failed").text)
        page = ada.get(path, params={"action": "rename_event", "field": "", "to": "Product Vieuwed"}).text
        assert page.count("Erwartet: ein Ereignis des Ereignisplans.") >= 3  # the cause, the reasons, the example
        assert "expected" not in page


def test_a_mend_that_cannot_be_is_told_on_the_page(corner: Corner) -> None:
    ada = corner.as_("ada")
    path = re.findall(r'href="(/console/failed/[0-9a-f]{16})"', ada.get("/console/failed").text)[0]
    answer = ada.get(path, params={"action": "cast", "field": "batch", "to": "number"})
    assert answer.status_code == 422
    assert "a path begins with one of" in answer.text
