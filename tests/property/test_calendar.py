"""Hours and weekdays by arithmetic are those of the time zone, also where clocks change."""

from hypothesis import given
from hypothesis import strategies as st

from regulars.core.calendar import Calendar

ZONES = [Calendar(zone) for zone in ("Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "Pacific/Apia", "UTC")]


@given(st.sampled_from(ZONES), st.integers(0, 4_000_000_000_000))
def test_hour_and_weekday_are_those_of_the_zone(calendar: Calendar, instant: int) -> None:
    local = calendar.local(instant)
    assert calendar.hour_and_weekday(instant) == (local.hour, local.isoweekday())
