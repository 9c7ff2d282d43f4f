"""Load a shop folder: definitions when all is well, every mistake at once when not."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from regulars.core.definitions import (
    PREFERENCES,
    Definitions,
    EventType,
    Fact,
    Goal,
    Linking,
    Network,
    Offer,
    Placement,
    Preference,
    Purpose,
    Retention,
    Segment,
    Sensitive,
    Shop,
    Signals,
    Source,
    Trait,
)
from regulars.core.errors import Misconfigured, Rejected
from regulars.core.event import FIXED_PURPOSES
from regulars.core.identity_types import Identity
from regulars.core.mend import Mend
from regulars.core.merchandising import Rule
from regulars.core.sensitive import EDITION
from regulars.shop.conditions import check_conditions
from regulars.shop.draft import Draft
from regulars.shop.identity import read_identity
from regulars.shop.merchandising_rules import read_attributes
from regulars.shop.mistake import Mistake, nearest
from regulars.shop.network_rules import LISTS, read_network
from regulars.shop.plan import EventEntry, json_schema
from regulars.shop.preference_rules import with_built_in
from regulars.shop.reading import S, TomlFile
from regulars.shop.rules import check_draft, check_shop

#: File -> the table whose entries it holds. Offers stand in the folder offers/, any number in a file; rules may.
FILES = {
    "sources.toml": "sources",
    "events.toml": "events",
    "traits.toml": "traits",
    "segments.toml": "segments",
    "consent.toml": "purposes",
    "placements.toml": "placements",
    "preferences.toml": "preferences",
    "facts.toml": "facts",
    "mends.toml": "mends",
    "goals.toml": "goals",
    "rules.toml": "rules",
}
#: Folders of files, any number of which hold entries of one table.
FOLDERS = {"offers": "offers", "rules": "rules"}
KNOWN = ("shop.toml", "identity.toml", *FILES)
#: What consent.toml holds beside purposes.
BESIDE: dict[str, type[msgspec.Struct]] = {"signals": Signals, "sensitive": Sensitive}
_KINDS: dict[str, tuple[type[msgspec.Struct], str]] = {
    "sources": (Source, "id"),
    "traits": (Trait, "name"),
    "segments": (Segment, "id"),
    "purposes": (Purpose, "id"),
    "placements": (Placement, "id"),
    "preferences": (Preference, "id"),
    "facts": (Fact, "id"),
    "offers": (Offer, "id"),
    "mends": (Mend, "id"),
    "goals": (Goal, "id"),
    "rules": (Rule, "id"),
}


def load(folder: Path | str) -> Definitions:
    """The shop's definitions; raises Misconfigured with every mistake of the folder."""
    definitions, mistakes = build(read_folder(folder))
    if definitions is None:
        lines = "\n".join(f"  {mistake}" for mistake in mistakes)
        count = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
        raise Misconfigured(f"{count} in the shop folder {folder}:\n{lines}")
    return definitions


def check(folder: Path | str) -> list[Mistake]:
    """Every mistake of the folder, by file and line; empty when the shop can be loaded."""
    return build(read_folder(folder))[1]


def read_folder(folder: Path | str) -> dict[str, bytes]:
    """The files of a shop folder by name: TOML, offers/*.toml and rules/*.toml included, and lists of networks."""
    root = Path(folder)
    if not root.is_dir():
        raise Rejected(
            f"{root} is not a folder; give the folder that holds shop.toml, or make one with `regulars init {root}`",
            expected="a folder",
            got=str(root),
        )
    found = [*root.glob("*.toml"), *(path for name in FOLDERS for path in root.glob(f"{name}/*.toml"))]
    paths = sorted([*found, *(path for path in root.glob(f"{LISTS}/[!.]*") if path.is_file())])
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in paths}


def build(files: Mapping[str, bytes]) -> tuple[Definitions | None, list[Mistake]]:
    """Definitions from the contents of the files, or None and the mistakes."""
    lists = {name: content for name, content in files.items() if name.startswith(f"{LISTS}/")}
    opened = {name: TomlFile(name, content) for name, content in files.items() if name not in lists}
    missing: list[Mistake] = []
    for name, file in opened.items():
        if "/" not in name and name not in KNOWN:
            near = nearest(name, (*KNOWN, "offers/"))
            known = ", ".join((*KNOWN, *(f"{folder}/*.toml" for folder in FOLDERS)))
            file.mistakes.append(Mistake(name, None, "", f"unknown file; known are {known}", near))
    if "shop.toml" not in opened:
        missing.append(Mistake("shop.toml", None, "", "missing; every shop folder has one, with [shop] and its name"))
    draft = _draft(opened)
    missing += read_network(draft, opened.get("shop.toml"), lists)
    check_draft(draft)
    check_conditions(draft)
    mistakes = missing + [mistake for file in opened.values() for mistake in file.mistakes]
    if mistakes:
        return None, sorted(set(mistakes), key=lambda m: (m.file, m.line or 0, m.key, m.message))
    return _definitions(draft, files), []


