"""One customer: who, what is known and on which ground, what every placement shows now and why, and what happened."""

import asyncio
from collections import defaultdict
from typing import Any, cast

import msgspec
from litestar import Request, Response, get, post
from litestar.params import FromPath, FromQuery
from markupsafe import Markup

from regulars.console import plots
from regulars.console.clauses import Clause, Reader
from regulars.console.consents import Agreement, Statement, agreements, said, versions
from regulars.console.people import name_of, number_of, record
from regulars.console.preview import preview
from regulars.console.timeline import moments
from regulars.console.visit import Asked, Visit, carry_out, fields, needs, see
from regulars.console.wishes import wishes
from regulars.core.definitions import CONTRACT, Preference
from regulars.core.errors import Rejected
from regulars.core.identifier import subject_of
from regulars.core.preferences import Interest
from regulars.core.record import Hot, Person, profile_name
from regulars.core.state import ORDER
from regulars.flow.facts import ASKED_ERASURE, without_preferences
from regulars.flow.groups import House, houses, written
from regulars.runtime.fact_names import FactNames

_MOST_ORDERS = 1_000
_SHOWN_ORDERS = 6
_INTERESTS = 8
_TIMELINE = 10
_MOST_TIMELINE = 500


class Known(msgspec.Struct, frozen=True):
    """One trait."""

    title: str
    name: str
    value: str


class Ground(msgspec.Struct, frozen=True):
    """What rests on one purpose."""

    title: str
    allowed: bool
    traits: list[Known]


class Leaning(msgspec.Struct, frozen=True):
    """An affinity with its strongest keys."""

    title: str
    allowed: bool
    shares: list[tuple[str, float, Markup]]


class Belonging(msgspec.Struct, frozen=True):
    """A segment and why the customer is in it or not."""

    id: str
    title: str
    member: bool
    blocked: bool  # the purpose is not allowed
    clause: Clause


class Bought(msgspec.Struct, frozen=True):
    """The customer's orders in short."""

    count: int
    total: int
    mean: float
    last: int | None
    shown: list[tuple[str, int, int, str, str]]  # order id, time, total, currency, status


class Page(msgspec.Struct, frozen=True):
    """Everything that comes with the page itself."""

    profile: str
    name: str
    stage: str
    identifiers: list[str]
    first_seen: int
    last_seen: int
    outdated: bool  # the record was built with other definitions
    bought: Bought
    grounds: list[Ground]
    leanings: list[Leaning]
    declared: list[Interest]
    agreements: list[Agreement]
    statements: list[Statement]
    segments: list[Belonging]
    facts: list[tuple[str, str, str, str]]  # name, title, value, who said it
    restricted: bool
    wishes: list[tuple[Preference, Any]]
    wished: list[tuple[str, str]]  # titles and answers in words
    asked_erasure: str  # when the customer asked to be erased; "": not
    households: list[House]


@get("/console/customers/{profile:str}", guards=[needs("customers")])
async def customer_page(
    visit: Asked, profile: FromPath[str], done: FromQuery[str] = "", rights: FromQuery[str] = ""
) -> Response[Any]:
    """The page; `rights=open` with the forms at its end unfolded."""
    number = number_of(visit.house, profile)
    own = profile_name(number)
    if own != profile:  # it went into another one
        return see(f"/console/customers/{own}")
    await visit.looked("look at customer", own)
    page = await asyncio.to_thread(_page, visit, number)
    placements = await preview(visit, number, seconds=0.1)
    return visit.html(
        "customer.html",
        active="customers",
        c=page,
        placements=placements,
        problem="",
        done=done in ("granted", "refused", "noted"),
        rights=rights == "open",
    )


@get("/console/customers/{profile:str}/placements", guards=[needs("customers")])
async def placements_part(visit: Asked, profile: FromPath[str]) -> Response[str]:
    """What every placement shows now; for the first page after a start, when models are still being read."""
    number = number_of(visit.house, profile)
    await visit.looked("look at placements", profile_name(number))
    placements = await preview(visit, number, seconds=60.0)
    template = "_placements.html" if visit.partial else "placements.html"
    return visit.html(template, active="customers", placements=placements, profile=profile_name(number))


