"""Launches: processes that run the suite, one after the other, and what they saved."""

import json
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rayscale.saved.files import keep

# One process says little about the next, however long it runs: so launches are short and many.  The
# median of the first fifth of a second of rounds varied from launch to launch as that of 0.8 s did.
SHORT = ("--sizes=small", "--benchmark-max-time=0.25")


class LaunchingError(Exception):
    """A launch ended badly; the message says which, and how."""


@dataclass(frozen=True)
class Plan:
    """What to launch: how often, in which ways, and what the launches are for."""

    launches: int
    kind: str  # baseline, launches, alternating
    arguments: Sequence[str]  # for pytest
    project: Path

    def launch(self, python: str = sys.executable) -> "Saved":
        """Run the suite once, by that interpreter; return what it saved.

        LaunchingError unless all cases passed.
        """
        with tempfile.TemporaryDirectory(prefix="rayscale-launch-") as storage:
            done = _run(
                [
                    *(python, "-m", "pytest", "-p", "no:cacheprovider", "--benchmark-only"),
                    *(f"--benchmark-storage={storage}", *SHORT, *self.arguments),
                ],
                self.project,
            )
            files = list(Path(storage).rglob("*.json"))
            if done.returncode or len(files) != 1:
                raise LaunchingError(
                    f"{python} -m pytest ended with {done.returncode}:\n{done.stdout[-2000:]}"
                )
            return Saved(files[0].parent.name, json.loads(files[0].read_text(encoding="utf-8")))


def _run(command: Sequence[str], folder: Path) -> "subprocess.CompletedProcess[str]":
    try:
        return subprocess.run(
            command,
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    except OSError as error:
        raise LaunchingError(
            f'"{command[0]}" cannot be run ({error.strerror}); give a Python interpreter, such as '
            ".venv/bin/python"
        ) from error


@dataclass(frozen=True)
class Saved:
    """What a launch saved: the contents of its file, and its machine's folder."""

    folder: str
    contents: dict[str, Any]


def record(
    plan: Plan, name: str, results: Path, progress: Callable[[range], Iterator[int]]
) -> list[Path]:
    """Launch, and keep each launch in *results* as soon as it has ended; return the files.

    Should one fail, the series stays incomplete, and is no baseline.
    """
    series = secrets.token_hex(8)
    return [
        _keep(plan, plan.launch(), results, name, series, number)
        for number in progress(range(plan.launches))
    ]


def alternate(
    plan: Plan,
    pythons: tuple[str, str],
    results: Path,
    progress: Callable[[range], Iterator[int]],
) -> tuple[list[Path], list[Path]]:
    """Launch by both interpreters in turn, which comes first drawn for each pair; keep them all."""
    series = secrets.token_hex(8), secrets.token_hex(8)
    kept: tuple[list[Path], list[Path]] = ([], [])
    for number in progress(range(plan.launches)):
        for side in secrets.SystemRandom().sample((0, 1), 2):
            name = ("old", "new")[side]
            file = _keep(plan, plan.launch(pythons[side]), results, name, series[side], number)
            kept[side].append(file)
    return kept


def _keep(plan: Plan, saved: Saved, results: Path, name: str, series: str, number: int) -> Path:
    """Put a launch into *results*, under its machine's folder, with the series that it is of."""
    saved.contents["rayscale"]["series"] = {
        "id": series,
        "launch": number,
        "launches": plan.launches,
        "kind": plan.kind,
    }
    contents = json.dumps(saved.contents, indent=4).encode()
    return keep(results / saved.folder, name, contents)
