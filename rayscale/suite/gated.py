"""The answer of a case in a gate: the result is checked, and the call is compared by who waits."""

from dataclasses import dataclass, field
from uuid import uuid4

from pytest_benchmark.fixture import BenchmarkFixture

from rayscale.suite.code import CodeError
from rayscale.suite.measure import Question
from rayscale.suite.trial import Counted
from rayscale.suite.witness import Watched


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

    *folders* are those of the project: of its code, workers may have none by import.
    """

    benchmark: BenchmarkFixture
    folders: tuple[str, ...]

    def __call__(self, question: Question) -> None:
        """Answer *question*."""
        __tracebackhide__ = True
        case = uuid4().hex
        kernel = Watched(question.kernel, case, self.folders)
        with question.set_up([question.kernel]) as trial:
            checked, _ = trial.check(kernel, question.expectation, case)
            work = trial.account([checked])
            if work is not None and work.imported:
                raise CodeError(
                    f"a worker imports {min(work.imported)}, which is of one revision alone; code "
                    "comes to workers by value: have the kernel's module import it at its top"
                )
            call = trial.call(question.kernel, case)
            self.benchmark(Shown(call, set(work.files) if work else set()))
            trial.account([checked, call])
