"""Saved runs, read: each file is a launch, with one number per case, the median of its rounds."""

import re
from collections.abc import Iterable
from datetime import MAXYEAR, MINYEAR, UTC, datetime
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import Any, TypeGuard

import msgspec

from rayscale import clocks
from rayscale.bounds import Count, Seconds
from rayscale.measured import Words, words
from rayscale.quoting import plain
from rayscale.saved import raw, reading
from rayscale.saved.raw import FORMAT, READABLE, VERSIONS, LaunchError, Series
from rayscale.saved.saving import revision


class CaseMedian(msgspec.Struct, frozen=True):
    """One case in one launch: what it is, and the middle of its rounds in seconds."""

    id: str
    median: Seconds
    rounds: Count
    problem: str | None = None  # these five are None in another suite's case, and in a probe
    kernel: str | None = None
    implementation: str | None = None
    cpus: int | None = None
    size: str | None = None
    control: Seconds | None = None  # around the case; see rayscale/saved/control.py
    is_noisy: bool = False  # others used or took much of its CPUs; see rayscale/surroundings
    is_overhead: bool = False  # it times Ray's own cost, which varies too much to be compared
    timer: str | None = None  # the clock's name; None where the file does not say it
    collects: bool | None = None  # whether the garbage collector was on
    placement: str = ""  # of its CPUs on the nodes of a cluster, where one was asked for

    @property
    def label(self) -> str:
        """What it is called in tables: 'moving_average loop serial small', or its test's id."""
        if self.problem is None:
            return self.id
        factors = re.fullmatch(r".*\[(.*)\]", self.id)
        return " ".join([self.problem, *(factors[1].split("-") if factors else ())])

    @property
    def serial(self) -> tuple[str | None, ...]:
        """What it has in common with the serial case of its kernel, problem and size."""
        return self.problem, self.kernel, self.size


class Launch(msgspec.Struct, frozen=True, dict=True):
    """One process that ran the suite, as its file describes it."""

    file: str
    name: str
    when: datetime
    revision: str
    hardware: dict[str, str | int | bool]
    software: dict[str, str]
    cases: tuple[CaseMedian, ...]
    failed: tuple[str, ...] = ()
    control: Seconds | None = None  # in the middle of the launch
    series: Series | None = None
    processes: int = 1  # that made it; several where it was interrupted and resumed
    surroundings: dict[str, str] = {}  # what was notable before: a sentence for each word
    left_out: tuple[str, ...] = ()  # cases that cannot be used, each with the reason

    def __post_init__(self) -> None:
        """Raise ValueError unless the moment can be shown in any time zone, and be compared."""
        if self.when.tzinfo is None or not MINYEAR < self.when.year < MAXYEAR:
            raise ValueError(f"{self.when} is not a moment that can be compared with others")

    @property
    def is_resumed(self) -> bool:
        """Whether it was interrupted: its cases are then of several processes."""
        return self.processes > 1

    @property
    def folder(self) -> str:
        """The folder that it is kept in, which is named after the machine."""
        return Path(self.file).parent.name

    @property
    def noisy(self) -> int:
        """How many of its cases were timed while others used or took much of their CPUs."""
        return sum(case.is_noisy for case in self.medians.values())

    @cached_property
    def medians(self) -> dict[str, CaseMedian]:
        """Its cases by id, without those of overhead."""
        return {case.id: case for case in self.cases if not case.is_overhead}


def read(file: Path) -> Launch:
    """Return the launch in *file*, of pytest-benchmark 3, 4 or 5, of this suite or another.

    A case without a name and a time is left out, and named.  LaunchError where the file is cut off,
    of another format or version, or has no case that can be used.
    """
    saved = reading.read(file)
    _prove(file, saved)
    own = saved.rayscale or raw.Own(FORMAT)
    control = _control(own)
    return Launch(
        file=str(file),
        name=plain(re.sub(r"^\d{4,}_", "", file.stem)),
        when=_moment(file, saved.datetime),
        revision=revision({"id": "-"} | saved.commit_info),
        hardware=_hardware(saved.machine_info),
        software=_software(saved),
        cases=tuple(_case(benchmark, control, own.format) for benchmark in saved.benchmarks),
        failed=own.failed,
        control=control,
        series=own.series,
        processes=max(1, len(own.processes)),
        surroundings=own.surroundings,
        left_out=saved.left_out,
    )


