"""Changed rules of identity, applied to the past: the ledger settled anew, cluster by cluster, while the shop is open.

One command begins: it brings the rules, which hold from then on for what comes. Each further one settles the next
stretch of identifiers by them, in the order of their keys, with the profiles that follow from it; how far it is stands
in the state, so that after a crash the next command goes on where the last one was committed. What a stretch changes is
what `identity_plan` said.

The ledger and the rows of identifiers hold all evidence on limits, sizes, shared devices and blocked values. What they
do not hold is not made up; `profile.rule_changes` says which of a change stays as it was, and why.
"""

import base64
import hashlib
from collections.abc import Iterable
from typing import Any, cast

import msgspec

from regulars.core.definitions import Definitions
from regulars.core.errors import Misconfigured, Rejected
from regulars.core.identifier import is_device, is_group, is_person, usable
from regulars.core.identity_types import Identity
from regulars.core.state import IDENTIFIER, LINK, META, Changes, StateReader
from regulars.flow.commanding import Command, Context, Handler, repair
from regulars.flow.desk import Desk
from regulars.flow.engine import Engine
from regulars.flow.identity_plan import MOST_KEYS, links_of_key, named_at_shared
from regulars.flow.identity_spelling import Spellings
from regulars.flow.people import Placed, apply_effects, store_settlement
from regulars.profile.assignment import Assignment, IdRow
from regulars.profile.evidence import Facts
from regulars.profile.identity import burned_keys
from regulars.profile.links import ONE_VALUE, Link, holding_in, is_burned, ties_in
from regulars.profile.rule_changes import stays
from regulars.profile.settlement import Settlement, reached_from, settle, wanted

APPLY = "identity_apply"  # META: Applying
SETTLED = "identity_settled"  # META: the rules by which all of the ledger was settled last; unset: those that serve
#: Identifiers that one command looks at, clusters that it settles and profiles that it folds anew, at most about.
LOOKED, SETTLES, REFOLDS = 2_000, 200, 8


class Applying(msgspec.Struct, kw_only=True):
    """How far it is; in META under "identity_apply", for everybody to read."""

    rules: str = ""  # digest of the rules that are applied
    done: bool = False
    cursor: str = ""  # the last identifier that was looked at
    looked: int = 0
    total: int = 0
    changed: int = 0  # clusters of identifiers that came out otherwise
    refolded: int = 0  # profiles folded anew
    skipped: int = 0  # identifiers in clusters that are too large to be looked into
    stays: list[str] = []  # what is left as it was although the rules changed: codes of `profile.rule_changes`


def applying(reader: StateReader) -> Applying | None:
    """How far the running or the last one is; None: there was none."""
    stored = reader.meta(APPLY)
    return None if stored is None else msgspec.convert(stored, Applying)


def settled_by(reader: StateReader, serving: Identity) -> Identity:
    """The rules by which who is who stands; `serving` are those for what comes."""
    stored = reader.meta(SETTLED)
    return serving if stored is None else msgspec.convert(stored, Identity)


def apply_identity(context: Context, command: Command, changes: Changes) -> dict[str, Any]:
    """Begin with changed rules ({"definitions": base64 of msgpack}), or go on by one stretch (no arguments).

    The answer is an `Applying`. Beginning again with the same rules goes on where it was left.
    """
    if (encoded := command.args.get("definitions")) is not None:
        progress = _begin(encoded, context)
    else:
        progress = _go_on(context, changes)
    changes.put(META, (APPLY, msgspec.msgpack.encode(progress)))
    return cast(dict[str, Any], msgspec.to_builtins(progress))


