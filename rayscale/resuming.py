"""A timed run that outlives its process: written down at pytest's hooks, and taken up again.

Each case that has passed is in the run's journal before the next one begins.  ``--resume`` runs
what is missing.
"""

import shlex
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from rayscale import lines, machine
from rayscale.identity import RESUME, Identity, code_files, differences, installed
from rayscale.measured import SERIAL
from rayscale.quoting import plain, quoted
from rayscale.restored import Restored, finished
from rayscale.saved import journal, saving
from rayscale.saved.journal import Journal, Unfinished
from rayscale.suite import items as suite_items
from rayscale.text import moment

# What a run must keep to its end, and how a user writes it.  What is shown or saved may change.
OPTIONS = {
    "rayscale_cpus": "--cpus",
    "rayscale_sizes": "--sizes",
    "rayscale_ray_address": "--ray-address",
    "rayscale_placement": "--placement",
    "keyword": "-k",
    "markexpr": "-m",
    "deselect": "--deselect",
    **{
        name: f"--{name.replace('_', '-')}"
        for name in (
            *("benchmark_min_time", "benchmark_max_time", "benchmark_min_rounds"),
            *("benchmark_timer", "benchmark_calibration_precision", "benchmark_cprofile"),
            *("benchmark_warmup", "benchmark_warmup_iterations", "benchmark_disable_gc"),
            *("benchmark_precision", "benchmark_confidence"),
        )
    },
}


@dataclass(frozen=True)
class Timed:
    """What all processes of a run have timed, as pytest-benchmark's records."""

    cases: list[Any]  # each once, in the run's order
    again: list[Any]  # serial cases that a later process timed again, for its own cases


