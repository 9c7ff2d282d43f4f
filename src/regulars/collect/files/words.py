"""What people wrote: reviews and ratings, chats, reactions in social networks.

A text is masked, names included, and cut before it is kept, and left out where it tells of something sensitive. What
was said in a chat is an event of its own, which only the purpose `conversations` admits (`core.event.TEXT_EVENTS`).
"""

from typing import Any
from zoneinfo import ZoneInfo

from regulars.collect.files import cells
from regulars.collect.files.columns import Columns
from regulars.collect.files.kind import Said
from regulars.collect.files.masking import LONGEST, masked, withheld
from regulars.collect.files.names import NAME
from regulars.collect.files.touch import WHEN, WHOM, Touch, needed_text, number, text, track
from regulars.core.event import CHAT_TRANSCRIBED, REVIEWED, SOCIAL

CHAT_ENDED = "Chat Ended"
_MOST_MESSAGES = 500
_TEXTS = ("text", "title", "messages")
REVIEW_COLUMNS: dict[str, tuple[str, ...]] = {
    **WHOM,
    **WHEN,
    "review_id": ("id", "bewertungs_id"),
    "product_id": ("item_id", "sku", "article_number", "artikel", "artikelnummer"),
    "rating": ("stars", "score", "sterne", "bewertung", "note"),
    "best_rating": ("max_rating", "scale", "skala"),
    "text": ("review", "body", "review_body", "comment", "content", "bewertungstext", "kommentar"),
    "title": ("headline", "subject", "titel"),
    "language": ("locale", "sprache"),
    "verified": ("verified_purchase", "verified_buyer", "bestätigt"),
    "order_id": WHOM["order_id"],
    "portal": ("source", "platform", "quelle"),
}
CHAT_COLUMNS: dict[str, tuple[str, ...]] = {
    **WHOM,
    **WHEN,
    "chat_id": ("id", "conversation_id", "session_id"),
    "channel": ("platform", "kanal"),
    "agent": ("operator", "mitarbeiter"),
    "duration_seconds": ("duration", "dauer"),
    "messages": ("transcript", "nachrichten", "verlauf"),
    "text": ("body", "content"),
    "outcome": ("result", "ergebnis"),
    "reason": ("topic", "subject", "thema", "anliegen"),
    "rating": ("csat", "satisfaction", "zufriedenheit"),
    "language": ("locale", "sprache"),
}
SOCIAL_COLUMNS: dict[str, tuple[str, ...]] = {
    **WHOM,
    **WHEN,
    "network": ("platform", "channel", "netzwerk"),
    "reaction": ("type", "kind", "action", "reaktion", "art"),
    "post_id": ("post", "media_id", "beitrag"),
    "product_id": ("item_id", "artikel"),
    "campaign": ("kampagne",),
    "text": ("comment", "message", "body", "kommentar"),
}
_PART = "(part)"
#: Where a line of a chat says who wrote it.
_BY = ("by", "from", "role")
#: What systems call those who write in a chat.
_PARTS = frozenset(
    """
    customer shop agent user bot assistant system visitor guest client operator staff support employee advisor seller
    service kunde kundin besucher gast laden mitarbeiter mitarbeiterin berater beraterin verkäufer verkäuferin
    """.split()  # noqa: SIM905 - words
)


def review(said: Said, zone: ZoneInfo) -> dict[str, Any]:
    """A review or a rating. One of an author whom the shop does not know is about the product alone."""
    best = number(said, "best_rating", least=1, most=100)
    rating = number(said, "rating", most=best or 100)
    words = _written(said, "text")
    if rating is None and words is None:
        raise cells.wrong("rating", "a rating or a text", None)
    properties = {
        "review_id": text(said, "review_id", most=128),
        "product_id": needed_text(said, "product_id", "the product"),
        "rating": rating,
        "best_rating": best,
        "review_body": words,
        "title": _written(said, "title"),
        "language": text(said, "language", most=20),
        "verified": _yes(said, "verified"),
        "order_id": text(said, "order_id", most=256),
        "portal": text(said, "portal", most=100),
        "withheld": _withheld(said, "text", "title"),
    }
    return _of_anybody(said, REVIEWED, properties, zone)


def chat(said: Said, zone: ZoneInfo) -> dict[str, Any]:
    """A chat: that it was, or what was said in it."""
    chat_id = text(said, "chat_id", most=128)
    if said.get(_PART) == "text":
        words = _spoken(said)
        properties: dict[str, Any] = {"chat_id": chat_id, "text": masked(words) if words else None}
        if words and withheld(words):
            properties |= {"text": None, "withheld": "sensitive"}
        said = {name: value for name, value in said.items() if name != "message_id"}
        return track(said, CHAT_TRANSCRIBED, properties, zone)
    given = said.get("messages")
    properties = {
        "chat_id": chat_id,
        "channel": text(said, "channel", most=50) or "chat",
        "agent": text(said, "agent", most=100),
        "duration_seconds": number(said, "duration_seconds", most=86_400),
        "messages": len(given) if isinstance(given, list) else None,
        "outcome": text(said, "outcome", most=100),
        "reason": text(said, "reason", most=100),
        "rating": number(said, "rating", most=100),
        "language": text(said, "language", most=20),
    }
    return track(said, CHAT_ENDED, properties, zone)


