"""Files of bands and watches (GPX, FIT) -> rows of activities. Where somebody was is read and forgotten at once."""

import math
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import IO, Any
from xml.parsers import expat

from regulars.core.errors import Rejected
from regulars.importing.row import Row

#: Bytes of a file; an activity of a day with a point a second has about 15 MB as GPX.
GPX_BYTES, FIT_BYTES = 64_000_000, 16_000_000
#: Messages of a FIT file, and elements of a GPX within one another.
FIT_MESSAGES, DEEPEST = 1_000_000, 64
_CHUNK = 65_536
_EARTH_M = 6_371_008.8
_LONGEST_TEXT = 200


def read_gpx(stream: IO[bytes], path: Path) -> Iterator[Row]:
    """The tracks of a file, counted."""
    yield from enumerate(gpx(stream, str(path)), 1)


def read_fit(stream: IO[bytes], path: Path) -> Iterator[Row]:
    """The activities of a file, counted."""
    yield from enumerate(fit(stream, str(path)), 1)


def gpx(stream: IO[bytes], name: str) -> Iterator[dict[str, Any]]:
    """A row for each track: when it began, how long and how far. Raises Rejected."""
    reader = _Gpx(name)
    parser = expat.ParserCreate()
    parser.buffer_text = True
    # No declarations, so no entities: nothing expands, and nothing is fetched.
    parser.StartDoctypeDeclHandler = reader.refuse
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    size = 0
    try:
        while chunk := stream.read(_CHUNK):
            size += len(chunk)
            if size > GPX_BYTES:
                raise _wrong(name, f"at most {GPX_BYTES} bytes", f"{size} bytes or more")
            parser.Parse(chunk, False)
            yield from reader.taken()
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise _wrong(name, "GPX", str(error)) from None
    except (UnicodeDecodeError, LookupError, ValueError) as error:  # of an encoding that it names
        raise _wrong(name, "GPX in UTF-8", str(error)) from None
    if not reader.is_gpx:
        raise _wrong(name, "GPX", "another kind of XML")
    yield from reader.taken()