def _begin(encoded: object, context: Context) -> Applying:
    try:
        wanted_now = msgspec.msgpack.decode(base64.b64decode(str(encoded)), type=Definitions)
        Engine(wanted_now)
    except (ValueError, msgspec.MsgspecError, Misconfigured) as error:
        raise Rejected(f"the definitions cannot be used: {error}", field="definitions") from error
    edited, before = wanted_now.identity, settled_by(context.state, context.engine.definitions.identity)
    kinds = {one.id: one.kind for one in before.types}
    if turned := sorted(one.id for one in edited.types if kinds.get(one.id, one.kind) != one.kind):
        raise Rejected(
            f"identity.toml makes another kind of {', '.join(turned)}: what was stored of such identifiers cannot be "
            "read as another kind; give the new kind a new name",
            field=f"types.{turned[0]}.kind",
            expected=kinds[turned[0]],
            got=next(one.kind for one in edited.types if one.id == turned[0]),
        )
    context.wanted = wanted_now
    known, rules = applying(context.state), digest(edited)
    if known is not None and known.rules == rules and not known.done:
        return known
    total = context.state.count(IDENTIFIER).get(None, 0)
    return Applying(rules=rules, total=total, stays=list(stays(before, edited)))


def digest(identity: Identity) -> str:
    """Which rules these are, in 16 characters."""
    return hashlib.sha256(msgspec.msgpack.encode(identity)).hexdigest()[:16]


def _go_on(context: Context, changes: Changes) -> Applying:
    progress = applying(context.state)
    identity = context.engine.definitions.identity
    if progress is None or progress.done:
        raise Rejected("no rules are being applied; begin with the edited definitions", field="definitions")
    if progress.rules != digest(identity):
        raise Rejected("other rules serve by now than are being applied; begin again", field="definitions")
    progress.done = _Stretch(context, changes, progress).settle()
    if progress.done:
        changes.put(META, (SETTLED, msgspec.msgpack.encode(identity)))
    return progress


