"""Made-up projects, and pytest run on them in a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from rayscale.machine import usable_cpus
from rayscale.suite.environment import FIXED_ALLOCATOR, ONE_THREAD

ROOT = Path(__file__).resolve().parents[1]
QUICK = "--benchmark-max-time=0.000001"  # the fewest rounds that a case takes: 7
PATIENCE = 300  # seconds, for a run of some seconds
# Runs in the background, a core for each: Ray gives up a node that is not up after 30 s (2.60), and
# three that started at once on one core, beside other work, were not.
AT_ONCE = min(2, usable_cpus())
NOTHING: Mapping[str, str] = {}
# A benchmark of ours that is timed in no time.
NEGATIVE = """
import numpy as np
import rayscale

@rayscale.cases({"negative": np.negative}, sizes={"few": 6}, ways=[rayscale.serial])
def test_negative(measure, size):
    measure(np.arange(size), -np.arange(size))
"""
# Hypothesis' plug-in, which no made-up project uses, takes a second to import.
PLAIN = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest", "--color=no")

Seen = TypeVar("Seen")


@dataclass(frozen=True)
class Run:
    """What one run of pytest did, said and saved."""

    exit_code: int
    output: str
    saved: list[Path]

    @property
    def contents(self) -> dict[str, Any]:
        """The one saved run."""
        (file,) = self.saved
        contents: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return contents

    @property
    def cases(self) -> dict[str, dict[str, Any]]:
        """The saved benchmarks by the part of their id that is in brackets."""
        return {one["param"]: one for one in self.contents["benchmarks"]}


def surroundings(**variables: str) -> dict[str, str]:
    """Return an environment with none of this session's settings, but *variables*.

    With TOX_ENV_DIR, pytest would keep its cache in tox's folder, and not in the project.
    """
    ours = (*ONE_THREAD, *FIXED_ALLOCATOR, "PYTHONUNBUFFERED", "TOX_ENV_DIR")
    return {
        name: value
        for name, value in os.environ.items()
        if name not in ours and not name.startswith(("PYTEST_", "RAY_", "RAYSCALE_"))
    } | variables


def command(*arguments: str) -> list[str]:
    """Return how to run pytest so that it writes no cache and no colours."""
    return [sys.executable, "-m", "pytest", *PLAIN, *arguments]


def run_pytest(
    project: Path,
    *arguments: str,
    storage: Path | None = None,
    variables: Mapping[str, str] = NOTHING,
) -> Run:
    """Run pytest in *project*, of whose runs *storage* (or results/ in it) is the folder."""
    where = [] if storage is None else [f"--benchmark-storage={storage}"]
    return run(project, command(*where, *arguments), storage or project / "results", variables)


def run(
    project: Path, words: Sequence[str], storage: Path, variables: Mapping[str, str] = NOTHING
) -> Run:
    """Run the command of these *words* in *project*, whose runs are saved in *storage*."""
    done = subprocess.run(
        words,
        cwd=project,
        env=surroundings(**variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        timeout=PATIENCE,
    )
    return Run(done.returncode, done.stdout.decode(), sorted(storage.rglob("*.json")))


@contextmanager
def at_once(runs: Mapping[str, Callable[[], Seen]]) -> Iterator[dict[str, Future[Seen]]]:
    """Start *runs* in the background, in order; at the end, those that wait are left out."""
    pool = ThreadPoolExecutor(AT_ONCE)
    try:
        yield {name: pool.submit(run) for name, run in runs.items()}
    finally:
        pool.shutdown(cancel_futures=True)


def write(folder: Path, files: Mapping[str, str]) -> Path:
    """Write *files*, texts by their path, below *folder*; return it."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def git_in(folder: Path, *arguments: str) -> str:
    """Call the user's git in *folder*, as somebody; return what it says."""
    who = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
    return subprocess.run(
        ["git", *who, *arguments],  # noqa: S607 - the user's git
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
