"""Who may see and change what: roles, sessions and forms, asked like a browser asks."""

import re
from typing import Any

import pytest

from regulars.console.accounts import users
from tests.unit.console.corner import PAGES, PASSWORD, ROLES, Corner, log_in, send, token_in

LINKS = {
    "/confirm/{token:str}",
    "/me",
    "/me/{token:str}",
    "/me/{token:str}/data.json",
}  # whoever holds the link or the token may
PUBLIC = {"/", "/login", "/static/{digest:str}/{name:str}", *LINKS}


def routes(corner: Corner) -> list[tuple[str, str]]:
    """(method, path) of everything that the console answers."""
    return [
        (method, route.path)
        for route in corner.app.routes
        for method in sorted(getattr(route, "methods", ()))
        if method in ("GET", "POST")
    ]


def filled(corner: Corner, path: str) -> str:
    """A path with a customer in it."""
    return path.replace("{profile:str}", corner.profile("user_id:ana")).replace("{segment:str}", "buyers")


# Who may -------------------------------------------------------------------------------------------------------------


def test_nothing_but_the_login_is_open_to_strangers(corner: Corner) -> None:
    stranger = corner.client()
    asked = [(method, path) for method, path in routes(corner) if path not in PUBLIC]
    assert len(asked) >= 20
    for method, path in asked:
        answer = stranger.request(method, filled(corner, path), data={} if method == "POST" else None)
        assert answer.status_code == 303, (method, path, answer.status_code)
        assert answer.headers["location"].startswith("/login?next="), path


def test_no_form_is_taken_without_the_token_of_its_session(corner: Corner) -> None:
    ada, mia = corner.as_("ada"), corner.as_("mia")
    foreign = token_in(mia.get("/console/account").text)
    forms = [path for method, path in routes(corner) if method == "POST" and path not in LINKS]
    assert len(forms) >= 8
    for path in forms:
        for token in ("", "0" * 64, foreign):
            fields = {"csrf": token, "name": "gil", "role": "admin", "identifier": "ana", "password": "x"}
            answer = ada.post(filled(corner, path), data=fields)
            assert answer.status_code == 403, (path, answer.status_code)
    assert {row.name: row.role for row in _users(corner)} == ROLES


def test_a_form_that_comes_from_another_site_is_refused(corner: Corner) -> None:
    ada = corner.as_("ada")
    fields = {"csrf": token_in(ada.get("/console/users").text), "name": "eve", "role": "admin"}
    for headers in ({"origin": "http://evil.test"}, {"sec-fetch-site": "cross-site"}, {"origin": "null"}):
        assert ada.post("/console/users", data=fields, headers=headers).status_code == 403
    assert "eve" not in {user.name for user in _users(corner)}


@pytest.mark.parametrize("name", ROLES)
@pytest.mark.parametrize("path", PAGES)
def test_each_role_opens_its_own_pages_and_no_other(corner: Corner, name: str, path: str) -> None:
    answer = corner.as_(name).get(path.replace("ANA", corner.profile("user_id:ana")))
    assert answer.status_code == (200 if name in PAGES[path].split() else 403), answer.text[:500]


def test_navigation_offers_only_what_may_be_opened(corner: Corner) -> None:
    for name in ROLES:
        offered = re.findall(r'<a href="(/console[^"]*)"', corner.as_(name).get("/console").text.split("</nav>")[0])
        for path in offered:
            assert corner.as_(name).get(path).status_code == 200, (name, path)


def test_bodies_of_failed_events_are_for_those_who_may_see_them(corner: Corner) -> None:
    assert "ana@corner.example" in corner.as_("ada").get("/console/failed").text
    assert "ana@corner.example" in corner.as_("pia").get("/console/failed").text
    marketer = corner.as_("mia").get("/console/failed").text
    assert "Produkt Viewed" in marketer
    assert "ana@corner.example" not in marketer
    assert corner.as_("gil").get("/console/failed").status_code == 403


def test_a_marketer_sees_customers_without_what_identifies_them(corner: Corner) -> None:
    ana = corner.profile("user_id:ana")
    for path in (f"/console/customers/{ana}", f"/console/customers/{ana}/events", "/console/customers"):
        page = corner.as_("mia").get(path).text
        assert "user_id:ana" not in page, path
        assert "Ana &lt;" not in page, path
    assert "user_id:•••" in corner.as_("mia").get(f"/console/customers/{ana}").text
    assert "user_id:ana" in corner.as_("gil").get(f"/console/customers/{ana}").text


