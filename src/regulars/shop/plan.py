"""The tracking plan as it is written: short property types, and the JSON Schema that they mean."""

from typing import Any

import jsonschema_rs
import msgspec

from regulars.shop.mistake import listed, nearest
from regulars.shop.reading import TomlFile, shown

#: What a short type means. `id` is what shops call numbers or text alike.
SHORT: dict[str, list[str]] = {
    "text": ["string"],
    "number": ["number"],
    "integer": ["integer"],
    "boolean": ["boolean"],
    "list": ["array"],
    "table": ["object"],
    "id": ["string", "integer"],
}


class EventEntry(msgspec.Struct, frozen=True, kw_only=True):
    """An event of events.toml.

    `properties` maps a name to a short type (the keys of SHORT) or to a JSON Schema;
    `schema` is a whole JSON Schema instead of both `properties` and `required`.
    """

    purpose: str = "analytics"
    properties: dict[str, str | dict[str, Any]] = {}
    required: tuple[str, ...] = ()
    definitions: dict[str, dict[str, Any]] = {}  # named parts for { "$ref" = "#/$defs/name" }
    schema: dict[str, Any] = {}
    title: dict[str, str] = {}
    keep_days: int | None = None  # days after which events of this type are forgotten


def json_schema(entry: EventEntry, path: tuple[str, ...], file: TomlFile) -> dict[str, Any]:
    """The JSON Schema of the event's properties; {} when anything goes. Mistakes are reported to the file.

    A property that is not required may be null, as many clients send it.
    """
    if entry.schema and (entry.properties or entry.required):
        file.report((*path, "schema"), "give either `schema` or `properties` and `required`, not both")
    schema = entry.schema or _from_short(entry, path, file)
    if schema:
        try:
            jsonschema_rs.meta.validate(schema)
            jsonschema_rs.validator_for(schema)
        except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
            where = "schema" if entry.schema else "properties"
            file.report((*path, where), f"not a valid JSON Schema: {getattr(error, 'message', error)}")
            return {}
    return schema


def _from_short(entry: EventEntry, path: tuple[str, ...], file: TomlFile) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    for name, kind in entry.properties.items():
        if isinstance(kind, dict):
            properties[name] = kind
        elif kind in SHORT:
            types = SHORT[kind] if name in entry.required else [*SHORT[kind], "null"]
            properties[name] = {"type": types if len(types) > 1 else types[0]}
        else:
            message = f"unknown type {shown(kind)}; known are {listed(SHORT)}, or a JSON Schema {{ type = ... }}"
            file.report((*path, "properties", name), message, nearest(kind, SHORT))
    if entry.properties:
        for name in entry.required:
            if name not in entry.properties:
                message = f"requires {name!r}, which `properties` does not list"
                file.report((*path, "required"), message, nearest(name, entry.properties))
    schema: dict[str, Any] = {}
    if properties:
        schema["properties"] = properties
    if entry.required:
        schema["required"] = list(entry.required)
    if entry.definitions:
        schema["$defs"] = entry.definitions
    return {"type": "object", **schema} if schema else {}
