"""A session whose timings are kept: what is saved at pytest's hooks, and how the machine was."""

from collections.abc import Callable, Generator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rayscale import rescue
from rayscale.quoting import plain, quoted
from rayscale.resuming import Resuming
from rayscale.suite import options
from rayscale.suite.environment import conditions
from rayscale.surroundings.noticing import Noticing

if TYPE_CHECKING:
    from rayscale.saved.control import Control


class Keeping:
    """What one session has measured, and its hooks."""

    def __init__(
        self,
        config: pytest.Config,
        is_ours: Callable[[pytest.Item], bool],
        stacks: Callable[[], str],
        hardware: Callable[[], dict[str, Any]],
    ) -> None:
        """Keep a run of the items that *is_ours* says, on that *hardware*, known after collection.

        *stacks* names the file that says where the next of them stood, should its time run out.
        """
        self.config = config
        self.is_ours = is_ours
        self.measured: list[Any] = []  # pytest-benchmark's records of the tests that passed
        self.failed: list[str] = []
        self.file: Path | None = None
        self.noticing = Noticing()
        self.warnings: list[str] = []  # of what could not be saved
        self.hardware = hardware
        self.resuming = Resuming(config, lambda: self.results, lambda: self.folder, is_ours, stacks)
        config.pluginmanager.register(self.resuming, "rayscale-resuming")

    @cached_property
    def control(self) -> "Control":
        """What is timed around each case."""
        from rayscale.saved.control import Control  # it loads NumPy

        return Control()

    @cached_property
    def results(self) -> Path:
        """Where all runs are kept."""
        from rayscale.saved import saving

        given = options.given(self.config, "--benchmark-storage")
        storage = self.config.getoption("benchmark_storage", default=None) if given else None
        setting = self.config.getini("rayscale_results")
        return saving.root(self.config.rootpath, setting, storage)

    @cached_property
    def folder(self) -> Path:
        """Where the runs of this machine, or cluster, are kept."""
        from rayscale import machine

        return self.results / machine.fingerprint(self.hardware())

    def demand_room(self) -> None:
        """Raise UsageError where a file could not be written in the end; else guard it until then.

        What another process of ours keeps is not written here.
        """
        from rayscale import writable
        from rayscale.saved import saving

        if not saving.is_a_launchs() and (why := writable.why_no_folder(self.folder)):
            raise pytest.UsageError(
                f"runs cannot be kept in {quoted(self.folder)} ({why}); have another folder with "
                "--benchmark-storage=FOLDER, or the setting rayscale_results"
            )
        file = self.config.getoption("benchmark_json", default=None)
        # pytest-benchmark 5.0 opens it while it reads the options, and refuses it by itself.
        if isinstance(file, Path) and (why := writable.why_no_file(file)):
            raise pytest.UsageError(
                f"--benchmark-json: cannot write to {quoted(file)} ({why}); give a file in a "
                "folder that exists"
            )
        rescue.guard(self.config, self.warnings.append)

    @property
    def records(self) -> Sequence[Mapping[str, Any]]:
        """The cases of kernels that were measured, by this process or before it."""
        timed = self.resuming.together(self.measured)
        records = [one.as_dict() for one in (*timed.again, *timed.cases)]
        kernels = [one for one in records if "problem" in one["extra_info"]]
        return sorted(kernels, key=lambda one: one["extra_info"].get("process", 1))

    def pytest_report_collectionfinish(self, items: Sequence[pytest.Item]) -> list[str]:
        """Say what is notable of the machine, before the first case."""
        ours = [item for item in items if self.is_ours(item)]
        if not ours or self.config.option.collectonly:
            return []
        stopped = options.stopped_clocks(self.config, ours)
        self.noticing.begin([*map(_cpus, ours)])
        lines = (*stopped, *self.noticing.lines)
        return [f"rayscale: {line}" for line in lines]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """Time the control before and after each case, and save it with the case."""
        if "measure" not in getattr(item, "fixturenames", ()):
            return (yield)
        before = self.control.sample()
        done = yield
        benchmark: Any = item.funcargs["benchmark"]  # type: ignore[attr-defined]  # it measures
        benchmark.extra_info["control"] = self.control.note(before, self.control.sample())
        return done

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Keep the timings of a test that failed, before or after them, out of the saved run."""
        report = yield
        if not self.is_ours(item):
            return report
        benchmark = getattr(item, "funcargs", {}).get("benchmark")
        if report.failed:
            self.failed.append(item.nodeid)
            if benchmark is not None:
                benchmark.has_error = True
        elif report.when == "teardown" and benchmark is not None and _is_timed(benchmark):
            self.measured.append(benchmark.stats)
            self.failed = [one for one in self.failed if one != item.nodeid]  # run again, it passed
        return report

    @pytest.hookimpl(optionalhook=True, wrapper=True)
    def pytest_benchmark_generate_commit_info(self) -> Generator[None, object, object]:
        """Have the revision saved that is measured: a hook's variables may name another's."""
        from rayscale.gate.revisions import without_hooks_variables

        with without_hooks_variables():
            return (yield)

    @pytest.hookimpl(optionalhook=True)
    def pytest_benchmark_update_machine_info(self, machine_info: dict[str, Any]) -> None:
        """Save what the timings depend on."""
        if self.has_cases:
            from rayscale import machine

            hardware, here = self.hardware(), conditions()
            machine_info["fingerprint"] = machine.fingerprint(hardware)
            machine_info["hardware"] = hardware
            machine_info["software"] = machine.software(here.blas_threads, here.allocator)

    @pytest.hookimpl(optionalhook=True)
    def pytest_benchmark_update_json(self, output_json: dict[str, Any]) -> None:
        """Save what failed, how the machine was, and which processes there were."""
        if self.has_cases:
            from rayscale.saved import saving

            controls = [*self.resuming.controls, *self.control.medians]
            own = saving.description(
                sorted(set(self.failed)), controls, self.noticing.found, "launch"
            )
            output_json["rayscale"] = own | self.resuming.note(self.measured)

    @property
    def has_cases(self) -> bool:
        """Whether anything was measured that is to be saved, by this process or before it."""
        return bool(self.measured or self.resuming.ours & self.resuming.restored.keys())

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Save the run, unless another process of ours started this one, and keeps it.

        One that was ended before its last case is not saved: its journal is left.
        """
        from rayscale.saved import saving

        is_done = self.resuming.is_complete
        if is_done and self.has_cases and not saving.is_a_launchs():
            self._save()
        self.resuming.end(is_done=is_done and not self.warnings)
        if (
            is_done
            and self.resuming.before
            and session.exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED
        ):
            session.exitstatus = pytest.ExitCode.OK  # all cases had been run before

    def _save(self) -> None:
        """Write our benchmarks in pytest-benchmark's format, made by its own hooks."""
        from rayscale.saved import saving

        measured = self.resuming.together(self.measured).cases
        hook, config = self.config.hook, self.config
        machine_info = hook.pytest_benchmark_generate_machine_info(config=config)
        hook.pytest_benchmark_update_machine_info(config=config, machine_info=machine_info)
        commit_info = hook.pytest_benchmark_generate_commit_info(config=config)
        hook.pytest_benchmark_update_commit_info(config=config, commit_info=commit_info)
        contents = hook.pytest_benchmark_generate_json(
            config=config,
            benchmarks=measured,
            include_data=True,
            machine_info=machine_info,
            commit_info=commit_info,
        )
        hook.pytest_benchmark_update_json(config=config, benchmarks=measured, output_json=contents)
        usual = saving.revision(commit_info) if self.records else "overhead"
        name = config.getoption("benchmark_save") or usual
        self.file, warning = rescue.saved(
            lambda folder: saving.save(folder, name, contents), self.folder
        )
        self.warnings += [warning] if warning else []

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: "pytest.TerminalReporter") -> None:
        """Show, after pytest-benchmark's tables, what Ray gained, and where the run is."""
        records = self.records
        if records:
            from rayscale.suite import summary
            from rayscale.terminal import shown, width

            terminalreporter.section("what Ray gained")
            text = summary.render(records, width(), failed=self.failed)
            terminalreporter.write(shown(text))
        for line in self.noticing.late:
            terminalreporter.write_line(f"rayscale: {line}")
        if self.file is not None:
            terminalreporter.write_line(f"rayscale: saved in {plain(str(self.file))}")
        for sentence in self.resuming.sentences():
            terminalreporter.write_line(f"rayscale: {plain(sentence)}")
        for warning in self.warnings:
            terminalreporter.write_line(f"warning: {warning}", yellow=True)

    def pytest_unconfigure(self) -> None:
        """Be gone for other sessions, should pytest have been interrupted before."""
        self.noticing.end()


def _cpus(item: pytest.Item) -> tuple[int, bool]:
    """Return how many CPUs the case of *item* needs, and whether these are too many."""
    callspec = getattr(item, "callspec", None)
    cpus = callspec.params.get("cpus", 1) if callspec else 1
    return cpus, item.get_closest_marker("oversubscribed") is not None


def _is_timed(benchmark: Any) -> bool:
    return benchmark.stats is not None and not benchmark.has_error
