"""Everything about one person as a page to read, in German or English: one file without scripts, written in pieces."""

import html
from collections.abc import AsyncIterator, Iterable
from typing import Any

from regulars.api.access_values import Speaker
from regulars.api.access_words import SECTIONS, WORDS
from regulars.core.calendar import Calendar
from regulars.core.definitions import Definitions
from regulars.profile.links import HASH, ONE_VALUE, REVOKED, WITHDRAWN
from regulars.profile.reasons import reason_in_words
from regulars.runtime.access import Section
from regulars.runtime.event_names import event_title, own_titles

_STYLE = (
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1c2430}"
    "h1{margin-bottom:.2rem}h2{margin-top:2.5rem;border-bottom:2px solid #d8dee6;padding-bottom:.2rem}"
    "section p{color:#55606e;margin:.3rem 0 .8rem}ul{list-style:none;padding:0}"
    "li{padding:.5rem 0;border-top:1px solid #e6eaef;overflow-wrap:anywhere}small{color:#55606e}"
    "span{font-size:.9em}"
)


async def page(
    sections: AsyncIterator[Section], definitions: Definitions, calendar: Calendar, language: str
) -> AsyncIterator[str]:
    """The page, piece by piece."""
    writer = _Writer(definitions, calendar, language if language in WORDS else "en")
    last, empty = "", True
    async for name, value in sections:
        if name == "about":
            yield writer.head(value)
        if name == "complete" and not value:
            yield f"<p><strong>{writer.words['incomplete']}</strong></p>"
        if name not in writer.sections:
            continue
        if name != last:
            yield writer.end(last, empty=empty) + writer.begin(name)
            last, empty = name, True
        if value:
            empty = False
            yield "".join(map(getattr(writer, f"_{name}"), value))
    yield writer.end(last, empty=empty) + "</main></body></html>"


