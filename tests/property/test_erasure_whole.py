"""A person is erased from a whole installation: no byte is left, and the others are as if the person had never been."""

import json
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from regulars.adapters.log.reading import FileLogReader
from regulars.analyst import bookkeeping
from regulars.core import state as tables
from regulars.core.log import EVENTS, TICK, NewRecord
from regulars.flow.people import identifier_rows
from regulars.profile.assignment import profile_of
from regulars.updater import sharing
from tests.property.installation import Installation
from tests.property.test_flow import DAY, ENGINE, START, _iso, picture

NOW = START + 15 * DAY
PEOPLE = {"ana": "ana-winter-4711", "ben": "ben-sommer-0815", "cyd": "cyd-herbst-1234"}
TABLET = "tablet-in-the-hall"
HOURS = 3_600_000

Call = tuple[str, dict[str, Any]]  # the source and what it sends; ("eva", command)


def mail(who: str) -> str:
    return f"{who}.mail@post.example"


def card(who: str) -> str:
    return f"card-of-{who}-778899"


@st.composite
def lives(draw: st.DrawFn) -> list[Call]:  # noqa: C901 - one arm for each thing that people do
    """What two or three people do in a fortnight, one thing after the other, each at a time of its own."""
    people = draw(st.sampled_from([["ana", "ben"], ["ana", "ben", "cyd"]]))
    kinds = [
        "view",
        "view",
        "alone",
        "order",
        "consent",
        "mail",
        "card",
        "card_alone",
        "house",
        "told",
        "claim",
        "undo",
    ]
    found: list[Call] = []
    for number in range(draw(st.integers(4, 22))):
        who = draw(st.sampled_from(people))
        device = draw(st.sampled_from([f"phone-of-{who}-1", TABLET]))
        kind = draw(st.sampled_from(kinds))
        call: dict[str, Any] = {
            "type": "track",
            "messageId": f"m{number}",
            "timestamp": _iso(START + number * 9 * HOURS),
        }
        known = {"userId": PEOPLE[who], "anonymousId": device}
        product = {"product_id": draw(st.sampled_from("abc")), "category": draw(st.sampled_from(["tea", "books"]))}
        viewed = {"event": "Product Viewed", "properties": product}
        other = draw(st.sampled_from([one for one in people if one != who]))
        match kind:
            case "view":
                call |= known | viewed
            case "alone":
                call |= {"anonymousId": device} | viewed
            case "order":
                order = {"order_id": f"{who}-{draw(st.sampled_from('AB'))}", "total": draw(st.integers(1, 9))}
                call |= known | {"event": "Order Completed", "properties": order | {"category": "tea"}}
            case "consent":
                purposes = {draw(st.sampled_from(["analytics", "personalisation"])): draw(st.booleans())}
                call |= known | {"event": "Consent Updated", "properties": {"purposes": purposes}}
            case "mail":
                call |= {"type": "identify", "userId": PEOPLE[who], "traits": {"email": mail(who), "city": "Ulm"}}
            case "card":
                call |= {"userId": PEOPLE[who], "context": _external("loyalty_card", card(who))} | viewed
            case "card_alone":
                call |= {"context": _external("loyalty_card", card(who))} | viewed
            case "house":
                call |= {"userId": PEOPLE[who], "context": _external("household", "the-blue-house")} | viewed
            case "told":
                facts = {"friend": mail(other), "note": f"write to {mail(other).upper()} and to nobody else"}
                call |= {"type": "identify", "userId": PEOPLE[who], "traits": facts}
            case "claim":
                call |= {"userId": PEOPLE[other], "anonymousId": f"browser-of-{who}"} | viewed
            case _:
                pair = {"a": f"user_id:{PEOPLE[who]}", "b": f"email:{mail(who)}", "reason": "a mistake"}
                found.append(("eva", {"name": "unlink", **pair}))
                if who == "ana" or draw(st.booleans()):
                    found.append(("eva", {"name": "relink", **pair}))
                continue
        found.append(("web" if kind == "claim" else "till", call))
    return found


def _external(kind: str, value: str) -> dict[str, Any]:
    return {"externalIds": [{"type": kind, "id": value, "collection": "users", "encoding": "none"}]}


def live(root: Path, told: list[Call]) -> Installation:
    """The installation after all this, sealed."""
    shop = Installation(root, ENGINE)
    shop.take(NewRecord(TICK, "clock", "", NOW, b""))
    for source, call in told:
        if source == "eva":
            shop.command(call["name"], NOW, **{name: value for name, value in call.items() if name != "name"})
        else:
            shop.take(NewRecord(EVENTS, source, "batch", NOW, json.dumps({"batch": [call]}).encode()))
    shop.seal()
    return shop


