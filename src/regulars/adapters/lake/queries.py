"""Named analyses of the lake, as ibis expressions over its events.

Each takes the table of events and its arguments and gives a table. Amounts are minor units; days are shop-local day
numbers. `since` and `until` are days, both inclusive; None leaves the range open.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ibis
from ibis.expr.api import Table

from regulars.adapters.lake import returned
from regulars.collect.pace import SIGNS
from regulars.core.errors import Rejected
from regulars.core.machine import KNOWN
from regulars.core.money import EXPONENTS

COMPLETED, UPDATED, CANCELLED = "Order Completed", "Order Updated", "Order Cancelled"
VIEWED, ADDED = "Product Viewed", "Product Added"
#: The property of an event that tells one line of an order, and how good a source is that is not named
#: (`profile.listed_lines`, `profile.best_source`).
ONE_BY_ONE, USUAL_RANK = "one_by_one", 20


@ibis.udf.scalar.builtin
def json_extract_string(document: str, path: str) -> str:  # type: ignore[empty-body]
    """DuckDB's reading of a JSON value as text, NULL where it is missing; Spark has get_json_object."""


@ibis.udf.scalar.builtin
def json_keys(document: str) -> list[str]:  # type: ignore[empty-body]
    """DuckDB's names of the members of a JSON object; Spark has json_object_keys."""


def events_per_day(events: Table, *, since: int | None = None, until: int | None = None) -> Table:
    """(day, name, events, subjects): how much of what happened, by day."""
    chosen = _between(events, since, until)
    counted = chosen.group_by("day", "name").aggregate(events=chosen.count(), subjects=chosen.subject.nunique())
    return counted.order_by("day", "name")


def revenue_per_day(events: Table, *, currency: str, since: int | None = None, until: int | None = None) -> Table:
    """(day, currency, orders, revenue): value ordered, before refunds, without cancelled orders.

    An order counts once, on its first day, with the last total that was named; `currency` is that of orders that name
    none.
    """
    spoken = events.filter(events.name.isin([COMPLETED, UPDATED, CANCELLED])).mutate(
        order_id=_text(events, "order_id"),
        total=ibis.coalesce(*(_number(events, name) for name in ("total", "revenue", "value"))),
        currency=ibis.coalesce(_text(events, "currency"), ibis.literal(currency)),
    )
    spoken = spoken.filter(spoken.order_id.notnull()).mutate(total=_minor(spoken.total, spoken.currency))
    ranked = spoken.mutate(
        # `last` of a window in a total order: the latest word that names a total.
        rank=ibis.row_number().over(
            group_by="order_id",
            order_by=[spoken.total.isnull(), spoken.time.desc(), spoken.message_id.desc()],
        ),
        cancelled=(spoken.name == CANCELLED).any().over(group_by="order_id"),
        first=spoken.day.min().over(group_by="order_id"),
    )
    orders = _between(ranked.filter((ranked.rank == 0) & ~ranked.cancelled).mutate(day=ranked.first), since, until)
    daily = orders.group_by("day", "currency").aggregate(
        orders=orders.count(), revenue=orders.total.sum().fill_null(0).cast("int64")
    )
    return daily.order_by("day", "currency")


