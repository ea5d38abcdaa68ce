"""Launches: processes that run a suite, one after the other, and what they measured.

The suite is any that pytest-benchmark measures: pytest-benchmark's own --benchmark-json brings the
timings here, so the interpreter that runs it needs no rayscale.
"""

import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rayscale import rescue
from rayscale.machine import fingerprint
from rayscale.own_folder import marked, own_folder
from rayscale.parent import ending_with_us
from rayscale.saved.raw import FORMAT
from rayscale.saved.saving import LAUNCH, save

ENDINGS = {  # pytest's exit codes
    1: "a test failed",
    2: "it was interrupted",
    3: "pytest had an internal error",
    4: "pytest cannot do what it was asked",
    5: "no benchmark was found",
}
ENDING = 10  # seconds that an interrupted launch has to end before it is told more firmly
SHOWN = 2000  # characters of a bad launch's output: its last screen

Progress = Callable[[Sequence["Planned"]], Iterable["Planned"]]


@dataclass(frozen=True)
class Plan:
    """What to launch: how often, what for, how, and where it is kept."""

    launches: int
    kind: str  # baseline, launches, alternating
    arguments: Sequence[str]  # for pytest
    project: Path
    results: Path
    hardware: Callable[[], Mapping[str, Any]]  # of this machine, for suites that do not save it


@dataclass(frozen=True)
class Planned:
    """One launch of a plan: which, by which interpreter, in which series of which name."""

    number: int
    python: str
    name: str
    series: str


@dataclass(frozen=True)
class Recorded:
    """What is kept of a plan: a file for each launch that was planned, and what ended it early."""

    files: tuple[tuple[Planned, Path], ...]
    fault: str | None

    def of(self, name: str) -> list[Path]:
        """Return the files of the series *name*, in order."""
        return [file for planned, file in self.files if planned.name == name]


class LaunchingError(Exception):
    """A launch ended badly; the message says how."""


def in_turn(plan: Plan, name: str) -> list[Planned]:
    """Return the launches of one series, by this interpreter."""
    series = secrets.token_hex(8)
    return [Planned(number, sys.executable, name, series) for number in range(plan.launches)]


def alternating(plan: Plan, pythons: Mapping[str, str]) -> list[Planned]:
    """Return the launches of a series by each of *pythons*, in an order drawn for each round."""
    series = {name: secrets.token_hex(8) for name in pythons}
    draw = secrets.SystemRandom()
    return [
        Planned(number, pythons[name], name, series[name])
        for number in range(plan.launches)
        for name in draw.sample(list(pythons), len(pythons))
    ]


def record(plan: Plan, launches: Sequence[Planned], progress: Progress) -> Recorded:
    """Make *launches*, and keep each as soon as it has ended.

    One that fails ends them: the series stays incomplete, and is not a baseline.
    """
    files: list[tuple[Planned, Path]] = []
    for planned in progress(launches):
        try:
            files.append((planned, _keep(plan, planned, _launch(plan, planned.python))))
        except LaunchingError as error:
            return Recorded(tuple(files), str(error))
    return Recorded(tuple(files), None)


def _launch(plan: Plan, python: str) -> dict[str, Any]:
    """Run the suite once; return what pytest-benchmark wrote of it, raw timings included."""
    with own_folder("launch-") as folder:
        file = folder / "launch.json"
        command = [
            *(python, "-m", "pytest", "--benchmark-only", "--benchmark-enable"),
            *(f"--benchmark-json={file}", *plan.arguments),
        ]
        done = _run(command, plan.project, marked(folder) | {LAUNCH: "1"})
        if done.returncode:
            ending = ENDINGS.get(done.returncode, f"exit code {done.returncode}")
            raise LaunchingError(f"{python} -m pytest: {ending}\n{done.stdout[-SHOWN:].rstrip()}")
        if not file.is_file() or not (text := file.read_text(encoding="utf-8")):
            raise LaunchingError(
                f'"{python}" ended without an error and without any timing; give a Python '
                "interpreter that has pytest-benchmark, and a choice that has benchmarks"
            )
    contents: dict[str, Any] = json.loads(text)
    return contents


def _run(
    command: Sequence[str], folder: Path, own: Mapping[str, str]
) -> "subprocess.CompletedProcess[str]":
    """Run a *command* in *folder*, with variables of its *own*."""
    if shutil.which(command[0]) is None:
        raise LaunchingError(
            f'"{command[0]}" cannot be run; give a Python interpreter, such as .venv/bin/python'
        )
    try:
        process = subprocess.Popen(
            ending_with_us(command),
            cwd=folder,
            env=os.environ | own,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
    except OSError as error:
        raise LaunchingError(
            f'"{command[0]}" cannot be run ({error.strerror}); give a Python interpreter, such as '
            ".venv/bin/python"
        ) from error
    with process:
        try:
            said, _ = process.communicate()
        except BaseException:
            _end(process)
            raise
    return subprocess.CompletedProcess(command, process.returncode, said)


def _end(process: "subprocess.Popen[str]") -> None:
    """Have an interrupted launch end in order; a terminal's Ctrl-C has reached it, too."""
    for tell in (process.poll, process.terminate, process.kill):
        tell()
        with suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=ENDING)
            return


def _keep(plan: Plan, planned: Planned, contents: dict[str, Any]) -> Path:
    """Put a launch into its machine's folder, with the series that it is of."""
    machine = contents["machine_info"]
    if "rayscale" not in contents:  # another suite's: what our plug-in would have added
        contents["rayscale"] = {"format": FORMAT, "kind": "launch", "failed": [], "control": []}
        machine["hardware"] = dict(plan.hardware())
    contents["rayscale"]["series"] = {
        "id": planned.series,
        "launch": planned.number,
        "launches": plan.launches,
        "kind": plan.kind,
    }
    folder = plan.results / fingerprint(machine["hardware"])
    file, warning = rescue.saved(lambda place: save(place, planned.name, contents), folder)
    if file is None or warning:
        raise LaunchingError(warning)
    return file
