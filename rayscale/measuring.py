"""A session that measures: what the rooms do at each of pytest's hooks.

Registered by ``plugin.py`` when a session asks for rayscale.  It ties the rooms together, and to
pytest; each hook calls into a room.
"""

from collections.abc import Generator, Mapping
from contextlib import ExitStack
from dataclasses import asdict
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rayscale.suite import environment, options
from rayscale.suite.options import Asked

if TYPE_CHECKING:
    from rayscale.gate.request import Gate
    from rayscale.saved.control import Control
    from rayscale.suite.case import Arm, Case, Cases
    from rayscale.suite.cluster import SessionCluster
    from rayscale.suite.measure import Measure
    from rayscale.suite.probe import Probe

FEWEST_ROUNDS = 7  # from which a 97.5 % interval of a median follows: 1 - 2 * 2**-7 = 0.984


class Measuring:
    """One session's state, and its hooks."""

    def __init__(self, config: pytest.Config) -> None:
        """Fix threads and allocator now: best before anything imports NumPy."""
        self.config = config
        self.fixing = environment.fix_threads_and_allocator()
        config.add_cleanup(self.fixing.undo)
        self.asked = Asked(None, None, None, timed=False)
        self.gate: Gate | None = None
        self.control: Control | None = None
        self.clusters = ExitStack()
        self.cluster: SessionCluster | None = None
        self.ours: list[pytest.Item] = []
        self.sizes: set[str] = set()  # all that collected benchmarks have
        self.measured: list[Any] = []  # pytest-benchmark's records of the tests that passed
        self.failed: list[str] = []

    @cached_property
    def prefix(self) -> str:
        """How the options are written in this project."""
        return "--" if self.config.getini("rayscale") else "--rayscale-"

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Settle what is asked for, while it still ends with one sentence and exit code 4."""
        self.asked = options.settle(config, self.prefix)
        if config.getoption("rayscale_against") is not None:
            from rayscale.gate import request

            self.gate = request.settle(config)

    def pytest_report_header(self) -> str | None:
        """Say what is measured where, if an option or the project asks for it."""
        return _header(self)

    # Collection

    def parametrize(self, metafunc: pytest.Metafunc) -> None:
        """Give a test its cases, or say in one sentence why it has none."""
        if "rayscale_probe" in metafunc.fixturenames:
            self._parametrize_probe(metafunc)
            return
        chosen = _cases_of(metafunc)
        if chosen is None:
            return
        from rayscale.suite import case

        self.sizes |= {name for arm in chosen.arms for name in arm.sizes}
        try:
            values = case.parameters(chosen, self._choice())
        except ValueError as error:
            raise pytest.Collector.CollectError(f"{metafunc.function.__name__}: {error}") from error
        none = pytest.param(*[None] * len(case.NAMES), id="none", marks=pytest.mark.no_case)
        metafunc.parametrize(case.NAMES, values or [none], indirect=["size"])

    def _choice(self) -> Any:
        from rayscale.machine import usable_cpus
        from rayscale.suite.case import Choice

        cores = usable_cpus()
        return Choice(
            cpus=self.asked.cpus or options.default_cpus(cores),
            sizes=self.asked.sizes,
            cores=cores,
            gated=self.gate is not None,
        )

    def _parametrize_probe(self, metafunc: pytest.Metafunc) -> None:
        from rayscale.suite import probe

        wanted = self.asked.sizes is None or probe.SIZE in self.asked.sizes
        choice = self._choice()
        self.sizes.add(probe.SIZE)
        values = probe.parameters(metafunc.function, choice.cpus) if wanted else []
        none = pytest.param(*[None] * len(probe.NAMES), id="none", marks=pytest.mark.no_case)
        metafunc.parametrize(probe.NAMES, values or [none])

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Deselect what stands for no case, and what a gate does not compare."""
        left = [item for item in items if self._is_left_out(item)]
        if left:
            self.config.hook.pytest_deselected(items=left)
            items[:] = [item for item in items if item not in left]
        self.ours = [item for item in items if _is_ours(item)]
        for item in self.ours:
            self._choose_rounds(item)

    def _is_left_out(self, item: pytest.Item) -> bool:
        if item.get_closest_marker("no_case"):
            return True
        return self.gate is not None and "measure" not in getattr(item, "fixturenames", ())

    def _choose_rounds(self, item: pytest.Item) -> None:
        """Give *item* enough rounds for an interval, unless it or the user says how many."""
        mark = item.get_closest_marker("benchmark")
        wanted = {"min_rounds": FEWEST_ROUNDS, **(mark.kwargs if mark else {})}
        kept = {
            name: value
            for name, value in wanted.items()
            if not options.given(self.config, f"--benchmark-{name.replace('_', '-')}")
        }
        item.add_marker(pytest.mark.benchmark(**kept), append=False)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Find out what makes the request impossible, while it still ends with one line and 4."""
        self.ours = [item for item in self.ours if item in set(session.items)]
        if not self.config.option.collectonly:
            self._refuse_sizes_that_nobody_has()
        if self.gate is not None:
            self._admit_to_gate(self.gate)
        if self.ours and not self.config.option.collectonly:
            self._skip_without_benchmark()
            self._demand_ray()
            self._try_existing_cluster()
        if self.ours and self.asked.timed:
            self._prepare_timing()

    def _refuse_sizes_that_nobody_has(self) -> None:
        if self.asked.sizes is None or not self.sizes:
            return
        for name in self.asked.sizes:
            if name not in self.sizes:
                there = ", ".join(sorted(self.sizes))
                raise pytest.UsageError(
                    f'{self.prefix}sizes: no collected benchmark has a size "{name}"; there are '
                    f"{there}"
                )

    def _admit_to_gate(self, gate: "Gate") -> None:
        from rayscale.gate import request

        subjects = {item: self._function(item) for item in self.ours}
        request.admit(gate, subjects)

    def _skip_without_benchmark(self) -> None:
        """Skip our cases where pytest-benchmark, which measures them, is switched off."""
        if not self.config.pluginmanager.has_plugin("pytest-benchmark"):
            reason = "it is measured by pytest-benchmark, which is switched off"
            for item in self.ours:
                item.add_marker(pytest.mark.skip(reason=reason))

    def _demand_ray(self) -> None:
        """Refuse cases of Ray's where Ray is missing; untimed, they are skipped with the reason."""
        needing = [item for item in self.ours if item.get_closest_marker("ray")]
        if not needing or find_spec("ray") is not None:
            return
        reason = "Ray is not installed; pip install 'rayscale[ray]'"
        if self.asked.timed:
            raise pytest.UsageError(
                f"{needing[0].name} runs on Ray, and {reason}, or leave out its cases with -m 'not "
                "ray'"
            )
        for item in needing:
            item.add_marker(pytest.mark.skip(reason=reason))

    @property
    def neediest(self) -> pytest.Item | None:
        """The test that needs most CPUs of Ray's."""
        return max(self.ours, key=_cpus_needed, default=None)

    def _try_existing_cluster(self) -> None:
        neediest, address = self.neediest, self.asked.ray_address
        if address is None or neediest is None or not _cpus_needed(neediest):
            return
        from rayscale.suite.cluster import ClusterError
        from rayscale.suite.starting import existing

        try:
            with existing(address, _cpus_needed(neediest), neediest.name):
                pass
        except ClusterError as error:
            raise pytest.UsageError(str(error)) from error

    def _prepare_timing(self) -> None:
        from rayscale.saved import saving
        from rayscale.saved.control import Control
        from rayscale.suite.live import LiveLine

        if self.gate is None:
            self.control = Control()
        known = saving.last_times(self.folder)
        line = LiveLine(self.config, self.ours, known)
        self.config.pluginmanager.register(line, "rayscale-live")

    # The cases

    def _arm(self, item: pytest.Item) -> "tuple[Case, Arm]":
        from rayscale.suite import case

        words = item.callspec.params  # type: ignore[attr-defined]  # a benchmark has cases
        chosen = case.of(item.function)  # type: ignore[attr-defined]  # the same
        assert chosen is not None
        names = words["kernel"], words["implementation"], words["cpus"], words["size"]
        problem = item.originalname.removeprefix("test_")  # type: ignore[attr-defined]  # the same
        arm = case.arm_of(chosen, names[0], names[1], names[3])
        return case.Case(problem, *names), arm

    def _function(self, item: pytest.Item) -> Any:
        case, arm = self._arm(item)
        return arm.kernels[case.kernel]

    def size(self, request: pytest.FixtureRequest) -> Any:
        """Return the value of the size that a case is run at."""
        from rayscale.suite.case import value

        if not hasattr(request, "param"):
            pytest.fail(
                f"{request.node.name} takes the fixture size of rayscale and has no "
                "@rayscale.cases(...)",
                pytrace=False,
            )
        case, arm = self._arm(request.node)
        return value(arm, case.size)

    def measure(
        self, request: pytest.FixtureRequest, benchmark: Any, cluster: "SessionCluster"
    ) -> "Measure":
        """Return what the benchmark calls: it times its case, or compares it."""
        from rayscale.suite.code import code_of
        from rayscale.suite.measure import Measure, Subject

        item = request.node
        case, arm = self._arm(item)
        _demand_own_fixtures(request, cluster, case, arm)
        kernel = arm.kernels[case.kernel]
        benchmark.group = f"{case.problem} {case.size}"
        code = code_of(kernel, case.kernel, item.path)
        subject = Subject(case, kernel, arm.ways[case.implementation], cluster, code)
        if self.gate is not None:
            return Measure(subject, self._comparison(item, case, benchmark, self.gate))
        return Measure(subject, self._timing(item, benchmark))

    def _timing(self, item: pytest.Item, benchmark: Any) -> Any:
        from rayscale.suite.timing import Timing

        return Timing(
            benchmark,
            self._rounds(item),
            oversubscribed=item.get_closest_marker("oversubscribed") is not None,
            set_late=self.fixing.late,
        )

    def _comparison(self, item: pytest.Item, case: "Case", benchmark: Any, gate: "Gate") -> Any:
        from rayscale.gate.comparing import Comparison

        words = [case.problem, *item.callspec.id.split("-")]  # type: ignore[attr-defined]
        return Comparison(asdict(case), " ".join(words), item.nodeid, gate, benchmark)

    def _rounds(self, item: pytest.Item) -> Any:
        from rayscale.suite.timing import Rounds

        mark = item.get_closest_marker("benchmark")
        names = ("min_rounds", "max_time", "warmup", "precision")
        asked = {name: self.config.getoption(f"benchmark_{name}", None) for name in names}
        asked |= mark.kwargs if mark else {}
        wanted = asked["warmup"] or asked["precision"]
        return Rounds(asked["min_rounds"], float("inf") if wanted else float(asked["max_time"]))

    def probe(
        self, request: pytest.FixtureRequest, benchmark: Any, cluster: "SessionCluster"
    ) -> "Probe":
        """Return what a benchmark of Ray's own cost calls."""
        from rayscale.suite.probe import Probe

        words = request.node.callspec.params
        name = request.node.originalname.removeprefix("test_")
        benchmark.group = f"overhead {name}"
        rounds = self._rounds(request.node).fewest
        return Probe(name, words["implementation"], words["cpus"], benchmark, rounds, cluster)

    # The cluster

    def session_cluster(self) -> "SessionCluster":
        """Return the session's cluster; it starts when a case first needs it."""
        from rayscale.suite.cluster import SessionCluster

        if self.cluster is None:
            self.cluster = SessionCluster(self._start_cluster)
        return self.cluster

    def _start_cluster(self) -> Any:
        from rayscale.suite import starting

        cpus = _cpus_needed(self.neediest) if self.neediest else 1
        if self.asked.ray_address is None:
            return starting.private(cpus)
        return starting.existing(self.asked.ray_address, cpus, packages=self._packages())

    def _packages(self) -> list[str]:
        from rayscale.suite.code import packages

        kernels = [self._function(item) for item in self.ours if "measure" in item.fixturenames]  # type: ignore[attr-defined]
        copies = [str(one) for one in self.gate.packages] if self.gate else []
        return packages(kernels) + copies

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """End our cluster before a test that does not use it: it may start Ray itself."""
        if self.cluster is not None and not _is_ours(item):
            self.cluster.stop()

    # Around each case

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """Time the control before and after each case; a test that never measures fails."""
        measures = "measure" in getattr(item, "fixturenames", ()) and _is_ours(item)
        benchmark = getattr(item, "funcargs", {}).get("benchmark")
        if benchmark is not None and _is_ours(item) and not self.asked.timed:
            benchmark.disabled = True
        before = self.control.sample() if self.control and measures else []
        done = yield
        if measures:
            _demand_a_call(item)
        if self.control and benchmark is not None and measures:
            benchmark.extra_info["control"] = self.control.note(before, self.control.sample())
        return done

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Keep the timings of a test that failed, before or after them, out of the saved run."""
        report = yield
        if not _is_ours(item):
            return report
        if call.excinfo is not None and _is_a_sentence(call.excinfo.value):
            report.longrepr = str(call.excinfo.value)
        benchmark = getattr(item, "funcargs", {}).get("benchmark")
        if report.failed:
            self.failed.append(item.nodeid)
        if benchmark is None:
            return report
        if report.failed and self.gate is None:  # the gate saves failures, too
            benchmark.has_error = True
        if report.failed or report.skipped:
            benchmark.skipped = True  # else pytest-benchmark says, beside, that it was not used
        if report.when == "teardown" and benchmark.stats is not None and not benchmark.has_error:
            self.measured.append(benchmark.stats)
            self.failed = [one for one in self.failed if one != item.nodeid]  # run again, it passed
        return report

    # The end

    @property
    def folder(self) -> Path:
        """Where the runs of this machine, or what gates saw on it, are kept."""
        from rayscale import machine
        from rayscale.saved import saving

        given = self.config.getoption("benchmark_storage", default=None)
        default = not options.given(self.config, "--benchmark-storage")
        root = saving.root(
            self.config.rootpath,
            self.config.getini("rayscale_results"),
            None if default else given,
        )
        kind = ("gates",) if self.gate else ()
        return root.joinpath(*kind, machine.fingerprint(machine.hardware()))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Save the run; fail where the head lacks what the base has, unless that is meant."""
        if self.cluster is not None:
            self.cluster.stop()
        if self.measured and self.asked.timed:
            self._save()
        passed = session.exitstatus == pytest.ExitCode.OK
        if self.gate and self.gate.removed and not self.gate.allow_removed and passed:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _save(self) -> None:
        from rayscale.saved import saving

        if saving.is_a_launchs() or self.config.option.collectonly:
            return
        hook, config = self.config.hook, self.config
        machine_info = hook.pytest_benchmark_generate_machine_info(config=config)
        hook.pytest_benchmark_update_machine_info(config=config, machine_info=machine_info)
        commit_info = hook.pytest_benchmark_generate_commit_info(config=config)
        hook.pytest_benchmark_update_commit_info(config=config, commit_info=commit_info)
        contents = hook.pytest_benchmark_generate_json(
            config=config,
            benchmarks=self.measured,
            include_data=True,
            machine_info=machine_info,
            commit_info=commit_info,
        )
        hook.pytest_benchmark_update_json(
            config=config, benchmarks=self.measured, output_json=contents
        )
        usual = saving.revision(commit_info) if self._records() else "overhead"
        name = config.getoption("benchmark_save") or usual
        self.saved = saving.save(self.folder, name, contents)

    @pytest.hookimpl(optionalhook=True)
    def pytest_benchmark_update_machine_info(self, machine_info: dict[str, Any]) -> None:
        """Save what the timings depend on."""
        if self.measured:
            from rayscale import machine

            hardware, here = machine.hardware(), environment.conditions()
            machine_info["fingerprint"] = machine.fingerprint(hardware)
            machine_info["hardware"] = hardware
            machine_info["software"] = machine.software(here.blas_threads, here.allocator)

    @pytest.hookimpl(optionalhook=True)
    def pytest_benchmark_update_json(self, output_json: dict[str, Any]) -> None:
        """Save what failed, and how the machine was."""
        if self.measured:
            from rayscale.saved import saving

            output_json["rayscale"] = saving.description(
                failed=sorted(set(self.failed)),
                control=self.control.medians if self.control else [],
                kind="gate" if self.gate else "launch",
            )

    @pytest.hookimpl(optionalhook=True, tryfirst=True)
    def pytest_benchmark_group_stats(self) -> list[Any] | None:
        """Leave pytest-benchmark nothing to show under --against: its table has no base."""
        return [] if self.gate else None

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: "pytest.TerminalReporter") -> None:
        """Show, after pytest-benchmark's tables, what Ray gained and lost, and what is saved."""
        width = max(100, _width())
        if self.gate and (self.gate.cases or self.gate.others):
            from rayscale.gate import request

            terminalreporter.section(f"head against {self.gate.revision}")
            terminalreporter.write(request.report(self.gate, max(width, 110)))
            summary_file = self.config.getoption("rayscale_gate_summary")
            request.write_markdown(self.gate, summary_file)
        elif records := self._records():
            from rayscale.suite import summary

            terminalreporter.section("what Ray gained")
            terminalreporter.write(summary.render(records, width, failed=self.failed))
        if file := getattr(self, "saved", None):
            terminalreporter.write_line(f"rayscale: saved in {file}")

    def _records(self) -> list[Mapping[str, Any]]:
        """Return the cases of kernels that were measured."""
        records = [one.as_dict() for one in self.measured]
        return [one for one in records if "problem" in one["extra_info"]]

    def pytest_unconfigure(self) -> None:
        """End the cluster, should pytest have been interrupted before."""
        if self.cluster is not None:
            self.cluster.stop()