def order_lines(
    events: Table,
    *,
    currency: str,
    since: int | None = None,
    until: int | None = None,
    except_sources: Sequence[str] = (),
    except_machines: bool = False,
    browsers: Sequence[str] = (),
    ranks: Mapping[str, int] | None = None,
) -> Table:
    """(subject, order_id, product_id, time, day, quantity, price): one row per line, each order id once.

    As the state has the order (`profile.orders`): the lines of the best source by `ranks` count (the smallest is the
    best), and of one source the latest that tells any; lines that are told one by one are put together. Where a server
    told of the order the word of `browsers` does not count. A cancelled order has no lines, and what went back is in
    none (`returned`). Subject and time are those of the first "Order Completed", or "Order Updated" if there is none.

    `price` is that of one unit, NULL where it was not told; `quantity` 1 where it was not told, at least 1 for goods
    sold by weight. Orders of which one of `except_sources` told are left out, with `except_machines` also those that
    only machines told.
    """
    spoken = events.filter(events.name.isin([COMPLETED, UPDATED, CANCELLED]))
    spoken = spoken.mutate(order_id=_text(spoken, "order_id"), currency=_text(spoken, "currency"))
    named = spoken.filter(spoken.order_id.notnull())
    if except_sources:
        limited = named.mutate(limited=named.source.isin(except_sources).any().over(group_by="order_id"))
        named = limited.filter(~limited.limited)
    if except_machines:
        named = _told_by_people(named, events)
    if browsers:
        public = named.mutate(public=named.source.isin(browsers))
        ordered = (~public.public) & (public.name != CANCELLED)
        served = public.mutate(served=ordered.any().over(group_by="order_id"))
        named = served.filter(~served.served | ~served.public)
    placed = named.mutate(
        cancelled=(named.name == CANCELLED).any().over(group_by="order_id"),
        single=(_text(named, ONE_BY_ONE) == "true").fill_null(False),
        products=json_extract_string(named.properties, "$.products"),
    )
    placed = placed.filter(~placed.cancelled)
    begun = [placed.name != COMPLETED, placed.time, placed.message_id]
    of_order: dict[str, Any] = {"group_by": "order_id", "order_by": begun}
    placed = placed.mutate(
        whose=placed.subject.first().over(**of_order),
        began=placed.time.first().over(**of_order),
        began_day=placed.day.first().over(**of_order),
    )
    told = placed.filter(placed.products.startswith("["))
    usual = ibis.literal(USUAL_RANK, "int64")
    best = told.source.cases(*((source, rank) for source, rank in ranks.items()), else_=USUAL_RANK) if ranks else usual
    told = told.mutate(best=best)
    order: list[Any] = [told.best, told.time.desc(), told.message_id.desc(), told.source]
    by_word: dict[str, Any] = {"group_by": "order_id", "order_by": order}
    told = told.mutate(
        rank=ibis.row_number().over(**by_word),
        teller=told.source.first().over(**by_word),
        listed=told.single.first().over(**by_word),
    )
    told = told.filter((told.rank == 0) | (told.listed & told.single & (told.source == told.teller)))
    lines = told.select(
        "order_id", "currency", "single", "message_id",
        subject="whose", time="began", day="began_day", said="time",
        line=told.properties.cast("json")["products"].array.unnest().cast("string"),
    )  # fmt: skip
    keys = {
        f"key_{name}": ibis.ifelse(lines.single, _field(lines.line, name).fill_null(""), "")
        for name in ("product_id", "sku", "id", "variant")
    }
    lines = lines.mutate(**keys)
    # A line that is told again, of a page that was opened twice, is the same line.
    latest = [lines.said.desc(), lines.message_id.desc()]
    lines = lines.mutate(again=ibis.row_number().over(group_by=["order_id", *keys], order_by=latest))
    lines = _between(lines.filter(~lines.single | (lines.again == 0)), since, until)
    quantity: Any = json_extract_string(lines.line, "$.quantity").try_cast("float64")
    read = lines.select(
        "subject",
        "order_id",
        product_id=ibis.coalesce(*(_field(lines.line, name) for name in ("product_id", "sku", "id"))),
        time=lines.time,
        day=lines.day,
        quantity=ibis.ifelse(quantity.isnull(), 1, ibis.greatest(quantity.round(), 1)).cast("int64"),
        none_left=(quantity <= 0).fill_null(False),
        price=_minor(
            json_extract_string(lines.line, "$.price").try_cast("float64"),
            ibis.coalesce(lines.currency, ibis.literal(currency)),
        ),
    )
    bought = read.filter(read.product_id.notnull() & ~read.none_left).drop("none_left")
    if not returned.any_told(events):  # nearly always, and the rest asks for as much memory again
        return bought.order_by("time", "order_id", "product_id", "price", "quantity")
    kept = returned.kept(
        bought, events, ranks=ranks or {}, usual_rank=USUAL_RANK, browsers=browsers, except_sources=except_sources
    )
    return kept.order_by("time", "order_id", "product_id", "price", "quantity")


def product_events(
    events: Table,
    *,
    since: int | None = None,
    until: int | None = None,
    except_sources: Sequence[str] = (),
    except_machines: bool = False,
) -> Table:
    """(subject, time, day, message_id, kind, product_id): what was viewed (kind 0), added (1), bought (2).

    One row per product of an order and per view or addition to a basket, those of `except_sources` left out,
    with `except_machines` those of machines, too. Of one subject a product of an order is bought once, whoever tells of
    it and however often.
    """
    single_line = (events.name == UPDATED) & (_text(events, ONE_BY_ONE) == "true").fill_null(False)
    done = _between(events.filter(events.name.isin([VIEWED, ADDED, COMPLETED]) | single_line), since, until)
    if except_sources:
        done = done.filter(~done.source.isin(except_sources))
    if except_machines:
        judged = _judged(done, events)
        done = judged.filter(~judged.by_machine)
    one = done.filter(done.name.isin([VIEWED, ADDED]))
    single = one.select(
        "subject", "time", "day", "message_id",
        kind=ibis.ifelse(one.name == VIEWED, 0, 1).cast("int64"),
        product_id=ibis.coalesce(*(_text(one, name) for name in ("product_id", "sku", "id"))),
    )  # fmt: skip
    bought = done.filter(done.name.isin([COMPLETED, UPDATED])).select(
        "subject", "time", "day", "message_id", "properties"
    )
    bought = bought.mutate(order_id=_text(bought, "order_id"))
    told = (
        bought.filter(bought.order_id.notnull()).group_by(by="subject", of="order_id").aggregate(times=ibis._.count())
    )
    again = told.filter(told.times > 1)
    is_again = (bought.subject == again.by) & (bought.order_id == again.of)
    several = _goods_of(bought.semi_join(again, is_again))  # few: a window is dear
    product, first = ["subject", "order_id", "product_id"], [several.time, several.message_id]
    several = several.mutate(first=several.message_id.first().over(group_by=product, order_by=first))
    several = several.filter(several.first == several.message_id).drop("first")
    several = several.union(_goods_of(bought.anti_join(again, is_again))).drop("order_id")
    both = single.union(several)
    return both.filter(both.product_id.notnull()).order_by("subject", "time", "message_id", "product_id")


