"""The use of data as a page to read, in German or English: one file, without scripts."""

import html
from typing import Any

_STYLE = (
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#1c2430}"
    "table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.4rem .6rem;"
    "border-top:1px solid #d8dee6;overflow-wrap:anywhere}.unused{color:#8a3b00;font-weight:600}"
)
_WORDS = {
    "de": {
        "title": "Verzeichnis der Verarbeitungstätigkeiten: {shop}", "configuration": "Konfiguration {version}",
        "purposes": "Zwecke", "basis": "Rechtsgrundlage", "channel": "Kanal", "term": "Dauer einer Zustimmung",
        "sources": "Quellen", "kind": "Art", "may": "Darf", "events": "Was erhoben wird", "event": "Ereignis",
        "field": "Angabe", "purpose": "Zweck", "kept": "Aufbewahrt", "used_for": "Wofür", "unused": "nicht genutzt",
        "for_ever": "bis zur Löschung", "days": "{n} Tage", "recipients": "Empfänger", "nobody": "niemand",
        "retention": "Aufbewahrung", "seen_by": "Wer es sieht", "counted": "gezählt von {names}",
        "events_days": "Ereignisse", "decisions_days": "Entscheidungen", "failed_days": "gescheiterte Ereignisse",
        "access_days": "Zugriffe", "one customer": "eine Kundin, ein Kunde", "numbers of groups": "Zahlen von Gruppen",
        "everything": "alles", "consent": "Einwilligung", "contract": "Vertrag", "none": "keiner",
        "legitimate_interest": "berechtigtes Interesse", "legal_obligation": "rechtliche Pflicht",
    },
    "en": {
        "title": "Record of processing: {shop}", "configuration": "configuration {version}", "purposes": "Purposes",
        "basis": "Legal basis", "channel": "Channel", "term": "How long a yes lasts", "sources": "Sources",
        "kind": "Kind", "may": "May", "events": "What is collected", "event": "Event", "field": "Property",
        "purpose": "Purpose", "kept": "Kept", "used_for": "Used for", "unused": "not used",
        "for_ever": "until erased", "days": "{n} days", "recipients": "Recipients", "nobody": "nobody",
        "retention": "Retention", "seen_by": "Who sees it", "counted": "counted by {names}",
        "events_days": "events", "decisions_days": "decisions", "failed_days": "failed events",
        "access_days": "accesses", "legitimate_interest": "legitimate interest",
        "legal_obligation": "legal obligation",
    },
}  # fmt: skip


def page(record: dict[str, Any], language: str) -> str:
    """The page of what `data_use` told."""
    words = _WORDS["de" if language.startswith("de") else "en"]

    def say(word: str) -> str:
        return words.get(word, word)

    def days(count: int | None) -> str:
        return words["for_ever"] if count is None else words["days"].format(n=count)

    purposes = [[p["title"], say(p["basis"]), say(p["channel"]), days(p["expires_days"])] for p in record["purposes"]]
    sources = [[s["title"], s["kind"], ", ".join(s["may"])] for s in record["sources"]]
    collected = [row for event in record["events"] for row in _rows(event, words, days(event["keep_days"]))]
    kept = [[say(name), days(count)] for name, count in record["retention"].items()]
    seen = [[role, say(what)] for role, what in record["seen_by"].items()]
    title = html.escape(words["title"].format(shop=record["controller"]))
    version = html.escape(words["configuration"].format(version=record["configuration"]))
    body = [
        _table(words["purposes"], [words[w] for w in ("purpose", "basis", "channel", "term")], purposes),
        _table(words["sources"], [words[w] for w in ("sources", "kind", "may")], sources),
        _table(words["events"], [words[w] for w in ("event", "field", "purpose", "kept", "used_for")], collected),
        _table(words["retention"], [words["retention"], words["kept"]], kept),
        _table(
            words["recipients"], [words["recipients"]], [[one] for one in record["recipients"]] or [[say("nobody")]]
        ),
        _table(words["seen_by"], [words["seen_by"], ""], seen),
    ]
    return (
        f'<!doctype html><html lang="{html.escape(language)}"><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{title}</title><style>{_STYLE}</style>'
        f"<h1>{title}</h1><p>{version}</p>{''.join(body)}</html>\n"
    )


def _rows(event: dict[str, Any], words: dict[str, str], kept: str) -> list[list[str]]:
    purpose = words.get(event["purpose"], event["purpose"])
    counted = words["counted"].format(names=", ".join(event["counted_by"])) if event["counted_by"] else ""
    whole = words["unused"] if event["unused"] else counted
    rows = [[event["title"], "", purpose, kept, whole]]
    rows += [
        [
            event["title"],
            field["name"],
            purpose,
            kept,
            words["unused"] if field["unused"] else ", ".join(field["used_for"]),
        ]
        for field in event["fields"]
    ]
    return rows


def _table(title: str, heads: list[str], rows: list[list[str]]) -> str:
    head = "".join(f'<th scope="col">{html.escape(one)}</th>' for one in heads)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<h2>{html.escape(title)}</h2><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
