"""JSON Schemas of the files, for editors that complete and check TOML while one types."""

from typing import Any

import msgspec

from regulars.core.definitions import (
    Fact,
    Linking,
    Network,
    Offer,
    Placement,
    Purpose,
    Retention,
    Segment,
    Shop,
    Source,
    Trait,
)
from regulars.core.errors import Rejected
from regulars.core.mend import Mend
from regulars.core.merchandising import Rule
from regulars.shop.identity import IdentityEntry, SharedEntry, TypeEntry
from regulars.shop.load import BESIDE
from regulars.shop.merchandising_rules import ATTRIBUTE_TYPES
from regulars.shop.plan import EventEntry
from regulars.shop.reading import entry_type

_ENTRIES: dict[str, tuple[str, type[msgspec.Struct]]] = {
    "sources": ("sources", entry_type(Source, "id")),
    "traits": ("traits", entry_type(Trait, "name")),
    "segments": ("segments", entry_type(Segment, "id")),
    "consent": ("purposes", entry_type(Purpose, "id")),
    "placements": ("placements", entry_type(Placement, "id")),
    "offers": ("offers", entry_type(Offer, "id")),
    "events": ("events", entry_type(EventEntry)),
    "facts": ("facts", entry_type(Fact, "id")),
    "mends": ("mends", entry_type(Mend, "id")),
    "rules": ("rules", entry_type(Rule, "id")),
}
_SINGLE: dict[str, type[msgspec.Struct]] = {"shop": entry_type(Shop)}
#: Kinds of file: the name without ".toml"; "offers" for any file in offers/, "rules" for any in rules/, too.
FILE_KINDS = (*_SINGLE, "identity", *_ENTRIES)


class _IdentityFile(msgspec.Struct):
    """identity.toml as a whole."""

    identity: IdentityEntry = msgspec.field(default_factory=IdentityEntry)
    types: dict[str, TypeEntry] = {}
    shared: SharedEntry = msgspec.field(default_factory=SharedEntry)


def schema(file_kind: str) -> dict[str, Any]:
    """The JSON Schema of a kind of file."""
    if file_kind == "identity":
        content, table = msgspec.json.schema(_IdentityFile), "identity"
        body = content["$defs"]["_IdentityFile"]["properties"]["identity"]
    elif file_kind in _SINGLE:
        content, table = msgspec.json.schema(_SINGLE[file_kind]), file_kind
        body = {"$ref": content["$ref"]}
    elif file_kind in _ENTRIES:
        table, kind = _ENTRIES[file_kind]
        content = msgspec.json.schema(kind)
        body = {"type": "object", "additionalProperties": {"$ref": content["$ref"]}}
    else:
        expected = ", ".join(FILE_KINDS)
        raise Rejected(
            f"there is no file of kind {file_kind!r}; known are {expected}", expected=expected, got=file_kind
        )
    properties: dict[str, Any] = {table: body}
    if file_kind == "identity":
        properties = content["$defs"].pop("_IdentityFile")["properties"]
        beside = msgspec.json.schema(entry_type(Linking))
        properties["linking"] = {"$ref": beside["$ref"]}
        content["$defs"] |= beside["$defs"]
    if file_kind == "consent":
        for name, kind_beside in BESIDE.items():
            extra = msgspec.json.schema(kind_beside)
            properties[name] = {"$ref": extra["$ref"]}
            content["$defs"] |= extra["$defs"]
    if file_kind == "shop":
        for name, beside_shop in {"retention": Retention, "network": Network}.items():
            extra = msgspec.json.schema(beside_shop)
            properties[name] = {"$ref": extra["$ref"]}
            content["$defs"] |= extra["$defs"]
    if file_kind == "rules":
        kinds = {"enum": list(ATTRIBUTE_TYPES)}
        properties["attributes"] = {"type": "object", "additionalProperties": kinds}
    if file_kind == "events":
        properties["strict_plan"] = {"type": "boolean", "default": True}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"{file_kind}.toml of a Regulars shop",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "$defs": content["$defs"],
    }