def _goods_of(bought: Table) -> Table:
    """The products of orders, one row each, as something bought."""
    lines = bought.select(
        "subject", "time", "day", "message_id", "order_id",
        line=bought.properties.cast("json")["products"].array.unnest().cast("string"),
    )  # fmt: skip
    return lines.select(
        "subject", "time", "day", "message_id", "order_id",
        kind=ibis.literal(2, "int64"),
        product_id=ibis.coalesce(*(_field(lines.line, name) for name in ("product_id", "sku", "id"))),
    )  # fmt: skip


def _told_by_people(orders: Table, events: Table) -> Table:
    """Without orders that only machines told."""
    judged = _judged(orders, events)
    told = judged.mutate(only_machines=judged.by_machine.all().over(group_by="order_id"))
    return told.filter(~told.only_machines)


def _judged(some: Table, events: Table) -> Table:
    """With `by_machine`: by an event's own verdict, or because its device was found out sometime."""
    verdict = json_extract_string(events.context, "$.machine.verdict")
    why: Any = json_extract_string(events.context, "$.machine.why")
    # What one request says of itself, and where it came from, says nothing of the others of its device.
    behaved = why.contains(f'"{KNOWN}"')
    for sign in sorted(SIGNS):
        behaved |= why.contains(f'"{sign}"')
    # The text is looked for first: few events hold it, and parsing all of them costs more.
    found = events.filter(events.context.contains('"verdict":"machine"'), verdict == "machine", behaved)
    machines = found.select(machine_subject=found.subject).distinct()
    joined = some.left_join(machines, some.subject == machines.machine_subject)
    own: Any = json_extract_string(joined.context, "$.machine.verdict") == "machine"
    return joined.mutate(by_machine=own.fill_null(False) | joined.machine_subject.notnull())


def timeline(events: Table, *, subjects: Sequence[str], limit: int = 50, before: int | None = None) -> Table:
    """(time, name, source, subject, message_id, properties, offset): the events of a person, newest first.

    `before` (ms) continues where a page ended.
    """
    chosen = events.filter(events.subject.isin(list(subjects)))
    if before is not None:
        chosen = chosen.filter(chosen.time < before)
    shown = chosen.select("time", "name", "source", "subject", "message_id", "properties", "offset")
    return shown.order_by(ibis.desc("time"), ibis.desc("message_id")).limit(limit)


def reactions(events: Table, *, names: Sequence[str], since: int | None = None, until: int | None = None) -> Table:
    """(name, subject, time, decision_id, placement, product_id): what came of decisions, each event once."""
    chosen = _between(events.filter(events.name.isin(list(names))), since, until)
    told = chosen.select(
        "name", "subject", "time",
        decision_id=_text(chosen, "decision_id"),
        placement=_text(chosen, "placement"),
        product_id=_text(chosen, "product_id"),
        message_id=chosen.message_id,
    )  # fmt: skip
    return told.filter(told.decision_id.notnull()).distinct().drop("message_id").order_by("time", "decision_id")


def funnel(
    events: Table, *, steps: Sequence[str], within_days: int = 30, since: int | None = None, until: int | None = None
) -> Table:
    """(step, name, subjects): who came how far, in this order, within `within_days` of their first step.

    A step counts at its first event at or after the step before it.
    """
    if not steps:
        raise Rejected("a funnel needs at least one step; name the events in their order", field="steps")
    chosen = _between(events, since, until)
    reached = chosen.filter(chosen.name == steps[0]).group_by("subject")
    at = reached.aggregate(began=chosen.time.min(), at=chosen.time.min())
    counts = [_counted(at, 0, steps[0])]
    for number, name in enumerate(steps[1:], start=1):
        step = chosen.filter(chosen.name == name).select("subject", "time")
        joined = at.join(step, "subject")
        joined = joined.filter((joined.time >= joined.at) & (joined.time <= joined.began + within_days * 86_400_000))
        at = joined.group_by("subject").aggregate(began=joined.began.min(), at=joined.time.min())
        counts.append(_counted(at, number, name))
    return ibis.union(*counts).order_by("step") if len(counts) > 1 else counts[0]


