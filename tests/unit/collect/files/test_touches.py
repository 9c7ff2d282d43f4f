"""Rows of touchpoints: calls, schedules, advertising, sightings, activities."""

import io
import itertools
from datetime import UTC, datetime
from typing import Any

import pytest

from regulars.collect.files import KINDS
from regulars.collect.files.kind import About, BadRow, Call
from regulars.core.errors import Rejected
from regulars.importing.tracks import fit, gpx
from tests.fit_files import fit_file

ABOUT = About(time_zone="Europe/Berlin", now=1_780_000_000_000)


def read(kind: str, *rows: dict[str, Any], about: About = ABOUT) -> list[Call | BadRow]:
    return list(KINDS[kind].calls(enumerate(rows, 2), about))


def told(kind: str, *rows: dict[str, Any], about: About = ABOUT) -> list[dict[str, Any]]:
    found = read(kind, *rows, about=about)
    assert all(isinstance(one, Call) for one in found), found
    return [one.payload for one in found if isinstance(one, Call)]


def test_a_call_names_the_caller_and_the_number_that_was_dialled() -> None:
    row = {"Anrufer": "0170 1112223", "DNIS": "0800 111222", "Beginn": "2026-05-04 20:15:00", "Dauer": "95", "Agent": 7}
    (call,) = told("calls", row)
    assert (call["event"], call["timestamp"]) == ("Call Received", "2026-05-04T18:15:00+00:00")
    assert call["context"] == {"externalIds": [{"type": "phone", "id": "0170 1112223"}]}
    assert call["properties"] == {
        "dialled_number": "0800 111222", "agent": "7", "duration_seconds": 95, "channel": "phone",
    }  # fmt: skip


def test_a_call_of_nobody_is_told_with_its_line() -> None:
    (bad,) = read("calls", {"dnis": "0800", "time": "2026-05-04"})
    assert isinstance(bad, BadRow)
    assert (bad.line, bad.field) == (2, "user_id")


@pytest.mark.parametrize(
    ("row", "day", "cost"),
    [
        ({"Day": "2026-05-04", "Campaign": "May", "Channel": "google", "Cost": "1.234,50"}, "2026-05-04", 1234.5),
        ({"Tag": "04.05.2026", "Kampagne": "May", "Kanal": "meta", "Ausgaben": "3"}, "2026-05-04", 3),
        ({"Reporting starts": "20260504", "Campaign name": "May", "Platform": "meta", "Amount spent (EUR)": "3.25"},
         "2026-05-04", 3.25),
    ],
)  # fmt: skip
def test_exports_of_advertising_are_known_by_their_columns(row: dict[str, Any], day: str, cost: float) -> None:
    (call,) = told("advertising", row)
    assert (call["properties"]["date"], call["properties"]["cost"]) == (day, cost)
    assert "userId" not in call


def test_a_spot_lasts_as_long_as_it_says_and_a_schedule_that_ends_before_it_starts_is_wrong() -> None:
    (call,) = told("programme", {"Sender": "Radio 1", "Sendezeit": "2026-05-04 07:58", "Länge": "30", "Spot": "s7"})
    assert (call["properties"]["starts"], call["properties"]["ends"]) == (
        "2026-05-04T05:58:00+00:00", "2026-05-04T05:58:30+00:00",
    )  # fmt: skip
    assert call["properties"]["kind"] == "spot"
    (bad,) = read("programme", {"station": "A", "starts": "2026-05-04 08:00", "ends": "2026-05-04 07:00"})
    assert isinstance(bad, BadRow)
    assert bad.field == "ends"


def seen(time: str, what: str = "seen", **more: Any) -> dict[str, Any]:
    return {"beacon_device": "b1", "zone": "shoes", "time": f"2026-05-04T{time}Z", "event": what, **more}


def zones(*rows: dict[str, Any]) -> list[tuple[str, str, Any]]:
    calls = told("sightings", *rows)
    return [(c["event"], c["timestamp"][11:19], c["properties"].get("dwell_seconds")) for c in calls]


def test_flapping_sightings_are_one_visit() -> None:
    rows = [
        seen("10:00:00", "entered"), seen("10:00:40", "left"), seen("10:01:10", "entered"), seen("10:02:50"),
        seen("10:04:00", "left"),
    ]  # fmt: skip
    expected = [("Zone Entered", "10:00:00", None), ("Zone Left", "10:04:00", 240)]
    for order in itertools.permutations(rows):
        assert zones(*order) == expected


def test_who_comes_back_later_makes_another_visit_and_who_is_still_there_has_not_left() -> None:
    rows = [seen("10:00:00"), seen("10:01:00"), seen("11:00:00")]
    assert zones(*rows) == [
        ("Zone Entered", "10:00:00", None), ("Zone Left", "10:01:00", 60), ("Zone Entered", "11:00:00", None),
    ]  # fmt: skip


