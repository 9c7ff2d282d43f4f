"""Erasing everybody of a shop that left: who is known from its source alone goes, of others what it alone called them.

Whoever may close the request begins it; each further command does the next stretch of customers, in the order of their
numbers, so that after a crash it goes on where the last one was committed. First the identifiers that the source alone
told are parted from customers whom others know as well (`part`), then whoever is known from it alone is erased
(`erase`), hundreds with one certificate; the request is closed once all certificates are final (`certify`).
"""

from collections.abc import Iterable, Mapping
from typing import Any, Literal, cast

import msgspec

from regulars.core.erasure import DONE
from regulars.core.errors import Rejected
from regulars.core.event import STAFF
from regulars.core.identifier import is_group
from regulars.core.state import ERASURE, IDENTIFIER, LINK, META, REQUEST, SHOP_APP, Changes, Row, StateReader
from regulars.flow.commanding import Command, Context, Handler
from regulars.flow.history import Past
from regulars.flow.identity_commands import settled
from regulars.flow.privacy_commands import erase_profiles
from regulars.profile.links import COMMANDED, FOREVER, ONE_VALUE, REVOKED, Link

#: Status of its request while it goes on.
ERASING = "erasing"
_META = "shop_erasure:"
#: Identifiers that one command looks at; customers of whom it parts some. Bounds of what is folded between two batches.
LOOKED, PARTED = 500, 20
#: Profile numbers lie below (core.record.profile_number).
_NUMBERS = 1 << 59
_RULE = "shop erasure"

Phase = Literal["part", "erase", "certify", "done"]


class ShopErasure(msgspec.Struct, kw_only=True):
    """How far the erasure of a shop is; in META, without anybody's identifier."""

    phase: Phase = "part"
    after: int = 0  # profile numbers below were looked at in this phase
    looked: int = 0  # identifiers, in both phases
    people: int = 0  # who were known from the shop alone: erased whole
    identifiers: int = 0  # of others, that the shop alone told: erased
    certificates: list[str] = []

    @property
    def share(self) -> float:
        """How much of all customers was looked at, 0 to 1; numbers are hashes, so they are spread evenly."""
        if self.phase in ("certify", "done"):
            return 1.0
        return ((self.phase == "erase") + self.after / _NUMBERS) / 2


def progress_of(state: StateReader, request: str) -> ShopErasure | None:
    """How far the erasure that a request asks for is; None: it has not begun."""
    stored = state.meta(_META + request)
    return None if stored is None else msgspec.convert(stored, ShopErasure)


def begin(context: Context, request: Row, changes: Changes) -> None:
    """Begin with what `request` asks for; raise Rejected where its source stands for more than the shop that left."""
    source = str(request[2])
    others = sum(row[9] == "confirmed" for row in context.state.select(SHOP_APP, {"source": source}))
    if others:
        raise Rejected(
            f"{others} other shops still report to source {source!r}, and whose a customer is stands nowhere: erase "
            "those who are to go one by one, and close the request without `erase`",
            field="erase", expected="no other shop at the source", got=f"{others} shops",
        )  # fmt: skip
    _store(str(request[0]), ShopErasure(), changes)


def erase_shop(context: Context, command: Command, changes: Changes) -> dict[str, Any]:
    """Go on by one stretch: {"id", "phase", "after"}; a stretch that was done already is not done again."""
    name = str(command.args.get("id"))
    request, found = context.state.get(REQUEST, name), progress_of(context.state, name)
    if request is None or found is None or request[5] != ERASING:
        raise Rejected(f"no shop is being erased by request {name!r}", field="id", expected="a request under way")
    if (command.args.get("phase"), command.args.get("after")) == (found.phase, found.after):
        step = _Step(context, str(request[2]), str(request[6]), found, changes)
        if found.phase == "part":
            step.part()
        elif found.phase == "erase":
            step.erase()
        elif all_final(context.state, found):
            found.phase = "done"
            changes.put(REQUEST, (*request[:5], "closed", request[6], context.record.time, request[8]))
        _store(name, found, changes)
    return cast(dict[str, Any], msgspec.to_builtins(found))


def all_final(state: StateReader, progress: ShopErasure) -> bool:
    """Whether every certificate is."""
    rows = state.many(ERASURE, progress.certificates)
    return all(row[2] == DONE for row in rows.values())


