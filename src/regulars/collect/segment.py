"""Bodies -> events and failed events, the same whenever and however often they are read."""

from typing import Any

import msgspec

from regulars.collect.amounts import Amounts
from regulars.collect.body import BATCHES, EVENT_BYTES, ROUTES, may_hold_large_number, plain, split
from regulars.collect.call import (
    UNREADABLE,
    Call,
    Context,
    around,
    decode_batch,
    decode_call,
    read_call,
    spelled,
)
from regulars.collect.clock import Said, event_time
from regulars.collect.contents import (
    LONGEST_NAME,
    NAMES,
    beyond_numbers,
    facts_of,
    failed_call,
    message_id_of,
    too_long,
)
from regulars.collect.door import Door, hear_clock, stated
from regulars.collect.formats import format_of, parts
from regulars.collect.identifiers import MAX_IDENTIFIERS, Identifiers
from regulars.collect.machines import said_of
from regulars.collect.mended import as_received
from regulars.collect.mends import standing
from regulars.collect.names import Names
from regulars.collect.plan import Failure, Plan, shown
from regulars.collect.searched import Searches
from regulars.collect.tokens import TOO_MANY, Tokens, Vouched
from regulars.collect.webhook import CHANNEL
from regulars.collect.wire import RECEIVED, Format, Wrong, decoded, wrong
from regulars.core.definitions import Definitions
from regulars.core.errors import Rejected
from regulars.core.event import (
    CONSENT,
    NOBODY,
    OF_ANYBODY,
    SHOP_FACTS,
    STAFF,
    VOUCHED_BY,
    Event,
    FailedEvent,
)
from regulars.core.log import Record
from regulars.core.machine import VERDICT
from regulars.core.mend import MENDED, Mend

_SILENT = Context()


