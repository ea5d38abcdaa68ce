"""One case of the gate: both copies are loaded, checked, called in pairs, and judged."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from functools import partial
from statistics import median
from typing import Any, NoReturn, Protocol
from uuid import uuid4

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from rayscale.gate import copies, pairs
from rayscale.gate.copies import Loading
from rayscale.gate.pairs import Record
from rayscale.gate.request import Gate
from rayscale.gate.terms import Terms
from rayscale.gate.verdicts import GatedCase
from rayscale.text import duration
from rayscale.verdict import CONFIDENCE

Kernel = Callable[[Any], Any]


class Trial(Protocol):
    """A case that is set up, as the suite has it."""

    def call(self, kernel: Kernel, case: str) -> Callable[[], Any]:
        """Return the call of *kernel* on the case's rows; its work is put down under *case*."""

    def check(self, kernel: Kernel, expectation: Any, case: str) -> tuple[Callable[[], Any], Any]:
        """Call *kernel* once; raise AssertionError unless its result is what is expected."""

    def account(self, calls: Sequence[Any]) -> object:
        """Raise an error unless the work of *calls* was done where the case's CPU count says."""


class Question(Protocol):
    """What a benchmark asks: a kernel, and what it must give, as the suite has it."""

    @property
    def subject(self) -> Any:
        """The case, with its kernel."""

    @property
    def expectation(self) -> Any:
        """What the kernel must give."""

    def bind(self, kernel: Kernel) -> Kernel:
        """Return *kernel*, with the benchmark's further arguments."""

    def set_up(self, kernels: Sequence[Kernel]) -> AbstractContextManager[Trial]:
        """Have the case's CPUs stand ready, with all *kernels* loaded."""


class ChangedError(Exception):
    """The base cannot be compared: it fails, or its result is another; the message says how."""