class _Step:
    """The work of one command."""

    def __init__(self, context: Context, source: str, by: str, progress: ShopErasure, changes: Changes) -> None:
        self._context = context
        self._source = source
        self._by = by
        self._progress = progress
        self._changes = changes

    def part(self) -> None:
        """Part what the source alone told from customers whom others know as well."""
        links: list[Link] = []
        parted = 0
        numbers, last = self._next()
        for number, past in self._pasts(numbers).items():
            told = self._told(past)
            own = self._own(past.keys, told)
            if own and len(own) < len(past.keys):
                found = self._crossing(own, past.keys, len(links))
                links += found
                parted += bool(found)
                if parted >= PARTED:
                    self._progress.after, last = number + 1, False
                    break
        if links:
            settled(links, self._context, self._changes)
        if last:
            self._progress.phase, self._progress.after = "erase", 0

    def erase(self) -> None:
        """Erase who is known from the source alone, with one certificate."""
        gone: list[int] = []
        numbers, last = self._next()
        for number, past in self._pasts(numbers).items():
            was_parted = any(link.rule == _RULE for key in past.keys for link in self._links(key))
            told = self._told(past)
            if (told or was_parted) and self._own(past.keys, told, parted=was_parted) == set(past.keys):
                gone.append(number)
                if was_parted:
                    self._progress.identifiers += len(past.keys)
                else:
                    self._progress.people += 1
        if gone:
            reason = f"{_RULE}: {len(gone)} profiles known from {self._source} alone"
            name = erase_profiles(self._context, gone, self._changes, place=0, by=self._by, reason=reason)
            self._progress.certificates.append(name)
        if last:
            self._progress.phase, self._progress.after = "certify", 0

    def _next(self) -> tuple[list[int], bool]:
        """The next profiles in the order of their numbers, and whether these are the last."""
        at_least = {"profile": self._progress.after}
        rows = self._context.state.select(IDENTIFIER, at_least=at_least, order=("profile",), limit=LOOKED)
        numbers = sorted({cast(int, row[1]) for row in rows})
        self._progress.looked += len(rows)
        if numbers:
            self._progress.after = numbers[-1] + 1
        return numbers, len(rows) < LOOKED

    def _pasts(self, numbers: list[int]) -> Mapping[int, Past]:
        return self._context.history.of_many(numbers, lambda _: True) if numbers else {}

    def _told(self, past: Past) -> dict[str, set[str]]:
        """By identifier the sources that told it. What staff noted makes nobody known elsewhere."""
        told: dict[str, set[str]] = {}
        for event in past.events:
            for key in event.identifiers:
                told.setdefault(key, set()).add(event.source)
        for key in past.keys:
            for link in self._links(key):
                if link.source and link.status not in COMMANDED:
                    told.setdefault(key, set()).add(link.source)
        for sources in told.values():
            sources.discard(STAFF)
        return {key: sources for key, sources in told.items() if sources}

    def _own(self, keys: Iterable[str], told: Mapping[str, set[str]], *, parted: bool = False) -> set[str]:
        """Which of a profile's identifiers are the source's own; what nobody is known to have told goes with all."""
        keys = set(keys)
        foreign = {key for key in keys if told.get(key, set()) - {self._source}}
        own = {key for key in keys if told.get(key) == {self._source}}
        if not foreign and (own or parted):
            return keys
        joined = {
            link.b if link.a == key else link.a
            for key in keys - own
            for link in self._links(key)
            if link.rule in ONE_VALUE
        }
        return own - joined

    def _crossing(self, own: set[str], keys: Iterable[str], before: int) -> list[Link]:
        """What takes the links between a profile's own identifiers of the source and all else back."""
        identity, record = self._context.engine.definitions.identity, self._context.record
        pairs = {
            (link.a, link.b)
            for key in sorted(own)
            for link in self._links(key)
            if (link.a in own) != (link.b in own) and link.rule not in ONE_VALUE and not is_group(link.b, identity)
        }
        note = f"{self._by}: the shop behind {self._source} is erased"
        return [
            Link(a, b, record.time, f"command-{record.offset}-{before + at}", _RULE, FOREVER, REVOKED, 1.0, note)
            for at, (a, b) in enumerate(sorted(pairs))
        ]

    def _links(self, key: str) -> list[Link]:
        state = self._context.state
        rows = [*state.select(LINK, {"a": key}), *state.select(LINK, {"b": key})]
        return [Link(*row) for row in rows]  # type: ignore[arg-type]  # the columns of the table are the fields


def _store(name: str, progress: ShopErasure, changes: Changes) -> None:
    changes.put(META, (_META + name, msgspec.msgpack.encode(progress)))


HANDLERS: dict[str, Handler] = {"erase_shop": erase_shop}
