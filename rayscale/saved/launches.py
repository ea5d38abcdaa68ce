"""Saved runs, read: each file is a launch, with one number per case, the median of its rounds."""

import math
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import Any, Literal

import msgspec

from rayscale.measured import Words, words

FORMAT = 1  # of what rayscale adds to pytest-benchmark's file
VERSIONS = ("3", "4", "5")  # of pytest-benchmark: their files have one shape, as far as it is read


class Case(msgspec.Struct, frozen=True):
    """One case in one launch: what it is, and the middle of its rounds in seconds."""

    id: str
    median: float
    rounds: int
    problem: str | None = None  # none of these five: another suite's, or a case of overhead
    kernel: str | None = None
    implementation: str | None = None
    cpus: int | None = None
    size: str | None = None
    control: float | None = None  # seconds, around the case; see rayscale/saved/control.py

    @property
    def label(self) -> str:
        """What it is called in tables: 'moving_average loop serial small', or its test's id."""
        if self.problem is None:
            return self.id
        words = re.fullmatch(r".*\[(.*)\]", self.id)
        return " ".join([self.problem, *(words[1].split("-") if words else ())])

    @property
    def serial(self) -> tuple[str | None, ...]:
        """What the serial case of the same kernel, problem and size has in common with it."""
        return self.problem, self.kernel, self.size


class Series(msgspec.Struct, frozen=True):
    """Launches that were made together: which of them this is, of how many."""

    id: str
    launch: int
    launches: int
    kind: Literal["baseline", "launches", "alternating"]


class Launch(msgspec.Struct, frozen=True, dict=True):
    """One process that ran the suite, as its file tells."""

    file: str
    name: str
    when: datetime
    revision: str
    hardware: dict[str, str | int | bool]
    software: dict[str, str]
    cases: tuple[Case, ...]
    failed: tuple[str, ...] = ()
    control: float | None = None  # seconds, in the middle of the launch
    series: Series | None = None
    of_rayscale: bool = False  # whether this suite made it, and not another one

    @cached_property
    def medians(self) -> dict[str, Case]:
        """Its cases by id; where this suite made it, those of overhead are left out."""
        return {
            case.id: case for case in self.cases if case.problem is not None or not self.of_rayscale
        }


class LaunchError(ValueError):
    """A file that is no launch; the message says which, and what is wrong with it."""


class _Stats(msgspec.Struct):
    median: float
    min: float
    rounds: int


class _Benchmark(msgspec.Struct):
    fullname: str
    stats: _Stats
    extra_info: dict[str, Any] = {}


class _Own(msgspec.Struct):
    """What rayscale adds to a file."""

    format: int
    kind: Literal["launch", "gate"] = "launch"
    failed: tuple[str, ...] = ()
    control: tuple[float, ...] = ()
    series: Series | None = None


class _File(msgspec.Struct):
    """What is read of a file in pytest-benchmark's format; the rest, raw timings, is skipped."""

    benchmarks: tuple[_Benchmark, ...]
    machine_info: dict[str, Any]
    commit_info: dict[str, Any]
    datetime: str
    version: str
    rayscale: _Own | None = None


_decode = msgspec.json.Decoder(_File).decode


def read(file: Path) -> Launch:
    """Return the launch in *file*, of pytest-benchmark 3, 4 or 5, of this suite or another.

    LaunchError where it is truncated, of another format or version, or a time is
    missing, zero, negative or no number.
    """
    try:
        saved = _decode(file.read_bytes())
    except OSError as error:
        raise LaunchError(f"{file}: cannot be read ({error.strerror})") from error
    except msgspec.ValidationError as error:
        raise LaunchError(f"{file}: not in pytest-benchmark's format ({error})") from error
    except msgspec.DecodeError as error:
        raise LaunchError(f"{file}: not JSON, or cut off ({error})") from error
    _prove(file, saved)
    own = saved.rayscale or _Own(FORMAT)
    control = median(own.control) if own.control else None
    return Launch(
        file=str(file),
        name=re.sub(r"^\d{4,}_", "", file.stem),
        when=_moment(file, saved.datetime),
        revision=_revision(saved.commit_info),
        hardware=_hardware(saved.machine_info),
        software=_software(saved),
        cases=tuple(_case(benchmark, control) for benchmark in saved.benchmarks),
        failed=own.failed,
        control=control,
        series=own.series,
        of_rayscale=saved.rayscale is not None,
    )


