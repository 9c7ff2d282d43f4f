"""Tell something about a customer as an event of our own: it is kept, sealed, erased and read again like any other."""

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from regulars.core.errors import Rejected
from regulars.core.event import CORRECTED, PREFERENCE, STAFF
from regulars.core.identifier import parse, usable
from regulars.core.log import EVENTS, NewRecord
from regulars.core.sensitive import detector
from regulars.flow.facts import MOST_FACTS, cuttable, tells_sensitive
from regulars.runtime.customers import Customers
from regulars.runtime.services import Services

_MOST = 40  # facts of one correction
_LENGTH = 500  # characters of a value or a reason


class NotKept(Rejected):
    """A fact whose name tells of something sensitive: nobody was asked whether it may be kept, so nothing keeps it."""

    def __init__(self, name: str, kind: str) -> None:
        super().__init__(
            f"a fact named {name!r} tells of {kind} and is not kept; no customer agreed to it. Leave it out, or let a "
            "trait hold it whose purpose says sensitive = true (consent.toml)",
            field=f"facts.{name}", expected="a fact that tells of nothing especially protected", got=name,
        )  # fmt: skip
        self.name = name


async def correct(
    services: Services, customers: Customers, key: str, facts: Mapping[str, Any], *, by: str, reason: str
) -> int:
    """Put facts of a known customer right, or take them away (None); the offset, once it is folded.

    A correction wins over everything that was told before it, whatever time that spoke of. Raises Rejected for what
    would not be kept: `NotKept` where a fact's name tells of something sensitive.
    """
    if not facts or len(facts) > _MOST or not all(_is_fact(name, value) for name, value in facts.items()):
        raise Rejected(
            f"give 1 to {_MOST} facts, each a text, a number, yes or no, or null to take it away",
            field="facts", expected="facts", got=repr(dict(facts))[:200],
        )  # fmt: skip
    if not reason.strip() or len(reason) > _LENGTH:
        raise Rejected("say why: who asked for it, and how", field="reason", expected="a text", got=repr(reason)[:200])
    for name, value in facts.items():
        if value is not None and tells_sensitive(name, customers.engine.unwanted):
            raise NotKept(name, detector(customers.engine.definitions.sensitive).name(name))
    _, person = customers.records(customers.number(key))
    held, said = set(filter(cuttable, person.facts)), set(filter(cuttable, facts))
    if not said <= held and len(held | said) > MOST_FACTS:
        raise Rejected(
            f"a profile keeps {MOST_FACTS} facts, and this one has {len(held)}; put one of them right instead",
            field="facts", expected="facts that are known already", got=", ".join(sorted(said - held))[:200],
        )  # fmt: skip
    told = [person.facts[name][0] for name in facts if name in person.facts]
    time = max([services.clock(), *(earlier + 1 for earlier in told)])
    properties = {"facts": dict(facts), "by": by, "reason": reason}
    return await _tell(services, key, CORRECTED, properties, time)


async def prefer(
    services: Services, key: str, preferences: Mapping[str, Any], *, origin: str, by: str = "", reason: str = ""
) -> int:
    """Note what a customer wishes for; the offset, once it is folded."""
    properties = {"preferences": dict(preferences), "origin": origin, "by": by, "reason": reason}
    said = {name: value for name, value in properties.items() if value}
    return await _tell(services, key, PREFERENCE, said, services.clock())


def _is_fact(name: str, value: object) -> bool:
    fits = 0 < len(name) <= 100 and not name.startswith("pref.")
    return fits and (value is None or (isinstance(value, str | int | float) and len(str(value)) <= _LENGTH))


async def _tell(services: Services, key: str, name: str, properties: dict[str, Any], time: int) -> int:
    kind, value = parse(key)
    if not usable(key, services.definitions.identity):
        raise Rejected(f"{key} identifies nobody", field="identifier", expected="type:value", got=key)
    call = {
        "type": "track",
        "event": name,
        "messageId": f"own-{secrets.token_hex(10)}",
        "timestamp": datetime.fromtimestamp(time / 1000, UTC).isoformat(),
        "context": {"externalIds": [{"type": kind, "id": value}]},
        "properties": properties,
    }
    record = NewRecord(EVENTS, STAFF, "track", time, msgspec.json.encode(call))
    offset = await services.append(record)
    await services.folded(offset)
    return offset