@dataclass
class Comparison:
    """Check and compare one case: the answer to a benchmark's question under --against."""

    words: dict[str, Any]
    name: str
    nodeid: str
    gate: Gate
    benchmark: BenchmarkFixture
    calls: dict[str, list[Any]] = field(default_factory=dict)  # by the witness of each copy

    @property
    def terms(self) -> Terms:
        """The case's share of the promise."""
        return self.gate.terms(self.nodeid)

    def __call__(self, question: Question) -> None:
        """Compare the case, and record the verdict.

        The test fails, in one sentence, if the head is slower, or if the base fails or gives
        another result.  It is skipped if the base lacks the case, or if the session has no time
        left for it.
        """
        self.benchmark._mode = "compared in pairs"  # noqa: SLF001 - else it warns of disuse
        if missing := self.gate.missing(question.subject.kernel):
            self.gate.others.append((self.name, "new"))
            pytest.skip(f"new: {self.gate.revision} has no {missing}")
        if not self.gate.left:
            self._refuse_late()
        try:
            record = self._compare(question)
        except ChangedError as error:
            self.gate.others.append((self.name, f"changed: {error}"))
            if self.name not in self.gate.allow_changed:
                advice = f'--allow-changed="{self.name}" lets it pass'
                pytest.fail(f"{self.name}: {error}; {advice}", pytrace=False)
            return
        self.gate.spent += record.spent
        self._judge(record)

    def _refuse_late(self) -> NoReturn:
        """Skip a case for which there is no time left: nothing is known of it, good or bad."""
        spent = f"not compared: the session's {duration(self.gate.gate_budget)} are spent"
        self.gate.others.append((self.name, spent))
        if self.gate.unsure_fails:
            pytest.fail(f"{self.name}: {spent}; give a larger --gate-budget", pytrace=False)
        pytest.skip(spent)

    def _compare(self, question: Question) -> Record:
        kernels = self._kernels(question)
        with question.set_up([one for both in kernels for one in both.values()]) as trial:
            load = partial(self._load, question, trial, kernels)
            gate = self.gate
            record = pairs.compare(load, self.terms, gate.pair_budget, gate.left, gate.coin)
            for calls in self.calls.values():
                trial.account(calls)
            return record

    def _kernels(self, question: Question) -> list[dict[str, Kernel]]:
        """Return the kernel of each copy, by the name of its package, loading by loading."""
        kernels = []
        for copy in self.gate.loadings:
            self._import(copy)
            kernels.append({one: self._kernel(question, one) for one in copy.order})
        return kernels

    def _kernel(self, question: Question, package: str) -> Kernel:
        own = copies.twin(self.gate.subject, question.subject.kernel, package)
        return question.bind(own)

    def _load(
        self,
        question: Question,
        trial: Trial,
        kernels: Sequence[dict[str, Kernel]],
        loading: int,
    ) -> pairs.Arms:
        """Return the calls of base and head of a loading; in drawn order, each is checked."""
        copy = self.gate.loadings[loading]
        arms: dict[str, Callable[[], Any]] = {}
        for package in self.gate.coin.sample((copy.base, copy.head), 2):
            kernel, case = kernels[loading][package], uuid4().hex
            checked = self._check(trial, question, kernel, case, is_base=package == copy.base)
            arms[package] = trial.call(kernel, case)
            self.calls[case] = [checked, arms[package]]
        return arms[copy.base], arms[copy.head]

    def _import(self, copy: Loading) -> None:
        """Import both copies, in drawn order; what the base's import raises is a ChangedError."""
        for package in copy.order:
            try:
                copies.load(package)
            except Exception as error:
                if package == copy.head:
                    raise
                reason = f"{type(error).__name__}: {error}".replace(package, self.gate.subject)
                raise ChangedError(f"{self.gate.revision} cannot be imported ({reason})") from error

    def _check(
        self, trial: Trial, question: Question, kernel: Kernel, case: str, *, is_base: bool
    ) -> Callable[[], Any]:
        """Check one call; whatever is wrong with the base's is a ChangedError."""
        try:
            return trial.check(kernel, question.expectation, case)[0]
        except AssertionError as error:
            if not is_base:
                raise
            difference = " ".join(str(error).split())
            raise ChangedError(
                f"{self.gate.revision} gives another result ({difference})"
            ) from None
        except Exception as error:
            if not is_base:
                raise
            raise ChangedError(
                f"{self.gate.revision} raises {type(error).__name__}: {error}"
            ) from error

    def _judge(self, record: Record) -> None:
        seen = [pair for loading in record.pairs for pair in loading]
        base = [pair.base for pair in seen]
        head = [pair.head for pair in seen]
        gated = GatedCase(
            name=self.name,
            base=median(base),
            head=median(head),
            ratio=record.all_pairs.ratio,
            interval=record.all_pairs.interval(CONFIDENCE),
            tests=tuple(test.verdict for test in record.tests),
            pairs=tuple(len(loading) for loading in record.pairs),
            tolerance=self.terms.tolerance,
            meant=self.name in self.gate.allow_slower,
        )
        self.gate.cases.append(gated)
        self.benchmark.extra_info.update(
            self.words,
            gate=asdict(gated)
            | {
                "verdict": gated.verdict,
                "false_alarm": self.terms.false_alarm,
                "miss": self.terms.miss,
                "against": self.gate.revision.name,
                "base_sha": self.gate.revision.sha,
                "dirty": self.gate.dirty,
                "seed": self.gate.seed,
                "calls": record.calls,
                "seconds": record.spent,
                "raw_pairs": [[asdict(pair) for pair in loading] for loading in record.pairs],
            },
        )
        _put_down(self.benchmark, head)
        if gated.verdict == "slower" and not gated.meant:
            pytest.fail(gated.sentence(str(self.gate.revision)), pytrace=False)
        if gated.verdict == "unsure" and self.gate.unsure_fails:
            pytest.fail(f"{self.name}: unsure, {gated.remark}", pytrace=False)


def _put_down(benchmark: BenchmarkFixture, seconds: list[float]) -> None:
    """Have pytest-benchmark save and show *seconds*, which it did not time itself.

    It has no public way to take in timings (5.3); this is the one place that uses another.
    """
    stats = benchmark._make_stats(1)  # noqa: SLF001 - there is no public way
    for one in seconds:
        stats.update(one)
