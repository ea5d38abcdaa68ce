"""One of a gate's two pytest sessions: its plug-in, which stops it where the other must come along.

A session runs as a greenlet.  It hands an event to whoever runs it, and goes on with the answer.
"""

import random
import sys
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from greenlet import greenlet
from pytest_benchmark.fixture import BenchmarkFixture

from rayscale.gate.calls import Call, put_down
from rayscale.gate.lenient import Bearing
from rayscale.gate.overruled import OF_EACH_SESSION
from rayscale.gate.relocation import Owned
from rayscale.guard import Guard

NAME = "rayscale-half"  # by which pytest knows the plug-in


@dataclass(frozen=True)
class Test:
    """A collected benchmark: its id, its place (file and function), its tolerance's mark."""

    id: str
    place: str
    tolerance: str | None


@dataclass(frozen=True)
class Collected:
    """The benchmarks of a session; ``chosen`` of its half says which run, before it goes on."""

    tests: Sequence[Test]


@dataclass(frozen=True)
class Arrived:
    """A test has reached its call; the answer is an ``Answer``."""

    call: Call


@dataclass(frozen=True)
class Finished:
    """A test is over, with pytest's reports on it; the answer says why to stop here, if so."""

    reports: Sequence[Mapping[str, Any]]  # as pytest puts them into JSON
    error: BaseException | None


@dataclass(frozen=True)
class Ended:
    """The session is over, with pytest's exit code."""

    code: int
    reason: str


Event = Collected | Arrived | Finished | Ended


@dataclass(frozen=True)
class Answer:
    """What a benchmark gets: the result of a call, or what it raised, and seconds to note."""

    result: Any = None
    error: BaseException | None = None
    seconds: Sequence[float] = ()


@dataclass(eq=False)  # pytest keeps plug-ins in sets
class Half:
    """The plug-in of one session."""

    is_first: bool  # whether this session began first: it ends last
    seed: int
    root: Path  # of its world's copy
    owns: Owned  # whether a file is the project's
    outside: greenlet
    common: dict[str, Any]  # what both sessions share, such as a cluster, by its kind
    bearing: Bearing
    guard: Guard
    reports: list[pytest.TestReport] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)
    chosen: Sequence[int] = ()  # the tests that run, in order, by their number
    failed_files: dict[str, str] = field(default_factory=dict)  # and why they cannot be collected
    reason: str = ""

    def __post_init__(self) -> None:
        """Have pytest know this plug-in by its name."""
        self.__name__ = NAME

    def share(self, kind: str, value: Any) -> Any:
        """Return what the other session shares of this *kind*, or else have it share *value*."""
        return self.common.setdefault(kind, value)

    def ask(self, event: Event) -> Any:
        """Hand *event* to whoever runs this session; return the answer."""
        return self.outside.switch(event)

    def compare(self, call: Call, benchmark: BenchmarkFixture) -> Any:
        """Have *call* compared; return the result of one call, and note the seconds."""
        answer: Answer = self.ask(Arrived(call))
        if answer.error is not None:
            raise answer.error
        if answer.seconds:
            put_down(benchmark, answer.seconds)
        return answer.result

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_cmdline_main(self, config: pytest.Config) -> Generator[None, Any, Any]:
        """Overrule what stands in the way, before other plug-ins act on it."""
        for name, value in OF_EACH_SESSION.items():
            if hasattr(config.option, name):
                setattr(config.option, name, value)
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(
        self,
    ) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        """Note what cannot be collected."""
        report = yield
        if report.failed:
            text = str(report.longrepr).strip().splitlines()
            self.failed_files[report.nodeid] = text[-1].removeprefix("E").strip() if text else ""
        return report

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Leave what is not compared out, and put the rest in the order of both sessions."""
        items = [one for one in session.items if "benchmark" in getattr(one, "fixturenames", ())]
        self.bearing.end()
        self.ask(Collected([_test(one) for one in items]))
        session.items[:] = [items[number] for number in self.chosen]
        for item in session.items:
            item.own_markers[:] = [one for one in item.own_markers if one.name != "flaky"]
        session.testsfailed = 0  # files that cannot be collected are the gate's to report

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Draw alike in both sessions from here on; stop when the test is over."""
        self.reports, self.errors = [], []
        seed_all(self.seed)
        done = yield
        put = item.config.hook.pytest_report_to_serializable
        reports = [put(config=item.config, report=one) for one in self.reports]
        reason = self.ask(Finished(reports, next(iter(self.errors), None)))
        if reason:
            item.session.shouldstop = reason
        return done

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self) -> Generator[None, None, None]:
        """Have a fixture that hangs fail its test, and not end the session."""
        with self._failing():
            yield

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self) -> Generator[None, object, object]:
        """Have a test that hangs beside its call fail, and not end the session."""
        with self._failing():
            return (yield)

    @contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except BaseException as error:
            if self.guard.has_acted:
                raise self.guard.taken() from error
            raise

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Note what a test raised."""
        if call.excinfo is not None:
            self.errors.append(call.excinfo.value)
        return (yield)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note the report."""
        self.reports.append(report)

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Note why the session ends."""
        self.reason = str(excinfo.value)

    def pytest_internalerror(self, excrepr: object) -> None:
        """Note what went wrong."""
        self.reason = str(excrepr)

    @pytest.hookimpl(optionalhook=True, tryfirst=True)
    def pytest_timeout_set_timer(self) -> bool:
        """Have a test last as long as its pairs do: the gate has limits of its own."""
        return True


def seed_all(seed: int) -> None:
    """Seed the random numbers that the whole process draws from."""
    random.seed(seed)
    if (numpy := sys.modules.get("numpy.random")) is not None:
        numpy.seed(seed % 2**32)


def _test(item: pytest.Item) -> Test:
    mark = item.get_closest_marker("tolerance")
    name = getattr(item, "originalname", None) or item.name
    parent = item.parent.nodeid if item.parent else ""
    tolerance = str(mark.args[0]) if mark and mark.args else None
    return Test(item.nodeid, f"{parent}::{name}", tolerance)


def run(half: Half, arguments: Sequence[str]) -> Ended:
    """Run the session, as a greenlet does; each event is handed out as it comes."""
    half.bearing.begin()
    code = pytest.main(list(arguments), plugins=[half])
    return Ended(int(code), half.reason)