def subjects_per_event(events: Table, *, since: int | None = None, until: int | None = None) -> Table:
    """(name, events, subjects, first_day, last_day): what the lake holds, most frequent first."""
    chosen = _between(events, since, until)
    counted = chosen.group_by("name").aggregate(
        events=chosen.count(),
        subjects=chosen.subject.nunique(),
        first_day=chosen.day.min(),
        last_day=chosen.day.max(),
    )
    return counted.order_by(ibis.desc("events"), "name")


def field_use(events: Table, *, since: int | None = None, until: int | None = None) -> Table:
    """(source, name, part, field, filled, different, subjects): what events bring, never a value.

    `part` is "properties" or "traits" (the facts of identify calls); a row with an empty field tells of all events of
    the name. `filled` are those in which the field is neither null nor empty; `different` and `subjects` are estimates
    (HyperLogLog). A name of a field that is no word as schemas have them is told as "?": it may be a value itself.
    """
    chosen = _between(events, since, until)
    whole = chosen.group_by("source", "name").aggregate(
        events=chosen.count(), filled=chosen.count(), subjects=chosen.subject.approx_nunique()
    )
    of_names = whole.select(
        "source", "name", part=ibis.literal(""), field=ibis.literal(""), filled=whole.filled,
        different=ibis.literal(0, "int64"), subjects=whole.subjects,
    )  # fmt: skip
    counted = [of_names]
    for part in ("properties", "traits"):
        listed: Any = json_keys(chosen[part])
        keys = chosen.select("source", "name", "subject", document=chosen[part], key=listed.unnest())
        plain = keys.key.re_search(_FIELD)
        value = json_extract_string(keys.document, ibis.literal('$."') + keys.key + ibis.literal('"'))
        told = keys.mutate(field=ibis.ifelse(plain, keys.key, "?"), value=ibis.ifelse(plain, value, "?"))
        told = told.mutate(value=ibis.ifelse(told.value.isin(["", "[]", "{}"]), ibis.null("string"), told.value))
        fields = told.group_by("source", "name", "field").aggregate(
            filled=told.value.count(), different=told.value.approx_nunique(), subjects=told.subject.approx_nunique()
        )
        counted.append(
            fields.select(
                "source", "name", "field", part=ibis.literal(part), filled=fields.filled, different=fields.different,
                subjects=fields.subjects,
            ).select("source", "name", "part", "field", "filled", "different", "subjects")
        )  # fmt: skip
    return ibis.union(*counted).order_by("source", "name", "part", "field")


#: A field as schemas name them.
_FIELD = "^[A-Za-z_][A-Za-z0-9_-]{0,63}$"

QUERIES: dict[str, Callable[..., Table]] = {
    query.__name__: query
    for query in (
        events_per_day,
        revenue_per_day,
        order_lines,
        product_events,
        timeline,
        funnel,
        reactions,
        subjects_per_event,
        field_use,
    )
}

#: Queries for which a day's rows depend on the events of that day alone, so that files of other days need not be read.
BY_DAY = frozenset({"events_per_day", "funnel", "reactions", "subjects_per_event", "field_use"})


def _between(events: Table, since: int | None, until: int | None) -> Table:
    if since is not None:
        events = events.filter(events.day >= since)
    if until is not None:
        events = events.filter(events.day <= until)
    return events


def _counted(at: Table, step: int, name: str) -> Table:
    return at.aggregate(subjects=at.count()).select(
        step=ibis.literal(step, "int64"), name=ibis.literal(name), subjects=ibis._.subjects
    )


def _text(events: Table, name: str) -> Any:
    """A property as text, NULL where it is missing or empty."""
    return _field(events.properties, name)


def _field(document: Any, name: str) -> Any:
    return json_extract_string(document, f"$.{name}").nullif(ibis.literal(""))


def _number(events: Table, name: str) -> Any:
    return _text(events, name).try_cast("float64")


def _minor(amount: Any, currency: Any) -> Any:
    """Minor units, half rounded away from zero, as `core.money.to_minor` does."""
    factors = [(currency == code, ibis.literal(float(10**places))) for code, places in EXPONENTS.items()]
    return (amount * ibis.cases(*factors, else_=100.0)).round(6).round().cast("int64")
