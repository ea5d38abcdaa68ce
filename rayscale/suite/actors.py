"""Ways to run a kernel on Ray beside one task for each block: actors that stay; a shared input.

*blocks* is the number of blocks, by default one per CPU.  See ``ways.py`` for the rest.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rayscale.suite import witness
from rayscale.suite.cluster import ClusterError
from rayscale.suite.failing import fetch
from rayscale.suite.rows import Pieces, cut, whole
from rayscale.suite.stage import Kernels, Stage, Work, on_ray, work_of
from rayscale.suite.ways import Kernel, in_group, number_of, remote
from rayscale.suite.witness import Answer

if TYPE_CHECKING:
    from rayscale.suite.cluster import SessionCluster


class Performer:
    """What an actor does: it keeps the kernels that it was taught, and runs them."""

    def __init__(self) -> None:
        self.kernels: dict[int, Kernel] = {}

    def learn(self, number: int, kernel: Kernel) -> None:
        """Keep *kernel* under *number*."""
        self.kernels[number] = kernel

    def run(self, number: int, block: Any) -> Any:
        """Run the kernel of that *number*."""
        return self.kernels[number](block)

    def answer(self, case: str, kernels: Kernels) -> Answer:
        """Report this process's tally of *case*; with *kernels*, it has imported what they need."""
        return witness.answer(case, kernels, hold=0.0)


@dataclass
class Troupe:
    """Actors that stay, one on each CPU, and the kernels that they have been taught."""

    actors: Sequence[Any]
    _taught: list[Kernel] = field(default_factory=list)

    def teach(self, kernel: Kernel) -> int:
        """Return the number of *kernel*, which all actors have then: it is sent to them once."""
        import ray

        for number, known in enumerate(self._taught):
            if known is kernel:
                return number
        number = len(self._taught)
        ray.get([actor.learn.remote(number, kernel) for actor in self.actors])
        self._taught.append(kernel)
        return number

    def ask(self, case: str, kernels: Kernels = ()) -> list[Answer]:
        """Return the answer of each actor."""
        import ray

        answers: list[Answer] = ray.get(
            [actor.answer.remote(case, kernels) for actor in self.actors]
        )
        return answers

    def account(self, case: str, rows: int) -> Work:
        """Return how the actors worked on *case*."""
        return work_of((one.tally for one in self.ask(case)), rows, f"{len(self.actors)} actors")


@contextmanager
def hired(cpus: int, group: Any = None) -> Iterator[Troupe]:
    """Have *cpus* actors, each with a CPU, on a bundle of *group* each, until the end."""
    import ray

    hire = ray.remote(num_cpus=1, max_restarts=0, max_task_retries=0)(Performer)
    actors: list[Any] = []
    try:
        for bundle in range(cpus):
            own = {} if group is None else {"scheduling_strategy": in_group(group, bundle)}
            actors.append(hire.options(**own).remote())
        yield Troupe(actors)
    finally:
        for actor in actors:
            ray.kill(actor)


@contextmanager
def actors_stay(cluster: "SessionCluster", cpus: int, kernels: Kernels) -> Iterator[Stage]:
    """Have an actor on each of *cpus* CPUs of the cluster, each in a process of its own."""
    with cluster.running().reserve(cpus) as group, hired(cpus, group) as troupe:
        answers = troupe.ask("", kernels)
        demand_processes(answers, cpus, "actors")
        yield Stage(troupe, tuple(one.conditions for one in answers), troupe.account)


def demand_processes(answers: Sequence[Answer], cpus: int, who: str) -> None:
    """Raise ClusterError unless *answers* came from *cpus* different processes."""
    processes = {one.conditions.process for one in answers}
    if len(processes) != cpus:
        raise ClusterError(
            f"{cpus} {who} answered from {len(processes)} processes; the CPU count is not in force"
        )


@on_ray(actors_stay)
def ray_actors(
    kernel: Kernel, rows: Any, *, cpus: int, place: Troupe | None = None, blocks: int | None = None
) -> Any:
    """Run *kernel* in actors that stay, one on each CPU; they take the blocks in turn.

    Each is sent the kernel once.  Without a *place* they are started for this call.
    """
    __tracebackhide__ = True
    with hired(cpus) if place is None else nullcontext(place) as troupe:
        pieces = cut(rows, number_of(blocks, cpus))
        number, actors = troupe.teach(kernel), troupe.actors
        sent = (
            actors[turn % len(actors)].run.remote(number, block)
            for turn, block in enumerate(pieces)
        )
        return fetch(rows, pieces, "block", sent)


@on_ray()
def ray_shared(
    kernel: Kernel, rows: Any, *, cpus: int, place: Any = None, blocks: int | None = None
) -> Any:
    """Run *kernel* in one Ray task per block, which each cuts itself from the whole input.

    That is put into the object store once per call, and a task is sent the number of its block.
    """
    import ray

    __tracebackhide__ = True
    task, asked = remote(kernel, _on_own_block, place), number_of(blocks, cpus)
    pieces = cut(rows, asked)
    split = rows.split if isinstance(rows, Pieces) else None
    shared = ray.put(whole(rows))
    sent = (task.remote(shared, split, asked, number) for number in range(len(pieces)))
    return fetch(rows, pieces, "block", sent)


def _on_own_block(kernel: Kernel) -> Callable[..., Any]:
    """Return what runs *kernel* on a block that it cuts itself."""

    def run_kernel(items: Any, split: Any, blocks: int, number: int) -> Any:
        return kernel(cut(Pieces(items, split), blocks)[number])

    return run_kernel
