"""Accounts and sessions: passwords that resist, tokens that cannot be made up, tries that cost time."""

import asyncio
import base64
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regulars.console.accounts import (
    Throttle,
    User,
    authenticate,
    ensure_admin,
    find,
    hash_password,
    matches,
    new_password,
    usable,
    users,
)
from regulars.console.sessions import LIFETIME, Sessions
from regulars.core.errors import Rejected
from regulars.core.log import COMMAND
from tests.unit.console.corner import HASHED, PASSWORD, Corner


def test_a_password_is_never_stored_and_two_hashes_differ() -> None:
    stored = hash_password("correct horse")
    assert "correct" not in stored
    assert stored != hash_password("correct horse")
    assert matches("correct horse", stored)
    assert not matches("correct hors", stored)


@pytest.mark.parametrize("stored", ["", "scrypt", "scrypt$1$2$3$4", "md5$1$8$1$AAAA$AAAA", "scrypt$16$8$1$!$!"])
def test_a_broken_hash_matches_nothing(stored: str) -> None:
    assert not matches("", stored)


def test_passwords_have_a_least_length() -> None:
    with pytest.raises(Rejected, match="10 to 200 characters, got 3"):
        usable("abc")
    usable(new_password())


def test_the_first_administrator_is_made_once(tmp_path: Path) -> None:
    with Corner(tmp_path) as corner:
        for user in users(corner.state):
            if user.name != "ada":
                corner.command("delete_user", name=user.name)
        assert asyncio.run(ensure_admin(corner.services)) is None


def test_a_new_shop_gets_an_administrator_whose_password_fits(tmp_path: Path) -> None:
    with Corner(tmp_path, people=False) as corner:
        password = asyncio.run(ensure_admin(corner.services))
        assert password is not None
        found = asyncio.run(authenticate(corner.state, "admin", password))
        assert found is not None
        assert found.role == "admin"
        assert asyncio.run(ensure_admin(corner.services)) is None
        bodies = [record.body for record in corner.log.read(0) if record.kind == COMMAND]
        assert len(bodies) == 1
        assert password.encode() not in bodies[0]


def test_an_unknown_name_and_a_wrong_password_give_the_same_no(corner: Corner) -> None:
    assert asyncio.run(authenticate(corner.state, "ada", PASSWORD)) is not None
    assert asyncio.run(authenticate(corner.state, "ada", "wrong")) is None
    assert asyncio.run(authenticate(corner.state, "nobody", PASSWORD)) is None
    assert asyncio.run(authenticate(corner.state, "nobody", "")) is None


def test_a_session_ends_with_time_password_and_account(tmp_path: Path) -> None:
    now = 1000.0
    with Corner(tmp_path) as corner:
        sessions = Sessions(b"k" * 32, clock=lambda: now)
        ada = find(corner.state, "ada")
        assert ada is not None
        cookie = sessions.begin(ada)
        assert sessions.read(cookie, corner.state) is not None
        assert Sessions(b"x" * 32, clock=lambda: now).read(cookie, corner.state) is None
        now += LIFETIME
        assert sessions.read(cookie, corner.state) is None
        now = 1000.0
        corner.command("put_user", name="ada", role="admin", password=HASHED + "x", language="en")
        assert sessions.read(cookie, corner.state) is None
        corner.command("put_user", name="ada", role="admin", password=HASHED, language="en")
        assert sessions.read(cookie, corner.state) is not None


def test_a_role_that_was_changed_holds_at_once(tmp_path: Path) -> None:
    with Corner(tmp_path) as corner:
        sessions = Sessions(b"k" * 32)
        mia = find(corner.state, "mia")
        assert mia is not None
        cookie = sessions.begin(mia)
        corner.command("put_user", name="mia", role="agent", language="en")
        found = sessions.read(cookie, corner.state)
        assert found is not None
        assert found[1].role == "agent"


@settings(max_examples=200)
@given(st.text(max_size=60), st.integers(0, 400), st.integers(1, 127))
def test_no_changed_cookie_is_believed(made_up: str, at: int, flip: int) -> None:
    sessions = Sessions(b"k" * 32)
    cookie = sessions.begin(User("ada", "admin", HASHED, "en"))
    place = at % len(cookie)
    changed = cookie[:place] + chr((ord(cookie[place]) ^ flip) or 1) + cookie[place + 1 :]
    for wrong in (made_up, changed, made_up + "." + made_up, cookie + "x"):
        assert sessions.read(wrong, _Nobody()) is None  # type: ignore[arg-type]  # never asked: the signature comes first


class _Nobody:
    def get(self, *_: object) -> None:
        raise AssertionError("a cookie with a wrong signature was read")


def test_a_cookie_signed_for_another_user_does_not_fit() -> None:
    sessions = Sessions(b"k" * 32)
    body, _, signature = sessions.begin(User("mia", "marketer", HASHED, "en")).rpartition(".")
    said = json.loads(base64.urlsafe_b64decode(body))
    said[0] = "ada"
    forged = base64.urlsafe_b64encode(json.dumps(said).encode()).decode()
    assert sessions.read(f"{forged}.{signature}", _Nobody()) is None  # type: ignore[arg-type]


def test_tokens_belong_to_one_session() -> None:
    sessions = Sessions(b"k" * 32)
    assert sessions.token_fits(sessions.form_token("a"), "a")
    assert not sessions.token_fits(sessions.form_token("a"), "b")
    assert not sessions.token_fits(sessions.form_token(""), "")
    assert not sessions.token_fits("ü", "a")


def test_tries_are_slowed_down_for_one_name_and_forgotten_on_success() -> None:
    now = 0.0
    throttle = Throttle(clock=lambda: now)
    for _ in range(5):
        assert throttle.wait("ada", "1.2.3.4") == 0
        throttle.failed("ada", "1.2.3.4")
    first = throttle.wait("ada", "1.2.3.4")
    assert first > 0
    assert throttle.wait("ada", "5.6.7.8") == 0  # the owner at another place is not locked out by five tries
    now += first
    assert throttle.wait("ada", "1.2.3.4") == 0
    throttle.failed("ada", "1.2.3.4")
    assert throttle.wait("ada", "1.2.3.4") > first
    throttle.succeeded("ada", "1.2.3.4")
    assert throttle.wait("ada", "1.2.3.4") == 0


def test_many_names_from_one_address_and_many_addresses_for_one_name_are_slowed_down() -> None:
    throttle = Throttle(clock=lambda: 0.0)
    for number in range(40):
        throttle.failed(f"name{number}", "1.2.3.4")
    assert throttle.wait("fresh", "1.2.3.4") > 0
    for number in range(20):
        throttle.failed("ada", f"10.0.0.{number}")
    assert throttle.wait("ada", "9.9.9.9") > 0


def test_remembered_failures_are_bounded() -> None:
    now = 0.0
    throttle = Throttle(clock=lambda: now)
    for number in range(Throttle.MOST * 2):
        now += 1.0
        throttle.failed(f"name{number}", "a")
    assert len(throttle._failures) <= Throttle.MOST + 3  # noqa: SLF001
