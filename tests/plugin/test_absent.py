"""What is not installed, or switched off, is said in one sentence."""

from pathlib import Path

import pytest

from tests.projects import QUICK, ROOT, run_pytest, write

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


def test_rollouts_need_gymnasium(project: Path) -> None:
    """Without Gymnasium the other benchmarks here are there, and a sentence names what is not."""
    done = run_pytest(ROOT, "benchmarks", "--collect-only", variables=hidden(project, "gymnasium"))

    assert done.exit_code == 0, done.output
    assert "test_moving_average[loop-serial-small]" in done.output
    assert "test_rollout[" not in done.output
    assert (
        "benchmarks/test_rollout.py is left out: Gymnasium is not installed; pip install "
        "gymnasium==1.2.2"
    ) in done.output.splitlines()


def test_cases_of_joblib_need_joblib(tmp_path: Path) -> None:
    """A timed run with a way whose package is missing ends before it begins, in one sentence."""
    benchmark = BENCHMARK.replace("cpus=(1,)", "cpus=(2,), ways=[rayscale.serial, rayscale.joblib]")
    files = {"test_negative.py": benchmark, "hiding/sitecustomize.py": HIDING}
    variables = hidden(write(tmp_path, files), "joblib")
    timed = run_pytest(tmp_path, "--benchmark-only", variables=variables)
    untimed = run_pytest(tmp_path, "-rs", variables=variables)

    assert timed.exit_code == 4
    assert (
        "ERROR: test_negative[negative-joblib-cpus2-small] is run by joblib, and joblib is not "
        "installed; pip install 'rayscale[pools]', or leave out its cases with -k 'not joblib'"
    ) in timed.output.splitlines()
    assert untimed.exit_code == 0
    assert "joblib is not installed; pip install 'rayscale[pools]'" in untimed.output


def test_pool_needs_cloudpickle_for_a_test_files_kernel(tmp_path: Path) -> None:
    """Without it a kernel of a module runs in a process pool; one of the test file says why not."""
    benchmark = BENCHMARK.replace("cpus=(1,)", "cpus=(2,), ways=[rayscale.process_pool]")
    own = benchmark.replace("np.negative}", "lambda rows: -rows}")
    files = {
        "test_negative.py": benchmark,
        "test_own.py": own,
        "hiding/sitecustomize.py": HIDING,
    }
    variables = hidden(write(tmp_path, files), "cloudpickle")
    done = run_pytest(tmp_path, variables=variables)

    assert "1 failed, 1 passed" in done.output
    assert (
        "the kernel negative of a test file cannot be sent to a pool's workers by pickle; pip "
        "install cloudpickle, or move the kernel to a module"
    ) in done.output