class Resuming:
    """One session's part of a run: what earlier processes did, what this one does."""

    def __init__(
        self,
        config: pytest.Config,
        results: Callable[[], Path],
        folder: Callable[[], Path],
        is_ours: Callable[[pytest.Item], bool],
        stacks: Callable[[], str],
    ) -> None:
        """Write a journal in *folder*, from the first case on; *is_ours* says what is saved.

        It is one of *results*, and known after collection.
        *stacks* names the file that says where the next of them stood, should its time run out.
        """
        self.config = config
        self.results = results
        self.folder = folder
        self.is_ours = is_ours
        self.stacks = stacks
        self.is_asked_for = bool(config.getoption("rayscale_resume"))
        self.before: Unfinished | None = None  # the run that is finished here
        self.restored: dict[str, Restored] = {}  # what earlier processes have timed
        self.order: list[str] = []  # all cases of the run
        self.ours: set[str] = set()  # those that the saved run has
        self.left: set[str] = set()  # those that have not been run to their end
        self.seconds = 0.0  # spent in the journal
        self.warnings: list[str] = []
        self._began = datetime.now(UTC).isoformat()
        self._journal: Journal | None = None
        self._is_written = not saving.is_a_launchs()

    @property
    def process(self) -> int:
        """Which of the run's processes this is: 1, or the second, third, ... that works on it."""
        return self.before.processes + 1 if self.before else 1

    @property
    def is_complete(self) -> bool:
        """Whether every case of the run has been run to its end."""
        return not self.left

    def together(self, measured: Sequence[Any]) -> Timed:
        """Return what earlier processes timed, and what this one has *measured*."""
        own = {one.fullname: one for one in measured}
        earlier = {name: one for name, one in self.restored.items() if name in self.ours}
        before = [Restored(one) for one in self.before.again] if self.before else []
        return Timed(
            [{**own, **earlier}[name] for name in self.order if name in own or name in earlier],
            [*before, *(own[name] for name in self.order if name in own and name in earlier)],
        )

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leave out what has finished, if this session finishes a run that was begun."""
        cases = [one for one in items if "benchmark" in getattr(one, "fixturenames", ())]
        self.order = [one.nodeid for one in cases]
        self.ours = {one.nodeid for one in cases if self.is_ours(one)}
        if self.config.option.collectonly:
            return
        if self.is_asked_for:
            self.before = self._find()
            self._take_up(self.before, items, cases)
        self.left = {one.nodeid for one in items} & set(self.order)

    def _find(self) -> Unfinished:
        """Return the newest run that this session can finish; UsageError where there is none."""
        results = self.results()
        begun, faults = journal.read_all(results)
        runs = [one for one in begun if not lines.is_being_written(one.file)]
        if not runs and faults:
            raise pytest.UsageError(plain(f"--resume: {faults[0]}; remove it, if it is of no use"))
        if not runs:
            raise pytest.UsageError(
                f"--resume: no run in {results}/ was begun and not finished; leave it out"
            )
        unlike = {run.file: differences(run.first.identity, self.identity) for run in runs}
        alike = [run for run in runs if not unlike[run.file]]
        if not alike:
            last = runs[-1]
            why = "; ".join(unlike[last.file])
            raise pytest.UsageError(
                plain(
                    f"--resume: the run begun {moment(last.begun)} was another one: {why}. It was "
                    f"begun by: {last.first.command}"
                )
            )
        return alike[-1]

    def _take_up(
        self, run: Unfinished, items: list[pytest.Item], cases: Sequence[pytest.Item]
    ) -> None:
        """Keep what *run* has timed, and leave in *items* what is to be run."""
        finished = run.finished
        self.restored = {name: Restored(one) for name, one in finished.items()}
        missing = [one for one in cases if one.nodeid not in finished]
        partners = {one.nodeid for one in _partners(cases, missing)}
        out = [one for one in cases if one.nodeid in finished and one.nodeid not in partners]
        session: Any = getattr(self.config, "_benchmarksession")  # noqa: B009 - pytest-benchmark's
        names = {one.nodeid for one in out}
        session.benchmarks.extend(self.restored[name] for name in self.order if name in names)
        if out:
            self.config.hook.pytest_deselected(items=out)
            items[:] = [one for one in items if one.nodeid not in names]
        if run.torn:
            self.warnings.append(f"{run.file}: its last line was torn, and is dropped")

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self) -> None:
        """Refuse to finish what was begun on another cluster, whose hardware is known by now."""
        if self.before is None or self.config.option.collectonly:
            return
        begun, now = self.before.file.parent.name, self.folder().name
        if begun != now:
            raise pytest.UsageError(
                f"--resume: the run was begun on {begun}, and this is {now}; leave it out"
            )

    def pytest_report_collectionfinish(self) -> str | None:
        """Say what is taken up."""
        if self.before is None:
            return None
        return (
            f"rayscale: finishing the run begun {moment(self.before.begun)}: "
            f"{len(self.restored)} of {len(self.order)} cases are there"
        )

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Write down that a case begins, unless it has ended processes before."""
        if item.nodeid not in self.left:
            return
        if self.before is not None and (why := ended(self.before, item.nodeid)):
            pytest.fail(f"{item.name} {why}", pytrace=False)
        stacks = self.stacks() if suite_items.is_ours(item) else None
        self._write(journal.Running(item.nodeid, stacks))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Write down how a case ends, unless the session ends in it."""
        report = yield
        stopped = call.excinfo is not None and call.excinfo.errisinstance(pytest.exit.Exception)
        if item.nodeid in self.left and report.when == "teardown" and not stopped:
            benchmark = getattr(item, "funcargs", {}).get("benchmark")
            if report.passed and benchmark and benchmark.stats and not benchmark.has_error:
                if item.nodeid in self.ours:
                    benchmark.extra_info["process"] = self.process
                self._write(finished(item.nodeid, benchmark.stats))
            else:
                self._write(journal.Failed(item.nodeid))
            self.left.discard(item.nodeid)
        return report

    def _write(self, line: journal.Line) -> None:
        """Have *line* on the disk; where that fails, warn at the end and do without a journal."""
        begun = time.perf_counter()
        try:
            if self._is_written:
                self._open().add(line)
        except OSError as error:
            self._is_written = False
            self.warnings.append(
                f"the journal cannot be written ({error}): if this run is interrupted, --resume "
                "cannot finish it"
            )
        self.seconds += time.perf_counter() - begun

    def _open(self) -> Journal:
        """Return the journal, begun where none was."""
        if self._journal is None:
            if self.before is not None:
                self._journal = journal.go_on(self.before)
            else:
                self._journal = journal.begin(self.folder(), self.identity, command(self.config))
            self._journal.add(journal.Process(self.process, self._began))
        return self._journal

    @cached_property
    def identity(self) -> Identity:
        """What this run is of."""
        return Identity(
            cases=tuple(self.order),
            options=_options(self.config),
            files=code_files(self.config.rootpath, self.results()),
            versions=installed(),
            machine={name: str(value) for name, value in machine.hardware().items()},
        )

    @property
    def controls(self) -> list[float]:
        """What the control took around the cases that earlier processes timed."""
        found = (one.extra_info.get("control") for one in self.restored.values())
        return [one for one in found if one is not None]

    def note(self, measured: Sequence[Any]) -> dict[str, Any]:
        """Return what a saved run says of its processes: which there were, what was timed again."""
        if self.before is None:
            return {"journal": self.seconds}
        now = {"process": self.process, "when": self._began}
        again = [one.as_dict() for one in self.together(measured).again]
        return {
            "journal": self.seconds,
            "processes": [*self.before.history, now],
            "again": again,
        }

    def end(self, *, is_done: bool) -> None:
        """Delete the journal of a run that is done and saved; else leave it to another process."""
        if self._journal is None and self.before is not None and is_done:
            self._journal = journal.go_on(self.before)  # nothing was left to run
        if self._journal is None:
            return
        if is_done:
            self._journal.delete()
        else:
            self._write(journal.Left("this process ended before the run did"))
            self._journal.close()

    def sentences(self) -> Iterator[str]:
        """Return what the user should know at the end."""
        yield from (f"warning: {one}" for one in self.warnings)
        if self.left and self._is_written and self._journal is not None:
            kept = len(self.order) - len(self.left)
            yield (
                f"this run is not finished: {kept} of {len(self.order)} cases are kept. Finish it "
                f"with: {command(self.config)} --resume"
            )


def ended(run: Unfinished, case: str) -> str:
    """Return why a *case* is not run again, if it has ended processes before."""
    if stacks := run.stuck.get(case):
        return (
            f"did not end in its time, and its process was ended; where it stood: {quoted(stacks)}"
        )
    deaths = run.deaths.get(case, 0)
    if deaths >= journal.DEADLY:
        return (
            f"was running when {deaths} processes ended, and is not run once more; leave --resume "
            "out to begin anew"
        )
    return ""


def _partners(cases: Sequence[pytest.Item], missing: Sequence[pytest.Item]) -> list[pytest.Item]:
    """Return the serial cases that the *missing* ones are compared with."""
    wanted = {_block(one) for one in missing if _needs_a_partner(one)}
    serial = [one for one in cases if suite_items.measures(one) and _is_serial(one)]
    return [one for one in serial if _block(one) in wanted]


def _needs_a_partner(item: pytest.Item) -> bool:
    """Tell whether a case is compared with a serial one that it is not timed in pairs with."""
    if not suite_items.measures(item) or _is_serial(item):
        return False
    beside = suite_items.case_of(item)[1].beside
    return beside is None or beside[0] != SERIAL


def _is_serial(item: pytest.Item) -> bool:
    return suite_items.case_of(item)[0].implementation == SERIAL


def _block(item: pytest.Item) -> tuple[str, str]:
    case = suite_items.case_of(item)[0]
    return case.problem, case.size


def _options(config: pytest.Config) -> dict[str, str]:
    """Return the options that a run keeps to its end, as far as they are given."""
    found = {shown: getattr(config.option, name, None) for name, shown in OPTIONS.items()}
    return {"tests": " ".join(config.args)} | {
        shown: str(value) for shown, value in found.items() if value
    }


def command(config: pytest.Config) -> str:
    """Return the command that began this session, without --resume."""
    words = [str(one) for one in config.invocation_params.args]
    return shlex.join(["pytest", *(one for one in words if one not in RESUME)])