def test_an_agent_notes_consent_and_a_marketer_does_not(corner: Corner) -> None:
    path = f"/console/customers/{corner.profile('user_id:ben')}"
    mia = corner.as_("mia")
    assert "/consent" not in mia.get(path).text
    fields = {"purpose": "analytics", "granted": "yes", "reason": "asked"}
    assert send(mia, path, f"{path}/consent", **fields).status_code == 403


# Log in --------------------------------------------------------------------------------------------------------------


def test_logging_in_leads_to_the_page_that_was_asked_for(corner: Corner) -> None:
    answer = log_in(corner.client(), "mia", PASSWORD, next="/console/segments")
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/segments")
    for evil in ("https://evil.test", "//evil.test", "/console//evil.test/..", "javascript:alert(1)", "/logout"):
        assert log_in(corner.client(), "mia", PASSWORD, next=evil).headers["location"] == "/console"


def test_session_cookies_are_out_of_reach_of_scripts_and_other_sites(corner: Corner) -> None:
    cookies = log_in(corner.client(), "mia", PASSWORD).headers.get_list("set-cookie")
    session = next(one for one in cookies if one.startswith("regulars_session="))
    assert "HttpOnly" in session
    assert "samesite=lax" in session.lower()
    assert "Path=/" in session
    assert "Secure" not in session  # this shop is asked over plain HTTP on its own machine


def test_a_wrong_password_is_refused_and_tries_are_slowed_down(own_corner: Corner) -> None:
    client = own_corner.client()
    answers = [log_in(client, "mia", f"wrong {number}") for number in range(6)]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429]
    assert "Too many tries" in answers[-1].text
    assert log_in(client, "mia", PASSWORD).status_code == 429


def test_logging_out_ends_the_session_of_the_browser(own_corner: Corner) -> None:
    client = own_corner.as_("mia")
    assert send(client, "/console", "/logout").status_code == 303
    assert client.get("/console").headers["location"].startswith("/login")


def test_a_new_password_ends_the_other_sessions_and_keeps_this_one(own_corner: Corner) -> None:
    here, there = own_corner.as_("mia"), own_corner.client()
    assert log_in(there, "mia", PASSWORD).status_code == 303
    fields = {"current": PASSWORD, "password": "a better password"}
    assert send(here, "/console/account", "/console/account/password", **fields).status_code == 303
    assert here.get("/console").status_code == 200
    assert there.get("/console").status_code == 303
    assert log_in(own_corner.client(), "mia", "a better password").status_code == 303


@pytest.mark.parametrize(("current", "new"), [("wrong", "long enough 1"), (PASSWORD, "short")])
def test_a_password_is_not_changed_without_the_old_one_or_to_a_weak_one(
    own_corner: Corner, current: str, new: str
) -> None:
    mia = own_corner.as_("mia")
    answer = send(mia, "/console/account", "/console/account/password", current=current, password=new)
    assert answer.status_code == 422
    assert log_in(own_corner.client(), "mia", PASSWORD).status_code == 303


# Users ---------------------------------------------------------------------------------------------------------------


def test_an_administrator_adds_somebody_whose_password_is_shown_once(own_corner: Corner) -> None:
    ada = own_corner.as_("ada")
    page = send(ada, "/console/users", "/console/users", name="eva", role="agent", language="de").text
    password = re.search(r'class="password">([^<]+)<', page)
    assert password is not None
    assert password[1] not in ada.get("/console/users").text
    eva = own_corner.client()
    assert log_in(eva, "eva", password[1]).status_code == 303
    assert 'lang="de"' in eva.get("/console").text


def test_the_last_administrator_stays(own_corner: Corner) -> None:
    ada = own_corner.as_("ada")
    assert send(ada, "/console/users", "/console/users/role", name="ada", role="agent").status_code == 422
    assert send(ada, "/console/users", "/console/users/delete", name="ada").status_code == 422
    assert send(ada, "/console/users", "/console/users/role", name="mia", role="admin").status_code == 303
    assert send(ada, "/console/users", "/console/users/role", name="ada", role="agent").status_code == 303
    assert ada.get("/console/users").status_code == 403


def test_a_removed_user_is_out_at_once(own_corner: Corner) -> None:
    mia = own_corner.as_("mia")
    assert send(own_corner.as_("ada"), "/console/users", "/console/users/delete", name="mia").status_code == 303
    assert mia.get("/console").status_code == 303


def test_an_unknown_role_or_a_taken_name_is_refused_with_a_reason(own_corner: Corner) -> None:
    ada = own_corner.as_("ada")
    answer = send(ada, "/console/users", "/console/users", name="eva", role="owner", language="en")
    assert answer.status_code == 422
    assert "is not a role" in answer.text
    assert send(ada, "/console/users", "/console/users", name="mia", role="agent").status_code == 422


def _users(corner: Corner) -> list[Any]:
    return users(corner.state)
