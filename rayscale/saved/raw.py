"""The shape of a saved run's file: what pytest-benchmark writes, and what rayscale adds to it.

A case needs a name and a median.  ``salvage.py`` reads files of another shape, as far as it can.
"""

from pathlib import Path
from typing import Any, Literal

import msgspec

from rayscale.bounds import Amount, Count, Name, Seconds
from rayscale.quoting import plain

FORMAT = 2  # of what rayscale adds to the file
READABLE = (1, FORMAT)  # in the first, a case without words was the suite's own overhead
VERSIONS = ("3", "4", "5")  # of pytest-benchmark: their files have one shape, as far as it is read

_decode_seconds = msgspec.json.Decoder(tuple[Seconds, ...]).decode


class LaunchError(ValueError):
    """A file that is not a launch: which file, and what is wrong with it."""

    def __init__(self, file: Path | str, reason: str) -> None:
        super().__init__(plain(f"{file}: {reason}"))
        self.reason = plain(reason)


class Stats(msgspec.Struct):
    """A case's timings in seconds."""

    median: Seconds
    rounds: Count | None = None
    total: Seconds | None = None  # of all rounds, of one iteration each
    iterations: Count = 1  # in a round
    raw: msgspec.Raw = msgspec.field(name="data", default=msgspec.Raw(b"[]"))

    @property
    def data(self) -> tuple[float, ...]:
        """All of them; none where they were not saved, or where one is not a time.

        Decoded only here, for they are most of a file.
        """
        try:
            return _decode_seconds(self.raw)
        except (msgspec.MsgspecError, RecursionError):
            return ()  # ``is_whole`` says so

    @property
    def is_whole(self) -> bool:
        """Whether the raw timings are there, or were not saved."""
        return bool(self.data) or bytes(self.raw).strip() in {b"[]", b"null"}


class Options(msgspec.Struct, frozen=True):
    """How pytest-benchmark timed a case; None where the file does not say it."""

    timer: str | None = None
    disable_gc: bool | None = None


class Benchmark(msgspec.Struct):
    """A case."""

    fullname: Name
    stats: Stats
    extra_info: dict[str, Any] = {}
    options: Options = Options()


class Series(msgspec.Struct, frozen=True):
    """Launches that were made together: which of them this is, of how many."""

    id: str
    launch: Amount
    launches: Amount
    kind: Literal["baseline", "launches", "alternating"]


class Own(msgspec.Struct):
    """What rayscale adds to a file."""

    format: int
    kind: Literal["launch", "gate"] = "launch"
    failed: tuple[str, ...] = ()
    control: Any = ()
    series: Series | None = None
    processes: tuple[dict[str, Any], ...] = ()  # that made the run, where it was interrupted
    again: tuple[Benchmark, ...] = ()  # serial cases that a later one of them timed again
    surroundings: dict[str, str] = {}  # what was notable before: a sentence for each word


class Shape(msgspec.Struct):
    """A file as it is nearly always; what is not named here is skipped."""

    benchmarks: tuple[Benchmark, ...]
    datetime: str
    machine_info: dict[str, Any] = {}
    commit_info: dict[str, Any] = {}
    version: str | None = None
    rayscale: Own | None = None
