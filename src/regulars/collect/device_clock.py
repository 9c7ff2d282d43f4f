"""How far the clock of one device is wrong, and what the times that it states mean.

A delivery that the device sent at `sent` by its clock and that came at `received` by ours tells
`received - sent` = error + delay. No delay is negative, so the smallest of these is the closest: a running minimum.
It is one for as long as nobody touches the clock; what happens then is an *epoch* of its own.

Times are whole milliseconds. The same deliveries in the same order give the same times.
"""

import msgspec

#: A device that seems fast is wrong for sure: no delay makes an event come before it was sent.
FAST_MS = 2_000
#: A device that seems slow may be on a slow network: so much is no reason to correct, nor a sign of another clock.
SLOW_MS = 30_000
#: Sent so much before what came already: somebody set the clock back. Networks do not delay so long and deliver.
BACK_MS = 60_000
#: So many deliveries in a row that agree on another error tell that the clock is another one.
AGREEING = 3
#: For so long what was sent before a clock was set still comes, ms.
STRAGGLING_MS = 120_000
#: A clock that nothing was heard of for so long is forgotten, ms.
FORGOTTEN_MS = 30 * 86_400_000
_SQUEEZE = 4
_MOST_STRETCHES = 8
_ALWAYS = -(1 << 62)

#: Corrected by the device's error; held back to keep the order of the device; not believed yet, left as stated;
#: stated beyond what can be, so the receipt stands.
DEVICE, ORDER, DOUBT, RECEIPT = 1, 2, 3, 4
MARKS = {DEVICE: "device", ORDER: "order", DOUBT: "doubt", RECEIPT: "receipt"}


def usual(error: int) -> bool:
    """Whether a device that seems so far behind (ms, negative: ahead) is right as far as anybody can tell."""
    return -FAST_MS <= error <= SLOW_MS


