"""The pytest plug-in: settles the request, wires the session's parts into pytest's hooks."""

from collections.abc import Generator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from rayscale.gate import request as gate
from rayscale.gate.request import GATE
from rayscale.saved import saving
from rayscale.suite import cluster, environment, live, options
from rayscale.suite.case import functions
from rayscale.suite.options import CPUS_NEEDED, OPTIONS

if TYPE_CHECKING:
    from rayscale.saved.control import Control

MARKS = (
    "ray(cpus=1): needs so many CPUs of the session's Ray cluster; a case's own count wins",
    "overhead: what Ray costs apart from any kernel; no case of the matrix",
    "tolerance(slowdown): the slowdown of this benchmark that --against must catch, such as 10%",
    "oversubscribed: a case with more CPUs than this process may use",
    "no_case: stands for a benchmark that has no case at the sizes asked for; deselected",
)
MEASURED = pytest.StashKey[list[Mapping[str, Any]]]()  # the benchmarks whose tests passed
FAILED = pytest.StashKey[list[str]]()  # the ids of those whose tests did not
# None where nothing is timed, or all is timed in pairs.
CONTROL: "pytest.StashKey[Control | None]" = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare what to measure, where, and against what."""
    options.add_to(parser)
    gate.add_to(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Settle the options, before Ray is imported and before pytest-benchmark reads its own."""
    for mark in MARKS:
        config.addinivalue_line("markers", mark)
    asked = config.stash[OPTIONS] = options.settle(config)
    config.stash[MEASURED] = []
    config.stash[FAILED] = []
    options.choose_for_benchmark(config)
    if asked.ray_address:
        cluster.prepare_existing()
    else:
        cluster.prepare_private()
    config.stash[GATE] = gate.settle(config)  # puts its copies of the kernels on Ray's paths
    saving.choose_folder(config)
    config.stash[CONTROL] = None
    if asked.timed:
        if config.stash[GATE] is None:
            from rayscale.saved.control import Control  # it loads NumPy

            config.stash[CONTROL] = Control()
        saving.save_every_timed_run(config)
        config.pluginmanager.register(live.LiveLine(config, saving.folder(config)), "rayscale-live")
    else:
        config.option.benchmark_disable = True


def pytest_report_header(config: pytest.Config) -> str:
    """Say what is measured where."""
    asked = config.stash[OPTIONS]
    machine = environment.hardware()
    here = environment.conditions()
    against = config.stash[GATE]
    gated = f"; against {against.revision}, --pair-seed {against.seed}" if against else ""
    return (
        f"rayscale: {environment.fingerprint(machine)}, niceness {here.niceness}, "
        f"{here.blas_threads} BLAS thread, {here.allocator}; "
        f"cpus {','.join(map(str, asked.cpus))}; sizes {','.join(asked.sizes)}"
        f"{'' if asked.timed else '; untimed, --benchmark-only times'}{gated}"
    )


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out the tests where only benchmarks are asked for: they need more packages."""
    only = config.getoption("--benchmark-only")
    return True if only and collection_path.parent == config.rootpath / "tests" else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect what stands for no case, and tests where only benchmarks are asked for."""
    only = config.getoption("--benchmark-only")
    kept: list[pytest.Item] = []
    left: list[pytest.Item] = []
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        needed = "measure" if config.stash[GATE] else "benchmark"
        unwanted = item.get_closest_marker("no_case") or (only and needed not in fixtures)
        (left if unwanted else kept).append(item)
    config.hook.pytest_deselected(items=left)
    items[:] = kept
    for item in items:
        _let_the_user_win(config, item)


