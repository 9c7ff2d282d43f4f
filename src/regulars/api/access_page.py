"""Everything about one person as a page to read, in German or English: one file without scripts, written in pieces."""

import html
from collections.abc import AsyncIterator, Iterable
from typing import Any

import msgspec

from regulars.core.calendar import Calendar
from regulars.core.definitions import CONTRACT, Definitions
from regulars.core.money import exponent
from regulars.runtime.access import Section

_STYLE = (
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1c2430}"
    "h1{margin-bottom:.2rem}h2{margin-top:2.5rem;border-bottom:2px solid #d8dee6;padding-bottom:.2rem}"
    "section p{color:#55606e;margin:.3rem 0 .8rem}ul{list-style:none;padding:0}"
    "li{padding:.5rem 0;border-top:1px solid #e6eaef;overflow-wrap:anywhere}small{color:#55606e}"
    "code{font-size:.85em;white-space:pre-wrap}"
)
#: Heading and explanation of each section.
_SECTIONS: dict[str, dict[str, tuple[str, str]]] = {
    "de": {
        "identifiers": ("Woran wir Sie erkennen", "Kennungen, die wir Ihnen zuordnen."),
        "links": ("Warum wir diese Kennungen für Sie halten", "Jede Verbindung mit ihrem Anlass."),
        "facts": ("Was Sie uns gesagt haben", "Angaben aus Ihrem Konto oder Formularen."),
        "consents": ("Wozu wir Daten nutzen dürfen", "Was jetzt gilt."),
        "consent_history": ("Was zu Einwilligungen gesagt wurde", "Jede Antwort mit ihrem Nachweis, neueste zuerst."),
        "preferences": ("Was Sie sich wünschen", "Von Ihnen oder für Sie eingetragen."),
        "traits": ("Was wir daraus schließen", "Berechnet, nicht von Ihnen gesagt; mit dem, woraus es berechnet ist."),
        "segments": ("Gruppen, zu denen wir Sie zählen", "Mit der Bedingung, die Sie erfüllen."),
        "retention": ("Wie lange wir etwas aufheben", "Ohne Frist: bis das Konto gelöscht wird."),
        "orders": ("Ihre Bestellungen", ""),
        "events": ("Was Sie bei uns getan haben", "Jedes Ereignis mit seiner Herkunft."),
        "decisions": ("Was wir Ihnen gezeigt haben und warum", "Entscheidungen und was dabei wegfiel."),
        "looked_at": ("Wer Ihre Daten angesehen hat", ""),
    },
    "en": {
        "identifiers": ("How we recognise you", "Identifiers that we take for yours."),
        "links": ("Why we take these identifiers for you", "Each link with its occasion."),
        "facts": ("What you told us", "From your account or forms."),
        "consents": ("What we may use data for", "As it stands now."),
        "consent_history": ("What was said about consent", "Each answer with its proof, newest first."),
        "preferences": ("What you wish for", "Entered by you or for you."),
        "traits": ("What we conclude from it", "Computed, not said by you; with what it was computed from."),
        "segments": ("Groups that we count you among", "With the condition that you fulfil."),
        "retention": ("How long we keep things", "Without a period: until the account is erased."),
        "orders": ("Your orders", ""),
        "events": ("What you did with us", "Each event with where it came from."),
        "decisions": ("What we showed you, and why", "Decisions, and what fell away."),
        "looked_at": ("Who looked at your data", ""),
    },
}
_WORDS: dict[str, dict[str, str]] = {
    "de": {
        "title": "Ihre Daten bei {shop}", "made": "Erstellt am {time}", "nothing": "Nichts.",
        "incomplete": "Ältere Ereignisse konnten eben nicht gelesen werden; bitte später noch einmal abrufen.",
        "since": "seit", "from": "aus", "purpose": "Zweck", "contract": "Vertrag",
        "not_shown": "nicht gezeigt", "days": "Tage", "no_end": "ohne Frist", "yes": "ja", "no": "nein",
        "granted": "erlaubt", "refused": "abgelehnt", "pending": "noch nicht bestätigt", "lapsed": "abgelaufen",
        "not_asked": "nicht gefragt", "without_consent": "ohne Einwilligung zulässig", "corrected": "berichtigt",
        "trait": "Merkmal", "consent": "Einwilligung", "event": "Ereignis", "inferred": "vermutet",
    },
    "en": {
        "title": "Your data at {shop}", "made": "Made on {time}", "nothing": "Nothing.",
        "incomplete": "Older events could not be read just now; please ask again later.",
        "since": "since", "from": "from", "purpose": "purpose", "contract": "contract",
        "not_shown": "not shown", "days": "days", "no_end": "no end", "yes": "yes", "no": "no",
        "granted": "allowed", "refused": "refused", "pending": "not confirmed yet", "lapsed": "lapsed",
        "not_asked": "not asked", "without_consent": "allowed without consent", "corrected": "corrected",
        "trait": "trait", "consent": "consent", "event": "event", "inferred": "inferred",
    },
}  # fmt: skip