def _prove(file: Path, saved: _File) -> None:
    """Raise LaunchError where what is read makes no sense."""
    if saved.version.split(".")[0] not in VERSIONS:
        raise LaunchError(
            f'{file}: of pytest-benchmark "{saved.version}"; versions 3, 4 and 5 can be read'
        )
    if saved.rayscale and saved.rayscale.format != FORMAT:
        raise LaunchError(
            f"{file}: of rayscale's format {saved.rayscale.format}, and this version reads "
            f"{FORMAT}; use the version that wrote it"
        )
    if saved.rayscale and saved.rayscale.kind == "gate":
        raise LaunchError(f"{file}: what a gate saw, and no launch")
    for one in saved.benchmarks:
        for seconds in (one.stats.median, one.stats.min):
            if not (math.isfinite(seconds) and seconds > 0):
                raise LaunchError(f"{file}: {one.fullname} took {seconds} s, which is no time")


def _case(saved: _Benchmark, control: float | None) -> Case:
    """Return a case, with the launch's *control* where it has none of its own."""
    stats = saved.stats
    own = words(saved.extra_info)
    if not isinstance(own, Words):  # another suite's words, or a probe
        return Case(saved.fullname, stats.median, stats.rounds, control=control)
    what = own.problem, own.kernel, own.implementation, own.cpus, own.size
    return Case(saved.fullname, stats.median, stats.rounds, *what, own.control or control)


def _moment(file: Path, text: str) -> datetime:
    """Return when a launch was made; older versions wrote UTC without saying so."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError as error:
        raise LaunchError(f'{file}: "{text}" is no date and time') from error
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def _revision(commit: dict[str, Any]) -> str:
    short = re.sub(r"^([0-9a-f]{7})[0-9a-f]+$", r"\1", str(commit.get("id", "-")))
    return short + ("-dirty" if commit.get("dirty") else "")


def _hardware(machine: dict[str, Any]) -> dict[str, str | int | bool]:
    """Return what is told of the hardware; of another suite's, what pytest-benchmark tells."""
    if own := _own(machine, "hardware"):
        return own
    told = machine.get("cpu")
    cpu = told if isinstance(told, dict) else {}
    fields = {
        "cpu": cpu.get("brand_raw") or cpu.get("brand"),
        "cpus": cpu.get("count"),
        "architecture": machine.get("machine"),
    }
    return {field: value for field, value in fields.items() if isinstance(value, str | int)}


def _own(machine: dict[str, Any], field: str) -> dict[str, str | int | bool]:
    """Return what this suite tells of the machine; nothing, if another one uses the word."""
    own = machine.get(field)
    told = own.items() if isinstance(own, dict) else ()
    return {name: value for name, value in told if isinstance(value, str | int)}


def _software(saved: _File) -> dict[str, str]:
    if own := _own(saved.machine_info, "software"):
        return {field: str(value) for field, value in own.items()}
    told = {
        "python": saved.machine_info.get("python_version"),
        "pytest-benchmark": saved.version,
    }
    return {field: str(value) for field, value in told.items() if value is not None}


def differences(old: Iterable[dict[str, Any]], new: Iterable[dict[str, Any]]) -> list[str]:
    """Return the fields, known on both sides, whose values differ, such as 'ray 2.60 -> 2.61'.

    >>> differences([{"ray": "2.60", "numpy": "2.4"}], [{"ray": "2.61", "pandas": "3.1"}])
    ['ray 2.60 -> 2.61']
    """
    sides = [_values(old), _values(new)]
    return [
        f"{field} {' or '.join(sides[0][field])} -> {' or '.join(sides[1][field])}"
        for field in sides[0]
        if field in sides[1] and sides[0][field] != sides[1][field]
    ]


def _values(tables: Iterable[dict[str, Any]]) -> dict[str, list[str]]:
    """Return all values of each field."""
    found: dict[str, set[str]] = {}
    for table in tables:
        for field, value in table.items():
            found.setdefault(field, set()).add(str(value))
    return {field: sorted(values) for field, values in found.items()}
