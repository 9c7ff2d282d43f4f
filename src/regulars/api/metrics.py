"""Counters of the gateway, cheap enough for the hot routes."""

from bisect import bisect_left
from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

#: Upper bounds of the latency histogram; seconds.
BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 10.0)


class Metrics:
    """What the gateway counts since it started."""

    def __init__(self) -> None:
        self.events = 0
        self._requests: dict[tuple[str, int], int] = {}
        self._seconds: dict[str, list[int]] = {}
        self._sums: dict[str, float] = {}

    def request(self, route: str, status: int, seconds: float) -> None:
        """Count one answered request; status 0 is a client that went away."""
        place = (route, status)
        self._requests[place] = self._requests.get(place, 0) + 1
        counts = self._seconds.get(route)
        if counts is None:
            counts = self._seconds[route] = [0] * (len(BOUNDS) + 1)
            self._sums[route] = 0.0
        counts[bisect_left(BOUNDS, seconds)] += 1
        self._sums[route] += seconds

    def families(self) -> Iterable[Metric]:
        """The counters in the form of Prometheus."""
        requests = CounterMetricFamily(
            "regulars_requests", "Requests by route and status (0: the client went away)", labels=("route", "status")
        )
        for (route, status), count in sorted(self._requests.items()):
            requests.add_metric((route, str(status)), count)
        yield requests
        seconds = HistogramMetricFamily("regulars_request_seconds", "Time to answer, by route", labels=("route",))
        for route, counts in sorted(self._seconds.items()):
            total, buckets = 0, []
            for bound, count in zip((*map(str, BOUNDS), "+Inf"), counts, strict=True):
                total += count
                buckets.append((bound, float(total)))
            seconds.add_metric((route,), buckets, self._sums[route])
        yield seconds
        yield CounterMetricFamily("regulars_events_accepted", "Events stored durably and acknowledged", self.events)


def gauge(name: str, text: str, value: float) -> Metric:
    """One gauge."""
    return GaugeMetricFamily(name, text, value)


def gauges(name: str, text: str, labels: tuple[str, ...], values: Iterable[tuple[tuple[str, ...], float]]) -> Metric:
    """One gauge with a value for each combination of labels."""
    family = GaugeMetricFamily(name, text, labels=labels)
    for place, value in values:
        family.add_metric(place, value)
    return family