@get("/console/customers/{profile:str}/events", guards=[needs("customers")])
async def events_part(visit: Asked, profile: FromPath[str], shown: FromQuery[int] = _TIMELINE) -> Response[str]:
    """The newest events; more of them with `shown`."""
    number = number_of(visit.house, profile)
    await visit.looked("look at events", profile_name(number))
    limit = min(max(shown, 1), _MOST_TIMELINE)
    events, complete = await visit.house.customers.history(number, limit=limit + 1)
    found = await asyncio.to_thread(moments, visit, events[:limit])
    template = "_timeline.html" if visit.partial else "events.html"
    return visit.html(
        template, active="customers", moments=found, complete=complete, profile=profile_name(number),
        more=min(limit + _TIMELINE, _MOST_TIMELINE) if len(events) > limit and limit < _MOST_TIMELINE else 0,
    )  # fmt: skip


@post("/console/customers/{profile:str}/consent", status_code=200, guards=[needs("consent")])
async def set_consent(request: Request[Any, Any, Any], visit: Asked, profile: FromPath[str]) -> Response[Any]:
    """Note what a customer said about a purpose; carried out as a command under the user's name."""
    data = await visit.form(request)
    number = number_of(visit.house, profile)
    purpose, answer, reason = fields(data, "purpose", "granted", "reason")
    _, person = visit.house.customers.records(number)
    key = subject_of(person.identifiers, visit.house.definitions.identity)
    granted = {"yes": True, "no": False}.get(answer)
    args = {"identifier": key, "purpose": purpose, "granted": granted, "reason": reason}
    if granted:  # the form has the words to read out
        args["text_version"] = versions(visit.house.definitions).get(purpose, "")
    try:
        await carry_out(visit, "set_consent", args)
    except Rejected as error:
        return await refused(visit, number, str(error))
    return see(f"/console/customers/{profile_name(number)}?done={'granted' if answer == 'yes' else 'refused'}")


async def refused(visit: Visit, number: int, problem: str) -> Response[Any]:
    """The page again, with what is wrong with a form."""
    page = await asyncio.to_thread(_page, visit, number)
    placements = await preview(visit, number, seconds=0.1)
    return visit.html(
        "customer.html",
        status=422,
        active="customers",
        c=page,
        placements=placements,
        problem=problem,
        done=False,
        rights=False,
    )


def _page(visit: Visit, number: int) -> Page:
    house = visit.house
    hot, person = record(house, number)
    fits = hot.version == house.engine.fold.version
    slot = house.engine.lifecycle_slot
    declared = [one for one in house.customers.interests(hot) if one.origin == "declared"]
    reader = Reader(house.definitions, visit.words, visit.formats, {one.key for one in declared})
    return Page(
        profile=profile_name(number),
        name=name_of(visit, hot),
        stage=str(hot.values[slot] or "") if fits and slot is not None else "",
        identifiers=[visit.identifier(key) for key in person.identifiers],
        first_seen=hot.first_seen,
        last_seen=hot.last_seen,
        outdated=not fits,
        bought=_bought(visit, number),
        grounds=_grounds(visit, hot, reader) if fits else [],
        leanings=_leanings(visit, hot) if fits else [],
        declared=declared,
        agreements=agreements(visit, hot, person),
        statements=said(visit, person),
        segments=_segments(visit, hot, reader) if fits else [],
        facts=_facts(visit, person) if visit.may("identifiers") else [],
        restricted=hot.restricted,
        wishes=wishes(house.definitions.preferences, hot.facts),
        wished=_wished(visit, hot) if visit.may("consent") else [],
        asked_erasure=str(hot.facts.get(ASKED_ERASURE) or ""),
        households=[
            written(one, visit.identifier)
            for one in houses(person.identifiers, house.definitions.identity, house.services.state)
        ],
    )