def keys_of(shop: Installation, number: int) -> list[str]:
    """The identifiers that are the profile's alone, the tablet left out when somebody else logged in there, too."""
    rows = shop.state.select(tables.IDENTIFIER, {"profile": number})
    linked = [str(row[1]) for row in shop.state.select(tables.LINK, {"a": f"user_id:{PEOPLE['ana']}"})]
    return sorted({str(row[0]) for row in rows} | {one for one in linked if one.startswith("anonymous_id:phone")})


def without(told: list[Call], shop: Installation, number: int, keys: list[str]) -> list[Call]:
    """The same without what the person did and what names the person."""
    names = [PEOPLE["ana"], mail("ana"), card("ana")]
    kept: list[Call] = []
    for source, call in told:
        if source == "eva":
            if not any(name in json.dumps(call) for name in names):
                kept.append((source, call))
            continue
        said = call
        if source == "web":
            own = f"anonymous_id:{call['anonymousId']}"
            claimed = call.get("userId") == PEOPLE["ana"]
            said = {key: value for key, value in call.items() if not (claimed and key == "userId")}
        elif "userId" in call:
            own = f"user_id:{call['userId']}"
        elif "context" in call:
            own = f"loyalty_card:{call['context']['externalIds'][0]['id']}"
        else:
            own = f"anonymous_id:{call['anonymousId']}"
        rows = identifier_rows(shop.state, [own])
        if own == f"user_id:{PEOPLE['ana']}" or profile_of(own, _time(call), rows) == number:
            continue
        if call.get("traits", {}).get("friend") == mail("ana") and f"email:{mail('ana')}" in keys:
            said = call | {"traits": {"friend": "", "note": "write to … and to nobody else"}}
        kept.append((source, said))
    return kept


def _time(call: dict[str, Any]) -> int:
    return START + int(call["messageId"][1:]) * 9 * HOURS


def seen(shop: Installation) -> dict[str, Any]:
    """What is left of everybody, in comparable form: people keep their numbers, which alone might be others."""
    found = picture(shop.state)
    found.pop("counters")  # sums over many days and people stay
    names: dict[int, str] = {}
    for key, number in sorted(((str(row[0]), row[1]) for row in found["identifiers"]), key=_rank):
        names.setdefault(number, key)
    found["parts"] = {names[number]: _without_anchor(parts) for number, parts in found["parts"].items()}
    found["orders"] = sorted((row[0], names.get(row[1], ""), *row[2:]) for row in found["orders"])
    found["members"] = sorted((segment, names[number]) for segment, number in found["members"])
    # Since when a shared device is known says nothing of anybody.
    found["identifiers"] = [(row[0], names[row[1]]) for row in found["identifiers"]]
    select = shop.state.select
    found["grouped"] = sorted((str(row[0]), str(row[1])) for row in select(tables.GROUPED))
    found["consent"] = sorted((str(r[0]), str(r[1]), r[2]) for r in select(tables.CONSENT))
    found["links"] = sorted((str(r[0]), str(r[1]), r[2], str(r[6])) for r in select(tables.LINK))
    found["lake"] = sorted(
        (row["message_id"], row["subject"], row["identifiers"], row["claims"], row["properties"], row["traits"])
        for part in shop.data.glob("lake/event/*.parquet")
        for row in pq.read_table(part).to_pylist()
    )
    return found


def _rank(row: tuple[str, int]) -> tuple[bool, str]:
    return not row[0].startswith("user_id"), row[0]


def _without_anchor(parts: dict[int, Any]) -> dict[int, Any]:
    return {number: part[1:] if number == 0 else part for number, part in parts.items()}


def spelled(data: Path, values: list[str]) -> list[str]:
    """Files in which one of the values stands, raw or decoded, by other means than the product's own search."""
    found = []
    for path in sorted(path for path in data.rglob("*") if path.is_file()):
        texts = [path.read_bytes().decode("latin-1").lower()]
        if path.suffix == ".parquet":
            texts += [str(column.to_pylist()).lower() for column in pq.ParquetFile(path).read().columns]
        if path.name == "state.db":
            with closing(sqlite3.connect(path)) as connection:
                names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
                texts += [str(connection.execute(f'SELECT * FROM "{name}"').fetchall()).lower() for name in names]  # noqa: S608
        found += [f"{path.relative_to(data)}: {value}" for value in values for text in texts if value.lower() in text]
    with closing(FileLogReader(data / "log")) as log:
        bodies = [record.body.decode("latin-1").lower() for record in log.read(0, records=10_000, size=1 << 30)]
    return found + [f"log: {value}" for value in values for body in bodies if value.lower() in body]


