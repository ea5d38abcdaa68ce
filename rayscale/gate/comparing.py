"""One case of the gate: both copies are loaded, checked, called in pairs, and judged."""

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from statistics import median
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from numpy.typing import NDArray
from pytest_benchmark.fixture import BenchmarkFixture

from rayscale.gate import copies, pairs
from rayscale.gate.copies import Loading
from rayscale.gate.pairs import Record
from rayscale.gate.request import Gate
from rayscale.gate.terms import Terms
from rayscale.gate.verdicts import GatedCase
from rayscale.suite.case import Case, find, functions
from rayscale.suite.cluster import Cluster
from rayscale.suite.measure import check
from rayscale.suite.witness import Witnessed
from rayscale.text import duration
from rayscale.verdict import CONFIDENCE

if TYPE_CHECKING:
    from ray.util.placement_group import PlacementGroup

Result = NDArray[Any]


class ChangedError(Exception):
    """The base cannot be compared: it fails, or its result is another; the message says how."""


@dataclass
class Comparison:
    """Check and compare one case; what a benchmark calls under --against."""

    case: Case
    name: str
    nodeid: str
    gate: Gate
    benchmark: BenchmarkFixture
    cluster: Cluster | None
    calls: dict[str, int] = field(default_factory=dict)  # by the witness of each copy

    @property
    def terms(self) -> Terms:
        """The case's share of the promise."""
        return self.gate.terms(self.nodeid)

    @property
    def functions(self) -> tuple[str, str]:
        """The names, in ``kernels``, of what is compared."""
        return functions(self.case.problem, self.case.kernel, self.case.implementation)

    def __call__(
        self, rows: Result, expected: Result, bound: Mapping[str, Any] | None = None
    ) -> None:
        """Compare the case on *rows*, which must give *expected*, and record the verdict.

        The test fails, in one sentence, if the head is slower, if the base fails or gives
        another result, or if the budget is too small; it is skipped if the base lacks the case.
        """
        self.benchmark._mode = "compared in pairs"  # noqa: SLF001 - else it warns of disuse
        if missing := self.gate.missing(*self.functions):
            self.gate.others.append((self.name, "new"))
            pytest.skip(f"new: {self.gate.revision} has no {' and no '.join(missing)}")
        try:
            record = self._compare(rows, expected, bound or {})
        except ChangedError as error:
            self.gate.others.append((self.name, f"changed: {error}"))
            if self.name not in self.gate.allow_changed:
                advice = f'--allow-changed="{self.name}" lets it pass'
                pytest.fail(f"{self.name}: {error}; {advice}", pytrace=False)
            return
        except pairs.BudgetError as error:
            self.gate.others.append((self.name, "refused: budget too small"))
            pytest.fail(f"{self.name}: {error}, {self._shortage(error.needed)}", pytrace=False)
        self.gate.spent += record.spent
        self._judge(record)

    def _shortage(self, needed: float) -> str:
        """Return what there is instead of *needed* seconds, and which budget would do."""
        gate = self.gate
        ample = 1.5 * needed
        if gate.left < min(needed, gate.pair_budget):
            return (
                f"and {duration(gate.left)} of the session's {duration(gate.gate_budget)} are "
                f"left; give --gate-budget {math.ceil(gate.spent + ample)} or more, or choose "
                "fewer cases with -k"
            )
        return (
            f"and its budget is {duration(gate.pair_budget)}; give --pair-budget "
            f"{math.ceil(ample)} or leave the case out with -k"
        )

    def _compare(self, rows: Result, expected: Result, bound: Mapping[str, Any]) -> Record:
        budget = min(self.gate.pair_budget, self.gate.left)
        if self.cluster is None:
            load = partial(self._load, rows, expected, bound, None)
            return pairs.compare(load, self.terms, budget, self.gate.left, self.gate.coin)
        with self.cluster.grant(self.case.cpus) as group:
            load = partial(self._load, rows, expected, bound, group)
            record = pairs.compare(load, self.terms, budget, self.gate.left, self.gate.coin)
            for witness, calls in self.calls.items():
                self.cluster.account(witness, rows=len(rows) * calls)
            return record

    def _load(
        self,
        rows: Result,
        expected: Result,
        bound: Mapping[str, Any],
        group: "PlacementGroup | None",
        loading: int,
    ) -> pairs.Arms:
        """Return the calls of base and head of a loading; in drawn order, each is checked."""
        copy = self.gate.loadings[loading]
        self._import(copy)
        if self.cluster is not None:
            self.cluster.modules = copy.modules()
            self.cluster.call_roll(self.case.cpus, group)
        arms: dict[str, Callable[[], Result]] = {}
        for package in self.gate.coin.sample((copy.base, copy.head), 2):
            kernel, run = (find(package, name) for name in self.functions)
            witness = Witnessed(partial(kernel, **bound), case=uuid4().hex)
            group_of = {} if group is None else {"placement_group": group}
            call = partial(run, witness, rows, cpus=self.case.cpus, **group_of)
            arms[package] = self._counted(call, witness.case)
            self._check(arms[package], expected, is_base=package == copy.base)
        return arms[copy.base], arms[copy.head]

    def _import(self, copy: Loading) -> None:
        """Import both copies, in drawn order; what the base's import raises is a ChangedError."""
        for package in copy.order:
            try:
                copies.load(package)
            except Exception as error:
                if package == copy.head:
                    raise
                reason = f"{type(error).__name__}: {error}".replace(package, "kernels")
                raise ChangedError(f"{self.gate.revision} cannot be imported ({reason})") from error

    def _counted(self, call: Callable[[], Result], witness: str) -> Callable[[], Result]:
        """Return *call*, its calls counted under its *witness*; both copies alike."""
        self.calls[witness] = 0

        def counted() -> Result:
            self.calls[witness] += 1
            return call()

        return counted

    def _check(self, call: Callable[[], Result], expected: Result, *, is_base: bool) -> None:
        """Check one call; whatever is wrong with the base's is a ChangedError."""
        try:
            check(call(), expected)
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
            total_ratio=sum(head) / sum(base),
            tests=tuple(test.verdict for test in record.tests),
            pairs=tuple(len(loading) for loading in record.pairs),
            tolerance=self.terms.tolerance,
        )
        self.gate.cases.append(gated)
        self.benchmark.extra_info.update(
            asdict(self.case),
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
        if gated.verdict == "slower":
            pytest.fail(gated.sentence(str(self.gate.revision)), pytrace=False)
        if gated.verdict == "unsure" and self.gate.unsure_fails:
            pytest.fail(f"{self.name}: unsure, {gated.remark}", pytrace=False)


def _put_down(benchmark: BenchmarkFixture, seconds: list[float]) -> None:
    """Have pytest-benchmark save and show *seconds*, which it did not time itself.

    It has no public way to take in timings (5.3); this is the one place that uses another.
    """
    stats = benchmark._make_stats(1)  # noqa: SLF001
    for one in seconds:
        stats.update(one)
