"""What a way of running needs outside the clock: its place, and how its CPU count is proven."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from rayscale.suite import witness
from rayscale.suite.environment import Conditions
from rayscale.suite.witness import Span, Tally, Warned, together

if TYPE_CHECKING:
    from rayscale.suite.cluster import SessionCluster

Run = TypeVar("Run", bound=Callable[..., Any])
Kernels = Sequence[Callable[[Any], Any]]

RAYS_PICKLER = "ray.cloudpickle"


@dataclass(frozen=True)
class Work:
    """What was seen of a case's work, in all the processes that did it."""

    calls: int
    spans: Mapping[str, list[Span]]  # by the node whose clock they are of
    warnings: list[Warned]
    late: int = 0  # processes that did some of it and had not answered before
    files: frozenset[str] = frozenset()  # of the code of a Watched kernel
    imported: frozenset[str] = frozenset()  # by the processes that ran one


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
    """What a way of running needs: how it is set up, whether it is Ray's, which CPU counts.

    *packages* must be installed.  *pickler* names the module that sends code by value to the
    processes of the way; None where nothing is sent.  *is_placed*: where on a cluster its CPUs are
    can be chosen.
    """

    set_up: SetUp
    ray: bool
    cpus: tuple[int, ...]  # none: those that are asked for
    packages: tuple[str, ...]
    pickler: str | None
    is_placed: bool = False


def way(
    set_up: SetUp,
    *,
    cpus: tuple[int, ...] = (),
    packages: tuple[str, ...] = (),
    pickler: str | None = None,
) -> Callable[[Run], Run]:
    """Mark a function as a way of running that *set_up* prepares, for each of *cpus*.

    ``set_up(cluster, cpus, kernels)`` is a context manager that yields a ``Stage``; all that it
    does is outside the clock.  *packages* must be installed.  *pickler* is the name of the module,
    ``cloudpickle`` or a copy of it, that sends kernels of a test file to other processes.
    """
    return _marked(Needs(set_up, ray=False, cpus=cpus, packages=packages, pickler=pickler))


def on_ray(
    set_up: SetUp | None = None,
    *,
    cpus: tuple[int, ...] = (),
    packages: tuple[str, ...] = (),
    is_placed: bool = True,
) -> Callable[[Run], Run]:
    """Mark a function as a way of running on Ray: its *place* is a placement group of the CPUs.

    Its tasks must run there, and each must call the kernel that it was given: then the rows that
    each worker process saw prove the CPU count.  Where *set_up* is given, its stage says both.
    *packages* must be installed beside Ray.  *is_placed*: its CPUs are those of ``reserve``, which
    places them on the nodes of a cluster as the user asks.
    """
    return _marked(
        Needs(
            set_up or ray_bundles,
            ray=True,
            cpus=cpus,
            packages=packages,
            pickler=RAYS_PICKLER,
            is_placed=is_placed,
        )
    )


def _marked(needs: Needs) -> Callable[[Run], Run]:
    def mark(run: Run) -> Run:
        run.__rayscale_needs__ = needs  # type: ignore[attr-defined]  # functions take attributes
        return run

    return mark


def needs(run: Callable[..., Any]) -> Needs:
    """Return what *run* needs; a plain function needs nothing, and its CPU count is not proven."""
    run = getattr(run, "func", run)  # of a partial
    found: Needs = getattr(run, "__rayscale_needs__", NOTHING)
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
    with running.reserve(cpus) as group:
        workers = running.call_roll(cpus, group, kernels)
        yield Stage(group, tuple(workers), partial(running.account, group=group))


@contextmanager
def on_stage(
    run: Callable[..., Any], cluster: "SessionCluster", cpus: int, placement: str, kernels: Kernels
) -> Iterator[Stage]:
    """Set up a way of running, on CPUs of the cluster that are placed so, where it uses that.

    GrantError if they are not.
    """
    needed = needs(run)
    running = cluster.running() if needed.ray else None
    if running is not None:
        running.placement = placement
    with needed.set_up(cluster, cpus, kernels) as stage:
        if running is not None:
            running.demand_placement(stage.workers)
        yield stage


def placed(
    cluster: "SessionCluster", placement: str, workers: Sequence[Conditions]
) -> dict[str, Any]:
    """Return what a run saves of where a case's *workers* are; nothing where there is one node."""
    is_rays = any(worker.node for worker in workers)
    on_nodes = cluster.running().on_nodes(workers) if is_rays else []
    found = {"placement": placement, "on_nodes": on_nodes}
    return {name: value for name, value in found.items() if value}


NOTHING = Needs(unproven, ray=False, cpus=(), packages=(), pickler=None)


def work(tally: Tally, late: int = 0) -> Work:
    """Return the work that a *tally* of all processes shows."""
    seen = frozenset(tally.files), frozenset(tally.imported)
    return Work(tally.calls, tally.spans, tally.warnings, late, *seen)


def work_of(tallies: Iterable[Tally], rows: int, who: str) -> Work:
    """Return the work of all who could do some; WorkError unless they saw all of *rows*."""
    tally = together(tallies)
    if tally.rows != rows:
        raise WorkError(f"{rows} rows went through the kernel, and {who} saw {tally.rows} of them")
    return work(tally)


def _seen_here(case: str, rows: int) -> Work:
    tally = witness.own_tally(case)
    if tally.rows != rows:
        raise WorkError(
            f"{rows} rows were to go through the kernel, and this process saw {tally.rows}; a way "
            "that works here calls the kernel once on each row"
        )
    return work(tally)


class WorkError(Exception):
    """The work of a case was not done where its CPU count says; the message says what was seen."""
