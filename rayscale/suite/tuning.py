"""Ray Tune as a way to run a kernel: each row is a trial, in an actor of its own or in one kept.

Tune keeps a book of its trials and starts an actor for each, or hands the actor of an ended trial
to the next one.  Both are done here with its own public means, as a user would do it who wants no
files of it: no loggers, no callbacks, no report, results in a folder that is gone after the case.

How the CPU count is proven: Tune may run no more trials at once than there are CPUs, each trial
asks for one CPU, and each reports from which process it comes, when it ran, and which rows that
process has seen.  So rows that nobody saw, and trials that ran beside more others than there are
CPUs, are an error.  (Clocks of nodes differ, so the trials of each are counted by themselves.)

A new actor is a new process, which imports the kernel: that is part of what a trial costs.

Without a *place* all is set up for the call.  See ``ways.py`` for the rest.
"""

import pickle
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from rayscale.own_folder import own_folder
from rayscale.suite import witness
from rayscale.suite.environment import Conditions, conditions, variables
from rayscale.suite.failing import noted, origin
from rayscale.suite.pools import Failure, Packed, attempt, opened
from rayscale.suite.rows import cut_each, join
from rayscale.suite.stage import RAYS_PICKLER, Kernels, Stage, Work, WorkError, on_ray, work_of
from rayscale.suite.ways import Kernel
from rayscale.suite.witness import Span, Tally, Witnessed

if TYPE_CHECKING:
    from rayscale.suite.cluster import SessionCluster

PACKAGES = ("fsspec", "pandas", "pyarrow")  # ray.tune cannot be imported without them

# Without these Tune writes CSV, JSON and, if tensorboardX happens to be installed, TensorBoard.
QUIET = {"TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1", "RAY_AIR_NEW_OUTPUT": "0"}
HANDLED = {"TUNE_DISABLE_SIGINT_HANDLER": "0"}  # whatever the user's setting: see _interruptible


@dataclass(frozen=True)
class Told:
    """What a trial tells: its result, or its failure; where and when it ran."""

    outcome: Any
    conditions: Conditions
    span: Span
    case: str
    tally: Tally


def told(packed: Packed, piece: Any) -> Told:
    """Run a kernel on *piece*, in a trial, and tell of it."""
    begun = time.perf_counter()
    outcome = attempt(packed, piece)
    span = (begun, time.perf_counter())
    kernel = opened(packed)
    case = kernel.case if isinstance(kernel, Witnessed) else ""
    return Told(outcome, conditions(), span, case, witness.own_tally(case))


@cache
def trainable() -> Any:
    """Return the class of a trial; Tune is imported where it is used."""
    from ray import tune

    class Trial(tune.Trainable):
        """One row: its only step runs the kernel."""

        def setup(  # type: ignore[override]  # with_parameters gives it more
            self, config: dict[str, Any], kernel: Packed, pieces: Sequence[Any]
        ) -> None:
            self.kernel, self.pieces, self.row = kernel, pieces, config["row"]

        def step(self) -> dict[str, Any]:
            report = told(self.kernel, self.pieces[self.row])
            return {"told": pickle.dumps(report), "done": True}

        def reset_config(self, new_config: dict[str, Any]) -> bool:
            self.row = new_config["row"]
            return True

    return Trial


@dataclass
class Study:
    """Searches by Tune, *cpus* trials at once, whose files are in *folder*; and what they told."""

    cpus: int
    folder: str
    is_reused: bool
    seen: dict[tuple[int, str, int], Told] = field(default_factory=dict)  # the last of each process
    spans: dict[tuple[str, str], list[Span]] = field(default_factory=dict)  # by case and node
    searches: int = 0

    def search(self, kernel: Kernel, pieces: Sequence[Any]) -> list[Told]:
        """Return what a trial for each of *pieces* told, in order; nothing runs any more then.

        KeyboardInterrupt after Ctrl-C, which Tune takes for a wish to end early.
        """
        from ray import tune

        self.searches += 1
        with variables(QUIET | HANDLED), _interruptible():
            given = {"kernel": Packed.of(kernel, RAYS_PICKLER), "pieces": list(pieces)}
            trial = tune.with_parameters(trainable(), **given)
            tuner = tune.Tuner(
                tune.with_resources(trial, {"CPU": 1}),
                param_space={"row": tune.grid_search(list(range(len(pieces))))},
                tune_config=tune.TuneConfig(
                    max_concurrent_trials=self.cpus, reuse_actors=self.is_reused
                ),
                run_config=tune.RunConfig(
                    name=f"search{self.searches}",
                    storage_path=self.folder,
                    checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
                    verbose=0,
                ),
            )
            results = tuner.fit()
        told = {}
        for result in (results[place] for place in range(len(results))):
            if result.error is not None:
                raise result.error
            metrics = result.metrics or {}
            if "told" in metrics:
                one = pickle.loads(metrics["told"])  # noqa: S301 - our trial has packed it
                told[metrics["config"]["row"]] = one
                self._note(one)
        if len(told) < len(pieces):
            raise KeyboardInterrupt  # by SIGUSR1, which Tune takes for the same wish
        return [told[row] for row in range(len(pieces))]

    def _note(self, one: Told) -> None:
        """Keep the last tally of each process, and when trials ran."""
        process = self.searches, *one.conditions.process
        before = self.seen.get(process)
        if before is None or before.span < one.span:
            self.seen[process] = replace(one, outcome=None)  # results may be large
        self.spans.setdefault((one.case, one.conditions.node), []).append(one.span)

    def account(self, case: str, rows: int) -> Work:
        """Return how the trials of *case* worked; WorkError if too many ran at once."""
        most = max(
            (at_once(spans) for (own, _), spans in self.spans.items() if own == case), default=0
        )
        if most > self.cpus:
            raise WorkError(f"{most} trials ran at once; the CPU count is {self.cpus}")
        tallies = [one.tally for one in self.seen.values() if one.case == case]
        return work_of(tallies, rows, f"{len(tallies)} processes of trials")