class _Stretch:
    """The work of one command. What it changes is committed at its end, so no two of its clusters may touch."""

    def __init__(self, context: Context, changes: Changes, progress: Applying) -> None:
        self.context = context
        self.changes = changes
        self.progress = progress
        self.identity = context.engine.definitions.identity
        self.state = context.state
        self.spelt = Spellings(settled_by(self.state, self.identity), self.identity)
        self.desk = Desk(context.engine, context.state, changes, context.tables)
        self.seen: set[str] = set()  # of clusters that are done
        self.touched: set[int] = set()  # profiles of what was changed
        self.moved: set[str] = set()  # identifiers of what was changed
        self.refolds: set[int] = set()
        self.pending: dict[str, IdRow] = {}

    def settle(self) -> bool:
        """Look at the next identifiers until there has been enough to do; True: that was all."""
        at = self.progress.cursor
        rows = cast(
            list[IdRow],
            self.state.select(IDENTIFIER, at_least={"key": at}, order=("key",), limit=LOOKED + 2),
        )
        settles, through = 0, False
        later = [row for row in rows if row[0] != at]
        fresh = later[:LOOKED]
        for row in fresh:
            if settles >= SETTLES or len(self.refolds) >= REFOLDS:
                break
            if row[0] not in self.seen and self._concerned(row):
                if not self._cluster(row):
                    break  # it touches what this command has changed already
                settles += 1
            if is_burned(row[3]) and is_person(row[0], self.identity):
                self._restrict(row[1])
            self.progress.cursor = row[0]
            self.progress.looked += 1
        else:
            through = len(later) <= LOOKED
        repair(self.refolds, self.pending, self.context, self.desk, self.changes)
        self.progress.refolded += len(self.refolds)
        self.desk.store(self.context.record.offset)
        return through

    def _restrict(self, number: int) -> None:
        """Fold nobody's profile anew where an older version took it for somebody's."""
        if number not in self.touched and (known := self.desk.find(number)) is not None and not known.hot.restricted:
            self.refolds.add(number)

    def _concerned(self, row: IdRow) -> bool:
        """Whether the rules may say something else of it: it has evidence, or must not have any."""
        key, owners = row[0], row[3]
        if is_group(key, self.identity):
            return False
        return bool(owners) or not usable(key, self.identity) or self.spelt.of(key) != key

    def _cluster(self, row: IdRow) -> bool:
        """Settle what hangs together with an identifier; False: not now."""
        key = row[0]
        nobody, rows, given = self._altered([row])
        facts = Facts(rows, Assignment([], [], {}, set()), ())
        facts.rows.update(rows)
        facts.most = MOST_KEYS
        around: set[str] = {key}
        while True:
            facts = self._fetched(facts, around, nobody, given)
            reached = self._reached(key, facts, given)
            if reached is None:
                self.progress.skipped += 1
                return True
            wider = around | reached | {tie.other for tie in ties_in(facts.owners(key))}
            fresh = [found for one in wider - around if (found := facts.rows.get(one)) is not None]
            if not fresh:
                break
            more, altered, links = self._altered(fresh)
            nobody, given, around = nobody | more, [*given, *links], wider
            facts.rows.update(altered)
        settlement = settle(facts, (), given, self.identity)
        self.seen |= around
        if self.moved & {*facts.rows} or self.touched & facts.members.keys():
            return not self._changes(settlement)
        self._carry_out(settlement, facts)
        return True

    def _reached(self, key: str, facts: Facts, given: Iterable[Link]) -> set[str] | None:
        """What ties lead to from a key and from its other spellings; None when that is too much."""
        found = {key}
        if not is_device(key, self.identity):
            for start in (key, *(one for link in given if link.rule in ONE_VALUE for one in (link.a, link.b))):
                further = reached_from(start, facts, self.identity)
                if further is None:
                    return None
                found |= further
        return found

    def _fetched(self, facts: Facts, around: Iterable[str], nobody: frozenset[str], given: list[Link]) -> Facts:
        """The same with everything that settling these identifiers needs."""
        found = Facts({}, facts.assignment, ())
        found.rows, found.members, found.most = facts.rows, facts.members, facts.most
        found.touched, found.nobody = frozenset(around), nobody
        while want := wanted(found, (), given, self.identity):
            members = {
                number: cast(list[IdRow], self.state.select(IDENTIFIER, {"profile": number}))
                for number in want.profiles
            }
            found.add(want, cast(dict[str, IdRow], self.state.many(IDENTIFIER, want.keys)), members)
        return found

    def _altered(self, rows: Iterable[IdRow]) -> tuple[frozenset[str], dict[str, IdRow], list[Link]]:
        """Who of them identifies nobody any more, and the rows and links of those that tell something again."""
        identity, state = self.identity, self.state
        nobody: set[str] = set()
        found: dict[str, IdRow] = {}
        links: list[Link] = []
        for row in rows:
            key, owners = row[0], row[3]
            found[key] = row
            links += self.spelt.links(key, row[2])
            if (
                not usable(key, identity)
                or self.spelt.of(key) is None
                or (holding_in(owners).keys and named_at_shared(key, state, identity))
            ):
                nobody.add(key)
            elif is_burned(owners) and is_person(key, identity):
                ledger = links_of_key(key, state, identity)
                pairs = {(link.a, link.b) for link in ledger if is_person(link.b, identity)}
                if len(ledger) <= MOST_KEYS and key not in burned_keys(pairs, identity):
                    found[key] = (*row[:3], b"")
                    links += [msgspec.structs.replace(link, status=_plain(link)) for link in ledger]
        return frozenset(nobody), found, [link for link in links if not is_device(link.b, identity)]

    def _changes(self, settlement: Settlement) -> bool:
        stored = cast(dict[str, IdRow], self.state.many(IDENTIFIER, settlement.puts))
        return any(stored.get(key) != row for key, row in settlement.puts.items())

    def _carry_out(self, settlement: Settlement, facts: Facts) -> None:
        if not self._changes(settlement):
            for link in settlement.links:  # how a link is told may change although nobody moves
                self.changes.put(LINK, msgspec.structs.astuple(link))
            return
        store_settlement(settlement, self.changes, self.state)
        placed = Placed([], {**{k: r for k, r in facts.rows.items() if r}, **settlement.puts}, set(), settlement)
        self.refolds |= apply_effects(placed, self.desk, self.state, day=self.context.day)
        self.pending.update(settlement.puts)
        self.progress.changed += 1
        self.moved.update(settlement.puts)
        for key, row in settlement.puts.items():
            before = facts.rows.get(key)
            self.touched |= {row[1], before[1] if before else row[1]}


def _plain(link: Link) -> str:
    return "" if link.status.startswith("refused:") else link.status


HANDLERS: dict[str, Handler] = {"apply_identity": apply_identity}
