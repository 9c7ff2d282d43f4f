"""What changed rules of identity leave as it was, because what they would need is not kept: said before and after."""

from regulars.core.identity_types import Identity

SHARED, BLOCKED, UNBLOCKED, NOBODIES = "shared", "blocked", "unblocked", "nobodies"
PRIORITIES, SPELLING, UNDECLARED = "priorities", "spelling", "undeclared"


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
        SPELLING: any(
            (one.normalise, one.hash_of) != (old.normalise, old.hash_of)
            or ("phone" in one.normalise and before.country != edited.country)
            for one in edited.types
            if (old := before.by_id.get(one.id)) is not None
        ),
        UNDECLARED: bool(before.by_id.keys() - edited.by_id.keys()),
    }
    return tuple(code for code, holds in found.items() if holds)


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
    SPELLING: """stored identifiers keep the spelling that they were stored in: of a hash nobody can tell the new
    spelling""",
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
    SPELLING: """gespeicherte Kennungen behalten ihre Schreibweise: Einer Prüfsumme sieht niemand die neue
    Schreibweise an""",
    UNDECLARED: "Kennungen von Arten, die nicht mehr erklärt sind, stehen für sich",
}
CODES = frozenset(_ENGLISH)


def in_words(code: str, language: str = "en") -> str:
    """What stays, as a sentence without its end.

    >>> in_words("unblocked")[:42]
    'values that were blocked count from their '
    """
    return " ".join((_GERMAN if language == "de" else _ENGLISH)[code].split())