class _Writer:
    """Each section's items as list elements. Everything that comes from data is escaped by `_item` and `_small`."""

    def __init__(self, definitions: Definitions, calendar: Calendar, language: str) -> None:
        self.words, self.sections = WORDS[language], SECTIONS[language]
        self._say = Speaker(definitions, language)
        self._calendar, self._language = calendar, language
        self._pattern = "%d.%m.%Y, %H:%M" if language == "de" else "%d %b %Y, %H:%M"
        self._titles = own_titles(definitions)

    def head(self, about: dict[str, Any]) -> str:
        title = html.escape(self.words["title"].format(shop=about["shop"]))
        made = self.words["made"].format(time=self._time(about["made_at"]))
        asked_as = html.escape(self._say.identifier(str(about["asked_as"])))
        return (
            f'<!doctype html><html lang="{self._language}"><head><meta charset="utf-8"><title>{title}</title>'
            f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head>'
            f"<body><main><h1>{title}</h1><p>{asked_as} · {made}</p>"
        )

    def begin(self, name: str) -> str:
        title, text = self.sections[name]
        return f'<section id="{name}"><h2>{title}</h2><p>{text}</p><ul>'

    def end(self, name: str, *, empty: bool) -> str:
        return "" if not name else (f"<li>{self.words['nothing']}</li>" if empty else "") + "</ul></section>"

    def _identifiers(self, one: dict[str, Any]) -> str:
        return self._item(self._say.identifier(one["identifier"]), f"{self.words['since']} {self._time(one['since'])}")

    def _links(self, one: dict[str, Any]) -> str:
        status, rule = str(one.get("status") or ""), str(one["rule"])
        if rule in ONE_VALUE:
            why = self.words["same_hash" if rule == HASH else "same_value"]
        elif one["score"] < 1:
            why = self.words["alike"]
        else:
            why = self.words["named_together"].format(event=event_title(self._titles, rule, self._language))
        became = ""
        if status.startswith("refused:"):
            became = reason_in_words(status, self._language)
        elif status in (REVOKED, WITHDRAWN):
            why, became = "", self.words["withdrawn"]
        pair = f"{self._say.identifier(one['a'])} {self.words['and']} {self._say.identifier(one['b'])}"
        return self._item(pair, why, self._time(one["time"]), one.get("note"), became)

    def _facts(self, one: dict[str, Any]) -> str:
        value = self.words["taken_away"] if one["value"] is None else self._say.value(one["value"])
        return self._item(f"{one['title']}: {value}", self._time(one["time"]), one.get("said_by"))

    def _preferences(self, one: dict[str, Any]) -> str:
        said = self._say.wish(one["preference"], one["value"])
        origin = self._say.fact.origin(str(one.get("origin") or ""))
        return self._item(f"{one['title']}: {said}", self._time(one["time"]), origin)

    def _consents(self, one: dict[str, Any]) -> str:
        since = f"{self.words['since']} {self._time(one['since'])}" if one.get("since") else ""
        return self._item(f"{one['title']}: {self.words.get(one['state'], one['state'])}", since)

    def _consent_history(self, one: dict[str, Any]) -> str:
        said = f"{self._say.purpose(one['purpose'])}: {self.words['yes' if one['granted'] else 'no']}"
        proof = [
            f"{self._say.code('evidence', name)} {self._say.code('method', str(value)) if name == 'method' else value}"
            for name, value in one["evidence"].items()
            if value
        ]
        who = f"{self.words['said_as']} {self._say.identifier(one['identifier'])}"
        return self._item(said, self._time(one["time"]), who, *proof)

    def _traits(self, one: dict[str, Any]) -> str:
        source = f"{self.words['from']} {', '.join(one['computed_from'])}"
        value = self._say.trait(one["name"], one["value"])
        instead = ", ".join(key.rpartition(" > ")[2] for key in one["declared_instead"])
        said = f"{self.words['declared_instead']}: {instead}" if instead else ""
        return self._item(f"{one['title']}: {value}", self.words["inferred"], source, self._purpose(one), said)

    def _segments(self, one: dict[str, Any]) -> str:
        return self._item(one["title"], self._say.reasons(one["why"]), self._purpose(one))

    def _retention(self, one: dict[str, Any]) -> str:
        days = one["days"]
        kept = self.words["no_end"] if days is None else f"{days} {self.words['days']}"
        return self._item(f"{self.words[one['kind']]} {one['title']}: {kept}", self._purpose(one))

    def _orders(self, one: dict[str, Any]) -> str:
        total = self._say.money(one["total"] or 0, one["currency"] or "EUR")
        status = self._say.code("status", one["status"]) if one["status"] else ""
        return self._item(f"{one['order_id']}: {total}", self._time(one["time"]), status)

    def _events(self, one: dict[str, Any]) -> str:
        lines = [*self._say.details(one["properties"]), *self._say.details(one["facts"], facts=True)]
        told = "".join(f"<br><span>{html.escape(line)}</span>" for line in lines)
        ground = self._purpose(one) if one["used"] else self.words["not_used"]
        return self._item(one["title"], self._time(one["time"]), one["source_title"], ground, extra=told)

    def _decisions(self, one: dict[str, Any]) -> str:
        shown = [slot["in_words"] + (f" ({slot['why']})" if slot["why"] else "") for slot in one["shown"]]
        fell = [f"{self._say.code('gate', gate)} ({len(offers)})" for gate, offers in one["not_shown"].items()]
        why = f"{self.words['not_shown']}: {', '.join(fell)}" if fell else ""
        return self._item("; ".join(shown), self._time(one["time"]), why)

    def _looked_at(self, one: dict[str, Any]) -> str:
        return self._item(
            f"{self._say.user(one['user'])}: {self._say.code('action', one['action'])}", self._time(one["time"])
        )

    def _purpose(self, one: dict[str, Any]) -> str:
        return f"{self.words['purpose']}: {self._say.purpose(one['purpose'])}"

    def _item(self, text: object, *notes: object, extra: str = "") -> str:
        return f"<li>{html.escape(str(text))}{_small(notes)}{extra}</li>"

    def _time(self, instant: int | None) -> str:
        return "" if instant is None else f"{self._calendar.local(instant):{self._pattern}}"


def _small(notes: Iterable[object]) -> str:
    told = " · ".join(str(note) for note in notes if note not in (None, ""))
    return f"<br><small>{html.escape(told)}</small>" if told else ""
