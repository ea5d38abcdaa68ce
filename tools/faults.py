"""Plant known faults into copies of the tree, one at a time, and report which tests catch them.

``python tools/faults.py [NAME...]`` plants the faults of ``faults.toml``, or those named.  Each is
an exact text of a file, what takes its place, and the tests that must fail then.  The working tree
is not touched.  There is a copy, and a fault at a time, for each processor.  The exit code is 0
if every fault is caught, and 1 if not.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from queue import SimpleQueue

ROOT = Path(__file__).resolve().parents[1]
LIST = Path(__file__).with_suffix(".toml")
LIMIT = 180  # seconds for the tests of a fault; those listed take 2 to 60
OF_ONE_TEST = 150  # seconds: a fault that makes a test hang is caught by its time limit, as in CI
LIMIT_OF_ALL = 1800  # for all of them in one run, which take some 400
PASSED, FAILED = 0, 1  # exit codes of pytest


class Outcome(StrEnum):
    """What became of a fault."""

    CAUGHT = "caught"
    MISSED = "NOT caught"
    HUNG = "hung"
    MOVED = "could not be planted: the text is not in the file once"
    BROKEN = "no answer: the tests do not pass without the fault"
    ENDED = "no answer: pytest itself ended with an error"


@dataclass(frozen=True)
class Fault:
    """A fault, what a user would feel of it, and the tests that must catch it."""

    name: str
    file: str
    text: str
    becomes: str
    felt: str
    tests: tuple[str, ...]


@dataclass(frozen=True)
class Trial:
    """What became of a fault, and how long that took."""

    fault: Fault
    outcome: Outcome
    seconds: float


def read(file: Path) -> list[Fault]:
    """Return the faults in *file*; TypeError where one lacks a field or has another one."""
    entries = tomllib.loads(file.read_text(encoding="utf-8"))["fault"]
    return [Fault(**entry | {"tests": tuple(entry["tests"])}) for entry in entries]


@contextmanager
def copied(root: Path) -> Iterator[Path]:
    """Copy what git knows or would add of *root*, as it stands, for a while."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607 - the user's git
        cwd=root,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    with tempfile.TemporaryDirectory(prefix="rayscale-faults-") as folder:
        for name in filter(None, listed.split("\0")):
            if (root / name).is_file():  # git lists what was removed, too
                (Path(folder) / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(root / name, Path(folder) / name)
        yield Path(folder)


@contextmanager
def planted(fault: Fault, tree: Path) -> Iterator[None]:
    """Plant *fault* into *tree* for a while."""
    file = tree / fault.file
    good = file.read_text(encoding="utf-8")
    file.write_text(good.replace(fault.text, fault.becomes), encoding="utf-8")
    try:
        yield
    finally:
        file.write_text(good, encoding="utf-8")


def run(tests: tuple[str, ...], tree: Path, limit: int = LIMIT) -> int | None:
    """Return pytest's exit code for *tests* in *tree*; None if they hang: after *limit* seconds."""
    with subprocess.Popen(
        [
            *(sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"),
            *("--timeout", str(OF_ONE_TEST), "--timeout-method", "thread"),
            *("--hypothesis-seed=0", *tests),
        ],
        cwd=tree,
        env=_environment(tree),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # so that what the tests start can be ended with them
    ) as process:
        try:
            return process.wait(limit)
        except subprocess.TimeoutExpired:
            return None
        finally:
            with suppress(ProcessLookupError):  # nothing is left of it
                os.killpg(process.pid, signal.SIGKILL)


def _environment(tree: Path) -> dict[str, str]:
    """Return an environment in which Python imports *tree* and keeps no compiled files.

    A fault that is as long as what it replaces, planted in the same second, would else leave the
    compiled file in force.
    """
    inherited = {name: value for name, value in os.environ.items() if "PYTEST" not in name}
    return inherited | {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}


def judge(fault: Fault, tree: Path, *, all_pass: bool) -> Outcome:
    """Return whether the tests of *fault* pass in *tree* and fail once it is planted.

    A test that fails by itself would catch every fault.  Unless *all_pass* says that none does,
    those of the fault are run first without it.
    """
    file = tree / fault.file
    if not file.is_file() or file.read_text(encoding="utf-8").count(fault.text) != 1:
        return Outcome.MOVED
    if not all_pass and run(fault.tests, tree) != PASSED:
        return Outcome.BROKEN
    with planted(fault, tree):
        code = run(fault.tests, tree)
    return {PASSED: Outcome.MISSED, FAILED: Outcome.CAUGHT, None: Outcome.HUNG}.get(
        code, Outcome.ENDED
    )


def tried(faults: Sequence[Fault], trees: Sequence[Path]) -> Iterator[Trial]:
    """Plant each of *faults* into one of *trees* and yield what became of it."""
    every_test = tuple(dict.fromkeys(test for fault in faults for test in fault.tests))
    all_pass = run(every_test, trees[0], LIMIT_OF_ALL) == PASSED
    free: SimpleQueue[Path] = SimpleQueue()
    for tree in trees:
        free.put(tree)

    def attempt(fault: Fault) -> Trial:
        tree, start = free.get(), time.monotonic()
        outcome = judge(fault, tree, all_pass=all_pass)
        free.put(tree)
        return Trial(fault, outcome, time.monotonic() - start)

    with ThreadPoolExecutor(len(trees)) as pool:
        yield from pool.map(attempt, faults)


def chosen(names: Sequence[str], faults: Sequence[Fault]) -> list[Fault]:
    """Return the faults that *names* name, or all; ValueError for a name that none has."""
    if unknown := set(names) - {fault.name for fault in faults}:
        known = ", ".join(fault.name for fault in faults)
        raise ValueError(f"no fault is called {', '.join(sorted(unknown))}; there are {known}")
    return [fault for fault in faults if not names or fault.name in names]


def line(trial: Trial) -> str:
    """Return a row of the table; what a user would feel is added where the fault got through."""
    tests = " ".join(test.partition("::")[2] or test for test in trial.fault.tests)
    row = f"{trial.fault.name:36} {trial.seconds:5.1f} s  {trial.outcome:10}  {tests}"
    return row if trial.outcome is Outcome.CAUGHT else f"{row}\n    {trial.fault.felt}"


def main() -> int:
    """Plant, report, and return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("name", nargs="*", help="a fault's name; all without one")
    faults = read(LIST)
    try:
        wanted = chosen(parser.parse_args().name, faults)
    except ValueError as error:
        parser.error(str(error))
    trials = []
    with ExitStack() as copies:
        trees = [copies.enter_context(copied(ROOT)) for _ in os.sched_getaffinity(0)]
        for trial in tried(wanted, trees):
            print(line(trial), flush=True)  # noqa: T201 - this is its output
            trials.append(trial)
    caught = sum(trial.outcome is Outcome.CAUGHT for trial in trials)
    print(f"{caught} of {len(trials)} faults are caught")  # noqa: T201 - the same
    return 0 if caught == len(trials) else 1


if __name__ == "__main__":
    sys.exit(main())