def _bought(visit: Visit, number: int) -> Bought:
    rows = visit.house.services.state.select(ORDER, {"profile": number}, order=("-time",), limit=_MOST_ORDERS)
    orders = [(str(r[0]), cast(int, r[2]), cast(int, r[3]), str(r[4]), str(r[5])) for r in rows if r[2] is not None]
    counted = [order for order in orders if order[3] == visit.formats.currency and order[4] != "cancelled"]
    total = sum(order[2] for order in counted)
    mean = total / len(counted) if counted else 0.0
    return Bought(len(counted), total, mean, orders[0][1] if orders else None, orders[:_SHOWN_ORDERS])


def _grounds(visit: Visit, hot: Hot, reader: Reader) -> list[Ground]:
    """Traits with a value, by the purpose that they rest on."""
    purposes = {purpose.id: visit.words.of(purpose.title, purpose.id) for purpose in visit.house.definitions.purposes}
    by_purpose: dict[str, list[Known]] = defaultdict(list)
    for trait, value in zip(visit.house.definitions.traits, hot.values, strict=True):
        held = by_purpose[trait.purpose]
        if trait.kind not in ("affinity", "lifecycle") and value is not None:
            held.append(Known(visit.words.of(trait.title, trait.name), trait.name, _plain(reader, trait.name, value)))
    return [
        Ground(
            visit.words("customer.contract") if purpose == CONTRACT else purposes.get(purpose, purpose),
            purpose == CONTRACT or purpose in hot.consent,
            traits,
        )
        for purpose, traits in by_purpose.items()
    ]


def _plain(reader: Reader, name: str, value: Any) -> str:
    """A value that stands alone needs no quotes."""
    return value if isinstance(value, str) else reader.value(name, value)


def _leanings(visit: Visit, hot: Hot) -> list[Leaning]:
    found = []
    for trait, value in zip(visit.house.definitions.traits, hot.values, strict=True):
        if trait.kind != "affinity":
            continue
        shares = sorted((value or {}).items(), key=lambda item: (-item[1], item[0]))[:_INTERESTS]
        top = shares[0][1] if shares else 1.0
        bars = [
            (
                _last(key),
                share,
                plots.share(share / top if top else 0, title=f"{key}: {visit.formats.percent(share, 1)}"),
            )
            for key, share in shares
        ]
        allowed = trait.purpose == CONTRACT or trait.purpose in hot.consent
        found.append(Leaning(visit.words.of(trait.title, trait.name), allowed, bars))
    return found


def _last(key: str) -> str:
    """The last element of a category path; what comes in capitals only is shown in small letters."""
    last = key.rpartition(" > ")[2]
    return last.capitalize() if last.isupper() else last


def _segments(visit: Visit, hot: Hot, reader: Reader) -> list[Belonging]:
    engine = visit.house.engine
    row = engine.rows.row(hot.values, set(hot.segments), hot.facts)
    found = [
        Belonging(
            segment.id,
            visit.words.of(segment.title, segment.id),
            segment.id in hot.segments,
            segment.purpose != CONTRACT and segment.purpose not in hot.consent,
            reader.read(engine.segments.conditions[segment.id].explain(row)),
        )
        for segment in visit.house.definitions.segments
    ]
    return sorted(found, key=lambda one: (not one.member, one.title))


def _wished(visit: Visit, hot: Hot) -> list[tuple[str, str]]:
    """What was answered, as the shop titles it."""
    found = []
    for one, value in wishes(visit.house.definitions.preferences, hot.facts):
        if value is not None:
            told = [value] if not isinstance(value, list) else value
            answers = [visit.words.of(one.options.get(str(answer), {}), str(answer)) for answer in told]
            found.append((visit.words.of(one.title, one.id), ", ".join(answers)[:300]))
    return found


def _facts(visit: Visit, person: Person) -> list[tuple[str, str, str, str]]:
    names = FactNames(visit.house.definitions, visit.language)
    return [
        (
            name,
            names(name),
            _told(visit, fact[2])[:200],
            names.origin(fact[3]) if fact[3:] and visit.may("consent") else "",
        )
        for name, fact in sorted(without_preferences(person.facts).items())
        if fact[2] is not None
    ]


def _told(visit: Visit, value: Any) -> str:
    if isinstance(value, bool):
        return visit.words("clause.yes" if value else "clause.no")
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


HANDLERS = (customer_page, placements_part, events_part, set_consent)