async def page(
    sections: AsyncIterator[Section], definitions: Definitions, calendar: Calendar, language: str
) -> AsyncIterator[str]:
    """The page, piece by piece."""
    writer = _Writer(definitions, calendar, language if language in _WORDS else "en")
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
        self.words, self.sections = _WORDS[language], _SECTIONS[language]
        self._calendar, self._language = calendar, language
        self._pattern = "%d.%m.%Y, %H:%M" if language == "de" else "%d %b %Y, %H:%M"
        self._purposes = {one.id: one.title.get(language) or one.id for one in definitions.purposes}
        self._purposes[CONTRACT] = self.words["contract"]

    def head(self, about: dict[str, Any]) -> str:
        title = html.escape(self.words["title"].format(shop=about["shop"]))
        made = self.words["made"].format(time=self._time(about["made_at"]))
        return (
            f'<!doctype html><html lang="{self._language}"><head><meta charset="utf-8"><title>{title}</title>'
            f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head>'
            f"<body><main><h1>{title}</h1><p>{html.escape(str(about['asked_as']))} · {made}</p>"
        )

    def begin(self, name: str) -> str:
        title, text = self.sections[name]
        return f'<section id="{name}"><h2>{title}</h2><p>{text}</p><ul>'

    def end(self, name: str, *, empty: bool) -> str:
        return "" if not name else (f"<li>{self.words['nothing']}</li>" if empty else "") + "</ul></section>"

    def _identifiers(self, one: dict[str, Any]) -> str:
        return self._item(one["identifier"], f"{self.words['since']} {self._time(one['since'])}")

    def _links(self, one: dict[str, Any]) -> str:
        notes = [one["rule"], self._time(one["time"]), one.get("note"), one.get("status")]
        return self._item(f"{one['a']}, {one['b']}", *notes)

    def _facts(self, one: dict[str, Any]) -> str:
        return self._item(f"{one['name']}: {_plain(one['value'])}", self._time(one["time"]), one.get("origin"))

    def _preferences(self, one: dict[str, Any]) -> str:
        return self._item(f"{one['title']}: {_plain(one['value'])}", self._time(one["time"]), one.get("origin"))

    def _consents(self, one: dict[str, Any]) -> str:
        since = f"{self.words['since']} {self._time(one['since'])}" if one.get("since") else ""
        return self._item(f"{one['title']}: {self.words.get(one['state'], one['state'])}", since)

    def _consent_history(self, one: dict[str, Any]) -> str:
        answer = self.words["yes" if one["granted"] else "no"]
        said = f"{self._purposes.get(one['purpose'], one['purpose'])}: {answer}"
        proof = [f"{name} {value}" for name, value in one["evidence"].items() if value]
        return self._item(said, self._time(one["time"]), one["identifier"], *proof)

    def _traits(self, one: dict[str, Any]) -> str:
        value = one["value"]
        if isinstance(value, dict):
            best = sorted(value.items(), key=lambda pair: (-pair[1], pair[0]))[:20]
            value = ", ".join(f"{name} {share:.0%}" for name, share in best)
        source = f"{self.words['from']} {', '.join(one['computed_from'])}"
        return self._item(f"{one['title']}: {_plain(value)}", self.words["inferred"], source, self._purpose(one))

    def _segments(self, one: dict[str, Any]) -> str:
        return self._item(one["title"], one["when"], self._purpose(one))

    def _retention(self, one: dict[str, Any]) -> str:
        days = one["days"]
        kept = self.words["no_end"] if days is None else f"{days} {self.words['days']}"
        return self._item(f"{self.words[one['kind']]} {one['item']}: {kept}", self._purpose(one))

    def _orders(self, one: dict[str, Any]) -> str:
        digits = exponent(one["currency"] or "EUR")
        total = f"{(one['total'] or 0) / 10**digits:.{digits}f} {one['currency'] or ''}"
        return self._item(f"{one['order_id']}: {total}", self._time(one["time"]), one["status"])

    def _events(self, one: dict[str, Any]) -> str:
        body = {name: one[name] for name in ("properties", "facts") if one[name]}
        told = f"<br><code>{html.escape(msgspec.json.encode(body).decode())}</code>" if body else ""
        return self._item(one["title"], self._time(one["time"]), one["source_title"], self._purpose(one), extra=told)

    def _decisions(self, one: dict[str, Any]) -> str:
        shown = [slot["in_words"] + (f" ({slot['why']})" if slot["why"] else "") for slot in one["shown"]]
        fell = [f"{gate} {len(offers)}" for gate, offers in one["not_shown"].items()]
        why = f"{self.words['not_shown']}: {', '.join(fell)}" if fell else ""
        return self._item("; ".join(shown), self._time(one["time"]), why)

    def _looked_at(self, one: dict[str, Any]) -> str:
        return self._item(f"{one['user']}: {one['action']}", self._time(one["time"]))

    def _purpose(self, one: dict[str, Any]) -> str:
        return f"{self.words['purpose']}: {self._purposes.get(one['purpose'], one['purpose'])}"

    def _item(self, text: object, *notes: object, extra: str = "") -> str:
        return f"<li>{html.escape(str(text))}{_small(notes)}{extra}</li>"

    def _time(self, instant: int | None) -> str:
        return "" if instant is None else f"{self._calendar.local(instant):{self._pattern}}"


def _small(notes: Iterable[object]) -> str:
    told = " · ".join(str(note) for note in notes if note not in (None, ""))
    return f"<br><small>{html.escape(told)}</small>" if told else ""


def _plain(value: object) -> str:
    """A value as words."""
    if isinstance(value, list):
        return ", ".join(map(_plain, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