def _draft(opened: Mapping[str, TomlFile]) -> Draft:
    shop = _single(opened.get("shop.toml"), "shop", Shop)
    languages = (shop or Shop(name="")).languages
    identity = read_identity(opened.get("identity.toml"), languages)
    linking = _beside(opened.get("identity.toml"), "linking", Linking)
    retention = _beside(opened.get("shop.toml"), "retention", Retention)
    draft = Draft(
        shop=shop or Shop(name=""),
        identity=identity,
        linking=linking or Linking(),
        retention=retention or Retention(),
        network=_beside(opened.get("shop.toml"), "network", Network) or Network(),
    )
    if "shop.toml" in opened:
        draft.places["retention", ""] = opened["shop.toml"]
    if "identity.toml" in opened:
        draft.places["identity", ""] = opened["identity.toml"]
    if shop is not None:
        check_shop(shop, opened["shop.toml"])
    for table in (*FILES.values(), "offers"):
        draft.named[table] = set()
    for name, file in opened.items():
        table = FOLDERS.get(name.partition("/")[0], "") if "/" in name else FILES.get(name, "")
        if table == "events":
            _read_events(draft, file)
        elif table:
            beside = BESIDE if table == "purposes" else ("attributes",) if table == "rules" else ()
            file.only(table, *beside)
            _read_entries(draft, table, file)
            if table == "purposes":
                _read_beside(draft, file)
            elif table == "rules":
                read_attributes(draft, file)
    return draft


def _single(file: TomlFile | None, table: str, kind: type[S]) -> S | None:
    """The one table of shop.toml."""
    if file is None:
        return None
    file.only(table, "retention", "network")
    raw = file.data.get(table)
    if isinstance(raw, dict):
        return file.struct(kind, (table,), raw)
    if not file.mistakes:
        file.report((table,), f"missing; begin the file with [{table}]")
    return None


def _beside(file: TomlFile | None, table: str, kind: type[S]) -> S | None:
    """A table that may be there."""
    raw = file.data.get(table) if file is not None else None
    if file is None or raw is None:
        return None
    if isinstance(raw, dict):
        return file.struct(kind, (table,), raw)
    file.report((table,), f"expected a table [{table}]")
    return None


def _read_entries(draft: Draft, table: str, file: TomlFile) -> None:
    kind, id_field = _KINDS[table]
    into: dict[str, Any] = getattr(draft, table)
    for name, raw in file.entries(table):
        if name in draft.named[table]:
            other = draft.places[table, name].name
            file.report((table, name), f"already defined in {other}; ids are unique")
            continue
        draft.named[table].add(name)
        draft.places[table, name] = file
        entry = file.struct(kind, (table, name), raw, **{id_field: name})
        if entry is not None:
            into[name] = entry


def _read_beside(draft: Draft, file: TomlFile) -> None:
    """The tables of consent.toml that hold no purposes."""
    for table, kind in BESIDE.items():
        raw = file.data.get(table)
        if raw is None:
            continue
        draft.places[table, ""] = file
        if isinstance(raw, dict):
            entry = file.struct(kind, (table,), raw)
            if entry is not None:
                setattr(draft, table, entry)
        else:
            file.report((table,), f"expected a table [{table}]")


def _read_events(draft: Draft, file: TomlFile) -> None:
    file.only("strict_plan", "events")
    strict = file.data.get("strict_plan", True)
    if isinstance(strict, bool):
        draft.strict_plan = strict
    else:
        file.report(("strict_plan",), f"expected true or false, got {strict!r}")
    for name, raw in file.entries("events"):
        draft.named["events"].add(name)
        draft.places["events", name] = file
        entry = file.struct(EventEntry, ("events", name), raw)
        if entry is None:
            continue
        schema = json_schema(entry, ("events", name), file)
        purpose = FIXED_PURPOSES.get(name, entry.purpose)
        if raw.get("purpose", purpose) != purpose:
            message = f"what {name!r} tells is admitted by the purpose {purpose!r} alone; leave `purpose` out"
            file.report(("events", name, "purpose"), message, purpose)
        draft.events[name] = EventType(
            name=name, purpose=purpose, schema=schema, title=entry.title, keep_days=entry.keep_days
        )