def at_once(spans: Sequence[Span]) -> int:
    """Return how many of *spans* overlap at most.

    >>> at_once([(0, 2), (1, 3), (2, 4)])
    2
    """
    steps = sorted([(end, -1) for _, end in spans] + [(begin, 1) for begin, _ in spans])
    running = most = 0
    for _, step in steps:
        running += step
        most = max(most, running)
    return most


@contextmanager
def _interruptible() -> Iterator[None]:
    """Have Tune end its trials after Ctrl-C, and raise KeyboardInterrupt when it has.

    Tune's handlers set the former one back when they are called, and else stay behind: then they
    would swallow the next Ctrl-C.  (Ray 2.60, ray/tune/tune.py, _setup_signal_catching.)
    """
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGUSR1)}
    try:
        yield
        if signal.getsignal(signal.SIGINT) is before[signal.SIGINT]:
            raise KeyboardInterrupt
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def study(cpus: int, *, is_reused: bool) -> Iterator[Study]:
    """Have a folder for searches, which is gone at the end."""
    with own_folder("tune-") as folder:
        yield Study(cpus, str(folder), is_reused)


@contextmanager
def _stands_ready(
    cluster: "SessionCluster", cpus: int, kernels: Kernels, *, is_reused: bool
) -> Iterator[Stage]:
    """Import Tune, and have it run a trial on each of *cpus* CPUs, which are not set aside."""
    cluster.running().release()  # Tune sets CPUs aside for each trial
    with study(cpus, is_reused=is_reused) as made:
        first = made.search(_nothing, list(range(cpus)))
        yield Stage(made, tuple(one.conditions for one in first), made.account)


def _nothing(row: Any) -> Any:
    return row


@contextmanager
def trials_stand_ready(cluster: "SessionCluster", cpus: int, kernels: Kernels) -> Iterator[Stage]:
    """Have Tune stand ready, which starts an actor for each trial."""
    with _stands_ready(cluster, cpus, kernels, is_reused=False) as stage:
        yield stage


@contextmanager
def actors_stand_ready(cluster: "SessionCluster", cpus: int, kernels: Kernels) -> Iterator[Stage]:
    """Have Tune stand ready, which hands the actor of an ended trial to the next one."""
    with _stands_ready(cluster, cpus, kernels, is_reused=True) as stage:
        yield stage


@on_ray(trials_stand_ready, packages=PACKAGES, is_placed=False)
def tune(kernel: Kernel, rows: Any, *, cpus: int, place: Study | None = None) -> Any:
    """Run *kernel* in one trial of Ray Tune per row, each in an actor of its own."""
    __tracebackhide__ = True
    return _run(kernel, rows, cpus, place, is_reused=False)


@on_ray(actors_stand_ready, packages=PACKAGES, is_placed=False)
def tune_reused(kernel: Kernel, rows: Any, *, cpus: int, place: Study | None = None) -> Any:
    """Run *kernel* in one trial of Ray Tune per row; the next trial gets an ended one's actor."""
    __tracebackhide__ = True
    return _run(kernel, rows, cpus, place, is_reused=True)


def _run(kernel: Kernel, rows: Any, cpus: int, place: Study | None, *, is_reused: bool) -> Any:
    __tracebackhide__ = True
    pieces = cut_each(rows)
    with study(cpus, is_reused=is_reused) if place is None else nullcontext(place) as made:
        outcomes = [one.outcome for one in made.search(kernel, pieces)]
    for number, outcome in enumerate(outcomes):
        if isinstance(outcome, Failure):
            where = origin("row", pieces, number)
            raise noted(outcome.error.open(), where, outcome.trace)
    return join(rows, outcomes)