def _let_the_user_win(config: pytest.Config, item: pytest.Item) -> None:
    """Drop from *item*'s benchmark mark what the user gave as an option."""
    if mark := item.get_closest_marker("benchmark"):
        kept = {
            name: value
            for name, value in mark.kwargs.items()
            if not options.given(config, f"--benchmark-{name.replace('_', '-')}")
        }
        item.add_marker(pytest.mark.benchmark(**kept), append=False)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Find out what makes the request impossible, while it still ends with one line and exit 4."""
    config = session.config
    if not session.items:
        saving.save_nothing(config)
    if against := config.stash[GATE]:
        _settle_gate(config, against, session.items)
    neediest = max(session.items, key=_cpus_needed, default=None)
    needed = config.stash[CPUS_NEEDED] = _cpus_needed(neediest) if neediest else 0
    address = config.stash[OPTIONS].ray_address
    if address and neediest and needed and not config.getoption("--collect-only"):
        try:
            with cluster.existing(address, needed, neediest.name):
                pass
        except cluster.ClusterError as error:
            saving.save_nothing(config)
            raise pytest.UsageError(str(error)) from error


def _settle_gate(config: pytest.Config, against: gate.Gate, items: list[pytest.Item]) -> None:
    """Fix which cases are compared; UsageError where there is none."""
    common = [item for item in items if not against.missing(*_functions(item))]
    against.admit(common)
    against.others += [(name, "removed") for name in against.removed]
    if items and not common:
        saving.save_nothing(config)
        raise pytest.UsageError(
            f"--against {against.revision.name}: {against.revision} has none of the "
            f"{len(items)} cases chosen; choose others with -k, or an earlier kernel's revision"
        )


def _functions(item: pytest.Item) -> tuple[str, str]:
    """Return the names, in ``kernels``, of what a case measures and of how it runs it."""
    parameters = item.callspec.params  # type: ignore[attr-defined]  # a benchmark has cases
    problem = item.originalname.removeprefix("test_")  # type: ignore[attr-defined]  # the same
    return functions(problem, parameters["kernel"], parameters["implementation"])


def _cpus_needed(item: pytest.Item) -> int:
    """Return how many CPUs of Ray's *item* needs: its parameter's, or its mark's."""
    mark = item.get_closest_marker("ray")
    parameters = getattr(item, "callspec", None)
    own = {"cpus": 1, **mark.kwargs, **(parameters.params if parameters else {})} if mark else {}
    return int(own.get("cpus", 0))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Time the control before and after each case, and save it with the case."""
    control = item.config.stash[CONTROL] if "measure" in getattr(item, "fixturenames", ()) else None
    if control is None:
        return (yield)
    before = control.sample()
    done = yield
    benchmark: BenchmarkFixture = item.funcargs["benchmark"]  # type: ignore[attr-defined]
    benchmark.extra_info["control"] = control.note(before, control.sample())
    return done


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep the timings of a test that failed, before or after them, out of the saved run."""
    report = yield
    benchmark = getattr(item, "funcargs", {}).get("benchmark")
    if report.failed and "benchmark" in getattr(item, "fixturenames", ()):
        item.config.stash[FAILED].append(item.nodeid)
    if benchmark is not None and not item.config.stash[GATE]:  # the gate saves failures, too
        if report.failed:
            benchmark.has_error = True
        elif report.when == "teardown" and _is_measured_case(benchmark):
            item.config.stash[MEASURED].append(benchmark.stats.as_dict())
    return report


def _is_measured_case(benchmark: BenchmarkFixture) -> bool:
    timed = benchmark.stats is not None and not benchmark.has_error
    return timed and "problem" in benchmark.extra_info


@pytest.hookimpl(trylast=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Let pytest-benchmark, configured by now, save into this machine's folder."""
    if session.config.stash[OPTIONS].timed:
        saving.name_folder_by_hardware(session.config)


def pytest_benchmark_update_machine_info(machine_info: dict[str, Any]) -> None:
    """Save what the timings depend on."""
    saving.describe_machine(machine_info)


def pytest_benchmark_update_json(config: pytest.Config, output_json: dict[str, Any]) -> None:
    """Save what failed, and how the machine was."""
    control, failed = config.stash[CONTROL], config.stash[FAILED]
    saving.describe_launch(
        output_json,
        failed=sorted(set(failed)),
        control=control.medians if control else [],
        kind="gate" if config.stash[GATE] else "launch",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_benchmark_group_stats(config: pytest.Config) -> list[Any] | None:
    """Leave pytest-benchmark nothing to show under --against: its table has no base."""
    return [] if config.stash[GATE] else None


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say, after pytest-benchmark's tables, what Ray gained and lost."""
    width = max(100, terminalreporter._tw.fullwidth)  # noqa: SLF001
    if (against := config.stash[GATE]) and (against.cases or against.others):
        terminalreporter.section(f"head against {against.revision}")
        terminalreporter.write(gate.report(against, max(width, 110)))
        gate.write_markdown(against, config.getoption("--gate-summary"))
    records = config.stash[MEASURED]
    if records:
        from rayscale.suite import summary  # SciPy takes a while to import

        terminalreporter.section("what Ray gained")
        terminalreporter.write(summary.render(records, width))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail where the head lacks what the base has, unless that is meant."""
    against = session.config.stash[GATE]
    passed = session.exitstatus == pytest.ExitCode.OK
    if against and against.removed and not against.allow_removed and passed:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
