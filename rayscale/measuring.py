"""A session that measures: what the suite does at pytest's hooks.

Registered by ``plugin.py`` when a session asks for rayscale.
"""

import os
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest

from rayscale.gate.options import OPTIONS as GATE_OPTIONS
from rayscale.guard import LimitError
from rayscale.quoting import plain, quoted
from rayscale.suite import environment, items, options
from rayscale.suite.environment import Fixing
from rayscale.suite.options import Asked

if TYPE_CHECKING:
    from rayscale.gate.half import Half
    from rayscale.gating import Gating
    from rayscale.guard import Guard
    from rayscale.keeping import Keeping
    from rayscale.suite.attempts import Attempts
    from rayscale.suite.awaiting import Patience
    from rayscale.suite.case import Cases
    from rayscale.suite.cluster import Cluster, SessionCluster
    from rayscale.suite.measure import Measure
    from rayscale.suite.probe import Probe

# What brings a package that a way of running needs; any other is brought by its own name.
BRINGS = {
    "joblib": "'rayscale[pools]'",
    **dict.fromkeys(("fsspec", "pandas", "pyarrow"), "'ray[tune]'"),
}
HALF = "rayscale-half"  # the plug-in of a gate's two sessions
FEWEST_ROUNDS = 7  # from which a 97.5 % interval of a median follows: 1 - 2 * 2**-7 = 0.984


