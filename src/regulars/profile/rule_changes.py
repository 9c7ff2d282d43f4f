"""What changed rules of identity leave as it was, because what they would need is not kept: said before and after."""

from regulars.core.identity_types import IdentifierType, Identity

SHARED, BLOCKED, UNBLOCKED, NOBODIES = "shared", "blocked", "unblocked", "nobodies"
PRIORITIES, SPELLING, UNDECLARED = "priorities", "spelling", "undeclared"


#: What a rule did to a value makes no difference to these.
_CASELESS = frozenset({"lower", "upper", "email", "digits", "uuid", "phone"})
_ASK_LESS: dict[str, frozenset[str]] = {
    "trim": frozenset({"trim", *_CASELESS}),
    "lower": _CASELESS,
    "upper": _CASELESS,
    "email": _CASELESS,
    "uuid": frozenset({"uuid"}),
    "digits": frozenset({"digits"}),
    "phone": frozenset({"phone"}),
}


def stays(before: Identity, edited: Identity) -> tuple[str, ...]:
    """Codes of what stays although the rules changed, of these two sets of rules; nothing where all is applied.

    >>> from msgspec.structs import replace
    >>> usual = Identity()
    >>> stays(usual, replace(usual, max_component=100)), stays(usual, replace(usual, max_component=300))
    ((), ('nobodies',))
    >>> stays(replace(usual, shared_devices=("anonymous_id:kiosk",)), usual)
    ('shared',)
    """
    blocked, was_blocked = _blocked(edited), _blocked(before)
    grown = {
        kind
        for kind, limit in before.limits.items()
        if kind in edited.by_id and edited.limits.get(kind, limit + 1) > limit
    }
    found = {
        SHARED: any(old - new for old, new in zip(before.shares, edited.shares, strict=True)),
        BLOCKED: bool(blocked - was_blocked),
        UNBLOCKED: bool(was_blocked - blocked),
        NOBODIES: edited.max_component > before.max_component or bool(grown),
        PRIORITIES: _order(before, edited) != _order(edited, before),
        SPELLING: any(_keeps_spelling(old, one, before, edited) for old, one in _both(before, edited)),
        UNDECLARED: bool(before.by_id.keys() - edited.by_id.keys()),
    }
    return tuple(code for code, holds in found.items() if holds)


def spelled_anew(before: Identity, edited: Identity) -> frozenset[str]:
    """The types of persons' identifiers whose stored values are spelled by the edited rules when they are applied."""
    joins = (
        (old, one) for old, one in _both(before, edited) if one.kind == "person" and not (one.hash_of or old.hash_of)
    )
    return frozenset(one.id for old, one in joins if _differs(old, one, before, edited))


def _both(before: Identity, edited: Identity) -> list[tuple[IdentifierType, IdentifierType]]:
    """The types that both declare."""
    return [(old, one) for one in edited.types if (old := before.by_id.get(one.id)) is not None]


def _differs(old: IdentifierType, one: IdentifierType, before: Identity, edited: Identity) -> bool:
    return old.normalise != one.normalise or ("phone" in one.normalise and before.country != edited.country)


def _keeps_spelling(old: IdentifierType, one: IdentifierType, before: Identity, edited: Identity) -> bool:
    """Whether stored values of the type cannot be spelled by the edited rules."""
    if old.hash_of != one.hash_of:
        return True
    if not _differs(old, one, before, edited):
        return False
    if one.kind != "person" or one.hash_of:
        return True
    return (before.country != edited.country and "phone" in one.normalise) or not _tells(old, one)


def _tells(old: IdentifierType, one: IdentifierType) -> bool:
    """Whether what the rules of before left of a value is all that those of now ask of it."""
    return all(set(one.normalise) & _ASK_LESS[rule] for rule in old.normalise)


def _blocked(identity: Identity) -> set[tuple[str, str]]:
    listed = {(one.id, value.casefold()) for one in identity.types for value in one.blocked}
    return listed | {("", value.casefold()) for value in identity.blocked}


def _order(of: Identity, other: Identity) -> list[str]:
    """The types that both have and that join, by priority."""
    return [kind for kind in of.ranks if kind in of.joining and kind in other.joining]


#: What is said of each code, in English and in German.
_ENGLISH = {
    SHARED: """devices that were shared stay nobody's: what passers-by did there would go to the next who logs in;
    with a new id (storage cleared) such a device is somebody's""",
    BLOCKED: """events whose subject is blocked now stay with that value, which stands alone: the lake is arranged by
    subject""",
    UNBLOCKED: "values that were blocked count from their next event on: events were stored without them",
    NOBODIES: """two identifiers that were named together when both told nothing stay apart until they are named again:
    whom such identifiers are named with is not kept, for it grows without end""",
    PRIORITIES: """links stay between the identifiers that they were made for; another order of priorities chooses anew
    for what comes, which makes a difference only at the limits of a person""",
    SPELLING: """identifiers of devices, orders and groups, and hashes, keep the spelling that they were stored in, and
    what the rules of before left out of a value (capitals, the country of a telephone) is not known any more""",
    UNDECLARED: "identifiers of types that are declared no longer stand alone",
}
_GERMAN = {
    SHARED: """geteilte Geräte gehören weiter niemandem: Was Vorübergehende dort taten, fiele dem Nächsten zu, der sich
    anmeldet; mit neuer Kennung (Speicher gelöscht) gehört ein solches Gerät jemandem""",
    BLOCKED: """Ereignisse, deren Subjekt nun gesperrt ist, bleiben bei diesem Wert, der für sich steht: Der Lake ist
    nach Subjekten geordnet""",
    UNBLOCKED: """Werte, die gesperrt waren, zählen ab ihrem nächsten Ereignis: Ereignisse wurden ohne sie
    gespeichert""",
    NOBODIES: """zwei Kennungen, die zusammen genannt wurden, als beide nichts sagten, bleiben getrennt, bis sie wieder
    genannt werden: Mit wem solche Kennungen genannt werden, wird nicht aufgehoben, denn es wächst ohne Ende""",
    PRIORITIES: """Verknüpfungen bleiben zwischen den Kennungen, für die sie entstanden; eine andere Rangfolge wählt für
    alles Künftige neu, was nur an den Grenzen einer Person einen Unterschied macht""",
    SPELLING: """Kennungen von Geräten, Bestellungen und Gruppen und Prüfsummen behalten ihre Schreibweise, und was die
    Regeln von vorher wegließen (Großbuchstaben, das Land eines Telefons), weiß niemand mehr""",
    UNDECLARED: "Kennungen von Arten, die nicht mehr erklärt sind, stehen für sich",
}
CODES = frozenset(_ENGLISH)


def in_words(code: str, language: str = "en") -> str:
    """What stays, as a sentence without its end.

    >>> in_words("unblocked")[:42]
    'values that were blocked count from their '
    """
    return " ".join((_GERMAN if language == "de" else _ENGLISH)[code].split())