def test_each_piece_of_a_visit_is_an_event_of_its_own_and_says_how_long_it_lasted() -> None:
    first, again, later = (told("sightings", *rows)[0] for rows in (
        [seen("10:09:00"), seen("10:09:50")], [seen("10:09:50"), seen("10:09:00")], [seen("10:10:30")],
    ))  # fmt: skip
    assert first["messageId"] == again["messageId"] != later["messageId"]
    assert (first["properties"]["seen_seconds"], later["properties"]["seen_seconds"]) == (50, 0)


def test_who_entered_and_was_not_seen_to_leave_is_told_to_stay() -> None:
    (came,) = told("sightings", seen("10:00:00", "entered"))
    assert "seen_seconds" not in came["properties"], "whoever came in stays until a leaving"
    rows = told("sightings", seen("10:00:00"), seen("10:01:00", "entered"))
    assert [(one["timestamp"][11:19], one["properties"].get("seen_seconds")) for one in rows] == [
        ("10:00:00", 60), ("10:01:00", None),
    ]  # fmt: skip


def test_an_app_that_knows_its_entry_tells_the_dwell() -> None:
    assert zones(seen("10:09:00", "exit", entered_at="2026-05-04T10:00:00Z")) == [("Zone Left", "10:09:00", 540)]
    assert zones(seen("10:09:00", "exit", dwell="30")) == [("Zone Left", "10:09:00", 30)]


def ran(**more: Any) -> dict[str, Any]:
    return {
        "user_id": "ana", "start": "2026-05-04T07:00:00Z", "sport": "Run", "duration": "1:00:00", "distance_km": 10,
        "device": "band", **more,
    }  # fmt: skip


def test_an_activity_keeps_distance_and_time_and_never_a_pulse() -> None:
    (call,) = told("activities", ran(avg_heart_rate=150, steps="9800"))
    assert call["properties"] == {
        "device": "band", "sport": "running", "started_at": "2026-05-04T07:00:00+00:00", "duration_seconds": 3600,
        "distance_m": 10_000, "steps": 9800, "plausible": True, "doubts": [],
    }  # fmt: skip


def test_a_distance_without_a_unit_is_not_guessed() -> None:
    row = {name: value for name, value in ran().items() if name != "distance_km"} | {"Distance": "10.02"}
    (bad,) = read("activities", row)
    assert isinstance(bad, BadRow)
    assert (bad.field, "--map" in bad.expected) == ("distance", True)
    mapped = About(time_zone="Europe/Berlin", now=ABOUT.now, mapping={"Distance": "distance_km"})
    (call,) = told("activities", row, about=mapped)
    assert call["properties"]["distance_m"] == 10_020


def test_an_export_that_does_not_name_the_channel_or_the_day_is_told_it() -> None:
    spent = {"Reporting starts": "2026-05-04", "Campaign name": "May", "Amount spent (EUR)": "3.25"}
    (bad,) = read("advertising", spent)
    assert isinstance(bad, BadRow)
    assert (bad.field, "--set channel=google" in bad.expected) == ("channel", True)
    about = About(time_zone="Europe/Berlin", now=ABOUT.now, options={"channel": "meta"})
    (call,) = told("advertising", spent, about=about)
    assert (call["properties"]["channel"], call["properties"]["cost"]) == ("meta", 3.25)
    queries = {"Top queries": "red kettle", "Clicks": "12", "Impressions": "340", "CTR": "3.53%", "Position": "4.2"}
    (call,) = told("searches", queries, about=About(time_zone="UTC", now=ABOUT.now, options={"date": "2026-05-03"}))
    assert (call["properties"]["query"], call["properties"]["date"]) == ("red kettle", "2026-05-03")


@pytest.mark.parametrize(
    ("changed", "doubt"),
    [
        ({"duration": 900}, "too_fast"),
        ({"avg_heart_rate": 250}, "pulse"),
        ({"avg_heart_rate": 180, "max_heart_rate": 120}, "pulse"),
        ({"duration": 200_000}, "duration"),
        ({"steps": 30_000}, "steps"),
        ({"start": "2026-12-24T07:00:00Z"}, "future"),
    ],
)
def test_what_cannot_be_is_marked_with_the_reason(changed: dict[str, Any], doubt: str) -> None:
    (call,) = told("activities", ran(**changed))
    assert (call["properties"]["plausible"], call["properties"]["doubts"]) == (False, [doubt])


def test_a_future_activity_has_the_same_id_whenever_the_file_is_read() -> None:
    row = ran(start="2026-12-24T07:00:00Z")
    later = About(time_zone="Europe/Berlin", now=1_900_000_000_000)
    assert told("activities", row)[0]["messageId"] == told("activities", row, about=later)[0]["messageId"]


