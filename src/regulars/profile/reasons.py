"""Why a link was refused, in words for pages and explanations."""

from regulars.profile.identity import BURNED_KEY, CONFLICT, LIMIT, SHARED_DEVICE, TOO_MANY
from regulars.profile.links import REVOKED, WITHDRAWN

_REASONS: dict[str, tuple[str, str]] = {  # code -> (English, German)
    CONFLICT: (
        "It would have made one person of two that are known to be different.",
        "Sie hätte aus zwei bekannt verschiedenen Personen eine gemacht.",
    ),
    LIMIT: (
        "The person has as many identifiers of this type as identity.toml allows.",
        "Die Person hat so viele Kennungen dieser Art, wie identity.toml erlaubt.",
    ),
    TOO_MANY: (
        "Together they would be more identifiers than one person has: some system sends one for everybody.",
        "Zusammen wären es mehr Kennungen, als ein Mensch hat: Ein System sendet eine für alle.",
    ),
    BURNED_KEY: (
        "So many others were named with it that it tells nothing any more, like the card of the till.",
        "So viele andere wurden mit ihr genannt, dass sie nichts mehr sagt, wie die Karte der Kasse.",
    ),
    SHARED_DEVICE: (
        "The device is shared: a kiosk, a till, a shop tablet, or in too many hands.",
        "Das Gerät wird geteilt: ein Kiosk, eine Kasse, ein Ladentablet, oder in zu vielen Händen.",
    ),
    WITHDRAWN: ("Somebody took it back.", "Jemand hat sie zurückgenommen."),
    REVOKED: ("Somebody took it back.", "Jemand hat sie zurückgenommen."),
    "unknown": ("One of the two has never been seen.", "Eine der beiden wurde noch nie gesehen."),
    "not_a_pair": (
        "Only two identifiers of persons, or a person's and a device, can be linked.",
        "Nur zwei Kennungen von Personen, oder die einer Person und ein Gerät, lassen sich verbinden.",
    ),
    "not_an_identifier": (
        "One of the two is of no declared type, or a value that identifies nobody.",
        "Eine der beiden ist von keiner bekannten Art oder ein Wert, der niemanden bezeichnet.",
    ),
}
CODES = frozenset(_REASONS)


def reason_in_words(code: str, language: str = "en") -> str:
    """The reason of a refusal, also as the status of a link has it ("refused:conflict").

    >>> reason_in_words("refused:burned", "de")
    'So viele andere wurden mit ihr genannt, dass sie nichts mehr sagt, wie die Karte der Kasse.'
    """
    english, german = _REASONS[code.removeprefix("refused:")]
    return german if language == "de" else english
