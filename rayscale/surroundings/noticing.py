"""What one session notices of the machine: before its first case, and who else times there."""

from collections.abc import Iterator, Sequence

from rayscale.surroundings import presence
from rayscale.surroundings.before import findings
from rayscale.surroundings.counters import read
from rayscale.surroundings.presence import Presence

SHARED = "sessions"  # the word for other sessions among what was found


class Noticing:
    """Begins where the session does, so that what others do while it loads is known at no cost."""

    def __init__(self) -> None:
        self._start = read()
        self._presence: Presence | None = None
        self._before: dict[str, str] = {}
        self._said: str | None = None  # of other sessions, before the first case

    def begin(self, cases: Sequence[tuple[int, bool]]) -> None:
        """Find out what is notable, before *cases*: CPUs of each, and whether they are too many."""
        self._presence = presence.enter()
        fair = max((cpus for cpus, too_many in cases if not too_many), default=1)
        unfair = max((cpus for cpus, too_many in cases if too_many), default=0)
        self._before = findings(self._start, read(), fair, unfair)
        self._said = self.found.get(SHARED)

    @property
    def found(self) -> dict[str, str]:
        """A sentence for each word: what was notable before, and who else was there until now."""
        shared = self._presence.sentence if self._presence else ""
        return self._before | ({SHARED: shared} if shared else {})

    @property
    def lines(self) -> Iterator[str]:
        """All of it, for people."""
        return (f"{word}: {sentence}" for word, sentence in self.found.items())

    @property
    def late(self) -> Iterator[str]:
        """What was not known before the first case: sessions that came later."""
        shared = self.found.get(SHARED)
        if shared and shared != self._said:
            yield f"{SHARED}: {shared}"

    def end(self) -> None:
        """Be gone for other sessions."""
        if self._presence:
            self._presence.leave()
