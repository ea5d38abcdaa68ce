"""A session that compares two revisions: what the gate does at pytest's hooks.

Registered under --against alone.  This session collects and runs nothing by itself: the processes
that it starts do, and it reports what they see.
"""

import os
import platform
import random
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rayscale.gate.overruled import IN_THE_WAY
from rayscale.quoting import plain, quoted
from rayscale.surroundings.presence import present

if TYPE_CHECKING:
    from rayscale.gate.attempts import Attempts
    from rayscale.gate.outcome import Outcome
    from rayscale.gate.request import Request
    from rayscale.gate.trees import Copies
    from rayscale.identity import Identity

WIDTH = 120  # of a table's columns beside the case: two times, a ratio, pairs, a verdict
OF_COVERAGE = ("COV_CORE_", "COVERAGE_PROCESS_")


class Gating:
    """One session's gate, and its hooks."""

    def __init__(self, config: pytest.Config, case_timeout: float | None) -> None:
        """Settle the request; UsageError where it cannot be met."""
        from rayscale import leftovers
        from rayscale.gate import request
        from rayscale.own_folder import own_folder

        self.config = config
        self.case_timeout = case_timeout
        self._refuse_what_no_copy_has()
        self.overruled = self._overrule()
        self.request: Request = request.settle(config)
        self.coin = random.Random(self.request.seed)
        self.swept = leftovers.sweep()
        stack = ExitStack()
        config.add_cleanup(stack.close)
        self.folder: Path = stack.enter_context(own_folder("gate-"))
        self.copies: Copies = self._copy()
        self.outcome: Outcome | None = None
        self.shared = ""  # with whom the machine was shared, in a sentence

    def _refuse_what_no_copy_has(self) -> None:
        """Raise UsageError for tests outside the project: there is one revision of them."""
        here, root = self.config.invocation_params.dir, self.config.rootpath.resolve()
        for word in self.config.args:
            place = Path(here, str(word).partition("::")[0])
            if place.exists() and not place.resolve().is_relative_to(root):
                raise pytest.UsageError(
                    f"--against compares what is in {root}, and {quoted(word)} is not; call pytest "
                    "in the project of these tests, or name it with --rootdir=FOLDER"
                )

    def _overrule(self) -> list[str]:
        """Overrule the settings that stand in the way; return their names."""
        overruled = []
        for name, (option, value) in IN_THE_WAY.items():
            given = getattr(self.config.option, name, value)
            if given not in (value, None, "no", [], False, 0):
                overruled.append(option)
                setattr(self.config.option, name, value)
        self.config.pluginmanager.unregister(name="_cov")
        return overruled

    def _copy(self) -> "Copies":
        from rayscale.gate import trees
        from rayscale.gate.revisions import RevisionError

        patterns = self.config.getini("python_files")
        folder = self.folder / "copies"
        folder.mkdir()
        try:
            return trees.make(
                self.config.rootpath.resolve(),
                self.request.revision,
                folder,
                self.coin,
                patterns,
                self._named_files,
            )
        except RevisionError as error:
            name = self.request.revision.name
            raise pytest.UsageError(plain(f"--against {name}: {error}")) from error

    @property
    def _named_files(self) -> list[Path]:
        here = self.config.invocation_params.dir
        named = [here / str(one).partition("::")[0] for one in self.config.args]
        return [one.resolve() for one in named if one.is_file()]

    @cached_property
    def environment(self) -> dict[str, str]:
        """The environment of the processes: this one's, without what measures coverage."""
        from rayscale.own_folder import marked

        own = {
            name: value for name, value in os.environ.items() if not name.startswith(OF_COVERAGE)
        }
        return own | marked(self.folder)

    def pytest_report_header(self) -> list[str]:
        """Say what is compared with what, and what is not as the project's settings say."""
        request, copies = self.request, self.copies
        lines = [f"rayscale: against {request.revision}, --pair-seed {request.seed}"]
        lines += [f"rayscale: {sentence}" for sentence in self.swept]
        if self.overruled:
            lines.append(f"rayscale: overruled in a gate: {', '.join(self.overruled)}")
        if copies.borrowed:
            names = dict.fromkeys(map(_whole, copies.borrowed))
            lines.append(f"rayscale: not in git: {_listed(names)}; both sides have the tree's")
        if copies.compiled:
            lines.append(
                f"rayscale: built code is the same on both sides ({_listed(copies.compiled)}); "
                "'rayscale compare --launch' compares two environments"
            )
        return lines

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> bool:
        """Collect nothing here."""
        return True

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Have the loadings run, and report each case when its verdict is certain."""
        from rayscale.gate.outcome import Outcome

        if session.config.option.collectonly:
            raise pytest.UsageError("--against compares; leave --collect-only out, or --against")
        identity = self._identity()
        self.outcome = Outcome(
            session,
            self.request,
            self.copies,
            self.folder,
            self.environment,
            self.coin,
            self.case_timeout,
            self._attempts(identity),
            identity,
        )
        with present() as others:
            self.outcome.run()
            if others is not None:
                self.shared = others.sentence
        return True

    def _identity(self) -> "Identity":
        """Return what is compared, but for its cases, which are known later."""
        from rayscale import machine
        from rayscale.identity import RESUME, Identity, code_files, installed

        own, words = self.request, self.config.invocation_params.args
        return Identity(
            cases=(),
            options={
                "--against": own.revision.sha,
                "options": " ".join(one for one in map(str, words) if one not in RESUME),
            },
            files=code_files(self.config.rootpath, self.config.rootpath / "results"),
            versions=installed(),
            machine={"name": platform.node(), "cpus": str(machine.usable_cpus())},
        )

    def _attempts(self, identity: "Identity") -> "Attempts":
        """Return the attempts at the cases; UsageError where none can be taken up that should."""
        from rayscale.gate import attempts

        cache: pytest.Cache | None = getattr(self.config, "cache", None)
        try:
            folder = None if cache is None else cache.mkdir("rayscale-gate")
        except OSError:  # pytest itself warns of a cache that cannot be written
            folder = None
        if not self.config.getoption("rayscale_resume"):
            return attempts.first(folder)
        try:
            return attempts.interrupted(folder, identity)
        except attempts.AttemptsError as error:
            raise pytest.UsageError(f"--resume: {error}") from error

    @pytest.hookimpl(optionalhook=True, tryfirst=True)
    def pytest_benchmark_group_stats(self) -> list[Any]:
        """Leave pytest-benchmark nothing to show: its table has no base."""
        return []

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fail where nothing was compared; where the head lacks what the base has, on request."""
        passed = session.exitstatus == pytest.ExitCode.OK
        if self.outcome and self.outcome.refusal and passed:
            session.exitstatus = pytest.ExitCode.USAGE_ERROR
        if self.outcome and self.outcome.gone and self.request.removed_fails and passed:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: "pytest.TerminalReporter") -> None:
        """Show the verdicts, and write them where CI shows them."""
        from rayscale.terminal import shown, width

        own = self.outcome
        if own is not None and own.is_resumable:
            terminalreporter.write_line(
                "rayscale: this gate is not finished; the same command with --resume finishes it"
            )
        if own is None or not (own.cases or own.others):
            return
        from rayscale.gate import verdicts

        longest = max(len(name) for name in own.names)
        terminalreporter.section(f"head against {self.request.revision}")
        text = verdicts.summary(
            own.cases, own.others, own.promise(), width=max(width(), longest + WIDTH)
        )
        terminalreporter.write(shown(text))
        if own.refusal:
            terminalreporter.write_line(f"ERROR: nothing is compared: {own.refusal}", red=True)
        for warning in own.warnings():
            terminalreporter.write_line(f"warning: {warning}")
        if self.shared:
            terminalreporter.write_line(f"warning: {self.shared}")
        terminalreporter.write_line(
            f"against {self.request.revision}; --pair-seed {self.request.seed} replays the draws"
        )
        for warning in self._write_markdown(
            verdicts.markdown(own.cases, own.others, own.promise())
        ):
            terminalreporter.write_line(f"warning: {warning}", yellow=True)

    def _write_markdown(self, text: str) -> Iterator[str]:
        """Write the table to the file asked for, and append it to the page that CI shows.

        Return what could not be written, and why: the table is shown here all the same.
        """
        places = {"w": self.request.summary, "a": self.request.page}
        for mode, file in places.items():
            if file is None:
                continue
            try:
                with file.open(mode, encoding="utf-8", errors="backslashreplace") as out:
                    out.write(text)
            except OSError as error:
                yield f"the table is not in {quoted(file)} ({error.strerror}); it is the one above"


def _whole(name: str) -> str:
    """Return the folder that says what is installed, for a file in it."""
    before, found, _ = name.partition(".egg-info/")
    return before + found if found else name


def _listed(names: Iterable[str], most: int = 5) -> str:
    own = list(names)
    more = f" and {len(own) - most} more" if len(own) > most else ""
    return ", ".join(own[:most]) + more
