"""Tokens that a shop's backend signs for the browser of a customer who is logged in: JWTs that verify claims.

A token says who (`sub`, `ids`), for which source (`aud`), in which browser (`dev`, its anonymous id) and for how long
(`iat`, `exp`). Whether it holds depends on the source's keys and on when it was received: a replay finds the same.
"""

import base64
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec

from regulars.core.definitions import Source, TokenKey

#: Characters of a token; a longer one is not looked at.
LONGEST = 2_048
#: Different tokens of one record that are looked at: a browser has one, and a second one when the first is renewed.
MOST_OF_RECORD = 8
#: How long a token may hold, ms.
LONGEST_MS = 86_400_000
#: How far the clocks of two servers may be apart, ms.
APART_MS = 60_000
_MOST_IDS = 20
_REMEMBERED = 4_096

#: Why a token verifies nothing.
MALFORMED, TOO_LARGE, TOO_MANY = "malformed", "too_large", "too_many"
UNKNOWN_KEY, RETIRED_KEY, WRONG_ALGORITHM, BAD_SIGNATURE = (
    "unknown_key",
    "retired_key",
    "wrong_algorithm",
    "bad_signature",
)
WRONG_AUDIENCE, WRONG_DEVICE = "wrong_audience", "wrong_device"
EXPIRED, NOT_YET_VALID, HOLDS_TOO_LONG = "expired", "not_yet_valid", "holds_too_long"
REASONS = (
    MALFORMED, TOO_LARGE, TOO_MANY, UNKNOWN_KEY, RETIRED_KEY, WRONG_ALGORITHM, BAD_SIGNATURE, WRONG_AUDIENCE,
    WRONG_DEVICE, EXPIRED, NOT_YET_VALID, HOLDS_TOO_LONG,
)  # fmt: skip


class Vouched(msgspec.Struct, frozen=True):
    """What a token that holds says: these are the identifiers of whoever uses this browser."""

    keys: frozenset[str]
    device: str
    key: str  # id of the key that signed it


class _Payload(msgspec.Struct):
    aud: str | list[str]
    dev: str | int
    exp: float
    iat: float
    nbf: float | None = None
    sub: str | int | None = None
    ids: dict[str, str | int] = {}


class _Signed(msgspec.Struct, frozen=True):
    """A token whose signature and audience are right."""

    vouched: Vouched
    begins: float  # ms
    issued: float
    expires: float
    retires: int | None  # of its key


class PublicKey(msgspec.Struct, frozen=True):
    """A key of sources.toml, ready to check signatures with."""

    algorithm: str
    public: Any  # of the cryptography package
    until: int | None


_payload = msgspec.json.Decoder(_Payload).decode


class Tokens:
    """Reads the tokens of one shop's browser sources."""

    def __init__(self, sources: Iterable[Source], key: Callable[[str, str], str | None]) -> None:
        self._key = key  # (type, value as written) -> key of an identifier
        self._keys = {
            source.id: {key.id: loaded(key) for key in source.token_keys}
            for source in sources
            if source.kind == "browser" and source.token_keys
        }
        self._jws: Any = None
        if self._keys:
            # Slow to load and useless where nobody signs.
            from jwt.api_jws import PyJWS

            self._jws = PyJWS(algorithms=["EdDSA", "ES256"])
        self._read: dict[tuple[str, str], _Signed | str] = {}

    def check(self, token: str, *, source: str, device: str | int | None, received: int) -> Vouched | str:
        """What the token vouches for, in a call of this browser received at that time (ms); or why it does not."""
        found = self._read.get((source, token))
        if found is None:
            found = self._verified(token, source)
            if len(self._read) >= _REMEMBERED:
                self._read.clear()
            if len(token) <= LONGEST:
                self._read[source, token] = found
        if isinstance(found, str):
            return found
        if found.retires is not None and received >= found.retires:
            return RETIRED_KEY
        if received >= found.expires:
            return EXPIRED
        if received + APART_MS < found.begins:
            return NOT_YET_VALID
        if found.expires - found.issued > LONGEST_MS:
            return HOLDS_TOO_LONG
        if device is None or self._key("anonymous_id", str(device)) != found.vouched.device:
            return WRONG_DEVICE
        return found.vouched

    def _verified(self, token: str, source: str) -> _Signed | str:
        keys = self._keys.get(source)
        if keys is None:
            return UNKNOWN_KEY
        if len(token) > LONGEST:
            return TOO_LARGE
        from jwt.exceptions import InvalidAlgorithmError, InvalidSignatureError, PyJWTError

        try:
            header = self._jws.get_unverified_header(token)
            named = header.get("kid")
            key = keys.get(named) if named is not None else next(iter(keys.values())) if len(keys) == 1 else None
            if key is None:
                return UNKNOWN_KEY
            # The algorithm is the key's, whatever the token says.
            if header.get("alg") != key.algorithm:
                return WRONG_ALGORITHM
            content = self._jws.decode(token, key.public, algorithms=[key.algorithm])
            said = _payload(content)
        except InvalidSignatureError:
            return BAD_SIGNATURE
        except InvalidAlgorithmError:
            return WRONG_ALGORITHM
        except (PyJWTError, msgspec.MsgspecError, UnicodeError, RecursionError):
            return MALFORMED
        audience = [said.aud] if isinstance(said.aud, str) else said.aud
        if source not in audience:
            return WRONG_AUDIENCE
        vouched = self._vouched(said, next(id_ for id_, one in keys.items() if one is key))
        if vouched is None:
            return MALFORMED
        begins = max(said.iat, said.nbf) if said.nbf is not None else said.iat
        return _Signed(vouched, begins * 1000, said.iat * 1000, said.exp * 1000, key.until)

    def _vouched(self, said: _Payload, key: str) -> Vouched | None:
        device = self._key("anonymous_id", str(said.dev))
        if device is None or len(said.ids) > _MOST_IDS or "anonymous_id" in said.ids:
            return None
        given = [*said.ids.items()]
        if said.sub is not None:
            given.append(("user_id", said.sub))
        keys = (self._key(kind, str(value)) for kind, value in given)
        return Vouched(frozenset(one for one in keys if one is not None), device, key)


def loaded(key: TokenKey) -> PublicKey:
    """A key as sources.toml has it."""
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    until = None
    if key.until:
        at = datetime.fromisoformat(key.until)
        until = int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)
    lines = [line.strip() for line in key.public_key.splitlines() if not line.startswith("-----")]
    return PublicKey(key.algorithm, load_der_public_key(base64.b64decode("".join(lines))), until)