def _header(session: Measuring) -> str | None:
    asked = session.config.getini("rayscale") or any(
        str(word).startswith("--rayscale-") for word in session.config.invocation_params.args
    )
    if not asked:
        return None
    here = environment.conditions()
    gate = session.gate
    sizes = f"; sizes {','.join(session.asked.sizes)}" if session.asked.sizes else ""
    gated = f"; against {gate.revision}, --pair-seed {gate.seed}" if gate else ""
    late = ", set late: NumPy was imported before" if session.fixing.late else ""
    timed = "" if session.asked.timed else "; untimed, --benchmark-only times"
    return (
        f"rayscale: niceness {here.niceness}, 1 BLAS thread, {here.allocator}"
        f"{late}{sizes}{timed}{gated}"
    )


def _width() -> int:
    import shutil

    return shutil.get_terminal_size().columns


def _cases_of(metafunc: pytest.Metafunc) -> "Cases | None":
    """Return the cases of a test; CollectError where it cannot have what it asks for."""
    from rayscale.suite import case

    chosen, name = case.of(metafunc.function), metafunc.function.__name__
    takes = "measure" in metafunc.fixturenames
    if chosen is None and takes:
        raise pytest.Collector.CollectError(
            f"{name} takes the fixture measure of rayscale and has no @rayscale.cases(...); "
            "decorate it"
        )
    if chosen is not None and not takes:
        raise pytest.Collector.CollectError(
            f"{name} has @rayscale.cases(...) and does not take the fixture measure; have it take "
            "it, and call measure(rows, expected)"
        )
    if chosen is not None and "rayscale_cluster" not in metafunc.fixturenames:
        raise pytest.Collector.CollectError(
            f"{name}: a fixture called measure in this project hides rayscale's; rename it"
        )
    return chosen


