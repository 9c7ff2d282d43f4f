"""identity.toml: the types of identifiers, their limits, and what identifies nobody."""

import re
from typing import Any, Literal, get_args

import msgspec

from regulars.core.identity_types import BUILT_IN_TYPES, IdentifierType, Identity, Normaliser, identity_of_lists
from regulars.shop.mistake import listed, nearest
from regulars.shop.reading import TomlFile, shown

Texts = tuple[str, ...]
_BUILT_IN = {one.id: one for one in BUILT_IN_TYPES}
_NAME = re.compile("[a-z][a-z0-9_]*")
_NORMALISERS: Texts = get_args(Normaliser)
_LIMITS = Identity()


class IdentityEntry(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """[identity]: what holds for all types; or the short form, which lists the types by priority."""

    max_component: int = _LIMITS.max_component
    blocked: Texts = _LIMITS.blocked
    person: Texts | None = None
    device: Texts | None = None
    unique: Texts | None = None


class TypeEntry(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """[types.<name>]: what is not said is as built in."""

    kind: Literal["person", "device", "reference", "group"] | None = None
    title: dict[str, str] = {}
    unique: bool | None = None
    limit: int | None = None
    priority: int | None = None
    blocked: Texts = ()
    normalise: str | Texts | None = None
    hash_of: str | None = None
    property: str | None = None
    enabled: bool = True


class SharedEntry(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """[shared]: devices that belong to nobody."""

    devices: Texts = ()


def read_identity(file: TomlFile | None, languages: Texts) -> Identity:
    """The rules that the file says; its mistakes are noted in it."""
    if file is None:
        return Identity()
    file.only("identity", "types", "shared", "linking")
    general = _table(file, "identity", IdentityEntry) or IdentityEntry()
    shared = _table(file, "shared", SharedEntry) or SharedEntry()
    if general.max_component < 2:
        file.report(("identity", "max_component"), f"expected at least 2, got {general.max_component}")
    types = _listed_types(general, file) if _is_short(general) else _types(file, languages)
    identity = Identity(
        types=types, max_component=general.max_component, blocked=general.blocked, shared_devices=shared.devices
    )
    _check(identity, file)
    return identity


def _table(file: TomlFile, name: str, kind: type[Any]) -> Any:
    raw = file.data.get(name)
    if raw is None:
        return None
    if not isinstance(raw, dict):
        file.report((name,), f"expected a table [{name}], got {shown(raw)}")
        return None
    return file.struct(kind, (name,), raw)


def _is_short(general: IdentityEntry) -> bool:
    return any(names is not None for names in (general.person, general.device, general.unique))


def _listed_types(general: IdentityEntry, file: TomlFile) -> tuple[IdentifierType, ...]:
    """The types of the short form."""
    if "types" in file.data:
        key = next(name for name in ("person", "device", "unique") if getattr(general, name) is not None)
        file.report(
            ("identity", key),
            "the lists and the tables [types.<name>] cannot be used together; remove the lists: a type of the list "
            '`person` becomes [types.<name>] kind = "person", of `device` kind = "device"; `unique` becomes '
            "unique = true in its table; priority = 1, 2, 3 keeps the order",
        )
    person = ("user_id", "loyalty_card", "email", "phone") if general.person is None else general.person
    device = ("anonymous_id",) if general.device is None else general.device
    unique = tuple(kind for kind in ("user_id",) if kind in person) if general.unique is None else general.unique
    for kind in unique:
        if kind not in person:
            message = f"{kind!r} is not a person type; those are {listed(person)}"
            file.report(("identity", "unique"), message, nearest(kind, person))
    for kind in set(person) & set(device):
        file.report(("identity", "device"), f"{kind!r} cannot be a person type and a device type")
    for kind in (*person, *device):
        if not _NAME.fullmatch(kind):
            file.report(("identity",), f"the type {kind!r} must be small letters, digits and _")
    if not person:
        file.report(("identity", "person"), "name at least one person type")
    return identity_of_lists(person, device, unique).types


def _types(file: TomlFile, languages: Texts) -> tuple[IdentifierType, ...]:
    """The built-in types as the file changes them, then those that it adds."""
    found = dict(_BUILT_IN)
    for place, (name, raw) in enumerate(file.entries("types")):
        path = ("types", name)
        entry = file.struct(TypeEntry, path, raw)
        if not _NAME.fullmatch(name):
            file.report(path, f"the type {name!r} must be small letters, digits and _, beginning with a letter")
        if entry is None:
            continue
        if name not in _BUILT_IN and entry.kind is None:
            message = "missing; a type of your own says what it is: person, device, reference or group"
            file.report((*path, "kind"), message, nearest(name, _BUILT_IN))
            continue
        for language in entry.title:
            if language not in languages:
                message = f"the shop does not speak {language!r}; shop.toml says {listed(languages)}"
                file.report((*path, "title", language), message, nearest(language, languages))
        found[name] = _type(name, entry, path, file, priority=500 + place)
        if not entry.enabled:
            del found[name]
    return tuple(found.values())


def _type(name: str, entry: TypeEntry, path: Texts, file: TomlFile, *, priority: int) -> IdentifierType:
    base = _BUILT_IN.get(name) or IdentifierType(id=name, kind=entry.kind or "person", priority=priority)
    rules = (entry.normalise,) if isinstance(entry.normalise, str) else entry.normalise
    for rule in rules or ():
        if rule not in _NORMALISERS:
            message = f"expected some of {listed(_NORMALISERS)}, got {rule!r}"
            file.report((*path, "normalise"), message, nearest(rule, _NORMALISERS))
            rules = None
    changes: dict[str, Any] = {
        "kind": entry.kind,
        "title": tuple(sorted(entry.title.items())) or None,
        "unique": entry.unique,
        "limit": entry.limit,
        "priority": entry.priority,
        "blocked": entry.blocked or None,
        "normalise": rules,
        "hash_of": entry.hash_of,
        "property": entry.property,
    }
    if entry.unique and entry.limit not in (None, 1):
        file.report((*path, "limit"), f"a unique type has one value; remove limit = {entry.limit}, or unique = true")
    return msgspec.structs.replace(base, **{key: value for key, value in changes.items() if value is not None})


def _check(identity: Identity, file: TomlFile) -> None:
    """What must hold between types and within one."""
    for one in identity.types:
        _check_type(one, identity, file)
    if not identity.person:
        file.report(
            ("types",), 'every person type is switched off; leave at least one, as [types.user_id] kind = "person"'
        )
    for value in identity.blocked:
        if value and not value.strip("* "):
            file.report(("identity", "blocked"), f"{value!r} would block every identifier")
    for key in identity.shared_devices:
        kind, colon, value = key.partition(":")
        if not colon or not value or kind not in identity.device:
            message = f"expected devices as type:value, of the types {listed(identity.device)}; got {key!r}"
            file.report(("shared", "devices"), message, nearest(kind, identity.device))


def _check_type(one: IdentifierType, identity: Identity, file: TomlFile) -> None:
    path = ("types", one.id)
    if one.limit is not None and one.limit < 1:
        file.report((*path, "limit"), f"expected at least 1, got {one.limit}; to leave a type out: enabled = false")
    for key, wrong in (("limit", one.limit is not None), ("unique", one.unique)):
        if wrong and one.kind != "person":
            message = f"is of person types; this is a {one.kind}, and persons have as many as there are"
            file.report((*path, key), message)
    if one.property and one.kind not in ("reference", "group"):
        file.report((*path, "property"), f"is of references and groups; this is a {one.kind}")
    for value in one.blocked:
        if not value.strip("* "):
            file.report((*path, "blocked"), f"{value!r} would block every value; to leave a type out: enabled = false")
    if one.hash_of:
        _check_hash(one, identity, file)


def _check_hash(one: IdentifierType, identity: Identity, file: TomlFile) -> None:
    path = ("types", one.id, "hash_of")
    plain = [name for name in identity.person if not identity.by_id[name].hash_of]
    if one.kind != "person":
        file.report(path, f"is of person types; this is a {one.kind}")
    elif one.hash_of not in plain:
        near = nearest(one.hash_of, plain)
        message = f"{one.hash_of!r} is not a person type in plain; those are {listed(plain)}"
        if one.id in _BUILT_IN and one.hash_of == _BUILT_IN[one.id].hash_of:
            message += f"; with {one.hash_of} switched off, say [types.{one.id}] enabled = false"
        file.report(path, message, near)
        return
    first = next(other.id for other in identity.types if other.hash_of == one.hash_of)
    if first != one.id:
        file.report(path, f"{one.hash_of} has a hashed form already: {first}; leave one of them out (enabled = false)")
