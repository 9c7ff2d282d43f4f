"""What a token verifies, and everything for which it does not."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regulars.collect import tokens
from regulars.collect.identifiers import Identifiers
from regulars.collect.segment import Decoder
from regulars.collect.tokens import LONGEST, MOST_OF_RECORD, REASONS, Tokens, Vouched
from regulars.core.definitions import Definitions, Shop, Source, TokenKey
from regulars.core.event import VOUCHED_BY, Event
from regulars.core.identity_types import Identity
from regulars.core.log import EVENTS, Record
from regulars.core.machine import VERDICT
from tests.tokens import ED, ES, FOREIGN, pem, signed

NOW = 1_700_000_000_000
MINUTE = 60_000
WEB = Source(
    id="web",
    kind="browser",
    write_key="wk_public",
    token_keys=(
        TokenKey(id="k1", public_key=pem(ED)),
        TokenKey(id="e1", algorithm="ES256", public_key=pem(ES)),
        TokenKey(id="old", public_key=pem(ED), until="2023-11-14"),
    ),
)
APP = Source(id="app", kind="browser", write_key="wk_application", token_keys=WEB.token_keys[:1])
PLAIN = Source(id="plain", kind="browser", write_key="wk_plain_shop")
TILL = Source(id="till", kind="server", key_sha256="0" * 64)
SHOP = Definitions(shop=Shop(name="s"), sources=(WEB, APP, PLAIN, TILL), strict_plan=False)


def check(token: str, *, source: str = "web", device: str | None = "c1", received: int = NOW) -> Vouched | str:
    return Tokens(SHOP.sources, Identifiers(Identity()).key).check(
        token, source=source, device=device, received=received
    )


def part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def forged(header: dict[str, Any], sign: Callable[[bytes], bytes], **claims: Any) -> str:
    """A token made by hand, as no library makes it."""
    content = f"{part(header)}.{part({'aud': 'web', 'dev': 'c1', 'iat': 0, 'exp': 9e12, 'sub': 'eve', **claims})}"
    return f"{content}.{base64.urlsafe_b64encode(sign(content.encode())).rstrip(b'=').decode()}"


def test_a_token_vouches_for_its_identifiers_normalised() -> None:
    token = signed("c1", at=NOW, sub=42, ids={"email": " Ana@Example.ORG", "shoe_size": "42"})
    assert check(token) == Vouched(frozenset({"user_id:42", "email:ana@example.org"}), "anonymous_id:c1", "k1")
    assert isinstance(check(signed("c1", at=NOW, key=ES, algorithm="ES256", kid="e1", sub="x")), Vouched)


def test_its_time_is_that_of_receipt() -> None:
    token = signed("c1", at=NOW, sub="ana")
    assert isinstance(check(token, received=NOW - MINUTE), Vouched)
    assert check(token, received=NOW - MINUTE - 1) == "not_yet_valid"
    assert isinstance(check(token, received=NOW + 10 * MINUTE - 1), Vouched)
    assert check(token, received=NOW + 10 * MINUTE) == "expired"
    assert check(signed("c1", at=NOW, nbf=NOW // 1000 + 120, sub="a")) == "not_yet_valid"


def test_a_key_that_was_retired_verifies_what_was_received_before_and_nothing_after() -> None:
    until = 1_699_920_000_000  # 2023-11-14
    token = signed("c1", at=until - MINUTE, kid="old", sub="ana")
    assert isinstance(check(token, received=until - 1), Vouched)
    assert check(token, received=until) == "retired_key"


def hmac_with(secret: bytes) -> Callable[[bytes], bytes]:
    return lambda content: hmac.digest(secret, content, hashlib.sha256)


GOOD = signed("c1", at=NOW, sub="ana")
HEAD, BODY, SIGNATURE = GOOD.split(".")
OTHER_BODY = part({"aud": "web", "dev": "c1", "iat": 0, "exp": 9e12, "sub": "eve"})


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        ("", "malformed"),
        ("a.b", "malformed"),
        ("ä.ö.ü", "malformed"),
        (f"{HEAD}.{BODY}.", "bad_signature"),
        (f"{HEAD}.{OTHER_BODY}.{SIGNATURE}", "bad_signature"),
        (signed("c1", at=NOW, key=FOREIGN, sub="ana"), "bad_signature"),
        (signed("c1", at=NOW, kid="k9", sub="ana"), "unknown_key"),
        (forged({"alg": "EdDSA"}, lambda _: b"x" * 64), "unknown_key"),
        (forged({"alg": "none", "kid": "k1"}, lambda _: b""), "wrong_algorithm"),
        (forged({"alg": "None", "kid": "k1"}, lambda _: b""), "wrong_algorithm"),
        (forged({"alg": "HS256", "kid": "k1"}, hmac_with(pem(ED).encode())), "wrong_algorithm"),
        (forged({"alg": "HS256", "kid": "k1"}, hmac_with(ED.public_key().public_bytes_raw())), "wrong_algorithm"),
        (forged({"alg": "ES256", "kid": "k1"}, lambda _: b"x" * 64), "wrong_algorithm"),
        (forged({"alg": "EdDSA", "kid": "k1", "crit": ["exp"]}, ED.sign), "malformed"),
        (forged({"alg": "EdDSA", "kid": ["k1"]}, ED.sign), "malformed"),
        (forged({"alg": "EdDSA", "kid": "k1"}, ED.sign, exp="never"), "malformed"),
        (forged({"alg": "EdDSA", "kid": "k1"}, ED.sign, exp=10**400), "malformed"),
        (forged({"alg": "EdDSA", "kid": "k1"}, ED.sign), "holds_too_long"),
        (signed("c1", at=NOW, sub="a", exp=NOW // 1000 + 86_401), "holds_too_long"),
        (signed("c1", at=NOW, sub="a", aud="app"), "wrong_audience"),
        (signed("c1", at=NOW, sub="a", aud=None), "malformed"),
        (signed("", at=NOW, sub="a"), "malformed"),
        (signed("c1", at=NOW, ids={"anonymous_id": "c2"}), "malformed"),
        (signed("c1", at=NOW, ids={f"t{n}": "x" for n in range(21)}), "malformed"),
        (signed("c2", at=NOW, sub="a"), "wrong_device"),
        ("A" * (LONGEST + 1), "too_large"),
        (".".join("A" * 100_000 for _ in range(9)), "too_large"),
        ("[" * LONGEST, "malformed"),
    ],
    ids=lambda value: value if value in REASONS else "",  # signatures differ from run to run
)  # fmt: skip
def test_every_other_token_vouches_for_nobody_and_says_why(token: str, reason: str) -> None:
    assert check(token) == reason
    assert reason in REASONS


def test_a_token_of_another_source_or_of_none_is_not_believed() -> None:
    assert check(GOOD, source="app") == "wrong_audience"
    assert check(GOOD, source="plain") == check(GOOD, source="nowhere") == "unknown_key"
    assert isinstance(check(signed("c1", at=NOW, sub="a", aud=["web", "app"]), source="app"), Vouched)


@given(st.data())
def test_no_change_of_a_single_character_is_believed(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(GOOD) - 1))
    sign = data.draw(st.characters(exclude_characters=GOOD[at]))
    assert isinstance(check(GOOD[:at] + sign + GOOD[at + 1 :]), str)


# In events ------------------------------------------------------------------------------------------------------------


def decode(*calls: dict[str, Any], context: Any = None, source: str = "web", received: int = NOW) -> list[Event]:
    body = {"batch": calls} | ({} if context is None else {"context": context})
    record = Record(1, EVENTS, source, "batch", received, json.dumps(body).encode())
    return [event for event in Decoder(SHOP).decode(record) if isinstance(event, Event)]


def login(token: str | None = GOOD, **more: Any) -> dict[str, Any]:
    context = {} if token is None else {"context": {"regulars_token": token}}
    return {"type": "identify", "anonymousId": "c1", "userId": "ana", **context, **more}


def test_claims_that_a_token_covers_are_verified_and_the_others_stay_claims() -> None:
    (event,) = decode(login(traits={"email": "ben@example.org"}))
    assert (event.subject, set(event.identifiers)) == ("user_id:ana", {"user_id:ana", "anonymous_id:c1"})
    assert event.claims == ("email:ben@example.org",)
    assert event.context == {VOUCHED_BY: "k1", VERDICT: {"verdict": "human", "why": ["signed_in"]}}
    (claimed,) = decode(login(None))
    assert (claimed.identifiers, claimed.claims) == (("anonymous_id:c1",), ("user_id:ana",))


def test_what_a_token_says_beyond_the_event_is_not_added_to_it() -> None:
    (event,) = decode({**login(), "userId": None})
    assert (event.identifiers, event.claims, event.context) == (("anonymous_id:c1",), (), {})


def test_a_logged_in_customer_cannot_take_the_browser_of_another() -> None:
    (event,) = decode(login(type="alias", previousId="victim"))
    assert set(event.identifiers) == {"user_id:ana", "anonymous_id:c1"}
    assert event.claims == ("anonymous_id:victim",)


def test_the_token_of_a_batch_is_that_of_its_events_unless_they_have_one() -> None:
    own, other = decode(login(None), login("broken"), context={"regulars_token": GOOD, "app": {"name": "x"}})
    assert (own.subject, other.subject) == ("user_id:ana", "anonymous_id:c1")
    for wrong in ("text", 5, {"regulars_token": 5}):
        (event,) = decode(login(None), context=wrong)
        assert event.subject == "anonymous_id:c1"


def test_a_batch_that_is_read_event_by_event_knows_its_token_too() -> None:
    large = {"type": "track", "event": "x", "anonymousId": "c1", "properties": {"number": 10**30}}
    events = decode(login(None), large, context={"regulars_token": GOOD})
    assert [event.subject for event in events] == ["user_id:ana"]


def test_a_server_needs_no_token_and_a_bad_one_does_not_harm_it() -> None:
    (event,) = decode(login("broken"), source="till")
    assert event.subject == "user_id:ana"


def test_strict_tells_why_a_token_was_not_believed_and_keeps_the_event() -> None:
    calls = [login(), login(signed("c9", at=NOW, sub="ana")), login(None)]
    record = Record(1, EVENTS, "web", "batch", NOW, json.dumps({"batch": calls}).encode())
    assert [(one.ok, one.token) for one in Decoder(SHOP).verdict(record)] == [
        (True, ""), (True, "wrong_device"), (True, ""),
    ]  # fmt: skip


def test_the_tokens_of_a_record_are_bounded_and_a_known_one_costs_no_signature() -> None:
    many = [login(signed("c1", at=NOW, sub="ana", jti=str(n))) for n in range(MOST_OF_RECORD + 5)]
    refused: dict[int, str] = {}
    decoder = Decoder(SHOP)
    record = Record(1, EVENTS, "web", "batch", NOW, json.dumps({"batch": [*many, *many]}).encode())
    with patch.object(jwt.api_jws.PyJWS, "decode", autospec=True, side_effect=jwt.api_jws.PyJWS.decode) as asked:
        events = decoder.decode(record, refused)
        assert decoder.decode(record) == events
    assert asked.call_count == MOST_OF_RECORD
    assert len(events) == 2 * len(many)
    assert [refused[n] for n in sorted(refused)] == ["too_many"] * 10


def test_many_different_tokens_do_not_fill_the_memory() -> None:
    reader = Tokens(SHOP.sources, Identifiers(Identity()).key)
    with patch.object(tokens, "_REMEMBERED", 10):
        for number in range(100):
            reader.check(str(number), source="web", device="c1", received=NOW)
        assert len(reader._read) <= 10  # noqa: SLF001 - memory has no other face


def test_the_same_record_is_read_alike_whenever_and_by_whomever() -> None:
    record = Record(1, EVENTS, "web", "track", NOW, json.dumps({**login(), "type": "track", "event": "x"}).encode())
    warm = Decoder(SHOP)
    assert warm.decode(record) == warm.decode(record) == Decoder(SHOP).decode(record)


def vendors(token: str) -> dict[str, dict[str, Any]]:
    """What each vendor's client sends of a login in the browser c1, with a token in the place that its format has."""
    entity = {"schema": "iglu:example.shop/regulars_token/jsonschema/1-0-0", "data": {"token": token}}
    contexts = {"schema": "iglu:com.snowplowanalytics.snowplow/contexts/jsonschema/1-0-0", "data": [entity]}
    described = {"distinct_id": "ana", "$device_id": "c1", "regulars_token": token, "size": 9}
    return {
        "posthog": {"batch": [{"event": "seen", "distinct_id": "ana", "properties": described}]},
        "snowplow": {"data": [{"e": "se", "se_ac": "seen", "duid": "c1", "uid": "ana", "co": json.dumps(contexts)}]},
        "unomi": {
            "profileId": "c1",
            "events": [
                {
                    "eventType": "login", "target": {"itemId": "ana", "itemType": "user"},
                    "properties": {"regulars_token": token},
                }
            ],
        },
    }  # fmt: skip


@pytest.mark.parametrize("route", ["posthog", "snowplow", "unomi"])
def test_a_vendors_client_carries_a_token_too(route: str) -> None:
    def read(token: str) -> Event:
        (event,) = Decoder(SHOP).decode(
            Record(1, EVENTS, "web", route, NOW, json.dumps(vendors(token)[route]).encode())
        )
        assert isinstance(event, Event)
        return event

    verified = read(GOOD)
    assert (verified.subject, set(verified.identifiers)) == ("user_id:ana", {"user_id:ana", "anonymous_id:c1"})
    assert verified.context[VOUCHED_BY] == "k1"
    # Another browser's, and one that nobody signed: the login stays a claim.
    for refused in (signed("c9", at=NOW, sub="ana"), "broken"):
        event = read(refused)
        assert (event.identifiers, event.claims) == (("anonymous_id:c1",), ("user_id:ana",))
    # It opens doors, so no event keeps it.
    assert GOOD not in json.dumps([verified.properties, verified.traits, verified.context])
