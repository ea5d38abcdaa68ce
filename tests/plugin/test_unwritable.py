"""Files that cannot be written: refused before the first case, or saved elsewhere in the end."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.projects import QUICK, Run, command, run, run_pytest, write

NEGATIVE = """
import os
import shutil
from pathlib import Path

import numpy as np
import rayscale

@rayscale.cases({"negative": np.negative}, sizes={"few": 6}, ways=[rayscale.serial])
def test_negative(measure, size):
    if "SPOILED" in os.environ:
        shutil.rmtree(os.environ["SPOILED"], ignore_errors=True)
        Path(os.environ["SPOILED"]).write_text("in the way")
    measure(np.arange(size), -np.arange(size))
"""
SUM = """
from mylib import work

def test_sum(benchmark):
    benchmark(work)
"""
TIMED = ("--benchmark-only", QUICK)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project with one benchmark."""
    settings = "[pytest]\npythonpath = .\n"
    return write(tmp_path / "project", {"test_negative.py": NEGATIVE, "pytest.ini": settings})


def refused(ended: Run, sentence: str) -> None:
    """Check that one sentence and exit code 4 came before any case, and that nothing is saved."""
    assert ended.exit_code == 4
    assert sentence in ended.output
    assert "Traceback" not in ended.output
    assert "passed" not in ended.output
    assert not ended.saved


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ("--benchmark-json=/no/where.json", "/no/where.json"),  # in words of either
        ("--benchmark-json=.", "Is a directory"),
        ("--benchmark-json=a\x1b[31m/b", "No such file or"),
        ("--benchmark-storage=pytest.ini", 'runs cannot be kept in "'),
        ("--benchmark-storage=/proc/runs", "No such file or directory"),
        (f"--benchmark-storage={'x' * 300}", "File name too long"),
    ],
)
def test_file_that_cannot_be_written_is_refused_before_any_case(
    project: Path, option: str, sentence: str
) -> None:
    """One sentence says which and why; nothing is timed for nothing."""
    refused(run_pytest(project, *TIMED, option), sentence)


def test_results_that_are_a_file_are_refused(project: Path) -> None:
    """Where runs should be kept is a file: another folder is asked for."""
    (project / "results").write_text("mine")
    refused(run_pytest(project, *TIMED), "have another folder with --benchmark-storage=FOLDER")
    assert (project / "results").read_text() == "mine"


@pytest.mark.parametrize(
    ("options", "reason"),
    [("ro", "Read-only file system"), ("size=4k", "No space left on device")],
)
def test_disk_without_room_is_refused(project: Path, options: str, reason: str) -> None:
    """A read-only or a full disk, where even the superuser cannot write, is known before."""
    (project / "full").mkdir()
    mount = f"mount -t tmpfs -o {options} none full && (echo > full/some || true) && exec "
    words = ["unshare", "--mount", "sh", "-c", mount + '"$@"', "sh"]
    if (
        shutil.which("unshare") is None
        or subprocess.run(
            [*words, "true"], cwd=project, capture_output=True, check=False
        ).returncode
    ):
        pytest.skip("nothing can be mounted here")
    given = command("--benchmark-storage=full/runs", *TIMED)
    refused(run(project, [*words, *given], project / "full"), reason)


def test_run_that_cannot_be_saved_in_the_end_is_saved_elsewhere(
    project: Path, tmp_path: Path
) -> None:
    """What was measured is shown, and kept in a private folder that a warning names."""
    (tmp_path / "tmp").mkdir()
    spoiled = {"SPOILED": str(project / "results"), "TMPDIR": str(tmp_path / "tmp")}
    ended = run_pytest(project, *TIMED, variables=spoiled)
    assert ended.exit_code == 0
    assert "what Ray gained" in ended.output
    found = re.search(r"warning: the run could not be saved .*; it is in (.*)", ended.output)
    assert found
    file = Path(found[1])
    assert len(json.loads(file.read_text())["benchmarks"]) == 1
    private = tmp_path / "tmp" / file.relative_to(tmp_path / "tmp").parts[0]
    assert private.stat().st_mode & 0o077 == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is full")
def test_report_of_pytest_benchmark_that_fails_in_the_end_is_saved_elsewhere(
    project: Path,
) -> None:
    """Its file cannot be written: its table and ours are shown, and the file is elsewhere."""
    ended = run_pytest(project, *TIMED, "--benchmark-json=/dev/full")
    assert ended.exit_code == 0
    assert "what Ray gained" in ended.output
    assert len(ended.saved) == 1
    found = re.search(r"warning: .*be saved \(No space left.*; it is in (.*)", ended.output)
    assert found
    assert len(json.loads(Path(found[1]).read_text())["benchmarks"]) == 1
    shutil.rmtree(Path(found[1]).parent)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is full")
def test_table_of_a_gate_that_cannot_be_written_is_shown(project: Path) -> None:
    """Where the file or CI's page is full in the end, the verdicts are shown all the same."""
    write(project, {"test_sum.py": SUM, "mylib.py": "def work():\n    return sum(range(1000))\n"})
    who = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
    for words in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message=one"]):
        subprocess.run(["git", *who, *words], cwd=project, check=True)  # noqa: S607 - the user's git
    gate = ("--benchmark-only", "--rayscale-against=HEAD", "--rayscale-pair-budget=1")
    ended = run_pytest(
        project,
        *gate,
        "--rayscale-gate-summary=/dev/full",
        "test_sum.py",
        variables={"GITHUB_STEP_SUMMARY": "/dev/full"},
    )
    assert ended.exit_code == 0
    assert "head against HEAD" in ended.output
    warning = 'warning: the table is not in "/dev/full" (No space left on device)'
    assert ended.output.count(warning) == 2


def test_launch_that_cannot_be_kept_is_kept_elsewhere(project: Path, tmp_path: Path) -> None:
    """A launch of a series ends it where it cannot be saved; what it measured is named."""
    (tmp_path / "tmp").mkdir()
    spoiled = {"SPOILED": str(project / "results"), "TMPDIR": str(tmp_path / "tmp")}
    words = [sys.executable, "-m", "rayscale", "record", "--launches=2", "--", QUICK]
    ended = run(project, words, tmp_path / "tmp", spoiled)
    assert ended.exit_code == 1
    assert "the run could not be saved in results" in ended.output
    assert "Traceback" not in ended.output
    assert len(ended.contents["benchmarks"]) == 1
