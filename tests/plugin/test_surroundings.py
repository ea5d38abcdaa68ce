"""Environments that are not plain: locales, widths, outputs, hooks; and pytest called twice."""

import json
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.projects import NEGATIVE, PATIENCE, QUICK, run, run_pytest, surroundings, write

PLAIN = """
from mylib import work

def test_plain(benchmark):
    benchmark(work)
"""
LIBRARY = "def work():\n    return sum(range(1000))\n"
TIMED = ("--benchmark-only", QUICK)
C = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}

# Calls pytest in one process: timed, timed again, a gate, a refused one, and timed once more.
AGAIN = """
import sys
import pytest

PLAIN = ["-p", "no:cacheprovider", "-p", "no:hypothesispytest"]
TIMED = [*PLAIN, "--benchmark-only", "--benchmark-max-time=0.000001", "test_negative.py"]
GATE = [*PLAIN, "--benchmark-only", "--rayscale-against=HEAD", "--rayscale-pair-budget=1"]
CALLS = [TIMED, TIMED, [*GATE, "test_plain.py"], [*TIMED, "--rayscale-cpus=x"], TIMED]
if __name__ == "__main__":
    print([int(pytest.main(list(words))) for words in CALLS])
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project with a benchmark of ours and a plain one, in git."""
    files = {"test_negative.py": NEGATIVE, "test_plain.py": PLAIN, "mylib.py": LIBRARY}
    root = write(tmp_path / "project", files | {"pytest.ini": "[pytest]\npythonpath = .\n"})
    git(root, "init", "--quiet")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "--message=one")
    return root


def git(folder: Path, *arguments: str) -> str:
    """Call git."""
    who = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
    words = ["git", *who, *arguments]
    done = subprocess.run(words, cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.mark.parametrize(
    "variables",
    [
        C | {"TERM": "dumb", "COLUMNS": "1", "NO_COLOR": "1", "CI": "1"},
        {"COLUMNS": "x", "PYTHONWARNINGS": "error", "PYTHONDONTWRITEBYTECODE": "1"},
        {"COLUMNS": "0", "PYTHONSAFEPATH": "1", "PYTHONOPTIMIZE": "1", "HOME": "/proc/none"},
        {"TMPDIR": "/no/where", "GIT_DIR": "/no/where", "PATH": "/no/where"},
    ],
    ids=["locale C", "warnings are errors", "optimised", "no git"],
)
def test_odd_environment_is_measured_in(project: Path, variables: Mapping[str, str]) -> None:
    """The table has its lines, and the run is saved."""
    ended = run_pytest(project, *TIMED, "test_negative.py", variables=variables)
    assert ended.exit_code == 0
    assert any(line.startswith("  negative   serial") for line in ended.output.splitlines())
    assert len(ended.saved) == 1


def test_wide_terminal_is_not_filled(project: Path) -> None:
    """A width that no terminal has makes no table of that width."""
    ended = run_pytest(project, *TIMED, "test_negative.py", variables={"COLUMNS": "20000"})
    heading, *_ = (line for line in ended.output.splitlines() if "implementation" in line)
    assert len(heading) < 1000


def test_run_in_another_repositorys_hook_has_its_own_revision(
    project: Path, tmp_path: Path
) -> None:
    """The variables of a hook name another repository; the saved revision is the project's."""
    other = write(tmp_path / "other", {"other.py": ""})
    git(other, "init", "--quiet")
    hook = {"GIT_DIR": str(other / ".git"), "GIT_WORK_TREE": str(other)}
    ended = run_pytest(project, *TIMED, "test_negative.py", variables=hook)
    assert ended.contents["commit_info"]["id"] == git(project, "rev-parse", "HEAD")


def test_pytest_is_called_again_in_one_process(project: Path) -> None:
    """Timed runs, a gate and a refused call follow one another, and each is as if alone."""
    write(project, {"again.py": AGAIN})
    ended = run(project, [sys.executable, "again.py"], project / "results")
    assert ended.output.splitlines()[-1] == "[0, 0, 0, 4, 0]"
    assert len(ended.saved) == 3
    assert all(len(json.loads(one.read_text())["benchmarks"]) == 1 for one in ended.saved)


@pytest.mark.parametrize(
    ("output", "code", "said"),
    [
        ("> /dev/full", 4, "rayscale: No space left on device\n"),
        (">&-", 0, ""),
        ("| true; exit ${PIPESTATUS[0]}", 1, ""),  # click's own
    ],
    ids=["full", "closed", "unread"],
)
def test_output_that_cannot_be_written_is_no_traceback(
    project: Path, output: str, code: int, said: str
) -> None:
    """A full disk is named; a closed output and a reader that has ended need no word."""
    wait = "import time; time.sleep(0.5)" if "|" in output else "pass"
    words = f"{wait}; from rayscale.__main__ import main; main()"
    line = f"{shlex.join([sys.executable, '-c', words])} runs {output}"
    ended = subprocess.run(
        ["bash", "-c", line],  # noqa: S607 - the user's shell
        cwd=project,
        env=surroundings(),
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert (ended.returncode, ended.stderr) == (code, said)
