"""The shape of a saved run's file: what pytest-benchmark writes, and what rayscale adds to it."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

if TYPE_CHECKING:
    from rayscale.saved.launches import Launch

FORMAT = 2  # of what rayscale adds to the file
READABLE = (1, FORMAT)  # in the first, a case without words was the suite's own overhead
VERSIONS = ("3", "4", "5")  # of pytest-benchmark: their files have one shape, as far as it is read


class LaunchError(ValueError):
    """A file that is not a launch: which file, and what is wrong with it."""

    def __init__(self, file: Path | str, reason: str) -> None:
        super().__init__(f"{file}: {reason}")
        self.reason = reason


class Stats(msgspec.Struct):
    """A case's timings in seconds."""

    median: float
    rounds: int
    min: float
    raw: msgspec.Raw = msgspec.field(name="data", default=msgspec.Raw(b"[]"))

    @property
    def data(self) -> tuple[float, ...]:
        """All of them, where they were saved; decoded only here, for they are most of a file."""
        return _decode_seconds(self.raw)


class Benchmark(msgspec.Struct):
    """A case."""

    fullname: str
    stats: Stats
    extra_info: dict[str, Any] = {}


class Series(msgspec.Struct, frozen=True):
    """Launches that were made together: which of them this is, of how many."""

    id: str
    launch: int
    launches: int
    kind: Literal["baseline", "launches", "alternating"]


class Own(msgspec.Struct):
    """What rayscale adds to a file."""

    format: int
    kind: Literal["launch", "gate"] = "launch"
    failed: tuple[str, ...] = ()
    control: tuple[float, ...] = ()
    series: Series | None = None
    processes: tuple[dict[str, Any], ...] = ()  # that made the run, where it was interrupted
    again: tuple[Benchmark, ...] = ()  # serial cases that a later one of them timed again
    surroundings: dict[str, str] = {}  # what was notable before: a sentence for each word


class File(msgspec.Struct):
    """A file; what is not named here is skipped."""

    benchmarks: tuple[Benchmark, ...]
    machine_info: dict[str, Any]
    commit_info: dict[str, Any]
    datetime: str
    version: str
    rayscale: Own | None = None


_decode = msgspec.json.Decoder(File).decode
_decode_seconds = msgspec.json.Decoder(tuple[float, ...]).decode


def read(file: Path) -> File:
    """Return what is in *file*; LaunchError where it is cut off, or of another shape."""
    try:
        return _decode(file.read_bytes())
    except OSError as error:
        raise LaunchError(file, f"cannot be read ({error.strerror})") from error
    except msgspec.ValidationError as error:
        raise LaunchError(file, f"not in pytest-benchmark's format ({error})") from error
    except msgspec.DecodeError as error:
        raise LaunchError(file, f"not JSON, or cut off ({error})") from error


def benchmarks(launch: "Launch") -> tuple[Benchmark, ...]:
    """Return the cases in *launch*'s file, raw timings included; LaunchError where they are not."""
    return _with_timings(launch, read(Path(launch.file)).benchmarks)


def timed_again(launch: "Launch") -> tuple[Benchmark, ...]:
    """Return the serial cases that a later process of an interrupted *launch* timed again."""
    if not launch.is_resumed:
        return ()
    own = read(Path(launch.file)).rayscale
    return _with_timings(launch, own.again) if own else ()


def _with_timings(launch: "Launch", found: tuple[Benchmark, ...]) -> tuple[Benchmark, ...]:
    try:
        for one in found:
            _decode_seconds(one.stats.raw)
    except msgspec.MsgspecError as error:
        reason = f"the raw timings of {one.fullname} are not numbers ({error})"
        raise LaunchError(launch.file, reason) from error
    return found
