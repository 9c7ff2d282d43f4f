"""An erasure: what is removed of a person, how far one is, and the certificate that stays. No identifier is in it."""

import hashlib
import hmac
from collections.abc import Iterable
from typing import Literal

import msgspec

#: In this order; each may be repeated after a crash without harm.
PHASES = ("ledger", "seal", "lake", "profiles", "rows", "log", "clear", "verify", "done")
DONE = "done"

#: What of a table speaks of a person, and how it goes: every table of the state says so (tests hold it to that).
#: "fold": by the command itself, in one transaction; "rows": rows that mention the person, looked for beside folding;
#: "none": holds nothing of a person.
Removal = Literal["fold", "rows", "none"]
TABLES: dict[str, tuple[Removal, str]] = {
    "meta": ("none", "definitions, offsets, the clock, and how far the erasure of a shop is"),
    "part": ("fold", "all parts of the profile and of its devices"),
    "part_b": ("rows", "the same of the other generation of records"),
    "identifier": ("fold", "the rows of the identifiers; what other rows tie to them"),
    "link": ("fold", "every link that names one of the identifiers"),
    "proposal": ("fold", "pairs for staff that name one of the identifiers, open and decided"),
    "grouped": ("fold", "the households and other groups that the identifiers were named with"),
    "consent": ("fold", "every statement of the identifiers"),
    "redirect": ("rows", "old numbers of the profile"),
    "order_fact": ("fold", "the orders, or their link to anybody where the law keeps them"),
    "membership": ("fold", "the memberships in segments"),
    "membership_b": ("rows", "the same of the other generation"),
    "moved": ("rows", "moves of the profile between segments that wait to be put in place"),
    "moved_b": ("rows", "the same of the other generation"),
    "counter": ("none", "sums over many; no identifier"),
    "failed": ("rows", "failed events that spell one of the identifiers"),
    "due": ("fold", "the day of the next change"),
    "due_b": ("rows", "the same of the other generation"),
    "changed": ("rows", "numbers of profiles, once the profile table is written"),
    "rebuild": ("rows", "the profile's number"),
    "late": ("fold", "places of the person's events in the log"),
    "verdict": ("none", "codes by place in the log; used up by sealing"),
    "run": ("fold", "hashes of subjects in the index of the log; hashes of message ids stay, they name no person"),
    "device_clock": ("fold", "the clocks of the devices"),
    "timed": ("none", "times by place in the log; no identifier"),
    "again": ("none", "hashes of message ids and places in the log; they name no person"),
    "shop_fact": ("none", "advertising, queries, programme and footfall, which are about nobody"),
    "visited": ("fold", "what the identifiers viewed, put into a basket and bought lately"),
    "unlearned": ("rows", "hashes of the identifiers, until no model holds anything of them"),
    "manifest": ("none", "files of the lake"),
    "product": ("none", "the catalogue"),
    "request": ("fold", "requests of the person that shop systems passed on"),
    "shop_app": ("none", "shops that registered by themselves, which are no customers"),
    "sku": ("none", "the catalogue"),
    "stock_told": ("none", "the catalogue"),
    "user": ("none", "people of the console, who are not customers"),
    "access": ("rows", "whom the entry speaks of"),
    "confirmed": ("none", "ids of confirmation links"),
    "answer": ("rows", "answers that spell one of the identifiers"),
    "lake_drop": ("rows", "rows to take out of the lake, once that is done"),
    "erasure": ("none", "certificates; no identifier"),
    "erasing": ("rows", "the identifiers themselves, until the erasure is through"),
}


class Stretch(msgspec.Struct, frozen=True, array_like=True):
    """While a shared device was this person's: from (included) until (excluded), ms; None: without end.

    `offset`: what came later in the log is not meant; None: that is said for the erasure as a whole.
    """

    since: int | None
    before: int | None
    offset: int | None = None

    def holds(self, time: int, offset: int) -> bool:
        """Whether what came at a time (ms) and an offset is in it."""
        if self.offset is not None and offset > self.offset:
            return False
        return (self.since is None or self.since <= time) and (self.before is None or time < self.before)


class Checked(msgspec.Struct, frozen=True):
    """What the search found in one store: of what was planted to prove that it finds, and of the person."""

    store: str
    planted: int
    found: int


class Erasure(msgspec.Struct, kw_only=True):
    """The row of an erasure; once it is done, its certificate. Times are UTC milliseconds."""

    id: str
    offset: int  # of the command in the log
    requested_at: int
    by: str
    reason: str = ""
    phase: str = PHASES[0]
    finished_at: int = 0
    known: bool = True  # whether there was a profile
    identifiers: list[str] = []  # keyed hashes
    removed: dict[str, int] = {}  # what -> how many
    orders_kept: int = 0
    lake_read: int = 0  # parts of the lake of which rows were read
    lake_by_words: int = 0  # parts whose noted words said that they neither hold nor name the person
    checked: list[Checked] = []
    came_back: bool = False  # new events of the person came while it ran
    left: list[str] = []  # places where the search still found something
    again: bool = False  # repeated after a backup was put back


class Remaining(msgspec.Struct, frozen=True):
    """What an erasure leaves, and why: a code for the page to word, and a figure where there is one."""

    code: Literal["sums", "models", "message_hashes", "backups", "orders_by_law", "came_back", "left"]
    count: int = 0


def remaining(erasure: Erasure) -> list[Remaining]:
    """What of the person remains by design, and what should not."""
    found = [Remaining("sums"), Remaining("models"), Remaining("message_hashes"), Remaining("backups")]
    if erasure.orders_kept:
        found.append(Remaining("orders_by_law", erasure.orders_kept))
    if erasure.came_back:
        found.append(Remaining("came_back"))
    if erasure.left:
        found.append(Remaining("left", len(erasure.left)))
    return found


class Tombstone(msgspec.Struct, frozen=True):
    """A line of the ledger: enough to erase again after a backup was put back; it names nobody."""

    id: str
    at: int  # UTC ms of the request
    identifiers: list[str]  # keyed hashes
    by: str = ""


def ledger_key(secret: bytes) -> bytes:
    """The key of the hashes, made of the installation's secret."""
    return hmac.new(secret, b"erasures", hashlib.sha256).digest()


def keyed_hash(key: bytes, identifier: str) -> str:
    """An identifier as ledger and certificate name it; without the secret nobody can try addresses out."""
    return hmac.new(key, identifier.encode(), hashlib.sha256).hexdigest()


def matching(key: bytes, wanted: Iterable[str], identifiers: Iterable[str]) -> list[str]:
    """The identifiers whose hashes are among the wanted."""
    hashes = frozenset(wanted)
    return [identifier for identifier in identifiers if keyed_hash(key, identifier) in hashes]
