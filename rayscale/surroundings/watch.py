"""Watches what others do while a case is timed."""

from collections.abc import Iterator, Sequence

from rayscale.surroundings.counters import Reading, read
from rayscale.surroundings.during import Surroundings

SHORT = 0.1  # seconds: the system counts in hundredths, so that less tells nothing


def between(before: Reading, after: Reading, needed: int) -> Surroundings | None:
    """Return what others did from *before* to *after*, to a case that *needed* so many CPUs.

    None where that was too short to tell, or where the system says nothing.
    """
    seconds = after.moment - before.moment
    if seconds < SHORT or before.at_work is None or after.at_work is None:
        return None
    own = sum(_gained(before, after, "seconds"))
    outside = max(0.0, after.at_work - before.at_work - own) / seconds
    return Surroundings(
        seconds=round(seconds, 3),
        cpus=after.cpus,
        needed=min(needed, after.cpus),
        outside=round(outside, 3),
        stolen=round((after.stolen - before.stolen) / seconds, 3),
        held_back=round((after.held_back - before.held_back) / seconds, 3),
        preempted=int(sum(_gained(before, after, "preempted"))),
    )


def _gained(before: Reading, after: Reading, field: str) -> Iterator[float]:
    """Return what each process of ours had meanwhile: of a new one, all of it."""
    for number, process in after.ours.items():
        earlier = before.ours.get(number)
        yield max(0, getattr(process, field) - (getattr(earlier, field) if earlier else 0))


class Watch:
    """Notes what others do, from the moment that it is made."""

    def __init__(self, needed: int, helpers: Sequence[int] = ()) -> None:
        """Begin, for a case that *needed* so many CPUs; *helpers* as in ``counters.read``."""
        self._needed, self._helpers = needed, helpers
        self._before = read(helpers)

    def stop(self) -> Surroundings | None:
        """Return what others did since then."""
        return between(self._before, read(self._helpers), self._needed)
