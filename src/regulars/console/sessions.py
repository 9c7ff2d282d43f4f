"""Who is logged in: a signed cookie, and the token that forms carry against requests from foreign pages."""

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable

import msgspec

from regulars.console.accounts import User, find
from regulars.core.state import StateReader

COOKIE = "regulars_session"
#: Before somebody is logged in, the form to log in carries the token of this cookie.
VISIT_COOKIE = "regulars_visit"
#: A session ends so long after it began; seconds.
LIFETIME = 12 * 3600


class Session(msgspec.Struct, frozen=True, array_like=True):
    """What the cookie says; it is signed, not secret."""

    user: str
    expires: float  # Unix seconds
    id: str
    password: str  # fingerprint: a changed password ends every session


class Sessions:
    """Makes and reads session cookies; the key is derived from the installation's secret."""

    def __init__(self, secret: bytes, clock: Callable[[], float] = time.time) -> None:
        self._signing = hmac.digest(secret, b"regulars console session", "sha256")
        self._forms = hmac.digest(secret, b"regulars console forms", "sha256")
        self._clock = clock

    def begin(self, user: User) -> str:
        """The cookie of a new session."""
        session = Session(user.name, self._clock() + LIFETIME, secrets.token_urlsafe(16), _fingerprint(user))
        body = base64.urlsafe_b64encode(msgspec.json.encode(session)).decode()
        return f"{body}.{self._sign(body)}"

    def read(self, cookie: str, state: StateReader) -> tuple[Session, User] | None:
        """The session and its user as they are now: a role that was changed holds at once."""
        body, _, signature = cookie.rpartition(".")
        if not body or not hmac.compare_digest(self._sign(body).encode(), signature.encode(errors="replace")):
            return None
        session = msgspec.json.decode(base64.urlsafe_b64decode(body), type=Session)
        if session.expires <= self._clock():
            return None
        user = find(state, session.user)
        if user is None or not hmac.compare_digest(_fingerprint(user), session.password):
            return None
        return session, user

    def form_token(self, session: str) -> str:
        """What every form of this session (or visit) carries."""
        return hmac.digest(self._forms, session.encode(), "sha256").hex()

    def token_fits(self, token: str, session: str) -> bool:
        """Whether a form came from a page of this session."""
        return bool(session) and hmac.compare_digest(self.form_token(session).encode(), token.encode(errors="replace"))

    def _sign(self, body: str) -> str:
        digest = hmac.digest(self._signing, body.encode(errors="replace"), "sha256")
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _fingerprint(user: User) -> str:
    return hashlib.sha256(user.password.encode()).hexdigest()[:16]