def _definitions(draft: Draft, files: Mapping[str, bytes]) -> Definitions:
    whole = hashlib.blake2b(digest_size=8)
    for name in sorted(files):
        whole.update(f"{name}\0{len(files[name])}\0".encode() + files[name])
    return Definitions(
        shop=draft.shop,
        sources=tuple(draft.sources.values()),
        events=tuple(draft.events.values()),
        strict_plan=draft.strict_plan,
        traits=tuple(draft.traits.values()),
        segments=tuple(draft.segments.values()),
        purposes=tuple(draft.purposes.values()),
        signals=draft.signals,
        sensitive=draft.sensitive,
        offers=tuple(draft.offers.values()),
        placements=tuple(draft.placements.values()),
        preferences=with_built_in(draft.preferences.values()) if "preferences.toml" in files else PREFERENCES,
        facts=tuple(draft.facts.values()),
        identity=_identity(draft),
        linking=draft.linking,
        retention=draft.retention,
        network=draft.network,
        mends=tuple(draft.mends.values()),
        goals=tuple(draft.goals.values()),
        rules=tuple(draft.rules.values()),
        attributes=draft.attributes,
        version=whole.hexdigest(),
        record_version=_record_version(draft),
    )


def _identity(draft: Draft) -> Identity:
    """The rules of who is who, with what other files say about them."""
    shared = tuple(sorted(source.id for source in draft.sources.values() if source.shared))
    return msgspec.structs.replace(draft.identity, shared_sources=shared, country=draft.shop.country)


def _untitled(identity: Identity) -> Identity:
    types = tuple(msgspec.structs.replace(one, title=()) for one in identity.types)
    return msgspec.structs.replace(identity, types=types)


def _record_version(draft: Draft) -> str:
    """A hash of what profile records are built from; titles and texts do not change it."""
    replace = msgspec.structs.replace
    content = msgspec.json.encode(
        [
            [_trait(t) for t in draft.traits.values()],
            [replace(s, title={}) for s in draft.segments.values()],
            [(e.name, e.purpose) for e in draft.events.values()],
            draft.shop.time_zone,
            draft.shop.currency,
            draft.shop.typical_gap_days,
            _untitled(_identity(draft)),
            *_terms(draft),
            *_policies(draft),
            *_order_ranks(draft),
            *_left_out(draft),
            *_places(draft),
            *_inactive(draft),
        ],
        order="deterministic",
    )
    return hashlib.blake2b(content, digest_size=8).hexdigest()


def _trait(trait: Trait) -> msgspec.Raw:
    """A trait without its words, and without a term that it does not have."""
    content = msgspec.json.encode(msgspec.structs.replace(trait, title={}), order="deterministic")
    no_term = b',"keep_days":null}'
    return msgspec.Raw(content.removesuffix(no_term) + b"}" if content.endswith(no_term) else content)


def _inactive(draft: Draft) -> list[Any]:
    """When time alone ends a profile: the day stands in an index beside the record."""
    days = draft.retention.inactive_profile_days
    return [] if days is None else [["inactive", days]]


def _terms(draft: Draft) -> list[Any]:
    """What a yes to each purpose takes, where that is more than a yes."""
    found = [(p.id, p.basis, p.expires_days, p.double_opt_in, p.partner) for p in draft.purposes.values()]
    special = [one for one in found if one[1:] != ("consent", None, False, "")]
    return [special] if special else []


def _policies(draft: Draft) -> list[Any]:
    """What the events of each source may be used for, where that is less than everything."""
    found = [(s.id, s.purposes, s.consent, s.partner) for s in draft.sources.values()]
    limited = [one for one in found if one[1:] != (None, "known", "")]
    own = [(s.id, s.own_purpose) for s in draft.sources.values() if s.own_purpose]
    return [*([["sources", limited]] if limited else []), *([["own purposes", own]] if own else [])]


def _order_ranks(draft: Draft) -> list[Any]:
    """Which source is the best one for what of an order, where the shop says."""
    found = [(s.id, s.role, s.ranks) for s in draft.sources.values() if s.role or s.ranks]
    return [["orders", found]] if found else []


def _places(draft: Draft) -> list[Any]:
    """Which brand or store the facts of a source are marked with."""
    found = [(s.id, s.brand, s.store) for s in draft.sources.values() if s.brand or s.store]
    return [["places", found]] if found else []


def _left_out(draft: Draft) -> list[Any]:
    """What decides which values no trait and no wish keeps."""
    return [EDITION, draft.sensitive, sorted(p.id for p in draft.purposes.values() if p.sensitive)]
