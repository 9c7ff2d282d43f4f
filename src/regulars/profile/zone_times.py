"""Times in a zone, put together: what was told as stretches, and what only as comings in and goings out.

A stretch (of sightings, or of a leaving with its dwell) has both ends. Who only says that somebody came in says that
they stay until a going out is told, in whatever body and order that comes. So each kind of time is kept as a union of
its own, which knows nothing of order, and they are put together when they are read.
"""

from collections.abc import Sequence

#: Kinds of times, in the order in which those of one second happened.
CAME, WENT, THERE = range(3)


def whole_visits(times: Sequence[tuple[int, int, int]], *, gap: int, longest: int) -> list[tuple[int, int]]:
    """The visits (begin, end), ascending, of times (begin, kind, end), in seconds; those of a kind do not overlap.

    Times no further than `gap` apart are one visit. Who came in stays until the next going out, if that is no more
    than `longest` later and nothing else was told of them since. A going out before which nobody came in tells nothing.

    >>> whole_visits([(0, CAME, 0), (1800, WENT, 1800)], gap=120, longest=86_400)
    [(0, 1800)]
    >>> whole_visits([(0, CAME, 0), (600, THERE, 660), (1800, WENT, 1800)], gap=120, longest=86_400)
    [(0, 0), (600, 660)]
    """
    found: list[tuple[int, int]] = []
    stays = False  # the last visit goes on until somebody says that it is over
    out = -1  # goings out follow each other within the gap until then
    for begin, kind, end in sorted(times):
        last = found[-1][1] if found else None
        near = last is not None and begin - last <= gap
        if kind == WENT:
            out = end
            if last is None or not (near or (stays and begin - last <= longest)):
                continue
        elif not near:
            found.append((begin, begin))
            last = None
        # Who comes in between goings out is out with the last of them.
        inside = kind != WENT and end <= out
        until = out if inside else end
        if last is None or until >= last:
            stays = kind == CAME and not inside
        found[-1] = found[-1][0], max(found[-1][1], until)
    return found
