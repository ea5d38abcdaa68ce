"""A saved run's file, read: the cases that can be used, and those that cannot, with the reason.

Files may be anybody's: nothing in one acts, whatever it holds.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from rayscale.inert import plain_all
from rayscale.quoting import plain
from rayscale.saved.opening import MOST, contents, tolerant
from rayscale.saved.raw import Benchmark, LaunchError, Own, Shape
from rayscale.saved.salvage import salvaged

if TYPE_CHECKING:
    from rayscale.saved.launches import Launch

_decode = msgspec.json.Decoder(Shape).decode


@dataclass(frozen=True)
class File:
    """What can be used of a file; all text in it is fit to be shown."""

    benchmarks: tuple[Benchmark, ...]
    left_out: tuple[str, ...]  # cases that cannot be used, each with the reason
    machine_info: dict[str, Any]
    commit_info: dict[str, Any]
    datetime: str
    version: str | None
    rayscale: Own | None


def read(file: Path, most: int = MOST) -> File:
    """Return what can be used of *file*, of *most* bytes; LaunchError where that is nothing."""
    shape, faulty = _shape(file, contents(file, most))
    cases = [_plain(one) for one in shape.benchmarks]
    twice = [name for name, times in Counter(one.fullname for one in cases).items() if times > 1]
    left_out = [*faulty, *(f"{name} is there twice" for name in twice)]
    used = tuple(one for one in cases if one.fullname not in twice)
    if not used:
        raise LaunchError(file, f"has no case that can be used ({_few(left_out) or 'none at all'})")
    return File(
        used,
        tuple(left_out),
        plain_all(shape.machine_info),
        plain_all(shape.commit_info),
        shape.datetime,
        shape.version,
        shape.rayscale and _plain_own(shape.rayscale),
    )


def _shape(file: Path, data: bytes) -> tuple[Shape, list[str]]:
    """Return what is in *data*, and the cases that cannot be used, in words."""
    try:
        return _decode(data), []
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return salvaged(file, tolerant(file, data))


def _plain(case: Benchmark) -> Benchmark:
    """Return a case whose text is fit to be shown."""
    return msgspec.structs.replace(
        case, fullname=plain(case.fullname), extra_info=plain_all(case.extra_info)
    )


def _plain_own(own: Own) -> Own:
    again = tuple(map(_plain, own.again))
    return msgspec.structs.replace(
        own,
        failed=tuple(map(plain, own.failed)),
        again=again,
        surroundings=plain_all(own.surroundings),
    )


def _few(reasons: Sequence[str]) -> str:
    """Return the first reasons, and how many more there are."""
    more = f"; and {len(reasons) - 2} more" if len(reasons) > 2 else ""
    return "; ".join(reasons[:2]) + more


def benchmarks(launch: "Launch") -> tuple[Benchmark, ...]:
    """Return the cases in *launch*'s file, with their raw timings; LaunchError where it is gone."""
    return read(Path(launch.file)).benchmarks


def timed_again(launch: "Launch") -> tuple[Benchmark, ...]:
    """Return the serial cases that a later process of an interrupted *launch* timed again."""
    if not launch.is_resumed:
        return ()
    own = read(Path(launch.file)).rayscale
    return own.again if own else ()


def without_timings(cases: Sequence[Benchmark]) -> Iterator[str]:
    """Return the names of the cases whose raw timings were saved and cannot be used."""
    yield from (one.fullname for one in cases if not one.stats.is_whole)