def _is_a_sentence(error: BaseException) -> bool:
    """Tell whether *error* says by itself what is wrong, so that no frames need be shown."""
    from rayscale.suite.check import ResultError
    from rayscale.suite.cluster import ClusterError
    from rayscale.suite.code import CodeError
    from rayscale.suite.rows import RowsError
    from rayscale.suite.stage import WorkError

    return isinstance(error, ResultError | ClusterError | CodeError | RowsError | WorkError)


def _is_ours(item: pytest.Item) -> bool:
    return "rayscale_cluster" in getattr(item, "fixturenames", ())


def _cpus_needed(item: pytest.Item) -> int:
    """Return how many CPUs of Ray's *item* needs: its parameter's, or its mark's."""
    mark = item.get_closest_marker("ray")
    parameters = getattr(item, "callspec", None)
    own = {"cpus": 1, **mark.kwargs, **(parameters.params if parameters else {})} if mark else {}
    return int(own.get("cpus", 0))


def _demand_own_fixtures(
    request: pytest.FixtureRequest, cluster: object, case: "Case", arm: "Arm"
) -> None:
    """Fail, in one sentence, where a fixture of the project's hides one of ours."""
    from rayscale.suite.case import value
    from rayscale.suite.cluster import SessionCluster

    hidden = []
    if not isinstance(cluster, SessionCluster):
        hidden.append("rayscale_cluster")
    if request.getfixturevalue("size") is not value(arm, case.size):
        hidden.append("size")
    if hidden:
        pytest.fail(
            f"a fixture called {hidden[0]} in this project hides rayscale's; rename it",
            pytrace=False,
        )


def _demand_a_call(item: pytest.Item) -> None:
    measure = item.funcargs["measure"]  # type: ignore[attr-defined]  # it has fixtures
    if not measure.was_called:
        pytest.fail(
            f"{item.name} measured nothing; have it call measure(rows, expected)", pytrace=False
        )