@pytest.mark.slow
@settings(
    max_examples=20, derandomize=True, deadline=None, phases=(Phase.generate,), suppress_health_check=list(HealthCheck)
)
@given(told=lives(), counted=st.booleans(), shared=st.booleans())
def test_nothing_is_left_and_the_others_are_as_if_the_person_had_never_been(
    told: list[Call], *, counted: bool, shared: bool
) -> None:
    told = [("till", {"type": "track", "messageId": "m0", "timestamp": _iso(START), "userId": PEOPLE["ana"],
                      "event": "Product Viewed", "properties": {"product_id": "a", "category": "tea"}}),
            *((source, call) for source, call in told if call.get("messageId") != "m0")]  # fmt: skip
    with tempfile.TemporaryDirectory() as name:
        shop = live(Path(name) / "with", told)
        if counted:
            table = shop.analyst.update_profiles(as_of=ENGINE.calendar.day(NOW))
            shop.state.commit(bookkeeping.profiles(table, shop.state))
        number = profile_of(f"user_id:{PEOPLE['ana']}", NOW, identifier_rows(shop.state, [f"user_id:{PEOPLE['ana']}"]))
        assert number is not None
        keys = keys_of(shop, number)
        alone = without(told, shop, number, keys)
        shop.command("erase", NOW, identifier=f"user_id:{PEOPLE['ana']}", reason="asked")
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(sharing, "WORTH_ANOTHER", 0 if shared else 1_000)
            patched.setattr(sharing, "PROCESSES", 2)
            (certificate,) = shop.erased()
        left = {str(row[0]) for row in shop.state.select(tables.IDENTIFIER)}
        gone = [key.partition(":")[2] for key in keys if key not in left]
        assert PEOPLE["ana"] in gone
        assert certificate.left == []
        assert all(one.planted for one in certificate.checked)
        assert spelled(shop.data, gone) == []
        other = live(Path(name) / "without", alone)
        here, there = seen(shop), seen(other)
        for what, found in there.items():
            assert here[what] == found, what
        shop.close()
        other.close()


def test_a_device_that_was_erased_and_is_used_again_loses_both(tmp_path: Path) -> None:
    """Nobody's device is erased; Cyd takes it, then Ben; Ben is erased before the first erasure got anywhere."""

    def view(number: int, who: str = "") -> Call:
        product = {"product_id": f"product-{number}", "category": "tea"}
        call = {"type": "track", "event": "Product Viewed", "messageId": f"m{number}", "properties": product}
        at = {"timestamp": _iso(START + number * HOURS), "anonymousId": "device-in-the-hall"}
        return "till", call | at | ({"userId": PEOPLE[who]} if who else {})

    shop = live(tmp_path, [("till", consent("device-in-the-hall")), view(1), view(2)])
    shop.command("erase", NOW, identifier="anonymous_id:device-in-the-hall")
    for source, call in (view(3, "cyd"), view(4), view(5, "ben"), view(6)):
        shop.take(NewRecord(EVENTS, source, "batch", NOW, json.dumps({"batch": [call]}).encode()))
    # A history that is read while both are on their way out has nothing of either.
    shop.command("erase", NOW, identifier=f"user_id:{PEOPLE['ben']}")
    shop.command(
        "set_consent", NOW, identifier=f"user_id:{PEOPLE['cyd']}", purpose="analytics", granted=True, reason="x"
    )
    first, second = shop.erased()
    assert (first.left, second.left) == ([], [])
    shop.seal()
    found = {row[0] for row in seen(shop)["lake"]}
    assert found.isdisjoint({"m1", "m2", "m5", "m6"})
    assert spelled(shop.data, ["product-1", "product-2", "product-5", "product-6", PEOPLE["ben"]]) == []
    assert spelled(shop.data, ["product-3"]) != []
    shop.close()


def consent(device: str) -> dict[str, Any]:
    return {
        "type": "track", "event": "Consent Updated", "messageId": "m0", "timestamp": _iso(START), "anonymousId": device,
        "properties": {"purposes": {"analytics": True}},
    }  # fmt: skip
