"""Tokens with which a shop's backend sends a customer who is logged in to the own page: JWTs that open it once.

They are another kind than those that verify a login (`collect.tokens`): the audience is "<source>/me", so that what a
browser carries on its events opens nothing; they name one person, end after minutes and have an id that is used up.
"""

import hashlib
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from regulars.collect.tokens import (
    APART_MS,
    BAD_SIGNATURE,
    EXPIRED,
    HOLDS_TOO_LONG,
    LONGEST,
    MALFORMED,
    NOT_YET_VALID,
    RETIRED_KEY,
    TOO_LARGE,
    UNKNOWN_KEY,
    WRONG_ALGORITHM,
    WRONG_AUDIENCE,
    PublicKey,
    loaded,
)
from regulars.core.definitions import Source

#: What follows the id of the source in the audience.
SUFFIX = "/me"
#: How long such a token may hold, ms.
LONGEST_MS = 300_000
_LONGEST_ID = 200
#: How far a token came, when several keys have its name; whatever is missing here came further.
_STEPS = (UNKNOWN_KEY, WRONG_ALGORITHM, BAD_SIGNATURE, WRONG_AUDIENCE)


class Entry(msgspec.Struct, frozen=True):
    """Who may enter, once."""

    key: str  # of the identifier
    id: str  # the same for every use of this token; tells nothing of what stood in it
    expires: int  # UTC ms
    source: str


class _Payload(msgspec.Struct):
    aud: str | list[str]
    exp: float
    iat: float
    jti: str
    nbf: float | None = None
    sub: str | int | None = None
    ids: dict[str, str | int] = {}


_payload = msgspec.json.Decoder(_Payload).decode


class Entries:
    """Reads the tokens that open the own page; only keys with `own_page = true` sign them."""

    def __init__(self, sources: Iterable[Source], key: Callable[[str, str], str | None]) -> None:
        self._key = key  # (type, value as written) -> key of an identifier
        self._keys: list[tuple[str, str, PublicKey]] = [
            (source.id, one.id, loaded(one))
            for source in sources
            if source.kind == "browser"
            for one in source.token_keys
            if one.own_page
        ]
        self._jws: Any = None
        if self._keys:
            # Slow to load and useless where nobody signs.
            from jwt.api_jws import PyJWS

            self._jws = PyJWS(algorithms=["EdDSA", "ES256"])

    def check(self, token: str, *, now: int) -> Entry | str:
        """Who enters with this token at that time (ms); or the reason why nobody does."""
        if not self._keys:
            return UNKNOWN_KEY
        if len(token) > LONGEST:
            return TOO_LARGE
        from jwt.exceptions import PyJWTError

        try:
            header = self._jws.get_unverified_header(token)
        except (PyJWTError, UnicodeError, RecursionError):
            return MALFORMED
        named = header.get("kid")
        told = UNKNOWN_KEY
        for source, id_, key in self._keys:
            # Two sources may name different keys alike, or share one: the audience says which of them is meant.
            if named != id_ and not (named is None and len(self._keys) == 1):
                continue
            found = self._verified(token, header, source, key, now)
            if isinstance(found, Entry):
                return found
            told = max(told, found, key=_step)
        return told

    def _verified(self, token: str, header: dict[str, Any], source: str, key: PublicKey, now: int) -> Entry | str:
        from jwt.exceptions import InvalidAlgorithmError, InvalidSignatureError, PyJWTError

        # The algorithm is the key's, whatever the token says.
        if header.get("alg") != key.algorithm:
            return WRONG_ALGORITHM
        try:
            said = _payload(self._jws.decode(token, key.public, algorithms=[key.algorithm]))
        except InvalidSignatureError:
            return BAD_SIGNATURE
        except InvalidAlgorithmError:
            return WRONG_ALGORITHM
        except (PyJWTError, msgspec.MsgspecError, UnicodeError, RecursionError):
            return MALFORMED
        # One audience and no list: a token for several doors would open each of them once.
        if said.aud != source + SUFFIX:
            return WRONG_AUDIENCE
        if reason := _untimely(said, key, now):
            return reason
        given = [*said.ids.items()]
        if said.sub is not None:
            given.append(("user_id", said.sub))
        person = self._key(given[0][0], str(given[0][1])) if len(given) == 1 else None
        if person is None or not 0 < len(said.jti) <= _LONGEST_ID:
            return MALFORMED
        used = hashlib.sha256(f"regulars entry {source} {said.jti}".encode()).hexdigest()
        return Entry(person, f"me:{used}", int(said.exp * 1000), source)


def _step(reason: str) -> int:
    return _STEPS.index(reason) if reason in _STEPS else len(_STEPS)


def _untimely(said: _Payload, key: PublicKey, now: int) -> str:
    if key.until is not None and now >= key.until:
        return RETIRED_KEY
    if now >= said.exp * 1000:
        return EXPIRED
    begins = max(said.iat, said.nbf) if said.nbf is not None else said.iat
    if now + APART_MS < begins * 1000:
        return NOT_YET_VALID
    return HOLDS_TOO_LONG if (said.exp - said.iat) * 1000 > LONGEST_MS else ""