class Stretch(msgspec.Struct, array_like=True):
    """How stated times after `after` are read: `error` added, but not down to `floor`, the time given to `after`.

    Where the error turned out smaller, time goes on at a quarter of its speed, for `room` ms at most, until the better
    one has caught up: events keep their order, also those that come late.
    """

    after: int
    floor: int
    error: int
    room: int

    def read(self, stated: int) -> int:
        """The corrected time."""
        if self.after == _ALWAYS:
            return stated + self.error
        return max(self.floor + 1 + min((stated - self.after) // _SQUEEZE, self.room), stated + self.error)


class Epoch(msgspec.Struct, array_like=True):
    """A stretch of time in which nobody set the device's clock."""

    error: int  # smallest received - sent
    sent: int = 0  # latest, by the device
    stretches: list[Stretch] = []
    last: int = _ALWAYS  # latest time stated
    given: int = _ALWAYS  # latest time given
    bound: int = 1 << 62  # nothing of it is given this time or a later one: the next epoch begins there

    def read(self, stated: int) -> int:
        """The time of something that fits in among what was given already."""
        stretches = self.stretches
        for stretch in reversed(stretches):
            if stated > stretch.after:
                return min(stretch.read(stated), self.bound - 1)
        first = stretches[0]
        return min(max(first.floor, stated + first.error), first.read(first.after + 1))


class DeviceClock(msgspec.Struct, array_like=True):
    """What is known of one device's clock; it is kept for devices that were wrong once.

    >>> clock = DeviceClock.begun(sent=0, received=300_050)
    >>> clock.deliver(sent=0, received=300_050, place=1)
    >>> clock.read(-1_000), clock.read(0)
    ((299050, 1), (300050, 1))
    """

    epoch: Epoch
    before: Epoch | None = None
    turned: int = 0  # when the epoch began, by our clock
    place: int = -1  # of the last delivery, and when it was sent: its events are one delivery
    sent: int = -1
    trial: int = 0  # another error that deliveries agree on, and how many do
    agreed: int = 0
    fresh: int = 0  # 1: set back, 2: set forward, and nothing read since
    straggler: bool = False  # the last delivery is of the epoch before
    doubtful: bool = False
    seen: int = 0  # our clock

    @classmethod
    def begun(cls, *, sent: int, received: int) -> "DeviceClock":
        """Of a device that was never heard before: there is nothing else to believe."""
        return cls(Epoch(received - sent, sent))

    @classmethod
    def right(cls) -> "DeviceClock":
        """Of a device that was right until now."""
        return cls(Epoch(0))

    def deliver(self, *, sent: int, received: int, place: int) -> None:
        """A delivery came: `place` tells one from the other."""
        if place == self.place and sent == self.sent:
            return
        self.place, self.sent, self.seen = place, sent, max(self.seen, received)
        self.straggler = self.doubtful = False
        error, epoch = received - sent, self.epoch
        if self._straggles(error, received):
            self.straggler = True
        elif error <= epoch.error + SLOW_MS:
            self.agreed = 0
            if error < epoch.error - SLOW_MS and epoch.stretches:
                self._turn(error, sent, received, 2)
            else:
                epoch.error, epoch.sent = min(epoch.error, error), max(epoch.sent, sent)
        elif epoch.sent and sent < epoch.sent - BACK_MS:
            self._turn(error, sent, received, 1)
        elif self.agreed and abs(error - self.trial) <= SLOW_MS:
            self.trial, self.agreed = min(self.trial, error), self.agreed + 1
            self.doubtful = self.agreed < AGREEING
            if not self.doubtful:
                self._turn(self.trial, sent, received, 1)
        else:
            self.trial, self.agreed, self.doubtful = error, 1, True

    def read(self, stated: int) -> tuple[int, int]:
        """The time of an event of the last delivery, and how it was found: 0 for as stated, or a mark."""
        if self.straggler and self.before is not None:
            time = self.before.read(stated)
            return time, 0 if time == stated else DEVICE if time == stated + _applied(self.before.error) else ORDER
        epoch, error = self.epoch, _applied(self.epoch.error)
        self._stretch(stated, error)
        time = epoch.read(stated)
        epoch.last = max(epoch.last, stated)
        epoch.given = max(epoch.given, time)
        if time != stated + error:
            return time, ORDER
        return time, DOUBT if self.doubtful else DEVICE if error else 0

    def _straggles(self, error: int, received: int) -> bool:
        """Whether a delivery is of the epoch before: it fits there, and not here."""
        before = self.before
        if before is None or not before.stretches or received - self.turned > STRAGGLING_MS:
            return False
        if abs(error - before.error) >= abs(error - self.epoch.error):
            return False
        return before.error - FAST_MS <= error <= before.error + SLOW_MS

    def _turn(self, error: int, sent: int, received: int, way: int) -> None:
        if self.epoch.stretches:
            self.before = self.epoch
        given = self.epoch.given
        self.epoch = Epoch(error, sent, [], _ALWAYS, given)
        self.turned, self.agreed, self.doubtful, self.fresh = received, 0, False, way

    def _stretch(self, stated: int, error: int) -> None:
        """A new stretch where the error that is applied is another one."""
        epoch, stretches = self.epoch, self.epoch.stretches
        if not stretches:
            if epoch.given == _ALWAYS:
                stretches.append(Stretch(_ALWAYS, _ALWAYS, error, 0))
            else:
                room = SLOW_MS // _SQUEEZE if self.fresh == 1 else FAST_MS // 2
                stretches.append(Stretch(stated - 1, epoch.given, error, room))
                if self.before is not None:
                    self.before.bound = stretches[0].read(stated)
            self.fresh = 0
            return
        newest = stretches[-1]
        if newest.error == error:
            return
        if epoch.last <= newest.after:
            newest.error = error
        else:
            stretches.append(Stretch(epoch.last, epoch.read(epoch.last), error, SLOW_MS // _SQUEEZE))
            del stretches[:-_MOST_STRETCHES]


def _applied(error: int) -> int:
    """What is added to stated times: nothing where the device may be right."""
    return 0 if usual(error) else error