def test_two_devices_that_measured_the_same_count_once_and_two_activities_at_once_are_doubted() -> None:
    twice = [ran(), ran(device="watch", distance_km=10.4, start="2026-05-04T07:01:00Z")]
    both = [ran(), ran(device="watch", sport="ride", distance_km=40, start="2026-05-04T07:30:00Z")]
    other = [ran(), ran(user_id="ben", start="2026-05-04T07:01:00Z")]
    for rows, doubts in ((twice, [[], ["duplicate"]]), (both, [[], ["overlap"]]), (other, [[], []])):
        for order in (rows, rows[::-1]):
            found = sorted(told("activities", *order), key=lambda call: str(call["properties"]["started_at"]))
            assert [call["properties"]["doubts"] for call in found] == doubts


GPX = """<?xml version="1.0" encoding="UTF-8"?>
<gpx version="1.1" creator="Band 3" xmlns="http://www.topografix.com/GPX/1/1">
 <wpt lat="50.1" lon="6.9"><time>2020-01-01T00:00:00Z</time></wpt>
 <trk><name>Round the block</name><type>running</type><trkseg>
  <trkpt lat="50.0" lon="7.0"><ele>1</ele><time>2026-05-04T07:00:00Z</time></trkpt>
  <trkpt lat="50.01" lon="7.0"><time>2026-05-04T07:05:00Z</time></trkpt>
 </trkseg><trkseg>
  <trkpt lat="50.5" lon="7.0"><time>2026-05-04T07:20:00Z</time></trkpt>
  <trkpt lat="50.51" lon="7.0"><time>2026-05-04T07:25:00Z</time></trkpt>
 </trkseg></trk>
</gpx>"""


def test_a_track_becomes_distance_and_time_and_no_place() -> None:
    (row,) = gpx(io.BytesIO(GPX.encode()), "a.gpx")
    assert row == {
        "sport": "running", "device": "Band 3", "timestamp": "2026-05-04T07:00:00+00:00", "duration_seconds": 1500,
        "distance_m": 2224,
    }  # fmt: skip
    options = About(options={"user_id": "ana"})
    (call,) = told("activities", row, about=options)
    assert (call["userId"], call["properties"]["distance_m"]) == ("ana", 2224)


@pytest.mark.parametrize(
    "text",
    [
        '<!DOCTYPE gpx [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><gpx>&b;</gpx>',
        '<!DOCTYPE gpx SYSTEM "file:///etc/passwd"><gpx/>',
        "<kml/>",
        "<gpx><trk></gpx>",
        "<gpx>" + "<a>" * 100,
        "",
    ],
)
def test_what_is_no_plain_gpx_is_refused(text: str) -> None:
    with pytest.raises(Rejected):
        list(gpx(io.BytesIO(text.encode()), "a.gpx"))


def test_a_session_of_a_watch_becomes_an_activity() -> None:
    body = fit_file(start=datetime(2026, 5, 4, 7, tzinfo=UTC), seconds=3600, metres=10_000)
    (row,) = fit(io.BytesIO(body), "a.fit")
    assert row == {
        "device": "garmin fr945", "timestamp": "2026-05-04T07:00:00+00:00", "duration_seconds": 3600.0,
        "distance_m": 10_000, "sport": "running", "pulse_mean": 140, "pulse_most": 170, "steps": 10_080,
    }  # fmt: skip


def test_a_damaged_file_of_a_watch_is_refused() -> None:
    body = fit_file(start=datetime(2026, 5, 4, 7, tzinfo=UTC), seconds=3600, metres=10_000)
    for broken in (body[:-3], body[:40] + b"\xff" + body[41:], b"", b"nothing"):
        with pytest.raises(Rejected):
            list(fit(io.BytesIO(broken), "a.fit"))


def test_a_reaction_of_an_author_whom_nobody_knows_is_of_nobody_and_keeps_no_words() -> None:
    row = {"Plattform": "instagram", "platform": "instagram", "kind": "Comment", "post": "p9", "artikel": "kettle",
           "comment": "my card is 4111 1111 1111 1111", "time": "2026-05-04 20:15:00"}  # fmt: skip
    (unknown,) = told("social", row)
    assert unknown["event"] == "Social Reaction Received"
    assert unknown["properties"] == {
        "network": "instagram", "reaction": "comment", "post_id": "p9", "product_id": "kettle",
    }  # fmt: skip
    (known,) = told("social", {**row, "user_id": "ana"})
    assert known["userId"] == "ana"
    assert "4111" not in known["properties"]["text"]
    (bad,) = read("social", {"platform": "instagram", "time": "2026-05-04"})
    assert isinstance(bad, BadRow)
    assert bad.field == "reaction"
