"""What a way of running needs outside the clock: its place, and how its CPU count is proven."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from rayscale.suite import witness
from rayscale.suite.environment import Conditions
from rayscale.suite.witness import Span, Warned

if TYPE_CHECKING:
    from rayscale.suite.cluster import SessionCluster

Run = TypeVar("Run", bound=Callable[..., Any])
Kernels = Sequence[Callable[[Any], Any]]


@dataclass(frozen=True)
class Work:
    """What was seen of a case's work, in all the processes that did it."""

    calls: int
    spans: list[Span]
    warnings: list[Warned]
    late: int = 0  # processes that did some of it and had not answered before


Account = Callable[[str, int], Work]  # a case and its number of rows


@dataclass(frozen=True)
class Stage:
    """What is set up for one case.

    *place* is handed to the way of running.  *workers* are the processes that stand ready, none
    where the work is done in this one.  *account* returns the work of a case and raises an error
    unless all its rows were seen, in processes that the case's CPU count allows; None where the
    way cannot say who did the work: its CPU count is not proven.
    """

    place: Any
    workers: tuple[Conditions, ...]
    account: Account | None


SetUp = Callable[["SessionCluster", int, Kernels], AbstractContextManager[Stage]]


@dataclass(frozen=True)
class Needs:
    """What a way of running needs: how it is set up, whether it is Ray's, which CPU counts."""

    set_up: SetUp
    ray: bool
    cpus: tuple[int, ...]  # none: those that are asked for


def way(set_up: SetUp, *, cpus: tuple[int, ...] = ()) -> Callable[[Run], Run]:
    """Mark a function as a way of running that *set_up* prepares, for each of *cpus*.

    ``set_up(cluster, cpus, kernels)`` is a context manager that yields a ``Stage``; all that it
    does is outside the clock.
    """
    return _marked(Needs(set_up, ray=False, cpus=cpus))


def on_ray(*, cpus: tuple[int, ...] = ()) -> Callable[[Run], Run]:
    """Mark a function as a way of running on Ray: its *place* is a placement group of the CPUs.

    Its tasks must run there, and each must call the kernel that it was given: then the rows that
    each worker process saw prove the CPU count.
    """
    return _marked(Needs(ray_bundles, ray=True, cpus=cpus))


def _marked(needs: Needs) -> Callable[[Run], Run]:
    def mark(run: Run) -> Run:
        run.__rayscale_needs__ = needs  # type: ignore[attr-defined]  # functions take attributes
        return run

    return mark


def needs(run: Callable[..., Any]) -> Needs:
    """Return what *run* needs; a plain function needs nothing, and its CPU count is not proven."""
    run = getattr(run, "func", run)  # of a partial
    found: Needs = getattr(run, "__rayscale_needs__", Needs(unproven, ray=False, cpus=()))
    return found


@contextmanager
def in_process(cluster: "SessionCluster", cpus: int, kernels: Kernels) -> Iterator[Stage]:
    """Run in this process: one CPU, proven by the rows that were seen in it."""
    witness.forget()  # the cases before it
    yield Stage(None, (), _seen_here)


@contextmanager
def unproven(cluster: "SessionCluster", cpus: int, kernels: Kernels) -> Iterator[Stage]:
    """Set up nothing, and leave open who does the work."""
    yield Stage(None, (), None)


@contextmanager
def ray_bundles(cluster: "SessionCluster", cpus: int, kernels: Kernels) -> Iterator[Stage]:
    """Set *cpus* CPUs of the cluster aside, and have as many warm workers stand ready."""
    running = cluster.running()
    with running.grant(cpus) as group:
        workers = running.call_roll(cpus, group, kernels)
        yield Stage(group, tuple(workers), partial(running.account, group=group))


def _seen_here(case: str, rows: int) -> Work:
    tally = witness.own_tally(case)
    if tally.rows != rows:
        raise WorkError(
            f"{rows} rows were to go through the kernel, and this process saw {tally.rows}; a way "
            "that works here calls the kernel once on each row"
        )
    return Work(tally.calls, tally.spans, tally.warnings)


class WorkError(Exception):
    """The work of a case was not done where its CPU count says; the message says what was seen."""
