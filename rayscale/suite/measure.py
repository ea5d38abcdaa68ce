"""What a benchmark calls: ``measure(rows, expected)`` asks its case's question."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

from rayscale.suite.case import Case, Way
from rayscale.suite.check import ABSOLUTE, RELATIVE, Expectation
from rayscale.suite.cluster import SessionCluster
from rayscale.suite.code import Code, Kernel
from rayscale.suite.rows import Pieces
from rayscale.suite.stage import needs, on_stage
from rayscale.suite.trial import Trial, read_only


@dataclass(frozen=True)
class Subject:
    """A case and its functions, and where they run."""

    case: Case
    kernel: Kernel
    way: Way
    cluster: SessionCluster
    code: Code
    beside: tuple[str, Way] | None = None  # the way that it is timed in pairs with, and its name


@dataclass(frozen=True)
class Question:
    """A case on given rows: what must the kernel, with its *bound* arguments, give for them?"""

    subject: Subject
    rows: Any
    expectation: Expectation
    bound: Mapping[str, Any]
    row: str = "row"  # what a row is called

    @cached_property
    def kernel(self) -> Kernel:
        """The case's kernel, bound: one object, for what is made once for each kernel."""
        return self.bind(self.subject.kernel)

    def bind(self, kernel: Kernel) -> Kernel:
        """Return *kernel*, the case's or another copy of it, with the bound arguments."""
        return partial(kernel, **self.bound)

    @property
    def beside(self) -> "Question | None":
        """The same question of the way that the case is timed in pairs with, if there is one."""
        if self.subject.beside is None:
            return None
        name, way = self.subject.beside
        case = replace(self.subject.case, implementation=name)
        return replace(self, subject=replace(self.subject, case=case, way=way, beside=None))

    @contextmanager
    def set_up(self, kernels: Sequence[Kernel]) -> Iterator[Trial]:
        """Have the case's CPUs stand ready, with all *kernels* loaded."""
        subject, needed = self.subject, needs(self.subject.way)
        with ExitStack() as stack:
            if needed.ray:
                subject.cluster.running()  # before anything else imports Ray
            if needed.pickler is not None:
                whom = "Ray's workers" if needed.ray else "a pool's workers"
                stack.enter_context(subject.code.reachable(needed.pickler, whom))
            own = subject.case.cpus, subject.case.placement, kernels
            stage = stack.enter_context(on_stage(subject.way, subject.cluster, *own))
            yield Trial(subject.case, subject.way, self.rows, stage)


@dataclass(repr=False)
class Measure:
    """Ask the question of one case; *answer* times it, or compares it."""

    subject: Subject
    answer: Callable[[Question], None]
    was_called: bool = field(default=False, init=False)

    @property
    def case(self) -> Case:
        """The case of this test."""
        return self.subject.case

    def __repr__(self) -> str:
        """Return few words: pytest shows them with each failure."""
        return f"<measure of {self.case.kernel}, {self.case.implementation}>"

    def __call__(
        self,
        rows: Any,
        expected: Any,
        *,
        bound: Mapping[str, Any] | None = None,
        rtol: float = RELATIVE,
        atol: float = ABSOLUTE,
        split: Callable[[Any, int], Sequence[Any]] | None = None,
        join: Callable[[Sequence[Any]], Any] | None = None,
        row: str = "row",
    ) -> None:
        """Run the case on *rows*, which must give *expected*; then time it, if this run times.

        *rows* are an array whose first axis is the rows, or a list of anything; arrays are
        read-only in every arm.  *bound* are further arguments of the kernel.  Numbers may differ
        from *expected* by ``atol + rtol * abs(expected)``.  ``split(rows, number)`` returns at most
        *number* pieces, and ``join(results)`` puts the results together, where that is not to be
        done by rows.  *row* is what the report calls a row, in the singular, such as "episode".
        In the clock is one call of the way of running, from all rows in to the result.
        AssertionError if the result is another; WorkError or ClusterError if the work was not done
        on the case's number of CPUs; CodeError if the kernel cannot reach the workers.
        """
        __tracebackhide__ = True
        self.was_called = True
        given = read_only(rows)
        if split is not None or join is not None:
            given = Pieces(given, split, join)
        expectation = Expectation(expected, rtol, atol)
        self.answer(Question(self.subject, given, expectation, bound or {}, row))
