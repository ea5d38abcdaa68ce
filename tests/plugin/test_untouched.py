"""A project that does not use rayscale notices nothing of it, installed as it is."""

from pathlib import Path

import pytest

from tests.projects import QUICK, Run, run_pytest, write

HEAVY = ("numpy", "scipy", "ray", "rich", "cpuinfo", "pandas", "matplotlib", "psutil")
OURS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MALLOC_MMAP_THRESHOLD_", "RAY_AUTH_MODE")

# Names that are ours, too; a plain benchmark; and what must not be there.
PROJECT = {
    "pytest.ini": "[pytest]\nfilterwarnings = error\naddopts = --strict-markers --strict-config\n",
    "conftest.py": """
import pytest

def pytest_addoption(parser):
    parser.addoption("--sizes", default="theirs")
    parser.addoption("--cpus", action="store_true")

@pytest.fixture
def measure():
    return "their measure"

@pytest.fixture
def size(request):
    return request.config.getoption("--sizes")
""",
    "test_theirs.py": f"""
import os, sys
import pytest

def test_nothing_is_imported():
    assert [name for name in {HEAVY} if name in sys.modules] == []
    assert [name for name in sys.modules if name.startswith("rayscale.suite.ways")] == []

def test_no_variable_is_set():
    assert [name for name in {OURS} if name in os.environ] == []

def test_fixtures_are_theirs(measure, size):
    assert (measure, size) == ("their measure", "theirs")

@pytest.mark.parametrize("kernel", ["a"])
@pytest.mark.parametrize("cpus", [1])
def test_parameters_are_theirs(kernel, cpus):
    assert (kernel, cpus) == ("a", 1)

def test_plain_benchmark(benchmark):
    assert benchmark(sum, [1, 2]) == 3
""",
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project that has nothing to do with rayscale."""
    return write(tmp_path_factory.mktemp("theirs"), PROJECT)


@pytest.fixture(scope="module")
def untouched(project: Path) -> Run:
    """Return a run of it, in which pytest-benchmark times as it does by default."""
    return run_pytest(project, "-p", "no:regressions")


def test_session_passes(untouched: Run) -> None:
    """No heavy import, no variable; fixtures, parameters and options of our names are theirs."""
    assert untouched.exit_code == 0, untouched.output
    assert "5 passed" in untouched.output


def test_session_shows_nothing_of_ours(untouched: Run) -> None:
    """Neither header line nor warning nor summary; the plain benchmark has its own table."""
    lines = [line for line in untouched.output.splitlines() if "rayscale" in line]

    assert all(line.startswith(("plugins:", "rootdir:")) for line in lines)
    assert "warning" not in untouched.output
    assert "what Ray gained" not in untouched.output
    assert "benchmark: 1 tests" in untouched.output
    assert "OPS" in untouched.output  # pytest-benchmark's own columns


def test_session_writes_nothing(project: Path, untouched: Run) -> None:
    """No folder appears beside the project's own files."""
    others = {"__pycache__", ".benchmarks"}  # Python's, and pytest-benchmark's
    left = {path.name for path in project.iterdir()} - others

    assert untouched.saved == []
    assert left == set(PROJECT)


@pytest.mark.parametrize(
    ("arguments", "variables", "tests"),
    [
        pytest.param(["-p", "no:rayscale", QUICK], {}, 5, id="no-rayscale"),
        pytest.param(["-p", "no:benchmark", "-k", "not plain"], {}, 4, id="no-benchmark"),
        pytest.param(
            ["-k", "not plain"], {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}, 4, id="no-autoload"
        ),
        pytest.param(
            ["-p", "rayscale.plugin", "-k", "not plain"],
            {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
            4,
            id="rayscale-alone",
        ),
    ],
)
def test_plugins_can_be_switched_off(
    project: Path, arguments: list[str], variables: dict[str, str], tests: int
) -> None:
    """Without rayscale, without pytest-benchmark, without both, nothing is raised."""
    done = run_pytest(project, *arguments, variables=variables)

    assert done.exit_code == 0, done.output
    assert f"{tests} passed" in done.output


def test_help_shows_long_options_alone(project: Path) -> None:
    """Where the project does not ask for them there are no short options, that it may have."""
    done = run_pytest(project, "--help")

    assert done.exit_code == 0, done.output
    assert "--rayscale-sizes" in done.output
    assert "--rayscale-against" in done.output
    assert "  --tolerance" not in done.output
