"""Each benchmark goes through the cases, or the amounts, that the matrix has under its name."""

import pytest
from _pytest.mark import ParameterSet

from benchmarks import matrix
from rayscale.suite.environment import usable_cpus
from rayscale.suite.options import OPTIONS

collect_ignore = ["competitors.py", "launches.py", "reading.py"]  # scripts


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a benchmark its cases or amounts, for the sizes and CPU counts asked for."""
    asked = metafunc.config.stash[OPTIONS]
    subject = metafunc.function.__name__.removeprefix("test_")
    if "measure" in metafunc.fixturenames:
        cases = matrix.cases(subject, asked.cpus, asked.sizes, usable_cpus())
        _parametrize(metafunc, matrix.NAMES, list(cases))
    elif "probe" in metafunc.fixturenames:
        amounts = matrix.probes(subject, asked.cpus, asked.sizes)
        _parametrize(metafunc, matrix.PROBE_NAMES, list(amounts))


def _parametrize(
    metafunc: pytest.Metafunc, names: tuple[str, ...], values: list[ParameterSet]
) -> None:
    none = pytest.param(*[None] * len(names), id="none", marks=pytest.mark.no_case)
    metafunc.parametrize(names, values or [none])