def _prove(file: Path, saved: reading.File) -> None:
    """Raise LaunchError where the file is of another version, or another kind."""
    if saved.version and saved.version.split(".")[0] not in VERSIONS:
        reason = f'of pytest-benchmark "{saved.version}"; versions 3, 4 and 5 can be read'
        raise LaunchError(file, reason)
    if saved.rayscale and saved.rayscale.format not in READABLE:
        formats = " and ".join(map(str, READABLE))
        raise LaunchError(
            file,
            f"of rayscale's format {saved.rayscale.format}, and this version reads {formats}; "
            "use the version that wrote it",
        )
    if saved.rayscale and saved.rayscale.kind == "gate":
        raise LaunchError(file, "what a gate saw, and not a launch")


def _control(own: raw.Own) -> float | None:
    """Return the middle of the control's times; None where one is not a time."""
    try:
        times = msgspec.convert(own.control, tuple[Seconds, ...])
    except msgspec.ValidationError:
        return None
    return median(times) if times else None


def _case(saved: raw.Benchmark, control: float | None, form: int) -> CaseMedian:
    """Return a case, with the launch's *control* where it has none of its own."""
    own, off = words(saved.extra_info), saved.options.disable_gc
    case = CaseMedian(
        saved.fullname,
        saved.stats.median,
        saved.stats.rounds or len(saved.stats.data) or 1,
        control=control,
        is_overhead=own is not None or (form == 1 and control is not None),
        timer=saved.options.timer and clocks.name(plain(saved.options.timer)),
        collects=None if off is None else not off,
    )
    if not isinstance(own, Words):
        return case
    return msgspec.structs.replace(
        case,
        problem=own.problem,
        kernel=own.kernel,
        placement=own.placement,
        implementation=own.implementation,
        cpus=own.cpus,
        size=own.size,
        control=own.control or control,
        is_noisy=own.is_noisy,
        is_overhead=False,
    )


def _moment(file: Path, text: str) -> datetime:
    """Return when a launch was made; older versions wrote UTC without an offset."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError as error:
        raise LaunchError(file, f'"{text[:40]}" is not a date and time') from error
    if not MINYEAR < when.year < MAXYEAR:
        raise LaunchError(file, f'"{text}" is not a date and time of a launch')
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def _hardware(machine: dict[str, Any]) -> dict[str, str | int | bool]:
    """Return what is known of the hardware; of another suite's, what pytest-benchmark saved."""
    if own := _own(machine, "hardware"):
        return own
    found = machine.get("cpu")
    cpu = found if isinstance(found, dict) else {}
    fields = {
        "cpu": cpu.get("brand_raw") or cpu.get("brand"),
        "cpus": cpu.get("count"),
        "architecture": machine.get("machine"),
    }
    return {field: value for field, value in fields.items() if _is_known(value)}


def _own(machine: dict[str, Any], field: str) -> dict[str, str | int | bool]:
    """Return what rayscale saved of the machine; nothing, if another suite uses the word."""
    own = machine.get(field)
    found = own.items() if isinstance(own, dict) else ()
    return {name: value for name, value in found if _is_known(value)}


def _is_known(value: object) -> TypeGuard[str | int]:
    """Tell whether *value* can be shown, and remembered: no machine has as much as 2**63."""
    return isinstance(value, str) or (isinstance(value, int) and abs(value) < 2**63)


def _software(saved: reading.File) -> dict[str, str]:
    if own := _own(saved.machine_info, "software"):
        return {field: str(value) for field, value in own.items()}
    found = {
        "python": saved.machine_info.get("python_version"),
        "pytest-benchmark": saved.version,
    }
    return {field: str(value) for field, value in found.items() if value is not None}


def noted(launches: Iterable[Launch]) -> dict[str, str]:
    """Return what was notable of the machine before *launches*: of each word, the last sentence."""
    return {word: said for launch in launches for word, said in launch.surroundings.items()}


def differences(old: Iterable[dict[str, Any]], new: Iterable[dict[str, Any]]) -> dict[str, str]:
    """Return the fields, known on both sides, whose values differ, and how.

    >>> differences([{"ray": "2.60", "numpy": "2.4"}], [{"ray": "2.61", "pandas": "3.1"}])
    {'ray': '2.60 -> 2.61'}
    """
    sides = [_values(old), _values(new)]
    return {
        field: f"{' or '.join(values)} -> {' or '.join(sides[1][field])}"
        for field, values in sides[0].items()
        if field in sides[1] and values != sides[1][field]
    }


def _values(tables: Iterable[dict[str, Any]]) -> dict[str, list[str]]:
    """Return all values of each field."""
    found: dict[str, set[str]] = {}
    for table in tables:
        for field, value in table.items():
            found.setdefault(field, set()).add(str(value))
    return {field: sorted(values) for field, values in found.items()}
