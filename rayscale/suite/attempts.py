"""A case is timed again where a fault of its surroundings has spoilt it; its own fails at once."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from pytest_benchmark.fixture import BenchmarkFixture

from rayscale import faults
from rayscale.guard import Guard
from rayscale.suite.cluster import SessionCluster

MOST = 3  # attempts: what fails so often is no accident


class FaultsError(Exception):
    """A case was spoilt at each attempt; the message says by what."""


@dataclass(frozen=True)
class Attempts:
    """How often a case may be begun: once, and again after faults of its surroundings.

    A case that *uses_ray* begins again on another cluster: one that is started anew or, where the
    cluster is somebody else's, connected to anew.  *show* shows a line to the user.
    """

    benchmark: BenchmarkFixture
    cluster: SessionCluster
    guard: Guard
    uses_ray: bool
    show: Callable[[str], None]

    def run(self, answer: Callable[..., None], *arguments: Any) -> None:
        """Have the case measured: *answer*, with *arguments*; FaultsError if each time is spoilt.

        What a spoilt attempt has timed is thrown away.
        """
        __tracebackhide__ = True
        known, reasons = dict(self.benchmark.extra_info), list[str]()
        while (reason := self._spoilt(partial(answer, *arguments))) is not None:
            reasons.append(reason)
            forget(self.benchmark, known)
            if self.uses_ray:
                self.cluster.stop()
            if len(reasons) == MOST:
                raise FaultsError(_sentence(self.benchmark.name, reasons))
            self.show(f"{self.benchmark.name} begins again: {reason}")
            self.guard.again()
        if reasons:
            self.benchmark.extra_info["repeated"] = reasons

    def _spoilt(self, answer: Callable[[], None]) -> str | None:
        """Return what has spoilt an attempt; None if nothing has.  The case's own errors pass."""
        __tracebackhide__ = True
        try:
            answer()
            if self.uses_ray:
                self.cluster.demand_fit()
        except Exception as error:
            reason = None if self.guard.has_acted else self._reason(error)
            if reason is None:
                raise
            return reason
        return None

    def _reason(self, error: Exception) -> str | None:
        """Return which fault *error* is, or comes of: a lost daemon may show itself in any way."""
        lost = self.cluster.lost if self.uses_ray else None
        return lost or faults.reason(error)


def forget(benchmark: BenchmarkFixture, known: dict[str, Any]) -> None:
    """Have *benchmark* be as new, but for the words that were *known* of it before.

    A fixture has no public way to be used again (5.3): it adds its stats to the list of those that
    are shown and saved.
    """
    if benchmark.stats is not None:
        benchmark._add_stats.__self__.remove(benchmark.stats)  # noqa: SLF001 - see above
    benchmark.stats = benchmark._mode = None  # noqa: SLF001 - see above
    benchmark.has_error = False
    benchmark.extra_info.clear()
    benchmark.extra_info.update(known)


def _sentence(name: str, reasons: list[str]) -> str:
    """Return why a case could not be measured."""
    seen = "; ".join(dict.fromkeys(reasons))
    return (
        f"{name} was begun {len(reasons)} times, and spoilt each time: {seen}. If the kernel does "
        "not end its process, or take more memory or disk than there is, look at the machine"
    )
