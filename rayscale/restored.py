"""A case that another process timed, as pytest-benchmark holds those of its own session."""

from types import SimpleNamespace
from typing import Any

from pytest_benchmark.stats import Metadata

from rayscale.saved.journal import Finished, Known


class Restored(Metadata):
    """What a session of pytest-benchmark knows of a case, made from a journal's line."""

    def __init__(self, known: Finished) -> None:
        own = known.benchmark
        fixture = SimpleNamespace(
            name=own.name,
            fullname=own.fullname,
            group=own.group,
            param=own.param,
            params=own.params,
            extra_info=own.extra_info,
            cprofile_stats=None,
            has_error=False,
        )
        super().__init__(fixture, known.iterations, own.options)  # type: ignore[no-untyped-call]  # pytest-benchmark has no types
        self._profile = own.cprofile
        for seconds in known.seconds:
            self.stats.update(seconds)

    def as_dict(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Return what is saved, or shown, of the case; of a profile, what was kept of it."""
        found: dict[str, Any] = super().as_dict(*args, **kwargs)  # type: ignore[no-untyped-call]  # the same
        return found | ({"cprofile": self._profile} if self._profile else {})


def finished(case: str, stats: Any) -> Finished:
    """Return the journal's line of a *case*, from pytest-benchmark's own *stats* of it."""
    known = Known(**stats.as_dict(include_data=False, stats=False))
    return Finished(case, known, stats.iterations, tuple(stats.stats.data))
