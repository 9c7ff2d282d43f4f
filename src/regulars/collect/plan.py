"""The tracking plan: whether an event's properties are what the shop said they would be."""

from collections.abc import Mapping
from itertools import islice
from typing import Any

import jsonschema_rs
import msgspec

from regulars.core.definitions import EventType, Preference
from regulars.core.event import CONSENT, PREFERENCE, FailedEvent
from regulars.core.preferences import nearest, wrong

#: How much of a wrong value is kept to show.
SHOWN = 120

#: Consent is proof, so its shape is fixed, whatever the plan says.
_CONSENT_SCHEMA = {
    "type": "object",
    "required": ["purposes"],
    "properties": {"purposes": {"type": "object", "additionalProperties": {"type": "boolean"}}},
}


class Failure(msgspec.Struct, frozen=True):
    """Why an event failed."""

    reason: str
    field: str
    expected: str
    got: str


class Plan:
    """Compiled JSON Schemas by event name."""

    def __init__(
        self, events: tuple[EventType, ...], preferences: tuple[Preference, ...] = (), *, strict: bool = False
    ) -> None:
        self._preferences = {one.id: one for one in preferences}
        self._strict = strict
        schemas = {event.name: event.schema for event in events if event.schema}
        self._validators = {name: jsonschema_rs.validator_for(schema) for name, schema in schemas.items()}
        consent = jsonschema_rs.validator_for(_CONSENT_SCHEMA)
        self._checks = {name: validator.is_valid for name, validator in self._validators.items()}
        self._consent = consent

    def failure(self, name: str, properties: Mapping[str, Any]) -> Failure | None:
        """What the plan has against these properties; None when they are fine or the plan does not say."""
        if name == CONSENT and not self._consent.is_valid(properties):
            return _explained(self._consent, properties)
        if name == PREFERENCE and self._preferences and (failure := self._undeclarable(properties)) is not None:
            return failure
        valid = self._checks.get(name)
        if valid is None or valid(properties):
            return None
        return _explained(self._validators[name], properties)

    def _undeclarable(self, properties: Mapping[str, Any]) -> Failure | None:
        """What the shop's preferences have against a declaration: what cannot be answered is not kept as an answer."""
        said = properties.get("preferences")
        if not isinstance(said, dict):
            return Failure("missing_field", "properties.preferences", "preferences with answers", shown(said))
        for name, value in said.items():
            field = f"properties.preferences.{name[:SHOWN]}"
            one = self._preferences.get(name)
            if one is not None and (expected := wrong(one, value)) is not None:
                return Failure("invalid_value", field, _cut(expected), shown(value))
            if one is None and self._strict:
                known = nearest(name, self._preferences) or ", ".join(self._preferences)
                return Failure("unknown_field", field, _cut(known), shown(name))
        return None


def shown(value: Any) -> str:
    """A value for a failed event, cut when it is long.

    >>> shown("x" * 500)[-5:], shown(None)
    ('xxxx…', 'nothing')
    """
    text = "nothing" if value is None else repr(value)
    return _cut(text)


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


def failed(
    failure: Failure, *, source: str, received_at: int, offset: int, index: int, message_id: str, name: str, body: bytes
) -> FailedEvent:
    """The failed event of a failure."""
    return FailedEvent(
        source=source,
        received_at=received_at,
        offset=offset,
        index=index,
        message_id=message_id,
        name=name,
        reason=failure.reason,
        field=failure.field,
        expected=failure.expected,
        got=failure.got,
        body=body,
    )


def _explained(validator: "jsonschema_rs.Validator", properties: Mapping[str, Any]) -> Failure:
    errors = islice(validator.iter_errors(properties), 20)
    error = min(errors, key=lambda e: ([str(part) for part in e.instance_path], e.message))
    path = ["properties", *(str(part) for part in error.instance_path)]
    detail = error.kind.as_dict()
    match error.kind.name:
        case "required":
            return Failure("missing_field", ".".join([*path, str(detail["property"])]), "a value", "nothing")
        case "type":
            return Failure("wrong_type", ".".join(path), " or ".join(detail["types"]), shown(error.instance))
        case "additionalProperties":
            unexpected = str(detail["unexpected"][0])
            return Failure("unknown_field", ".".join([*path, unexpected]), "no such property", shown(error.instance))
        case keyword:
            expected = f"{keyword} {shown(detail['limit'])}" if "limit" in detail else _cut(error.message)
            return Failure("invalid_value", ".".join(path), expected, shown(error.instance))
