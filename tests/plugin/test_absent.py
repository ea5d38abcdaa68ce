"""What is not installed, or switched off, is said in one sentence."""

from pathlib import Path

import pytest

from tests.projects import QUICK, run_pytest, write

# As if the packages named in HIDDEN were not installed.
HIDING = """
import functools, os
from importlib.machinery import PathFinder

find, hidden = PathFinder.find_spec, os.environ["HIDDEN"].split()

def find_spec(name, path=None, target=None):
    return None if name.partition(".")[0] in hidden else find(name, path, target)

PathFinder.find_spec = functools.partial(find_spec)  # no method of a class that takes it over
"""

BENCHMARK = """
import numpy as np
import rayscale

@rayscale.cases({"negative": np.negative}, sizes={"small": 5}, cpus=(1,))
def test_negative(measure, size):
    rows = np.arange(size)
    measure(rows, expected=-rows)
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project with one benchmark, and a folder that hides packages."""
    files = {"test_negative.py": BENCHMARK, "hiding/sitecustomize.py": HIDING}
    return write(tmp_path_factory.mktemp("absent"), files)


def hidden(project: Path, *names: str) -> dict[str, str]:
    """Return the environment in which the packages of these names are not to be found."""
    return {"PYTHONPATH": str(project / "hiding"), "HIDDEN": " ".join(names)}


def test_timed_cases_of_ray_need_ray(project: Path) -> None:
    """A timed run with cases of Ray's ends before it begins, and says how to get Ray."""
    done = run_pytest(project, "--benchmark-only", variables=hidden(project, "ray"))

    assert done.exit_code == 4
    assert (
        "ERROR: test_negative[negative-ray_whole-cpus1-small] runs on Ray, and Ray is not "
        "installed; pip install 'rayscale[ray]', or leave out its cases with -m 'not ray'"
    ) in done.output.splitlines()
    assert "Traceback" not in done.output


def test_serial_cases_need_no_ray(project: Path) -> None:
    """Without Ray's cases, a run without Ray is timed and saved as ever."""
    arguments = ("--benchmark-only", QUICK, "-m=not ray")
    done = run_pytest(project, *arguments, variables=hidden(project, "ray"))

    assert done.exit_code == 0, done.output
    assert set(done.cases) == {"negative-serial-small"}


def test_untimed_cases_of_ray_are_skipped(project: Path) -> None:
    """As tests, Ray's cases are skipped with the reason, and the serial one is checked."""
    done = run_pytest(project, "-rs", variables=hidden(project, "ray"))

    assert done.exit_code == 0, done.output
    assert "1 passed, 3 skipped" in done.output
    assert "Ray is not installed; pip install 'rayscale[ray]'" in done.output


@pytest.mark.parametrize("option", [["-p", "no:benchmark"], ["-p", "no:pytest-benchmark"]])
def test_benchmarks_need_pytest_benchmark(project: Path, option: list[str]) -> None:
    """Where pytest-benchmark is switched off, or absent, our benchmarks are skipped."""
    done = run_pytest(project, "-rs", *option)

    assert done.exit_code == 0, done.output
    assert "4 skipped" in done.output
    assert "it is measured by pytest-benchmark, which is switched off" in done.output