class Result(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of one event of a request, for a developer who asks with `?strict=1`."""

    index: int
    ok: bool
    message_id: str
    name: str
    subject: str = ""
    reason: str = ""
    field: str = ""
    expected: str = ""
    got: str = ""
    token: str = ""  # why the event's token verified nothing


class Decoder:
    """Reads log records of kind "events" with one shop's definitions."""

    def __init__(self, definitions: Definitions, *, again: bool = False) -> None:
        """`again`: what was taken in before is read once more, so nothing that it says is refused for being large."""
        self._public = {source.id: source.kind == "browser" for source in definitions.sources}
        self._public[STAFF] = False
        self._counting = frozenset(source.id for source in definitions.sources if source.machines == "count")
        self._servers = frozenset(one.id for one in definitions.sources if one.kind == "server" and not one.partner)
        self._partners = frozenset(source.id for source in definitions.sources if source.partner)
        self._mends: dict[str, list[Mend]] = {}
        for mend in definitions.mends:
            self._mends.setdefault(mend.source, []).append(mend)
        self._names = Names(event.name for event in definitions.events)
        self._strict = definitions.strict_plan
        self._plan = Plan(definitions.events, definitions.preferences, strict=definitions.strict_plan)
        self._amounts = None if again else Amounts(definitions)
        self._identifiers = Identifiers(definitions.identity)
        self._searches = Searches(definitions.sensitive)
        self._tokens = Tokens(definitions.sources, self._identifiers.key)
        self._channels: dict[str, list[str]] = {}
        for purpose in definitions.purposes:
            self._channels.setdefault(purpose.channel, []).append(purpose.id)
        self._categories = dict.fromkeys(definitions.signals.segment, False)
        #: Where the shop's clock follows its records, a device's clock tells nothing.
        self._hears_clocks = definitions.shop.clock != "records"

    def decode(
        self,
        record: Record,
        refused: dict[int, str] | None = None,
        applied: dict[int, list[Mend]] | None = None,
        said: Said | None = None,
    ) -> list[Event | FailedEvent]:
        """The events of a record, in their order. A bad one fails alone; an unreadable body is one failed event.

        `refused` takes the index of each event whose token verified nothing, with the reason; `applied` the standing
        mends that changed an event; `said` what browsers and apps say about their clocks.
        """
        refused, applied = {} if refused is None else refused, {} if applied is None else applied
        hearing = said if self._hears_clocks and self._public.get(record.source, True) else None
        try:
            form = format_of(record.route)
            if form is not None:
                return self._translated(record, form, Door(None, refused, applied, hearing))
            body = plain(record.body)
            calls, token, sent = self._calls_at_once(record, body)
            door = Door(token, refused, applied, hearing, sent)
            if calls is not None:
                raws: list[msgspec.Raw] = []
                results: list[Event | FailedEvent] = []
                for index, call in enumerate(calls):
                    event = self._event(record, index, call, door)
                    if isinstance(event, Failure):
                        raws = raws or split(body, record.route)
                        results.append(failed_call(record, index, event, raws[index], call))
                    else:
                        results.append(event)
                return results
            if record.route in BATCHES:
                door.token, door.sent = around(body)
            return self._one_by_one(record, body, door)
        except Rejected as error:
            failure = Failure("malformed", error.field, error.expected, error.got)
            return [failed_call(record, 0, failure, record.body, None)]

    def verdict(self, record: Record) -> list[Result]:
        """What would become of each event, without storing anything."""
        results = []
        refused: dict[int, str] = {}
        for event in self.decode(record, refused):
            token = refused.get(event.index, "")
            if isinstance(event, Event):
                results.append(Result(event.index, True, event.message_id, event.name, event.subject, token=token))
            else:
                why = (event.reason, event.field, event.expected, event.got, token)
                results.append(Result(event.index, False, event.message_id, event.name, "", *why))
        return results

    def vouched(self, source: str, token: str, device: str | int | None, received: int) -> Vouched | str:
        """Whom a token means that came in a call of this browser at `received` (ms), or why it means nobody."""
        return self._tokens.check(token, source=source, device=device, received=received)

    def _calls_at_once(self, record: Record, body: bytes) -> tuple[list[Call] | None, str | None, Any]:
        """All calls in one decode, token and sending of all; None when some event needs a look of its own."""
        if record.source in self._mends or may_hold_large_number(body):
            return None, None, None
        limit = self._limit(record)
        if len(body) > limit and any(len(raw) > limit for raw in split(body, record.route)):
            return None, None, None
        try:
            if record.route not in BATCHES:
                return [decode_call(body)], None, None
            batch = decode_batch(body)
        except UNREADABLE:
            return None, None, None
        return batch.batch, batch.context.regulars_token if batch.context is not None else None, batch.sent_at

    def _one_by_one(self, record: Record, body: bytes, door: Door) -> list[Event | FailedEvent]:
        results: list[Event | FailedEvent] = []
        for index, raw in enumerate(split(body, record.route)):
            call = self._read(record, index, bytes(raw), door)
            if isinstance(call, Failure):
                results.append(failed_call(record, index, call, raw, None))
                continue
            result = self._event(record, index, call, door)
            results.append(failed_call(record, index, result, raw, call) if isinstance(result, Failure) else result)
        return results

    def _translated(self, record: Record, form: Format, door: Door) -> list[Event | FailedEvent]:
        """The events of another vendor's body."""
        results: list[Event | FailedEvent] = []
        outer, raws = parts(record.body, form)
        outer[RECEIVED] = record.time
        for index, raw in enumerate(raws):
            call = self._translate(record, form, index, bytes(raw), outer, door)
            received = as_received(record, bytes(raw)) if form.route == MENDED else record
            result = call if isinstance(call, Failure) else self._event(received, index, call, door)
            if isinstance(result, Failure):
                known = None if isinstance(call, Failure) else call
                results.append(failed_call(record, index, result, raw, known))
            else:
                results.append(result)
        return results

    def _translate(
        self, record: Record, form: Format, index: int, raw: bytes, outer: dict[str, Any], door: Door
    ) -> Call | Failure:
        limit = self._limit(record)
        if len(raw) > limit:
            return too_long(limit, len(raw))
        try:
            event = decoded(raw)
            if not isinstance(event, dict):
                raise wrong("", "an event", event)
            call = form.call(event, outer)
        except Wrong as error:
            return error.failure
        except UNREADABLE as error:
            return Failure("malformed", "", "JSON in UTF-8", str(error))
        said = call.context.consent if call.context is not None else None
        if said is not None and said.pop("others", None) is False:
            said["categoryPreferences"] = self._categories | said["categoryPreferences"]
        if call.event == CONSENT and call.properties is not None:
            call.properties = self._by_channel(call.properties)
        if record.source in self._mends:
            better = self._mended(record, index, spelled(call), door)
            found = call if better is None else read_call(better)
            return found if isinstance(found, Failure) else beyond_numbers(found) or found
        return beyond_numbers(call) or call

    def _by_channel(self, said: dict[str, Any]) -> dict[str, Any]:
        """What a shop system's customer agreed to on a channel, as the shop's own purposes of that channel."""
        answers = said.get("purposes")
        if not isinstance(answers, dict) or not any(str(word).startswith(CHANNEL) for word in answers):
            return said
        found: dict[str, Any] = {}
        for word, granted in answers.items():
            for purpose in self._channels.get(word.removeprefix(CHANNEL), ()) if word.startswith(CHANNEL) else (word,):
                found[purpose] = granted
        return {**said, "purposes": found}

    def _mended(self, record: Record, index: int, raw: bytes, door: Door) -> bytes | None:
        """The call after the standing mends of its source; None where they change nothing."""
        route = record.route if record.route in ROUTES and record.route not in BATCHES else ""
        better, door.applied[index] = standing(raw, self._mends[record.source], route)
        return better

    def _read(self, record: Record, index: int, raw: bytes, door: Door) -> Call | Failure:
        limit = self._limit(record)
        if len(raw) > limit:
            return too_long(limit, len(raw))
        if record.source in self._mends:
            raw = self._mended(record, index, raw, door) or raw
        call = read_call(raw)
        if isinstance(call, Failure) or not may_hold_large_number(raw):
            return call
        return beyond_numbers(call) or call

    def _limit(self, record: Record) -> int:
        return EVENT_BYTES["browser" if self._public.get(record.source, True) else "server"]

    def _event(self, record: Record, index: int, call: Call, door: Door) -> Event | Failure:
        kind = record.route if record.route in ROUTES and record.route not in BATCHES else call.type
        name = self._name(kind, call)
        if isinstance(name, Failure):
            return name
        properties, traits = facts_of(kind, call)
        failure = self._plan.failure(name, properties)
        if failure is None and self._amounts is not None:
            failure = self._amounts.failure(name, properties)
        if failure is not None:
            return failure
        if call.context is not None and len(call.context.external_ids or ()) > MAX_IDENTIFIERS:
            count = len(call.context.external_ids or ())
            wanted = f"at most {MAX_IDENTIFIERS} identifiers of one customer"
            return Failure("invalid_value", "context.externalIds", wanted, f"{count} identifiers")
        # An unknown source is as little trusted as a browser.
        public = self._public.get(record.source, True)
        subject, keys, claims = self._identifiers.of(call, traits, public=public)
        if (subject is None or name in SHOP_FACTS) and self._is_of_nobody(record, name, claims):
            subject, keys, claims = NOBODY, [], []
        if subject is None:
            wanted = "an anonymousId" if public else "a userId, an anonymousId or an entry of context.externalIds"
            got = "only claims of a public key" if claims else "none that is usable"
            return Failure("no_identifier", "anonymousId" if public else "userId", wanted, got)
        if record.source in self._partners:  # another company says what somebody did, never who is who
            keys, claims = [subject], []
        message_id = message_id_of(record, index, call)
        if isinstance(message_id, Failure):
            return message_id
        context = call.context.kept() if call.context is not None else {}
        if public and (token := door.token_of(call)) is not None:
            vouched = self._vouched(record, index, token, call, door)
            better = None if vouched is None else self._identifiers.vouched(vouched, keys, claims)
            if vouched is not None and better is not None:
                subject, keys, claims = better
                context[VOUCHED_BY] = vouched.key
        properties, context = self._searches.clean(name, properties, context)
        self._judge_sender(record, call, context, public=public)
        time = event_time(stated(call), record.time)
        if self._hears_clocks:
            hear_clock(record, index, call, door, time, context)
        return Event(
            message_id=message_id,
            source=record.source,
            name=name,
            time=time,
            received_at=record.time,
            subject=subject,
            identifiers=tuple(keys),
            claims=tuple(claims),
            properties=properties,
            traits=traits,
            context=context,
            offset=record.offset,
            index=index,
        )

    def _judge_sender(self, record: Record, call: Call, context: dict[str, Any], *, public: bool) -> None:
        """Add to the context what a call says of who or what sent it, and what the door saw."""
        said, signs = call.context or _SILENT, record.signs
        if record.source in self._counting:
            return
        agent, webdriver, hand, signed_in = said.user_agent, said.webdriver, said.hand, VOUCHED_BY in context
        if agent is None and webdriver is None and hand is None and not signed_in and not signs:
            return
        found = said_of(
            agent, webdriver=bool(webdriver), hand=hand, signed_in=signed_in, server=not public, signs=signs
        )
        if found is not None:
            context[VERDICT] = found

    def _is_of_nobody(self, record: Record, name: str, claims: list[str]) -> bool:
        """Whether a server tells a fact of the shop, or something of an author whom nobody knows."""
        of_nobody = name in SHOP_FACTS or (name in OF_ANYBODY and not claims)
        return of_nobody and record.source in self._servers

    def _vouched(self, record: Record, index: int, token: str, call: Call, door: Door) -> Vouched | None:
        if door.looks_at(token):
            found = self._tokens.check(token, source=record.source, device=call.anonymous_id, received=record.time)
            if isinstance(found, Vouched):
                return found
            door.refused[index] = found
        else:
            door.refused[index] = TOO_MANY
        return None

    def _name(self, kind: str | None, call: Call) -> str | Failure:
        if kind != "track":
            fixed = NAMES.get(kind or "")
            if fixed is None:
                return Failure("unknown_type", "type", "track, identify, page, screen, group or alias", shown(kind))
            return fixed
        if not call.event:
            return Failure("missing_field", "event", "the name of the event", shown(call.event))
        name = self._names.canonical(call.event)
        if name in self._names.known:
            return name
        if self._strict:
            return Failure("unknown_event", "event", "an event of the tracking plan", shown(call.event))
        if len(name) > LONGEST_NAME or not name.isprintable():
            return Failure("invalid_value", "event", f"a name of at most {LONGEST_NAME} characters", shown(name))
        return name
