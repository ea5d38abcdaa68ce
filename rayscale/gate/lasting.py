"""How long a gate will take: as long as its cases took last time, in pytest's cache."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

import pytest

from rayscale.text import count, duration

KEY = "rayscale/gate-seconds"  # in pytest's cache: seconds by case, setting up and loading included


@dataclass
class Lasting:
    """The seconds that each case takes; *cache* is None where pytest keeps none."""

    cache: pytest.Cache | None
    taken: dict[str, float] = field(default_factory=dict)
    _last: float = field(default_factory=time.perf_counter)

    def note(self, name: str) -> None:
        """Note that a case has ended, which began where the one before it ended."""
        now = time.perf_counter()
        self.taken[name] = self.taken.get(name, 0.0) + now - self._last
        self._last = now

    def keep(self) -> None:
        """Keep what was noted for the next gate."""
        if self.cache is not None:
            self.cache.set(KEY, self._known() | self.taken)

    def sentence(self, names: Sequence[str], most: float) -> str:
        """Return how long the cases of these *names* will take; their pairs, *most* seconds."""
        known = self._known()
        times = [known[name] for name in names if name in known]
        limit = f"{duration(most)} of pairs at most, and more where something is suspected"
        if not times:
            return f"comparing {count(len(names), 'case')}: {limit}"
        about = sum(times) + median(times) * (len(names) - len(times))
        return (
            f"comparing {count(len(names), 'case')}: about {duration(about)}, as last time; {limit}"
        )

    def _known(self) -> dict[str, float]:
        found = self.cache.get(KEY, {}) if self.cache is not None else {}
        return found if isinstance(found, dict) else {}
