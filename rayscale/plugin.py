"""The pytest plug-in: what every session of an environment with rayscale loads.

It adds options and marks, and nothing else, until a session asks for more: by an option, by an ini
setting or by a benchmark of ours.  Then ``measuring.py`` does the rest.  So nothing here imports
NumPy, Ray, rich or SciPy at the top.
"""

import re
from argparse import ArgumentError
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from rayscale.gate.options import OPTIONS as GATE_OPTIONS
from rayscale.suite.options import OPTIONS

if TYPE_CHECKING:
    from rayscale.measuring import Measuring
    from rayscale.suite.cluster import SessionCluster
    from rayscale.suite.measure import Measure
    from rayscale.suite.probe import Probe

GROUPS = (
    ("rayscale", "does Ray pay, cut this way, on this many CPUs?", OPTIONS),
    ("rayscale gate", "did my change make it slower?", GATE_OPTIONS),
)
ASKED = (
    "this project measures with rayscale: short options (--sizes for --rayscale-sizes), and "
    "threads and allocator fixed before anything is imported"
)
RESULTS = "the folder where runs are kept (default: results)"
MARKS = (
    "ray(cpus=1): a case that runs on Ray; with rayscale_cluster, a test that needs so many CPUs",
    "overhead: what Ray costs apart from any kernel",
    "ways: cases of all ways of running; -m ways runs those, too, that are left out without it",
    "tolerance(slowdown): the slowdown of this benchmark that a gate must catch, such as 10%",
    "oversubscribed: a case with more CPUs than this process may use",
)
LONG, SHORT = "--rayscale-", "--"
ATTRIBUTE = "__rayscale_cases__"  # of a decorated test
DOUBLE = (ValueError, ArgumentError)  # what pytest raises where two declare one option
MEASURING = pytest.StashKey["Measuring"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options, under names that nobody else has, and the ini settings."""
    _add(parser, LONG)
    parser.addini("rayscale", ASKED, type="bool", default=False)
    parser.addini("rayscale_results", RESULTS, type="string", default="")


def _add(parser: pytest.Parser, prefix: str) -> None:
    for name, question, options in GROUPS:
        group = parser.getgroup(name, question)
        for option, kwargs in options.items():
            text = kwargs["help"] if prefix == LONG else f"the same as {LONG}{option}"
            own = {**kwargs, "help": text, "dest": f"rayscale_{option.replace('-', '_')}"}
            group.addoption(f"{prefix}{option}", **own)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(
    early_config: pytest.Config, parser: pytest.Parser, args: list[str]
) -> Generator[None, None, None]:
    """Where rayscale is asked for, add the short options and fix threads and allocator.

    The ini file is read by now, and no conftest.py is imported.
    """
    short = _is_short(early_config)
    gates = ("--rayscale-against", *(["--against"] if short else []))
    if any(word.startswith(gates) for word in args):
        _demand_benchmark(early_config)
    _demand_own_root(early_config, args)
    if short:
        _add_short(parser)
    if short or any(word.startswith("--rayscale-") for word in args):
        _activate(early_config, is_asked_for=True)
    try:
        yield
        if short:
            parser.parse_known_args(args)  # until here, older versions of pytest see no double
    except DOUBLE as error:
        if short:
            _refuse_a_double(error)
        raise


def _is_short(config: pytest.Config) -> bool:
    """Return the setting *rayscale*; UsageError where it is neither true nor false."""
    try:
        return bool(config.getini("rayscale"))
    except (TypeError, ValueError, pytest.UsageError) as error:  # newer versions raise the last
        raise pytest.UsageError(f"the setting rayscale: {error}; give true or false") from error


def _demand_own_root(config: pytest.Config, args: list[str]) -> None:
    """Raise UsageError where an option's value has moved the root of a project of ours."""
    ours = [f"{one}{name}" for _, _, options in GROUPS for name in options for one in (LONG, SHORT)]
    if any(word in ours or word.startswith(("--benchmark-", LONG)) for word in args):
        from rayscale.rooting import demand_own_root

        asked = any(word.startswith(LONG) for word in args)
        demand_own_root(config, args, ours, is_asked_for=asked)


def _demand_benchmark(config: pytest.Config) -> None:
    """Raise UsageError where a gate has no pytest-benchmark: its options would be unknown."""
    known = ("benchmark", "pytest_benchmark.plugin")  # as an entry point; by -p and its module
    if not any(map(config.pluginmanager.has_plugin, known)):
        raise pytest.UsageError(
            "a gate compares what pytest-benchmark times, and it is not loaded ('-p no:benchmark', "
            "or PYTEST_DISABLE_PLUGIN_AUTOLOAD); add '-p benchmark' to the command"
        )


def _add_short(parser: pytest.Parser) -> None:
    try:
        _add(parser, SHORT)
    except DOUBLE as error:
        _refuse_a_double(error)
        raise


def _refuse_a_double(error: Exception) -> None:
    """Raise UsageError if *error* is pytest's about an option that two have declared."""
    ours = [option for _, _, options in GROUPS for option in options]
    doubles = [f"--{one}" for one in ours if re.search(rf"--{one}(?![\w-])", str(error))]
    if doubles:
        raise pytest.UsageError(
            f"{doubles[0]} is an option of this project or of another plug-in, too; take the "
            "setting 'rayscale' out of pytest's ini file, and write --rayscale-"
            f"{doubles[0].removeprefix('--')}"
        ) from error


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marks."""
    for mark in MARKS:
        config.addinivalue_line("markers", mark)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a benchmark of ours its cases: one that is decorated, or that uses our fixtures."""
    decorated = hasattr(metafunc.function, ATTRIBUTE)
    if decorated or "rayscale_cluster" in metafunc.fixturenames:
        activate(metafunc.config).parametrize(metafunc)


def activate(config: pytest.Config) -> "Measuring":
    """Return this session's plug-in that measures; a benchmark of ours has use for it."""
    return _activate(config, is_asked_for=False)


def _activate(config: pytest.Config, *, is_asked_for: bool) -> "Measuring":
    if (found := config.stash.get(MEASURING, None)) is None:
        from rayscale.measuring import Measuring

        found = config.stash[MEASURING] = Measuring(config, is_asked_for=is_asked_for)
        config.pluginmanager.register(found, "rayscale-measuring")
    return found


@pytest.fixture(scope="session")
def rayscale_cluster(pytestconfig: pytest.Config) -> Iterator["SessionCluster"]:
    """The session's Ray cluster, started when a case first needs it."""
    from rayscale import session_cluster

    with session_cluster(pytestconfig) as cluster:
        yield cluster


@pytest.fixture
def size(request: pytest.FixtureRequest) -> Any:
    """The value of the case's data size."""
    return activate(request.config).size(request)


@pytest.fixture
def rayscale_placement() -> str:
    """How the case's CPUs are placed on the nodes of a cluster, where that is asked for."""
    return ""


@pytest.fixture
def measure(
    request: pytest.FixtureRequest,
    benchmark: Any,
    rayscale_cluster: "SessionCluster",
    kernel: str,
    implementation: str,
    cpus: int,
    size: Any,
    rayscale_placement: str,
) -> "Measure":
    """Check and time the case of this test, or compare it: ``measure(rows, expected)``."""
    return activate(request.config).measure(request, benchmark, rayscale_cluster)


@pytest.fixture
def rayscale_probe(
    request: pytest.FixtureRequest,
    benchmark: Any,
    rayscale_cluster: "SessionCluster",
    implementation: str,
    cpus: int,
    amount: Any,
    rayscale_placement: str,
) -> "Probe":
    """Time what a way of running costs by itself: ``rayscale_probe(kernel, rows)``."""
    return activate(request.config).probe(request, benchmark, rayscale_cluster)