class Measuring:
    """One session's request, its cases and its cluster, and its hooks."""

    def __init__(self, config: pytest.Config, *, is_asked_for: bool) -> None:
        """Note the session; where it *is_asked_for* by an option or by the project, fix it now.

        That is best before anything imports NumPy.  Else it is fixed when a case is first timed.
        """
        self.config = config
        self.is_asked_for = is_asked_for
        self.prefix = "--" if config.getini("rayscale") else "--rayscale-"
        self.asked = Asked(None, None, None, (), timed=False, case_timeout=None, cluster_timeout=0)
        self.gating: Gating | None = None
        self.half: Half | None = None  # where this is one of a gate's two sessions
        self.keeping: Keeping | None = None
        self.cluster: SessionCluster | None = None
        self.ours: list[pytest.Item] = []
        self.sizes: set[str] = set()  # all that collected benchmarks have
        self.fixing: Fixing | None = None
        self._hardware: dict[str, Any] = {}  # of a cluster that is there already
        self.guard: Guard | None = None
        self.stderr = os.dup(2)  # what pytest captures later, for a guard's last words
        config.add_cleanup(lambda: os.close(self.stderr))
        if is_asked_for:
            self.fix()

    def fix(self) -> Fixing:
        """Fix threads and allocator, until the session ends."""
        if self.fixing is None:
            self.fixing = environment.fix_threads_and_allocator()
            self.config.add_cleanup(self.fixing.undo)
        return self.fixing

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Settle what is asked for, while it still ends with one sentence and exit code 4."""
        self.asked = options.settle(config, self.prefix)
        self.half = config.pluginmanager.get_plugin(HALF)
        if self.half is not None:
            return
        if config.getoption("rayscale_against") is not None:
            from rayscale.gating import Gating

            self.gating = Gating(config, self.asked.case_timeout)
            config.pluginmanager.register(self.gating, "rayscale-gating")
            return
        self._refuse_options_of_a_gate()
        if config.getoption("rayscale_resume") and not self.asked.timed:
            raise pytest.UsageError(
                f"{self.prefix}resume finishes a timed run; give --benchmark-only, too"
            )
        if self.asked.timed:
            from rayscale.keeping import Keeping

            self.keeping = Keeping(
                config, items.is_ours, lambda: str(self._guarding().file), lambda: self.hardware
            )
            config.pluginmanager.register(self.keeping, "rayscale-keeping")

    def _refuse_options_of_a_gate(self) -> None:
        """Refuse what would be ignored without a gate; among the project's addopts it may wait."""
        ours = {f"{one}{name}" for one in ("--rayscale-", self.prefix) for name in GATE_OPTIONS}
        for word in map(str, self.config.invocation_params.args):
            option = word.partition("=")[0]
            if option in ours:
                raise pytest.UsageError(
                    f"{option} is for a gate; give {self.prefix}against=REV, too, or leave it out"
                )

    def pytest_report_header(self) -> str | None:
        """Say under which conditions is measured, if an option or the project asks for it."""
        return _header(self) if self.is_asked_for else None

    def parametrize(self, metafunc: pytest.Metafunc) -> None:
        """Give a test its cases, or say in one sentence why it has none."""
        if "rayscale_probe" in metafunc.fixturenames:
            self._parametrize_probe(metafunc)
        elif (chosen := items.cases_of(metafunc)) is not None:
            self._parametrize_case(metafunc, chosen)

    def _parametrize_case(self, metafunc: pytest.Metafunc, chosen: "Cases") -> None:
        from rayscale.suite import parameters

        self.sizes |= {name for arm in chosen.arms for name in arm.sizes}
        try:
            values = parameters.parameters(chosen, self._choice())
        except ValueError as error:
            raise pytest.Collector.CollectError(f"{metafunc.function.__name__}: {error}") from error
        names = self._names(parameters.NAMES)
        metafunc.parametrize(names, values or [items.nothing(names)], indirect=["size"])

    def _names(self, usual: tuple[str, ...]) -> tuple[str, ...]:
        """Return the names of a benchmark's parameters."""
        return (*usual, items.PLACEMENT) if self.asked.placements else usual

    def _parametrize_probe(self, metafunc: pytest.Metafunc) -> None:
        from rayscale.suite import probe

        self.sizes.add(probe.SIZE)
        wanted = self.asked.sizes is None or probe.SIZE in self.asked.sizes
        ways = probe.RAYS_TASKS | (probe.PEERS if options.asks_for_ways(self.config) else {})
        choice = self._choice()
        own = choice.cpus, choice.cores, choice.placements, ways
        values = probe.parameters(metafunc.function, *own) if wanted else []
        names = self._names(probe.NAMES)
        metafunc.parametrize(names, values or [items.nothing(names)])

    def _choice(self) -> Any:
        from rayscale.machine import usable_cpus
        from rayscale.suite.parameters import Choice

        cores = usable_cpus()
        counts = self.asked.cpus or options.default_cpus(cores)
        return Choice(
            counts,
            self.asked.sizes,
            cores,
            gated=self.half is not None,
            named=self.asked.cpus is not None,
            ways=options.asks_for_ways(self.config),
            placements=self.asked.placements,
            is_on_a_cluster=self.asked.ray_address is not None,
        )

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Deselect what stands for no case, and what a gate does not compare."""
        left = [item for item in items if self._is_left_out(item)]
        if left:
            self.config.hook.pytest_deselected(items=left)
            items[:] = [item for item in items if item not in left]
        for item in items:
            self._choose_rounds(item)

    def _is_left_out(self, item: pytest.Item) -> bool:
        if items.stands_for_nothing(item):
            return True
        return self.half is not None and items.is_ours(item) and not items.measures(item)

    def _choose_rounds(self, item: pytest.Item) -> None:
        """Give *item* enough rounds for an interval, unless it or the user says how many."""
        if not items.is_ours(item) or not self._has_benchmark():
            return
        mark = item.get_closest_marker("benchmark")
        fewest = items.min_rounds(item) or FEWEST_ROUNDS
        wanted = {"min_rounds": fewest, **(mark.kwargs if mark else {})}
        kept = {
            name: value
            for name, value in wanted.items()
            if not options.given(self.config, f"--benchmark-{name.replace('_', '-')}")
        }
        item.add_marker(pytest.mark.benchmark(**kept), append=False)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Find out what makes the request impossible, while it still ends with one line and 4."""
        self.ours = [item for item in session.items if items.is_ours(item)]
        if self.config.option.collectonly:
            return
        self._refuse_a_moved_root()
        self._refuse_sizes_that_nobody_has()
        self._skip_without_benchmark()
        self._demand_ray()
        self._demand_packages()
        if self.ours and self.half is None:
            self.config.add_cleanup(self._heed_sigterm())
            from rayscale import leftovers

            for sentence in leftovers.sweep():
                self._show(sentence)
        self._try_existing_cluster()
        self._demand_memory()
        if self.ours and self.keeping is not None:
            self.keeping.demand_room()
            self._show_a_live_line(self.keeping)

    def _refuse_a_moved_root(self) -> None:
        """Refuse benchmarks of ours under the root of another folder: it has their settings."""
        from rayscale.rooting import demand_own_root

        if self.ours:
            words = [str(word) for word in self.config.invocation_params.args]
            demand_own_root(self.config, words, (), is_asked_for=True)

    def _heed_sigterm(self) -> Callable[[], None]:
        """Have SIGTERM end the session as Ctrl-C does; return what sets that back."""
        from rayscale.own_folder import sigterm_heeded

        stack = ExitStack()
        stack.enter_context(sigterm_heeded())
        return stack.close

    def _refuse_sizes_that_nobody_has(self) -> None:
        for name in self.asked.sizes or ():
            if self.sizes and name not in self.sizes:
                raise pytest.UsageError(
                    f"{self.prefix}sizes: no collected benchmark has a size {quoted(name)}; there "
                    f"are {', '.join(sorted(self.sizes))}"
                )

    def _skip_without_benchmark(self) -> None:
        """Skip our cases where pytest-benchmark, which measures them, is switched off."""
        if not self._has_benchmark():
            reason = "it is measured by pytest-benchmark, which is switched off"
            items.skip(self.ours, reason)

    def _has_benchmark(self) -> bool:
        return self.config.pluginmanager.has_plugin("pytest-benchmark")

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
        items.skip(needing, reason)

    def _demand_packages(self) -> None:
        """Refuse cases of a way whose package is missing; untimed, they are skipped."""
        for package, needing in items.by_package(self.ours).items():
            if find_spec(package) is not None:
                continue
            reason = f"{package} is not installed; pip install {BRINGS.get(package, package)}"
            if self.asked.timed:
                way = needing[0].callspec.params["implementation"]  # type: ignore[attr-defined]  # it is a case
                raise pytest.UsageError(
                    f"{needing[0].name} is run by {way}, and {reason}, or leave out its cases "
                    f"with -k 'not {way}'"
                )
            items.skip(needing, reason)

    def _try_existing_cluster(self) -> None:
        neediest = max(self.ours, key=items.cpus_needed, default=None)
        address = self.asked.ray_address
        if address is None or neediest is None or not items.cpus_needed(neediest):
            return
        from rayscale.suite.admission import doubt
        from rayscale.suite.cluster import ClusterError
        from rayscale.suite.connecting import existing

        try:
            needed = items.cpus_needed(neediest)
            with existing(address, needed, self._patience(), self._packages()) as cluster:
                cluster.demand_cpus(needed, items.needing(neediest))
                self._hardware, cores = cluster.whole(), cluster.cores()
        except ClusterError as error:
            raise pytest.UsageError(str(error)) from error
        self._demand_nodes(address)
        items.mark_oversubscribed(self.ours, cores)
        if (sentence := doubt(address)) is not None:
            self._show(sentence)

    def _demand_nodes(self, address: str) -> None:
        """Refuse placements where there is nothing to choose from."""
        if self.asked.placements and "nodes" not in self.hardware:
            raise pytest.UsageError(
                f"{self.prefix}placement: the cluster at {quoted(address)} has one node, on which "
                "nothing can be placed; leave it out"
            )

    @property
    def hardware(self) -> dict[str, Any]:
        """What the run is made on: this machine or, if it has several nodes, the cluster."""
        from rayscale import machine

        return self._hardware or machine.hardware()

    def _demand_memory(self) -> None:
        """Say what the workers of many CPUs take, and refuse what does not fit, before any case."""
        from rayscale.suite import memory

        neediest = max(self.ours, key=items.cpus_needed, default=None)
        number = 0 if neediest is None else items.cpus_needed(neediest)
        is_ours = self.asked.ray_address is None and (self.half is None or self.half.is_first)
        if neediest is None or number <= memory.FEW or not is_ours or find_spec("ray") is None:
            return
        many = [item for item in self.ours if items.cpus_needed(item) > memory.FEW]
        needed, free = number * memory.each(items.imported(many)), memory.free()
        takes = f"{number} workers take about {memory.gib(needed)}"
        if needed > free:
            raise pytest.UsageError(
                f"{neediest.name} runs on {number} workers; {takes}, and {memory.gib(free)} are "
                f"free; choose fewer CPUs with {self.prefix}cpus, or leave it out with -k"
            )
        self._show(f"{takes}; {memory.gib(free)} are free")

    def _patience(self) -> "Patience":
        from rayscale.suite.awaiting import Patience

        return Patience(self.asked.cluster_timeout, self._show)

    def _show_a_live_line(self, keeping: "Keeping") -> None:
        from rayscale.saved.pace import last_times
        from rayscale.suite.live import LiveLine

        known = last_times(keeping.folder)
        line = LiveLine(self.config, self.ours, known)
        self.config.pluginmanager.register(line, "rayscale-live")

    def size(self, request: pytest.FixtureRequest) -> Any:
        """Return the value of the size that a case is run at."""
        from rayscale.suite.case import value

        if not hasattr(request, "param"):
            pytest.fail(
                f"{request.node.name} takes the fixture size of rayscale and has no "
                "@rayscale.cases(...)",
                pytrace=False,
            )
        case, arm = items.case_of(request.node)
        return value(arm, case.size)

    def measure(
        self, request: pytest.FixtureRequest, benchmark: Any, cluster: "SessionCluster"
    ) -> "Measure":
        """Return what the benchmark calls: it times its case, or compares it."""
        from rayscale.suite.code import code_of
        from rayscale.suite.measure import Measure, Subject
        from rayscale.suite.stage import needs

        item = request.node
        case, arm = items.case_of(item)
        items.demand_own_fixtures(request, cluster, case, arm)
        benchmark.group = f"{case.problem} {case.size}"
        kernel = arm.kernels[case.kernel]
        code = code_of(kernel, case.kernel, item.path)
        if self.half is not None:
            code = replace(code, route="value", by_value=())  # the gate sees to what travels so
        way = arm.ways[case.implementation]
        on_ray = needs(way).ray
        if self.asked.ray_address is not None and on_ray and code.route == "import":
            code = replace(code, route="shipped")
        subject = Subject(case, kernel, way, cluster, code, arm.beside)
        if self.asked.ray_address is not None and any(map(items.cpus_needed, self.ours)):
            cluster.running()  # serial cases run at its niceness, too
        if self.half is not None:
            from rayscale.suite.gated import Gated

            self.fix()
            return Measure(subject, Gated(benchmark, self.half.owns))
        timing, attempts = self._timing(item, benchmark), self._attempts(item, benchmark, cluster)
        return Measure(subject, partial(attempts.run, timing))

    def _attempts(self, item: pytest.Item, benchmark: Any, cluster: "SessionCluster") -> "Attempts":
        from rayscale.suite.attempts import Attempts

        uses_ray = item.get_closest_marker("ray") is not None
        return Attempts(benchmark, cluster, self._guarding(), uses_ray=uses_ray, show=self._show)

    def _guarding(self) -> "Guard":
        """Return what ends a case that hangs."""
        if self.guard is None:
            from rayscale.guard import Guard
            from rayscale.own_folder import own_folder

            stack = ExitStack()
            folder = stack.enter_context(own_folder("stacks-"))
            self.guard = Guard(self.asked.case_timeout, folder, self.stderr)
            stack.callback(self.guard.stop)
            self.config.add_cleanup(stack.close)
        return self.guard

    def _show(self, line: str) -> None:
        """Show a line on the terminal, at once, also while cases run and pytest captures output."""
        reporter = self.config.pluginmanager.get_plugin("terminalreporter")
        captured = self.config.pluginmanager.get_plugin("capturemanager")
        if reporter is not None:
            with captured.global_and_fixture_disabled() if captured else nullcontext():
                reporter.ensure_newline()
                reporter.write_line(f"rayscale: {line}")
                reporter.flush()  # it may be of a wait, and the output a file

    def _timing(self, item: pytest.Item, benchmark: Any) -> Any:
        from rayscale.suite.timing import Timing

        late = self.fix().late if self.asked.timed else False
        is_marked = item.get_closest_marker("oversubscribed") is not None
        return Timing(benchmark, self._rounds(item), oversubscribed=is_marked, set_late=late)

    def _rounds(self, item: pytest.Item) -> Any:
        from rayscale.suite.timing import Rounds

        mark = item.get_closest_marker("benchmark")
        names = ("min_rounds", "max_time", "warmup", "precision")
        asked = {name: self.config.getoption(f"benchmark_{name}", None) for name in names}
        asked |= mark.kwargs if mark else {}
        calibrated = bool(asked["warmup"] or asked["precision"])
        return Rounds(asked["min_rounds"], float(asked["max_time"]), calibrated)

    def probe(
        self, request: pytest.FixtureRequest, benchmark: Any, cluster: "SessionCluster"
    ) -> "Probe":
        """Return what a benchmark of Ray's own cost calls."""
        from rayscale.suite.probe import Probe

        self.fix()
        words = request.node.callspec.params
        name = request.node.originalname.removeprefix("test_")
        benchmark.group = f"overhead {name}"
        rounds = self._rounds(request.node).fewest
        attempts = self._attempts(request.node, benchmark, cluster)
        way = words["implementation"]
        placement = words.get(items.PLACEMENT, "")
        return Probe(name, way, words["cpus"], placement, benchmark, rounds, cluster, attempts)

    def session_cluster(self) -> "SessionCluster":
        """Return the session's cluster; it starts when a case first needs it."""
        from rayscale.suite.cluster import SessionCluster

        if self.cluster is None:
            own = SessionCluster(self._start_cluster)
            self.cluster = own if self.half is None else self.half.share("cluster", own)
        return self.cluster

    @contextmanager
    def _start_cluster(self) -> "Iterator[Cluster]":
        """Start a cluster, or connect to one.

        In a gate both sessions' cases take its CPUs in turn, and its workers have no path to either
        copy: code comes to them by value.
        """
        from rayscale.suite import connecting, memory, starting, store

        if self.asked.ray_address is None and (text := store.warning(store.free())) is not None:
            self._show(text)
        cpus = max(map(items.cpus_needed, self.ours), default=1)
        if self.asked.ray_address is None and cpus > memory.FEW:
            self._show(f"starting {cpus} workers, each of which takes about a second of a core")
        hidden = () if self.half is None else (self.half.root.parent,)
        begun = (
            starting.private(cpus, hidden)
            if self.asked.ray_address is None
            else connecting.existing(
                self.asked.ray_address, cpus, self._patience(), self._packages()
            )
        )
        with begun as cluster:
            cluster.in_turns = self.half is not None
            yield cluster

    def _packages(self) -> list[str]:
        """Return what is shipped to a cluster that is there: rayscale, and kernels."""
        from rayscale.suite import code

        kernels = [self._function(item) for item in self.ours if items.measures(item)]
        return code.packages(kernels if self.half is None else ())

    def _function(self, item: pytest.Item) -> Any:
        case, arm = items.case_of(item)
        return arm.kernels[case.kernel]

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """End our cluster before a test that does not use it: it may start Ray itself.

        One that uses it in a way of its own finds all its CPUs free.
        """
        if self.cluster is not None and not items.is_ours(item):
            self.stop_cluster()
        elif self.cluster is not None and not items.has_a_stage(item):
            self.cluster.release()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """Time only where timing is asked for; let none pass that measures nothing."""
        if items.is_ours(item) and not self.asked.timed:
            items.disable_benchmark(item)
        try:
            with self._limit(item):
                done = yield
        except LimitError:
            if self.half is None:  # the other half of a gate has work on it, too
                self.stop_cluster()  # something may still run there
            raise
        if items.measures(item):
            items.demand_a_call(item)
        return done

    def _limit(self, item: pytest.Item) -> AbstractContextManager[None]:
        """Return what limits the time of a case of ours; a gate limits each call by itself."""
        if self.half is not None or not items.is_ours(item):
            return nullcontext()
        return self._guarding().limited(item.name)

    def pytest_enter_pdb(self) -> None:
        """Let somebody who debugs a case take their time."""
        if self.guard is not None:
            self.guard.suspend()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Show our own errors as the sentences that they are."""
        report = yield
        if items.is_ours(item) and not report.passed:
            benchmark = getattr(item, "funcargs", {}).get("benchmark")
            if benchmark is not None:
                items.disown_benchmark(benchmark)
            if call.excinfo is not None and items.is_a_sentence(call.excinfo.value):
                report.longrepr = str(call.excinfo.value)
        return report

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None]:
        """End the cluster before anything is saved and shown.

        A first Ctrl-C, or SIGTERM, waits for all of that: what was measured is not lost.
        """
        from rayscale.suite.ending import interrupts_wait

        try:
            self.stop_cluster()
        except KeyboardInterrupt:
            session.exitstatus = pytest.ExitCode.INTERRUPTED
        try:
            with interrupts_wait() if self.half is None else nullcontext():
                yield
        except KeyboardInterrupt:
            session.exitstatus = pytest.ExitCode.INTERRUPTED

    def pytest_unconfigure(self) -> None:
        """End the cluster, should pytest have been interrupted before."""
        self.stop_cluster()

    def stop_cluster(self) -> None:
        """End the cluster; of a gate's two sessions, the last one does."""
        if self.cluster is not None and (self.half is None or self.half.is_first):
            self.cluster.stop()


def _header(session: Measuring) -> str:
    here = environment.conditions()
    late = ", set late: NumPy was imported before" if session.fix().late else ""
    sizes = f"; sizes {plain(','.join(session.asked.sizes))}" if session.asked.sizes else ""
    timed = "" if session.asked.timed else "; untimed, --benchmark-only times"
    return (
        f"rayscale: niceness {here.niceness}, 1 BLAS thread, {here.allocator}{late}{sizes}{timed}"
    )
