"""A case that hangs ends, with its stacks in a file; the other cases go on, and nothing is left."""

import re
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from functools import partial
from pathlib import Path

import psutil
import pytest

from tests.projects import Run, at_once, run_pytest, write

# What hangs: in Python, and in C that never gives Python's lock up.
PROJECT = """
import collections
import itertools
import os
import time
from pathlib import Path

import numpy as np
import rayscale

HERE = Path(__file__).parent
ROWS = np.arange(4.0)


def note():
    with (HERE / "pids").open("a") as out:
        out.write(f"{os.getpid()}\\n")


def calm(rows):
    return -rows


def sleeps(rows):
    note()
    while True:
        try:
            time.sleep(60)
        except ValueError:
            pass


def in_c(rows):
    note()
    collections.deque(itertools.repeat(0), maxlen=0)


def cases(kernels, *ways):
    return rayscale.cases(kernels, sizes={"small": 4}, ways=ways, cpus=())


@(
    cases({"sleeps": sleeps, "calm": calm}, rayscale.serial)
    + cases({"in_c": in_c, "calm": calm}, rayscale.ray_blocks)
    + cases({"sleeps": sleeps, "calm": calm}, rayscale.process_pool)
    + cases({"in_c": in_c, "later": calm}, rayscale.serial)
)
def test_hangs(measure, size):
    measure(ROWS, expected=-ROWS)
"""
HUNG = ("sleeps-serial", "in_c-ray_blocks-cpus2", "sleeps-process_pool-cpus2")
# Seconds that a calm case surely needs less than, Ray's start included, on a busy machine.
LIMITS = {"ends": "30", "killed": "5"}
CHOSEN = {"ends": "not in_c-serial and not later", "killed": "in_c-serial or later-serial"}


def run_hanging(folder: Path, limit: str, chosen: str, *more: str) -> Run:
    """Time some cases of the project."""
    project = write(folder, {"test_hangs.py": PROJECT})
    words = ("--benchmark-only", "--benchmark-max-time=0.000001", "--rayscale-cpus=2", *more)
    return run_pytest(project, *words, f"--rayscale-case-timeout={limit}", "-k", chosen)


@pytest.fixture(scope="module")
def where(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of both projects."""
    return tmp_path_factory.mktemp("hangs")


@pytest.fixture(scope="module")
def running(where: Path) -> Iterator[dict[str, Future[Run]]]:
    """Run what can be ended, and what must be killed."""
    runs: dict[str, Callable[[], Run]] = {
        name: partial(run_hanging, where / name, limit, CHOSEN[name])
        for name, limit in LIMITS.items()
    }
    with at_once(runs) as running:
        yield running


def stacks(output: str, case: str, limit: str) -> str:
    """Return the stacks that the sentence on *case* names; they are removed."""
    name = re.escape(f"test_hangs[{case}-small]")
    found = re.search(
        rf"{name} was not done after {limit} s; where its processes were is in (\S+); "
        "--rayscale-case-timeout=SECONDS gives it more time",
        output,
    )
    assert found, output
    file = Path(found[1])
    text = file.read_text()
    file.unlink()
    assert file.parent == Path(tempfile.gettempdir())
    return text


def left_of(project: Path) -> list[int]:
    """Return the processes that a kernel hung in and that live."""
    return [
        int(pid) for pid in (project / "pids").read_text().split() if psutil.pid_exists(int(pid))
    ]


def test_case_that_hangs_fails_and_the_others_go_on(
    running: dict[str, Future[Run]], where: Path
) -> None:
    """A sentence names the stacks, of workers, too; the next case has a cluster of its own."""
    run = running["ends"].result()

    for case in HUNG:
        text = stacks(run.output, case, "30")
        assert ("in in_c" if "in_c" in case else "in sleeps") in text
    assert run.cases.keys() == {
        "calm-serial-small",
        "calm-ray_blocks-cpus2-small",
        "calm-process_pool-cpus2-small",
    }
    assert "begins again" not in run.output
    assert run.exit_code == 1
    assert left_of(where / "ends") == []


def test_case_that_holds_pythons_lock_for_ever_ends_with_its_process(
    running: dict[str, Future[Run]], where: Path
) -> None:
    """The last words are on stderr; no child is left; --resume goes on after the case."""
    run = running["killed"].result()
    then = run_hanging(where / "killed", LIMITS["killed"], CHOSEN["killed"], "--rayscale-resume")

    assert "did not end in its time, and its process was ended; where it stood: " in then.output
    assert "in in_c" in stacks(run.output, "in_c-serial", "5")
    assert "the run was ended with it" in run.output
    assert run.exit_code < 0  # by a signal
    assert left_of(where / "killed") == []
    assert (then.exit_code, set(then.cases)) == (1, {"later-serial-small"})