class _Gpx:
    """What the parser tells, one element after the other."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._path: list[str] = []
        self._text = ""
        self._rows: list[dict[str, Any]] = []
        self._track: dict[str, Any] = {}
        self._creator = ""
        self._place: tuple[float, float] | None = None
        self._last: tuple[float, float] | None = None
        self._metres = 0.0
        self._times: tuple[datetime, datetime] | None = None
        self.is_gpx = False

    def refuse(self, *_: Any) -> None:
        raise _wrong(self._name, "GPX without a document type", "a document type, which may hold entities")

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        tag = tag.rpartition(":")[2]
        if len(self._path) >= DEEPEST:
            raise _wrong(self._name, f"at most {DEEPEST} elements within one another", "more")
        self._path.append(tag)
        self._text = ""
        if tag == "gpx" and len(self._path) == 1:
            self.is_gpx = True
            self._creator = attributes.get("creator", "")[:_LONGEST_TEXT]
        elif tag == "trk":
            self._track, self._metres, self._times, self._last = {}, 0.0, None, None
        elif tag == "trkseg":
            self._last = None  # a pause: what lies between is not counted
        elif tag == "trkpt":
            self._place = _place(attributes)

    def text(self, data: str) -> None:
        if len(self._text) < _LONGEST_TEXT:
            self._text += data

    def end(self, tag: str) -> None:
        tag = tag.rpartition(":")[2]
        self._path.pop()
        above = self._path[-1] if self._path else ""
        if tag == "time" and above == "trkpt":
            self._at(_time(self._text))
        elif tag == "type" and above == "trk":
            self._track["sport"] = self._text.strip()
        elif tag == "trkpt" and self._place is not None:
            if self._last is not None:
                self._metres += _apart(self._last, self._place)
            self._last = self._place
        elif tag == "trk":
            self._close()

    def taken(self) -> list[dict[str, Any]]:
        rows, self._rows = self._rows, []
        return rows

    def _at(self, time: datetime | None) -> None:
        if time is not None:
            first, last = self._times or (time, time)
            self._times = min(first, time), max(last, time)

    def _close(self) -> None:
        row = {**self._track, "device": self._creator or None}
        if self._times is not None:
            row["timestamp"] = self._times[0].isoformat()
            row["duration_seconds"] = round((self._times[1] - self._times[0]).total_seconds())
        row["distance_m"] = round(self._metres)
        self._rows.append({name: value for name, value in row.items() if value is not None})


def fit(stream: IO[bytes], name: str) -> Iterator[dict[str, Any]]:
    """A row for each session of an activity. Raises Rejected."""
    import fitdecode

    body = stream.read(FIT_BYTES + 1)
    if len(body) > FIT_BYTES:
        raise _wrong(name, f"at most {FIT_BYTES} bytes", f"{len(body)} bytes or more")
    reader: Any = fitdecode.FitReader  # the library says no types
    rows: list[dict[str, Any]] = []
    device = ""
    try:
        strict = {"error_handling": fitdecode.ErrorHandling.RAISE, "check_crc": fitdecode.CrcCheck.RAISE}
        with reader(body, **strict) as frames:
            for frame in islice(frames, FIT_MESSAGES):
                kind = getattr(frame, "name", "") if isinstance(frame, fitdecode.FitDataMessage) else ""
                if kind == "file_id":
                    device = _device(frame)
                elif kind == "session":
                    rows.append(_session(frame, device))
    except Exception as error:  # noqa: BLE001 - what the library makes of a broken file is its own; the file is refused
        raise _wrong(name, "a whole FIT file", f"{type(error).__name__}: {error}"[:200]) from None
    if not rows:
        raise _wrong(name, "a FIT file with an activity", "none")
    yield from rows


def _device(frame: Any) -> str:
    said = (frame.get_value(one, fallback=None) for one in ("manufacturer", "garmin_product"))
    return " ".join(str(one) for one in said if one is not None)[:100]


def _session(frame: Any, device: str) -> dict[str, Any]:
    fields = {
        "timestamp": "start_time", "duration_seconds": "total_timer_time", "distance_m": "total_distance",
        "sport": "sport", "pulse_mean": "avg_heart_rate", "pulse_most": "max_heart_rate",
    }  # fmt: skip
    row: dict[str, Any] = {"device": device or None}
    for ours, theirs in fields.items():
        value = frame.get_value(theirs, fallback=None)
        if isinstance(value, datetime):
            value = (value if value.tzinfo is not None else value.replace(tzinfo=UTC)).isoformat()
        row[ours] = value if isinstance(value, str | int | float) else None
    cycles = frame.get_value("total_cycles", fallback=None)
    steps = frame.get_value("total_strides", fallback=cycles)
    if row["sport"] in ("running", "walking", "hiking") and isinstance(steps, int):
        row["steps"] = steps * 2  # a stride is two steps
    if isinstance(row["distance_m"], float):
        row["distance_m"] = round(row["distance_m"])
    return {name: value for name, value in row.items() if value is not None}


def _place(attributes: dict[str, str]) -> tuple[float, float] | None:
    try:
        lat, lon = float(attributes.get("lat", "")), float(attributes.get("lon", ""))
    except ValueError:
        return None
    return (math.radians(lat), math.radians(lon)) if abs(lat) <= 90 and abs(lon) <= 180 else None


def _time(text: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(text.strip())
        return (time if time.tzinfo is not None else time.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _apart(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Metres between two places on a sphere (the haversine formula)."""
    half = math.sin((other[0] - one[0]) / 2) ** 2
    half += math.cos(one[0]) * math.cos(other[0]) * math.sin((other[1] - one[1]) / 2) ** 2
    return 2 * _EARTH_M * math.asin(math.sqrt(min(half, 1.0)))


def _wrong(name: str, expected: str, got: str) -> Rejected:
    return Rejected(f"{name}: expected {expected}, got {got}", field="FILE", expected=expected, got=got)
