"""Accounts of the console: passwords, the first administrator, and how often a wrong password may be tried."""

import asyncio
import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable

import msgspec

from regulars.core.errors import Rejected, Unavailable
from regulars.core.log import COMMAND, NewRecord
from regulars.core.state import USER, StateReader
from regulars.runtime import Services

#: scrypt cost: 2**14 blocks of 8 KiB five times over, 16 MiB of memory (RFC 7914; OWASP Password Storage Cheat Sheet).
_N, _R, _P = 2**14, 8, 5
_SALT_BYTES, _KEY_BYTES = 16, 32
#: Letters and digits that nobody confuses when reading aloud.
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
LEAST_LENGTH = 10  # characters of a password
MOST_LENGTH = 200
ADMIN = "admin"
#: The language of somebody who has chosen none: the one that the browser asks for.
AUTO = "auto"
_FIRST_START = "first start"
_A_DAY = 86_400.0  # seconds
# Each check takes 16 MiB and a tenth of a second of one core, so only one runs at a time.
_checking = asyncio.Semaphore(1)


class User(msgspec.Struct, frozen=True):
    """Somebody who may log in."""

    name: str
    role: str
    password: str  # hashed
    language: str


def find(state: StateReader, name: str) -> User | None:
    """The user of this name."""
    row = state.get(USER, name)
    return None if row is None else User(str(row[0]), str(row[1]), str(row[2]), str(row[3]))


def users(state: StateReader) -> list[User]:
    """Everybody who may log in, by name."""
    rows = state.select(USER, order=("name",))
    return [User(str(row[0]), str(row[1]), str(row[2]), str(row[3])) for row in rows]


async def ensure_admin(services: Services) -> str | None:
    """Make the first administrator where nobody may log in yet; the new password, to be printed once, or None.

    The command says `only_if_none`, so that of two servers that start at once only one makes an account.
    """
    if services.state.select(USER, limit=1):
        return None
    password = new_password()
    hashed = await hash_in_thread(password)
    args = {"name": ADMIN, "role": "admin", "password": hashed, "language": AUTO, "only_if_none": True}
    body = msgspec.json.encode({"name": "put_user", "args": args, "by": _FIRST_START})
    offset = await services.append(NewRecord(COMMAND, _FIRST_START, "put_user", services.clock(), body))
    # However far behind folding is: whoever gave up here would have made an account whose password nobody knows.
    answer = await services.answer(offset, seconds=_A_DAY)
    if not answer.ok:
        raise Unavailable(f"the first console user could not be made: {answer.body}; start the server again")
    return password if isinstance(answer.body, dict) and answer.body.get("created") else None


def new_password(groups: int = 4) -> str:
    """A password to be written down: 16 characters, 79 bits.

    >>> len(new_password()), new_password() == new_password()
    (19, False)
    """
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(groups))


def usable(password: str) -> None:
    """Refuse a password that is too short to resist guessing, or long enough to cost the server time."""
    if not LEAST_LENGTH <= len(password) <= MOST_LENGTH:
        raise Rejected(
            f"a password has {LEAST_LENGTH} to {MOST_LENGTH} characters, got {len(password)}; choose another",
            field="password",
            expected=f"{LEAST_LENGTH} to {MOST_LENGTH} characters",
            got=f"{len(password)} characters",
        )


def hash_password(password: str, *, blocks: int = _N) -> str:
    """The password as it is stored: method, parameters, salt and key. Only tests use fewer blocks."""
    salt = secrets.token_bytes(_SALT_BYTES)
    key = _derive(password, salt, blocks, _R, _P)
    return f"scrypt${blocks}${_R}${_P}${base64.b64encode(salt).decode()}${base64.b64encode(key).decode()}"


def matches(password: str, stored: str) -> bool:
    """Whether the password is the stored one, compared in constant time.

    >>> matches("correct horse", hash_password("correct horse")), matches("x", hash_password("correct horse"))
    (True, False)
    """
    try:
        method, n, r, p, salt, key = stored.split("$")
        if method != "scrypt":
            return False
        expected = base64.b64decode(key)
        found = _derive(password, base64.b64decode(salt), int(n), int(r), int(p))
    except ValueError:
        return False
    return hmac.compare_digest(found, expected)


async def hash_in_thread(password: str) -> str:
    """`hash_password` beside the event loop."""
    async with _checking:
        return await asyncio.to_thread(hash_password, password)


async def authenticate(state: StateReader, name: str, password: str) -> User | None:
    """The user if name and password fit. An unknown name takes as long as a wrong password."""
    user = find(state, name)
    stored = user.password if user is not None else _NOBODY
    if len(password) > MOST_LENGTH:
        return None
    async with _checking:
        fits = await asyncio.to_thread(matches, password, stored)
    return user if fits else None


class Throttle:
    """Slows down who tries passwords: after some failures the next try has to wait, each time twice as long."""

    #: Failures without a pause: for a name from one address, for a name, for an address.
    FREE = (5, 20, 40)
    LONGEST = 900.0  # seconds
    FORGET = 3600.0  # a failure this old counts no more; seconds
    MOST = 10_000  # remembered keys

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: dict[tuple[str, str], tuple[int, float]] = {}

    def wait(self, name: str, address: str) -> float:
        """Seconds until this name may be tried again from this address."""
        now = self._clock()
        longest = 0.0
        for key, free in zip(self._keys(name, address), self.FREE, strict=True):
            count, last = self._failures.get(key, (0, 0.0))
            if count >= free and now - last < self.FORGET:
                pause = min(2.0 ** (count - free + 1), self.LONGEST)
                longest = max(longest, last + pause - now)
        return longest

    def failed(self, name: str, address: str) -> None:
        """Note a wrong password."""
        now = self._clock()
        if len(self._failures) > self.MOST:
            self._failures = {k: v for k, v in self._failures.items() if now - v[1] < self.LONGEST}
        for key in self._keys(name, address):
            count, last = self._failures.get(key, (0, now))
            self._failures[key] = (count + 1 if now - last < self.FORGET else 1, now)

    def succeeded(self, name: str, address: str) -> None:
        """Forget the failures of the one who knows the password."""
        self._failures.pop((name, address), None)

    @staticmethod
    def _keys(name: str, address: str) -> tuple[tuple[str, str], ...]:
        return (name, address), (name, ""), ("", address)


def _derive(password: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=n, r=r, p=p, maxmem=128 * n * r * p + 2**20, dklen=_KEY_BYTES)


#: Stands in for the password of a name that does not exist; no password has it.
_NOBODY = f"scrypt${_N}${_R}${_P}${base64.b64encode(bytes(16)).decode()}${base64.b64encode(bytes(32)).decode()}"