def parted(rows: list[Said], _zone: ZoneInfo) -> list[Said]:
    """A row that holds what was said as two, so that each is kept by its own consent."""
    found: list[Said] = []
    for said in rows:
        has_words = _PART not in said and (said.get("messages") or said.get("text"))
        bare = {name: value for name, value in said.items() if name != "text"}
        if isinstance(bare.get("messages"), list):
            bare["messages"] = [None] * min(len(bare["messages"]), _MOST_MESSAGES)
        found += [{**bare, _PART: "chat"}, {**said, _PART: "text"}] if has_words else [said]
    return found


def reaction(said: Said, zone: ZoneInfo) -> dict[str, Any]:
    """A like, a comment, a share, a mention; of an unknown author only that there was one."""
    known = any(kind in said for kind in WHOM if kind != "order_id")
    properties = {
        "network": needed_text(said, "network", "the network"),
        "reaction": needed_text(said, "reaction", "like, comment, share or mention").lower()[:50],
        "post_id": text(said, "post_id", most=256),
        "product_id": text(said, "product_id", most=256),
        "campaign": text(said, "campaign", most=200),
        "text": _written(said, "text") if known else None,
        "withheld": _withheld(said, "text") if known else None,
    }
    return _of_anybody(said, SOCIAL, properties, zone)


def cleaned(row: dict[str, Any], columns: Columns) -> dict[str, Any]:
    """A row as it may lie in the log: texts masked, also those in columns that nobody knows."""
    found = {}
    for name, value in row.items():
        field = columns.field(name)
        found[name] = _clean(value) if field is None or field in _TEXTS else value
    return found


def _clean(value: Any, depth: int = 4) -> Any:
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, list):
        return [_clean(one, depth - 1) for one in value[:_MOST_MESSAGES]] if depth else []
    if isinstance(value, dict):
        kept = {name: _part_of(one) if name in _BY else _clean(one, depth - 1) for name, one in value.items()}
        return kept if depth else {}
    return value


def _of_anybody(said: Said, event: str, properties: dict[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    if any(kind in said for kind in WHOM if kind != "order_id"):
        return track(said, event, properties, zone)
    call = track({**said, "user_id": "-"}, event, properties, zone)
    del call["userId"]
    return call


def _written(said: Said, name: str) -> str | None:
    words = text(said, name, most=2 * LONGEST)
    return None if words is None or withheld(words) else masked(words)


def _withheld(said: Said, *names: str) -> str | None:
    words = (text(said, name, most=2 * LONGEST) for name in names)
    return "sensitive" if any(word is not None and withheld(word) for word in words) else None


def _spoken(said: Said) -> str:
    """A transcript as one text: who said it (customer or shop), and what."""
    lines = []
    given = said.get("messages")
    for one in given[:_MOST_MESSAGES] if isinstance(given, list) else ():
        if isinstance(one, str):
            lines.append(one)
        elif isinstance(one, dict):
            by = _part_of(next((one[name] for name in _BY if one.get(name)), None))
            words = one.get("text") or one.get("body") or one.get("message") or ""
            if isinstance(words, str):
                lines.append(f"{by}: {words}" if by else words)
    if isinstance(given, str):
        lines.append(given)
    alone = text(said, "text", most=2 * LONGEST)
    if alone is not None:
        lines.append(alone)
    return "\n".join(lines)[: 2 * LONGEST]


def _part_of(by: Any) -> str:
    """Who wrote a line: its part in the chat, never the name of a person."""
    said = str(by or "").strip()
    return said[:20] if not said or said.casefold() in _PARTS else NAME


def _yes(said: Said, name: str) -> bool | None:
    value = said.get(name)
    if value is None or isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word in ("true", "yes", "ja", "1", "y", "wahr"):
        return True
    if word in ("false", "no", "nein", "0", "n", "falsch"):
        return False
    raise cells.wrong(name, "yes or no", value)


REVIEWS = Touch(
    name="reviews", title="reviews and ratings of products", example="reviews.csv", event=REVIEWED,
    columns=REVIEW_COLUMNS, needs=("product_id", "rating"), call=review, clean=cleaned,
)  # fmt: skip
CHATS = Touch(
    name="chats", title="chats with the shop", example="chats.ndjson", event=CHAT_ENDED, columns=CHAT_COLUMNS,
    needs=("chat_id", "messages|text|duration_seconds"), call=chat, gather=parted, clean=cleaned,
)  # fmt: skip
REACTIONS = Touch(
    name="social", title="reactions in social networks", example="social.csv", event=SOCIAL, columns=SOCIAL_COLUMNS,
    needs=("network", "reaction"), call=reaction, clean=cleaned,
)  # fmt: skip
