"""What can be used of a saved run whose file is not as pytest-benchmark writes it nearly always.

Somebody has changed it, another program wrote it, or it holds NaN.  A case that has a name and a
median can be used: what else is wrong with it is dropped.  Any other is named, with the reason.
"""

from pathlib import Path
from typing import Any, TypeVar

import msgspec

from rayscale.bounds import LEAST, MOST, Count, Seconds
from rayscale.quoting import plain
from rayscale.saved.raw import Benchmark, LaunchError, Options, Own, Shape, Stats

Kind = TypeVar("Kind")


class CaseError(ValueError):
    """A case that cannot be used; the message says which, and why."""


class _AnyShape(msgspec.Struct):
    """A file of which something may be used."""

    benchmarks: list[Any]
    datetime: str
    machine_info: Any = None
    commit_info: Any = None
    version: str | None = None
    rayscale: Any = None


def salvaged(file: Path, found: Any) -> tuple[Shape, list[str]]:
    """Return what can be used of *found*, the JSON in *file*, and what cannot, in words.

    LaunchError where that is nothing.
    """
    try:
        shape = msgspec.convert(found, _AnyShape)
    except msgspec.ValidationError as error:
        raise LaunchError(file, f"not in pytest-benchmark's format ({error})") from error
    cases, left_out = _cases(shape.benchmarks)
    return Shape(
        tuple(cases),
        shape.datetime,
        _object(shape.machine_info),
        _object(shape.commit_info),
        shape.version,
        _own(file, shape.rayscale),
    ), left_out


def _cases(found: Any) -> tuple[list[Benchmark], list[str]]:
    """Return the cases in *found*, and those that cannot be used, in words."""
    used, left_out = [], []
    for number, one in enumerate(found if isinstance(found, list) else (), start=1):
        try:
            used.append(_case(one, number))
        except CaseError as error:
            left_out.append(str(error))
    return used, left_out


def _case(found: Any, number: int) -> Benchmark:
    """Return a case; CaseError where it has no name, or no time."""
    case = _object(found)
    name, stats = case.get("fullname"), _object(case.get("stats"))
    if not isinstance(name, str) or not name:
        raise CaseError(f"benchmark {number} has no name")
    data = stats.get("data")
    return Benchmark(
        name,
        Stats(
            _median(name, stats.get("median")),
            _one(stats.get("rounds"), Count),
            _one(stats.get("total"), Seconds),
            _one(stats.get("iterations"), Count) or 1,
            msgspec.Raw(_packed(data if isinstance(data, list) else [])),
        ),
        _object(case.get("extra_info")),
        _one(case.get("options"), Options) or Options(),
    )


def _median(name: str, found: Any) -> float:
    if not isinstance(found, int | float) or isinstance(found, bool):
        raise CaseError(f"{plain(name)} has no median that is a number")
    if not LEAST <= found <= MOST:
        raise CaseError(f"{plain(name)} took {found} s, which is not a time")
    return float(found)


def _one(found: Any, kind: type[Kind]) -> Kind | None:
    """Return *found* as one of its *kind*; None where it is not one."""
    try:
        return msgspec.convert(found, kind)
    except msgspec.ValidationError:
        return None  # what the file does not say can be done without


def _packed(data: list[Any]) -> bytes:
    """Return raw timings as JSON; what is not a time stays so, and is seen where they are used."""
    try:
        return msgspec.json.encode(data)
    except UnicodeEncodeError:  # half a character, in a string: not a time
        return b'[""]'


def _object(found: Any) -> dict[str, Any]:
    return found if isinstance(found, dict) else {}


def _own(file: Path, found: Any) -> Own | None:
    """Return what rayscale added; None where another suite uses the word."""
    if not isinstance(found, dict):
        return None
    again, _ = _cases(found.get("again"))
    try:
        own = msgspec.convert({**found, "again": ()}, Own)
    except msgspec.ValidationError as error:
        raise LaunchError(file, f"not in rayscale's format ({error})") from error
    return msgspec.structs.replace(own, again=tuple(again))
