"""What must hold between and within definitions, beyond the types of single keys."""

import re
from collections.abc import Iterable
from datetime import date
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import msgspec

from regulars.core.definitions import CONTRACT, Offer, Placement, Shop, Source, Trait
from regulars.core.event import BUILT_IN_EVENTS
from regulars.core.identity_types import PARTICULARS
from regulars.shop.consent_rules import check_consent
from regulars.shop.draft import Draft
from regulars.shop.fact_rules import check_facts
from regulars.shop.mend_rules import check_mends
from regulars.shop.merchandising_rules import check_row, check_rules
from regulars.shop.mistake import listed, nearest
from regulars.shop.preference_rules import check_preferences
from regulars.shop.reading import TomlFile
from regulars.shop.retention_rules import check_retention
from regulars.shop.sensitive_rules import check_sensitive
from regulars.shop.source_rules import check_policies
from regulars.shop.token_keys import check_token_keys
from regulars.shop.tracking_rules import check_tracking

#: What a key may do. A browser's key is public, so it can only collect and decide.
SCOPES = {"browser": ("collect", "decide"), "server": ("collect", "decide", "profiles", "catalog", "privacy", "admin")}
#: Lifecycle is computed from the rhythm of orders and takes its events from there.
NEEDS_OF = ("sum", "last", "first", "max", "distinct", "affinity")
_ID = re.compile(r"[a-z][a-z0-9_.-]*")
_TRAIT_NAME = re.compile(r"[a-z][a-z0-9_]*")
_PURPOSE = re.compile(rf"{_ID.pattern}(:{_ID.pattern})?")  # "partners:acme"
_LANGUAGE = re.compile(r"[a-z]{2}(-[A-Z]{2})?")


