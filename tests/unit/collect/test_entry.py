"""Which tokens open the customer's own page, and everything that opens nothing."""

import json
from base64 import urlsafe_b64encode
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from regulars.collect.entry import Entries, Entry
from regulars.collect.identifiers import Identifiers
from regulars.collect.tokens import Tokens
from regulars.core.definitions import Source, TokenKey
from regulars.core.identity_types import Identity
from tests.tokens import ED, ES, FOREIGN, pem, signed

NOW = 1_700_000_000_000
OPEN = TokenKey(id="k1", public_key=pem(ED), own_page=True)
WEB = Source(
    id="web", kind="browser", write_key="wk_web",
    token_keys=(
        OPEN,
        TokenKey(id="login-only", public_key=pem(ED)),
        TokenKey(id="old", public_key=pem(ED), own_page=True, until="2023-11-14"),
        TokenKey(id="e1", algorithm="ES256", public_key=pem(ES), own_page=True),
    ),
)  # fmt: skip
APP = Source(
    id="app",
    kind="browser",
    write_key="wk_app",
    token_keys=(TokenKey(id="k1", public_key=pem(ES), algorithm="ES256", own_page=True),),
)
KEY = Identifiers(Identity()).key
ENTRIES = Entries((WEB, APP), KEY)


def token(**claims: Any) -> str:
    """A token that opens the page of Ana, unless something is said otherwise."""
    whole = {"aud": "web/me", "sub": "ana", "jti": "j1", "exp": NOW // 1000 + 300, **claims}
    return signed(whole.pop("dev", None), at=whole.pop("at", NOW), **whole)


def test_a_token_names_one_person_and_an_id_that_tells_nothing() -> None:
    found = ENTRIES.check(token(), now=NOW)
    assert isinstance(found, Entry)
    assert (found.key, found.expires, found.source) == ("user_id:ana", NOW + 300_000, "web")
    assert found.id == ENTRIES.check(token(iat=NOW // 1000 - 1, exp=NOW // 1000 + 60), now=NOW).id  # type: ignore[union-attr]
    assert "j1" not in found.id
    by_mail = ENTRIES.check(token(sub=None, ids={"email": " Ana@Example.org"}), now=NOW)
    assert isinstance(by_mail, Entry)
    assert by_mail.key == "email:ana@example.org"


def test_the_audience_says_which_of_two_keys_of_the_same_name_is_meant() -> None:
    assert isinstance(ENTRIES.check(token(aud="app/me", key=ES, algorithm="ES256"), now=NOW), Entry)
    assert ENTRIES.check(token(aud="app/me"), now=NOW) == "wrong_audience"


@pytest.mark.parametrize(
    ("reason", "claims"),
    [
        ("expired", {"at": NOW - 301_000, "exp": NOW // 1000}),
        ("not_yet_valid", {"iat": NOW // 1000 + 62, "exp": NOW // 1000 + 300}),
        ("not_yet_valid", {"nbf": NOW // 1000 + 62}),
        ("holds_too_long", {"exp": NOW // 1000 + 301}),
        ("wrong_audience", {"aud": "web"}),
        ("wrong_audience", {"aud": ["web", "web/me"]}),
        ("wrong_audience", {"aud": "till/me"}),
        ("bad_signature", {"key": FOREIGN}),
        ("wrong_algorithm", {"kid": "e1"}),
        ("unknown_key", {"kid": "login-only"}),
        ("unknown_key", {"kid": "nobody"}),
        ("retired_key", {"kid": "old"}),
        ("malformed", {"jti": None}),
        ("malformed", {"jti": ""}),
        ("malformed", {"jti": "x" * 201}),
        ("malformed", {"sub": None}),
        ("malformed", {"ids": {"email": "ben@example.org"}}),  # two people, or one: it is not for us to guess
        ("malformed", {"sub": "null"}),
        ("too_large", {"note": "x" * 2_000}),
    ],
)
def test_what_opens_nothing(reason: str, claims: dict[str, Any]) -> None:
    assert ENTRIES.check(token(**claims), now=NOW) == reason


def test_a_token_is_of_one_kind() -> None:
    """What a browser carries on its events opens no page, and what opens the page verifies no login."""
    assert ENTRIES.check(signed("c1", at=NOW, sub="ana", jti="j1"), now=NOW) == "wrong_audience"
    logins = Tokens((WEB,), KEY)
    assert logins.check(token(dev="c1"), source="web", device="c1", received=NOW) == "wrong_audience"


def test_without_a_key_for_it_no_token_opens_anything() -> None:
    plain = Source(id="web", kind="browser", write_key="wk", token_keys=(TokenKey(id="k1", public_key=pem(ED)),))
    assert Entries((plain,), KEY).check(token(), now=NOW) == "unknown_key"


def test_no_algorithm_and_the_public_key_as_a_secret_are_refused() -> None:
    def part(value: Any) -> str:
        return urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    body = part({"aud": "web/me", "sub": "ana", "jti": "j", "iat": NOW // 1000, "exp": NOW // 1000 + 60})
    for algorithm in ("none", "None", "NONE"):
        assert ENTRIES.check(f"{part({'alg': algorithm, 'kid': 'k1'})}.{body}.", now=NOW) == "wrong_algorithm"
    assert isinstance(ENTRIES.check(token(), now=NOW), Entry)
    secret = ED.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    forged = jwt.encode({"aud": "web/me", "sub": "ana"}, secret, "HS256", headers={"kid": "k1"})
    assert ENTRIES.check(forged, now=NOW) == "wrong_algorithm"
    for cut in (token()[:-3], token().rsplit(".", 1)[0] + ".", token().replace(".", ".e", 1)):
        assert isinstance(ENTRIES.check(cut, now=NOW), str)


@given(st.one_of(st.text(max_size=300), st.binary(max_size=300).map(lambda b: b.decode(errors="replace"))))
def test_whatever_is_sent_is_answered_with_a_reason(text: str) -> None:
    assert isinstance(ENTRIES.check(text, now=NOW), str)
