"""What the clock of one device is taken for."""

from regulars.collect.device_clock import AGREEING, DEVICE, DOUBT, ORDER, DeviceClock, usual

MINUTE = 60_000
START = 1_700_000_000_000


class Device:
    """A device whose clock is `error` ms behind, and what the shop makes of it."""

    def __init__(self, error: int = 0, *, known: bool = False) -> None:
        self.error = error
        self.place = 0
        self.clock = DeviceClock.right() if known else None

    def sends(self, at: int, *, delay: int, happened: int | None = None) -> tuple[int, int]:
        """What happened (now, if not said) is sent `at` and comes after `delay`: its time, and the mark."""
        sent, received = START + at - self.error, START + at + delay
        if self.clock is None:
            self.clock = DeviceClock.begun(sent=sent, received=received)
        self.place += 1
        self.clock.deliver(sent=sent, received=received, place=self.place)
        time, mark = self.clock.read(START + (at if happened is None else happened) - self.error)
        return time - START, mark


def test_a_slow_network_is_no_slow_clock() -> None:
    device = Device()
    assert device.sends(0, delay=20_000) == (0, 0)
    assert usual(20_000)
    assert not usual(5 * MINUTE)
    assert not usual(-5 * MINUTE)


def test_the_fastest_delivery_tells_best_and_nothing_goes_back_in_time() -> None:
    device = Device(5 * MINUTE)
    assert device.sends(0, delay=18_000) == (18_000, DEVICE)
    held, mark = device.sends(5_000, delay=50)
    assert (held > 18_000, mark) == (True, ORDER)
    late, _ = device.sends(6_000, delay=10_000, happened=2_000)
    assert 18_000 < late < held
    assert device.sends(40_000, delay=12_000) == (40_050, DEVICE)


def test_an_event_that_waited_on_the_device_keeps_its_place() -> None:
    device = Device(-5 * MINUTE)
    assert device.sends(3_600_000, delay=100, happened=0) == (100, DEVICE)
    assert device.sends(3_601_000, delay=100, happened=1_800_000) == (1_800_100, DEVICE)


def test_one_delivery_that_took_an_hour_is_no_other_clock() -> None:
    device = Device(known=True)
    assert device.sends(0, delay=60 * MINUTE) == (0, DOUBT)
    assert device.sends(61 * MINUTE, delay=100) == (61 * MINUTE, 0)
    assert device.sends(62 * MINUTE, delay=60 * MINUTE) == (62 * MINUTE, DOUBT)


def test_a_device_that_was_right_is_believed_to_be_another_when_several_deliveries_agree() -> None:
    device = Device(known=True)
    device.sends(0, delay=100)
    device.error = 60 * MINUTE
    marks = [device.sends((120 + number) * MINUTE, delay=100) for number in range(1, AGREEING + 1)]
    assert [mark for _, mark in marks[:-1]] == [DOUBT] * (AGREEING - 1)
    assert marks[-1] == ((120 + AGREEING) * MINUTE + 100, DEVICE)


def test_a_clock_that_is_set_back_begins_anew_and_what_was_sent_before_stays_before() -> None:
    device = Device(-5 * MINUTE)
    assert device.sends(0, delay=50) == (50, DEVICE)
    assert device.sends(1_000, delay=50) == (1_050, DEVICE)
    device.error = 0
    assert device.sends(10_000, delay=900) == (10_000, 0)
    after = device.sends(11_000, delay=50)
    assert after == (11_000, 0)
    device.error = -5 * MINUTE
    straggler, _ = device.sends(2_000, delay=15_000)
    assert 1_050 < straggler < 10_000
    device.error = 0
    assert device.sends(20_000, delay=50) == (20_000, 0)


def test_a_clock_that_is_set_forward_begins_anew() -> None:
    device = Device(5 * MINUTE)
    assert device.sends(0, delay=50) == (50, DEVICE)
    device.error = 0
    assert device.sends(10_000, delay=50) == (10_000, 0)
    assert device.sends(12_000, delay=9_000) == (12_000, 0)


def test_a_clock_that_was_never_set_is_corrected() -> None:
    device = Device(START)
    assert device.sends(1_000, delay=70) == (1_070, DEVICE)