def check_shop(shop: Shop, file: TomlFile) -> None:
    """Time zone, currency and languages exist."""
    try:
        ZoneInfo(shop.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        near = nearest(shop.time_zone, available_timezones())
        file.report(("shop", "time_zone"), f"unknown time zone {shop.time_zone!r}, as in 'Europe/Berlin'", near)
    if not re.fullmatch("[A-Z]{3}", shop.currency):
        file.report(
            ("shop", "currency"), f"expected three capital letters (ISO 4217) as in 'EUR', got {shop.currency!r}"
        )
    if not re.fullmatch("[A-Z]{2}", shop.country):
        file.report(("shop", "country"), f"expected two capital letters (ISO 3166) as in 'DE', got {shop.country!r}")
    for language in shop.languages:
        if not _LANGUAGE.fullmatch(language):
            file.report(("shop", "languages"), f"expected languages as 'de' or 'de-AT', got {language!r}")
    if not shop.languages:
        file.report(("shop", "languages"), "name at least one language")


def check_draft(draft: Draft) -> None:
    """Everything that refers to something else refers to something that exists, and numbers make sense."""
    _check_names(draft)
    _check_sources(draft)
    check_policies(draft)
    check_mends(draft)
    _check_linking(draft)
    for name, event in draft.events.items():
        _known(draft, "events", name, "purpose", event.purpose, "purposes")
    for trait in draft.traits.values():
        _check_trait(draft, trait)
    for segment in draft.segments.values():
        _known(draft, "segments", segment.id, "purpose", segment.purpose, "purposes")
        if not segment.when.strip():
            draft.report("segments", segment.id, "when", 'empty; say who belongs to it, as in "orders_365d >= 3"')
    check_consent(draft)
    check_retention(draft)
    check_sensitive(draft)
    for purpose in draft.purposes.values():
        _within(draft, "purposes", purpose.id, "demo_share", purpose.demo_share, 0, 1)
    for offer in draft.offers.values():
        _check_offer(draft, offer)
    check_preferences(draft)
    check_facts(draft)
    check_tracking(draft)
    for placement in draft.placements.values():
        _check_placement(draft, placement)
    check_rules(draft)


def _check_names(draft: Draft) -> None:
    for table, name in draft.places:
        if table in ("events", "facts", "identity", "retention", "signals", "sensitive"):
            continue
        pattern = {"traits": _TRAIT_NAME, "purposes": _PURPOSE}.get(table, _ID)
        if not pattern.fullmatch(name):
            rest = "digits and _" if table == "traits" else "digits, _, - and ."
            draft.report(table, name, "", f"the name {name!r} must be small letters, {rest}, beginning with a letter")
    if CONTRACT in draft.purposes:
        draft.report(
            "purposes", CONTRACT, "", "'contract' is built in: what an order needs asks for no consent; remove it"
        )
    languages = draft.shop.languages
    for table in draft.named:
        entries: dict[str, msgspec.Struct] = getattr(draft, table)
        for name, entry in entries.items():
            for key in ("title", "text"):
                for language in getattr(entry, key, {}):
                    if language not in languages:
                        message = f"the shop does not speak {language!r}; shop.toml says {listed(languages)}"
                        draft.report(table, name, f"{key}.{language}", message, nearest(language, languages))


def _check_sources(draft: Draft) -> None:
    owner: dict[str, str] = {}
    for source in draft.sources.values():
        _check_source(draft, source)
        for key, secret in (("write_key", source.write_key), ("key_sha256", source.key_sha256)):
            if secret and owner.setdefault(secret, source.id) != source.id:
                draft.report("sources", source.id, key, f"the same key as source {owner[secret]!r}; each needs its own")
    for source in draft.sources.values():
        for app_id in source.app_ids:
            if owner.setdefault(app_id, source.id) != source.id:
                message = f"{app_id!r} means source {owner[app_id]!r} already; each needs its own"
                draft.report("sources", source.id, "app_ids", message)


def _check_source(draft: Draft, source: Source) -> None:
    check_token_keys(draft, source)
    for scope in source.scopes:
        if scope not in SCOPES[source.kind]:
            message = f"a {source.kind} key may have {listed(SCOPES[source.kind])}, not {scope!r}"
            draft.report("sources", source.id, "scopes", message, nearest(scope, SCOPES[source.kind]))
    if source.kind == "browser":
        if len(source.write_key) < 8:
            draft.report(
                "sources", source.id, "write_key", "a browser source needs a write key of at least 8 characters"
            )
        if source.key_sha256:
            draft.report("sources", source.id, "key_sha256", "is of server sources; a browser has a write_key")
    else:
        if not re.fullmatch("[0-9a-f]{64}", source.key_sha256) and (source.webhook is None or source.key_sha256):
            message = "a server source needs the SHA-256 of its key as 64 hex digits; `regulars init` makes one"
            draft.report("sources", source.id, "key_sha256", message)
        if source.app_ids:
            message = "are public, so they are of browser sources; a server's tracker sends its key as user of Basic"
            draft.report("sources", source.id, "app_ids", message)
        if source.write_key:
            draft.report(
                "sources", source.id, "write_key", "is of browser sources; a server key is not stored in files"
            )


def _check_linking(draft: Draft) -> None:
    linking = draft.linking
    file = draft.places.get(("identity", ""))
    if file is None:
        return
    purposes = draft.named["purposes"] | {CONTRACT}
    if linking.purpose not in purposes:
        message = f"unknown purpose {linking.purpose!r}; known are {listed(purposes)}"
        file.report(("linking", "purpose"), message, nearest(linking.purpose, purposes))
    if not 0.5 <= linking.review <= linking.automatic < 1:
        message = f"expected 0.5 <= review <= automatic < 1, got {linking.review} and {linking.automatic}"
        file.report(("linking", "automatic"), message)
    for field in linking.facts:
        if field not in PARTICULARS:
            message = f"records are not compared by {field!r}; known are {listed(PARTICULARS)}"
            file.report(("linking", "facts", field), message, nearest(field, PARTICULARS))


def _check_trait(draft: Draft, trait: Trait) -> None:
    name = trait.name
    _known(draft, "traits", name, "purpose", trait.purpose, "purposes")
    for event in trait.events:
        if event not in draft.named["events"] and event not in BUILT_IN_EVENTS:
            known = draft.named["events"].union(BUILT_IN_EVENTS)
            draft.report(
                "traits", name, "events", f"unknown event {event!r}; list it in events.toml", nearest(event, known)
            )
    if not trait.events:
        draft.report("traits", name, "events", "name at least one event")
    if trait.kind in NEEDS_OF and not trait.of:
        draft.report("traits", name, "of", f'a {trait.kind} needs `of`: the property that it looks at, as in "total"')
    if trait.kind == "visits" and trait.of not in ("", "dwell_seconds"):
        draft.report(
            "traits", name, "of", f'visits are counted, or `of = "dwell_seconds"` spent there; got {trait.of!r}'
        )
    _at_least(draft, "traits", name, "window_days", trait.window_days, 1)
    _at_least(draft, "traits", name, "cap", trait.cap, 1)
    _at_least(draft, "traits", name, "level", trait.level, 1)
    if trait.cap > 10_000:
        draft.report("traits", name, "cap", f"expected at most 10000 cells for one profile, got {trait.cap}")
    if trait.kind == "affinity":
        if trait.half_life_days is None or trait.half_life_days <= 0:
            draft.report("traits", name, "half_life_days", "an affinity needs the days after which a score has halved")
    else:
        for key, wrong in (("half_life_days", trait.half_life_days is not None), ("interest", trait.interest)):
            if wrong:
                draft.report("traits", name, key, f"is of affinities; this is a {trait.kind}")


def _check_offer(draft: Draft, offer: Offer) -> None:
    _known(draft, "offers", offer.id, "purpose", offer.purpose, "purposes")
    for placement in offer.placements:
        _known(draft, "offers", offer.id, "placements", placement, "placements")
        found = draft.placements.get(placement)
        if found is not None and not found.offers:
            draft.report(
                "offers", offer.id, "placements", f"{placement!r} shows no offers (placements.toml: offers = false)"
            )
    if not offer.placements:
        draft.report("offers", offer.id, "placements", "name at least one placement")
    if offer.limit is not None:
        _at_least(draft, "offers", offer.id, "limit.times", offer.limit.times, 1)
        _at_least(draft, "offers", offer.id, "limit.days", offer.limit.days, 1)
    _within(draft, "offers", offer.id, "response_rate", offer.response_rate, 0, 1)
    days = [_date(draft, offer.id, key, text) for key, text in (("starts", offer.starts), ("ends", offer.ends))]
    if days[0] is not None and days[1] is not None and days[1] < days[0]:
        draft.report("offers", offer.id, "ends", f"ends on {offer.ends}, before it starts on {offer.starts}")


def _date(draft: Draft, offer: str, key: str, text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        draft.report("offers", offer, key, f"expected a date as 2017-11-30, got {text!r}")
        return None


def _check_placement(draft: Draft, placement: Placement) -> None:
    name = placement.id
    _known(draft, "placements", name, "purpose", placement.purpose, "purposes")
    check_row(draft, placement)
    if not placement.offers and not placement.recommend:
        draft.report("placements", name, "offers", "shows neither offers nor recommendations; set one of them")
    _within(draft, "placements", name, "items", placement.items, 1, 100)
    _within(draft, "placements", name, "exploration", placement.exploration, 0, 1)


def _known(draft: Draft, table: str, name: str, key: str, value: str, of: str) -> None:
    known: Iterable[str] = draft.named[of] | ({CONTRACT} if of == "purposes" else set())
    if value not in known:
        what = of.removesuffix("s")
        draft.report(table, name, key, f"unknown {what} {value!r}; known are {listed(known)}", nearest(value, known))


def _at_least(draft: Draft, table: str, name: str, key: str, value: int | None, least: int) -> None:
    if value is not None and value < least:
        draft.report(table, name, key, f"expected at least {least}, got {value}")


def _within(draft: Draft, table: str, name: str, key: str, value: float | None, least: float, most: float) -> None:
    if value is not None and not least <= value <= most:
        draft.report(table, name, key, f"expected {least} to {most}, got {value}")
