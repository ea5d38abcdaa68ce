"""Real sessions, beside others and beside each other: what they say, and what they save."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from rayscale.machine import usable_cpus
from rayscale.surroundings.during import Surroundings
from tests.projects import Run, run_pytest, write
from tests.surroundings.strangers import STRANGER, busy

SERIAL = """
import rayscale

def total(rows):
    return [sum(range(row)) for row in rows]

@rayscale.cases({"total": total}, sizes={"small": [10**6] * 4}, ways=[rayscale.serial])
def test_total(measure, size):
    measure(size, expected=total(size))
"""

# Each session waits until the other one has timed its case, so both are there at one time.
TOGETHER = """
import os, time
from pathlib import Path
import rayscale

def total(rows):
    return [sum(range(row)) for row in rows]

@rayscale.cases({"total": total}, sizes={"small": [9] * 4}, ways=[rayscale.ray_blocks], cpus=(1,))
def test_total(measure, size):
    measure(size, expected=total(size))
    Path(os.environ["SESSION"]).touch()
    while len(list(Path().glob("timed-*"))) < 2:
        time.sleep(0.01)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project whose sessions meet nobody but each other."""
    (tmp_path / "temporary").mkdir()
    return write(tmp_path / "project", {"test_serial.py": SERIAL, "test_together.py": TOGETHER})


def timed(project: Path, name: str, *arguments: str) -> Run:
    """Return what a timed session of this *name* did, said and saved."""
    variables = {"TMPDIR": str(project.parent / "temporary"), "SESSION": f"timed-{name}"}
    storage = project / f"runs-{name}"
    return run_pytest(project, "--benchmark-only", *arguments, storage=storage, variables=variables)


def test_two_sessions_at_once_say_so_and_neither_fails(project: Path) -> None:
    """Each has its own cluster and its own file, and says that the machine was shared."""
    with ThreadPoolExecutor(2) as pool:
        runs = list(pool.map(partial(_together, project), ("one", "other")))

    for each in runs:
        assert each.exit_code == 0, each.output
        said = each.contents["rayscale"]["surroundings"]["sessions"]
        assert said.startswith("this machine is shared with 1 timed session of yours (process ")
        assert f"rayscale: sessions: {said}" in each.output
    assert not list((project.parent / "temporary").rglob("*.lock"))


def _together(project: Path, name: str) -> Run:
    return timed(project, name, "test_together.py", "--benchmark-max-time=0.2")


def test_case_beside_busy_programs_is_marked(project: Path) -> None:
    """A program for each CPU leaves none to a serial case: the mark follows what was counted."""
    with ExitStack() as stack:
        for _ in range(usable_cpus()):
            stack.enter_context(busy(*STRANGER))
        done = timed(project, "busy", "test_serial.py")

    (case,) = done.contents["benchmarks"]
    seen = Surroundings(**case["extra_info"]["surroundings"])
    assert seen.is_noisy
    assert seen.outside is not None
    assert seen.outside > 0.5
    assert "^ (n=" in done.output
    assert "rayscale: load: other programs used" in done.output
    assert "load" in done.contents["rayscale"]["surroundings"]


def test_what_was_noted_is_said_before_the_first_case(project: Path) -> None:
    """What is unusual of the interpreter stands above the results, and is saved with the run."""
    variables = {"PYTHONMALLOC": "malloc", "TMPDIR": str(project.parent / "temporary")}
    done = run_pytest(
        project,
        "--benchmark-only",
        "test_serial.py",
        "-v",
        "--benchmark-max-time=0.01",
        variables=variables,
    )

    line = "rayscale: allocator: PYTHONMALLOC=malloc replaces Python's allocator"
    assert done.output.index(line) < done.output.index("test_serial.py::test_total")
    assert "allocator" in done.contents["rayscale"]["surroundings"]


def test_untimed_session_notes_nothing(project: Path) -> None:
    """Where nothing is timed, nobody is met and nothing is said."""
    variables = {"PYTHONMALLOC": "malloc", "TMPDIR": str(project.parent / "temporary")}
    done = run_pytest(project, "test_serial.py", variables=variables)

    assert done.exit_code == 0
    assert "allocator:" not in done.output
    assert not list((project.parent / "temporary").glob("rayscale-*"))
