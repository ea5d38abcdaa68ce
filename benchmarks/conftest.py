"""Each benchmark ``test_PROBLEM`` goes through the cases that the matrix has for its problem."""

import pytest

from benchmarks import matrix
from rayscale.session.environment import usable_cpus
from rayscale.session.options import OPTIONS

collect_ignore = ["competitors.py", "launches.py"]  # scripts, with packages of their own


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a benchmark its cases: those of the sizes and CPU counts asked for."""
    if "measure" in metafunc.fixturenames:
        asked = metafunc.config.stash[OPTIONS]
        problem = metafunc.function.__name__.removeprefix("test_")
        cases = list(matrix.cases(problem, asked.cpus, asked.sizes, usable_cpus()))
        none = pytest.param(None, None, None, None, id="none", marks=pytest.mark.no_case)
        metafunc.parametrize(matrix.NAMES, cases or [none])
