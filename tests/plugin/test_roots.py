"""Which folder is the project: pytest's root, and what an option's value makes of it."""

from importlib.metadata import version
from pathlib import Path

import pytest

from tests.projects import NEGATIVE, QUICK, run_pytest, write

PLAIN = """
def test_plain(benchmark):
    benchmark(sum, [1, 2])
"""
TIMED = ("--benchmark-only", QUICK)
BENCHMARK = version("pytest-benchmark")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project with one benchmark of ours."""
    settings = "[pytest]\nrayscale = true\n"
    return write(tmp_path / "project", {"tests/test_it.py": NEGATIVE, "pytest.ini": settings})


@pytest.mark.parametrize("option", ["--benchmark-json", "--gate-summary", "--sizes"])
def test_value_that_moves_the_root_is_refused(project: Path, option: str) -> None:
    """A file after a space makes its folder the project: one sentence asks for a '='."""
    (project.parent / "out").write_text("mine")
    ended = run_pytest(project, *TIMED, option, "../out")
    assert ended.exit_code == 4
    assert f'{option} "../out": after a space pytest takes this for a place of' in ended.output
    assert f"write {option}=FILE" in ended.output
    assert "Traceback" not in ended.output
    if not BENCHMARK.startswith("5.0"):  # that one opens the file when it reads its options
        assert (project.parent / "out").read_text() == "mine"


def test_benchmark_under_a_moved_root_is_refused_without_the_setting(project: Path) -> None:
    """A benchmark of ours is enough: it would be saved beside another project."""
    (project / "pytest.ini").write_text("[pytest]\n")
    (project.parent / "out.json").write_text("")
    ended = run_pytest(project, *TIMED, "--benchmark-json", "../out.json")
    assert ended.exit_code == 4
    assert "write --benchmark-json=FILE" in ended.output
    assert not (project.parent / "results").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--benchmark-json", "out.json"],  # in the project
        ["--benchmark-json", "../new.json"],  # not there yet
        ["--benchmark-json=../out.json"],
        ["--rootdir=.", "--benchmark-json", "../out.json"],
        ["-c", "pytest.ini", "--benchmark-json", "../out.json"],
        ["--benchmark-json", "../out.json", "tests"],
    ],
)
def test_value_that_leaves_the_root_alone_is_taken(project: Path, arguments: list[str]) -> None:
    """What does not move the root, or comes with a root of the user's own, runs."""
    for file in (project / "out.json", project.parent / "out.json"):
        file.write_text("")
    ended = run_pytest(project, *TIMED, *arguments)
    assert ended.exit_code == 0
    assert len(ended.saved) == 1


def test_project_is_measured_from_elsewhere(project: Path, tmp_path: Path) -> None:
    """Called in another folder with a path, pytest finds the project's root; so do runs."""
    (tmp_path / "elsewhere").mkdir()
    ended = run_pytest(tmp_path / "elsewhere", *TIMED, "../project/tests")
    assert ended.exit_code == 0
    assert len(list((project / "results").rglob("*.json"))) == 1


def test_root_of_others_is_their_own_business(tmp_path: Path) -> None:
    """A project that does not ask for rayscale runs as without it, under whatever root."""
    own = write(tmp_path / "theirs", {"test_plain.py": PLAIN, "pytest.ini": "[pytest]\n"})
    (tmp_path / "out.json").write_text("")
    assert run_pytest(own, *TIMED, "--benchmark-json", "../out.json").exit_code == 0
