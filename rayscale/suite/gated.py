"""The answer of a case in a gate: the result is checked, and the call is compared by who waits."""

from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import uuid4

from pytest_benchmark.fixture import BenchmarkFixture

from rayscale.suite.code import CodeError
from rayscale.suite.measure import Question
from rayscale.suite.trial import Counted
from rayscale.suite.witness import Watched
from rayscale.watching import by_name


@dataclass
class Shown:
    """A call, with the files of the code that ran at its check, in whatever process."""

    call: Counted
    files: set[str] = field(default_factory=set)

    def __call__(self) -> object:
        """Run the case."""
        __tracebackhide__ = True
        return self.call()


@dataclass(frozen=True)
class Gated:
    """Check a case, and have the gate call it, in pairs with the same of another revision.

    *owns* tells whether a file is the project's: of such code, workers may have none by import.
    """

    benchmark: BenchmarkFixture
    owns: Callable[[str], bool]

    def __call__(self, question: Question) -> None:
        """Answer *question*."""
        __tracebackhide__ = True
        case = uuid4().hex
        kernel = Watched(question.kernel, case, self.owns)
        with question.set_up([question.kernel]) as trial:
            checked, _ = trial.check(kernel, question.expectation, case)
            work = trial.account([checked])
            if work is not None and work.imported:
                raise CodeError(by_name(min(work.imported)))
            call = trial.call(question.kernel, case)
            self.benchmark(Shown(call, set(work.files) if work else set()))
            trial.account([checked, call])
