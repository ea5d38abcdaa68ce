"""Ways to run a kernel in a pool that stays for a case: of Ray, of Python, of joblib; of threads.

*blocks* is the number of blocks, by default one per CPU; each is one task of the pool.  Without a
*place* a pool is started for the call.  See ``ways.py`` for the rest.
"""

import os
import pickle
import signal
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import import_module
from itertools import count
from multiprocessing import get_context
from threading import Barrier, get_ident
from typing import TYPE_CHECKING, Any

from rayscale.parent import end_with
from rayscale.suite import witness
from rayscale.suite.cluster import PATIENCE, RECOUNTING, GrantError
from rayscale.suite.code import pools_pickler
from rayscale.suite.environment import Conditions, own_niceness, own_node
from rayscale.suite.failing import noted, origin
from rayscale.suite.rows import cut, join
from rayscale.suite.stage import RAYS_PICKLER, Kernels, Stage, Work, WorkError, on_ray, way, work_of
from rayscale.suite.ways import Kernel, in_group, number_of
from rayscale.suite.witness import Answer

if TYPE_CHECKING:
    from rayscale.suite.cluster import SessionCluster

HOLD, LONGEST_HOLD = 0.02, 0.64  # seconds that a process of a pool is held to be counted

Function = Callable[..., Any]
RunAll = Callable[[Function, Sequence[tuple[Any, ...]]], list[Any]]


@dataclass(frozen=True)
class Packed:
    """A value on its way to another process, and the module that packed it."""

    pickler: str
    contents: bytes

    @classmethod
    def of(cls, value: Any, pickler: str) -> "Packed":
        """Pack *value*."""
        return cls(pickler, import_module(pickler).dumps(value))

    def open(self) -> Any:
        """Return the value."""
        return pickle.loads(self.contents)  # noqa: S301 - another process of ours has packed it


@dataclass(frozen=True)
class Failure:
    """A kernel's exception on its way back, and where it arose."""

    error: Packed
    trace: str


@lru_cache(maxsize=16)
def opened(packed: Packed) -> Kernel:
    """Return a kernel, opened once in a process and not in each task."""
    kernel: Kernel = packed.open()
    return kernel


def attempt(packed: Packed, block: Any) -> Any:
    """Run a kernel on *block*; return its result, or the exception that it raised."""
    kernel = opened(packed)
    try:
        return kernel(block)
    except Exception as error:  # noqa: BLE001 - it is raised where the call was made
        return Failure(_packed_error(error, packed.pickler), traceback.format_exc())


def _packed_error(error: Exception, pickler: str) -> Packed:
    """Pack *error*, or what says the same where pickle cannot rebuild it."""
    try:
        packed = Packed.of(error, pickler)
        packed.open()
    except Exception:  # noqa: BLE001 - whatever an exception's own methods raise
        return Packed.of(RuntimeError(f"{type(error).__name__}: {error}"), pickler)
    return packed


@dataclass(frozen=True)
class Driver:
    """The process that has a pool."""

    node: str  # of Ray's, which it is connected to, if to any
    pid: int
    niceness: int
    pickler: str


def obey(driver: int) -> None:
    """Leave Ctrl-C to the process *driver*, which has started this one, and end with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with(driver, signal.SIGKILL)


def answer(case: str, kernels: Sequence[Packed], driver: Driver, seconds: float) -> Packed:
    """Stay busy for some *seconds*, and report this process's tally of *case*.

    It has *kernels* then, works at the niceness of the *driver*, leaves Ctrl-C to that, and ends
    with it.
    """
    is_elsewhere = own_node() not in ("", driver.node)  # a node of Ray's, with ids of its own
    if is_elsewhere or driver.pid != os.getpid():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        if (
            not is_elsewhere and os.getppid() == driver.pid
        ):  # Ray's pool is of processes that Ray has started
            end_with(driver.pid, signal.SIGKILL)
        if driver.niceness > own_niceness():
            os.setpriority(os.PRIO_PROCESS, 0, driver.niceness)
    own = [opened(one) for one in kernels]
    return Packed.of(witness.answer(case, own, seconds), driver.pickler)


@dataclass
class Pool:
    """A pool of *size* processes.

    *run_all* calls a function with each of many arguments there, and returns what it returned, in
    order; it leaves nothing running.  *pickler* packs kernels.
    """

    size: int
    run_all: RunAll
    pickler: str
    _packed: list[tuple[Kernel, Packed]] = field(default_factory=list)

    def pack(self, kernel: Kernel) -> Packed:
        """Return *kernel*, packed once."""
        for known, packed in self._packed:
            if known is kernel:
                return packed
        self._packed.append((kernel, Packed.of(kernel, self.pickler)))
        return self._packed[-1][1]

    def ask(self, case: str, patience: float, kernels: Kernels = ()) -> list[Answer]:
        """Return the answers of its processes: of all, unless some do not within *patience*.

        A pool gives a task to whichever is free: so each is held until all are at it.
        """
        deadline = time.monotonic() + patience
        answers: dict[tuple[str, int], Answer] = {}
        own = tuple(self.pack(kernel) for kernel in kernels)
        driver = Driver(own_node(), os.getpid(), own_niceness(), self.pickler)
        for repeated in count():
            words = (case, own, driver, hold(repeated))
            given = [one.open() for one in self.run_all(answer, [words] * self.size)]
            answers |= {one.conditions.process: one for one in given}
            if len(answers) >= self.size or time.monotonic() > deadline:
                break
        return list(answers.values())

    def account(self, case: str, rows: int) -> Work:
        """Return how its processes worked on *case*."""
        answers = self.ask(case, RECOUNTING)
        return work_of((one.tally for one in answers), rows, f"the pool's {len(answers)} processes")

    def stage(self, kernels: Kernels) -> Stage:
        """Return the stage of a case, when all processes of the pool have answered."""
        answers = self.ask("", PATIENCE, kernels)
        if len(answers) != self.size:
            raise GrantError(
                f"{len(answers)} processes of a pool of {self.size} answered within {PATIENCE} s; "
                "the CPU count is not in force"
            )
        others = [one.conditions for one in answers if not _is_this(one.conditions)]
        return Stage(self, tuple(others), self.account)

    def run(self, kernel: Kernel, rows: Any, blocks: int) -> Any:
        """Run *kernel* on *blocks* blocks of *rows*."""
        __tracebackhide__ = True  # a kernel's failure is about the kernel
        packed, pieces = self.pack(kernel), cut(rows, blocks)
        results = self.run_all(attempt, [(packed, block) for block in pieces])
        for place, result in enumerate(results):
            if isinstance(result, Failure):
                where = origin("block", pieces, place)
                raise noted(result.error.open(), where, result.trace)
        return join(rows, results)


def hold(attempt: int) -> float:
    """Return how long a pool's processes are held to be counted, in seconds.

    So long that all are asked before one is done: a process that is done is asked again.  On a busy
    machine that takes longer, so the time doubles with each *attempt*, from 0 on.
    """
    return min(HOLD * 2.0**attempt, LONGEST_HOLD)


def _is_this(process: Conditions) -> bool:
    """Tell whether *process* is this one: on another node of Ray's, one may have the same id."""
    return process.process == (own_node(), os.getpid())


def call(task: tuple[Function, tuple[Any, ...]]) -> Any:
    """Call a function with its arguments: Ray's pool sends one thing a task."""
    function, arguments = task
    return function(*arguments)


@contextmanager
def rays_pool(cpus: int, group: Any = None) -> Iterator[Pool]:
    """Start Ray's own pool, whose actors ask for no CPU by themselves: each gets one here.

    As of ``actors.hired``, the start is that of new processes, which import Ray: 1.6 of 1.7 s for
    two of them (profiled), and several times as long where other programs use the cores.
    """
    from ray.util.multiprocessing import Pool as RaysPool

    own = {"num_cpus": 1} | ({"scheduling_strategy": in_group(group)} if group else {})
    pool = RaysPool(cpus, ray_remote_args=own)

    def run_all(function: Function, arguments: Sequence[tuple[Any, ...]]) -> list[Any]:
        promised = pool.map_async(call, [(function, one) for one in arguments], chunksize=1)
        try:
            results: list[Any] = promised.get()
        finally:
            promised.wait()  # after Ctrl-C, too
        return results

    try:
        yield Pool(cpus, run_all, RAYS_PICKLER)
    finally:
        pool.terminate()


@contextmanager
def own_processes(cpus: int) -> Iterator[Pool]:
    """Start a pool of the standard library's.

    By spawn: this process has threads, of Ray among others, which a fork would not copy; and a
    server to fork from keeps the environment and the niceness of the time when it started.  By
    concurrent.futures: in multiprocessing's pool, a worker that dies is waited for without end.
    """
    with ProcessPoolExecutor(cpus, get_context("spawn"), obey, (os.getpid(),)) as executor:

        def run_all(function: Function, arguments: Sequence[tuple[Any, ...]]) -> list[Any]:
            done = settled(executor.submit(function, *one) for one in arguments)
            return [future.result() for future in done]

        yield Pool(cpus, run_all, pools_pickler())


def settled(submitted: Iterable[Future[Any]]) -> list[Future[Any]]:
    """Return the futures *submitted*, all done; after Ctrl-C, nothing runs or waits for its turn.

    They are gone through here, so that none is lost where that is interrupted.
    """
    futures: list[Future[Any]] = []
    try:
        futures += submitted
        wait(futures)
    except BaseException:
        for future in futures:
            future.cancel()
        wait(futures)
        raise
    return futures


@contextmanager
def joblibs_processes(cpus: int) -> Iterator[Pool]:
    """Start joblib's pool, loky; with one job, joblib works in this process.

    One task is one batch: by itself joblib puts short ones together.
    """
    from joblib import Parallel, delayed, parallel_config
    from joblib.externals.loky import get_reusable_executor

    try:
        with (
            parallel_config("loky", n_jobs=cpus, inner_max_num_threads=1),
            Parallel(batch_size=1) as parallel,
        ):

            def run_all(function: Function, arguments: Sequence[tuple[Any, ...]]) -> list[Any]:
                results: list[Any] = parallel(delayed(function)(*one) for one in arguments)
                return results

            yield Pool(cpus, run_all, pools_pickler())
    finally:
        if cpus > 1:
            get_reusable_executor().shutdown(wait=True)


@contextmanager
def rays_pool_stays(cluster: "SessionCluster", cpus: int, kernels: Kernels) -> Iterator[Stage]:
    """Have Ray's pool on *cpus* CPUs of the cluster."""
    with cluster.running().reserve(cpus) as group, rays_pool(cpus, group) as pool:
        yield pool.stage(kernels)


@contextmanager
def own_processes_stay(cluster: "SessionCluster", cpus: int, kernels: Kernels) -> Iterator[Stage]:
    """Have a process pool for the case."""
    with own_processes(cpus) as pool:
        yield pool.stage(kernels)


@contextmanager
def joblibs_processes_stay(
    cluster: "SessionCluster", cpus: int, kernels: Kernels
) -> Iterator[Stage]:
    """Have joblib's processes for the case."""
    with joblibs_processes(cpus) as pool:
        yield pool.stage(kernels)


@on_ray(rays_pool_stays)
def ray_pool(
    kernel: Kernel, rows: Any, *, cpus: int, place: Pool | None = None, blocks: int | None = None
) -> Any:
    """Run *kernel* in Ray's drop-in for multiprocessing.Pool."""
    __tracebackhide__ = True
    with rays_pool(cpus) if place is None else nullcontext(place) as pool:
        return pool.run(kernel, rows, number_of(blocks, cpus))


@way(own_processes_stay, pickler=pools_pickler())
def process_pool(
    kernel: Kernel, rows: Any, *, cpus: int, place: Pool | None = None, blocks: int | None = None
) -> Any:
    """Run *kernel* in the standard library's ProcessPoolExecutor."""
    __tracebackhide__ = True
    with own_processes(cpus) if place is None else nullcontext(place) as pool:
        return pool.run(kernel, rows, number_of(blocks, cpus))


@way(joblibs_processes_stay, packages=("joblib",), pickler=pools_pickler())
def joblib(
    kernel: Kernel, rows: Any, *, cpus: int, place: Pool | None = None, blocks: int | None = None
) -> Any:
    """Run *kernel* by joblib's Parallel, in the processes of loky."""
    __tracebackhide__ = True
    with joblibs_processes(cpus) if place is None else nullcontext(place) as pool:
        return pool.run(kernel, rows, number_of(blocks, cpus))


@contextmanager
def threads_stay(cluster: "SessionCluster", cpus: int, kernels: Kernels) -> Iterator[Stage]:
    """Have *cpus* threads, which have all worked at once."""
    witness.forget()  # the cases before it
    with ThreadPoolExecutor(cpus) as pool:
        together = Barrier(cpus)

        def meet() -> int:
            together.wait(PATIENCE)
            return get_ident()

        met = settled(pool.submit(meet) for _ in range(cpus))
        threads = {future.result() for future in met}

        def account(case: str, rows: int) -> Work:
            tallies = witness.by_thread(case)
            if others := tallies.keys() - threads:
                raise WorkError(
                    f"{len(others)} threads did work that the pool's {cpus} should have done"
                )
            return work_of(tallies.values(), rows, f"the pool's {cpus} threads")

        yield Stage(pool, (), account)


@way(threads_stay)
def thread_pool(
    kernel: Kernel,
    rows: Any,
    *,
    cpus: int,
    place: ThreadPoolExecutor | None = None,
    blocks: int | None = None,
) -> Any:
    """Run *kernel* in threads of this process: of use where it lets go of Python's lock."""
    __tracebackhide__ = True
    pieces = cut(rows, number_of(blocks, cpus))
    with ThreadPoolExecutor(cpus) if place is None else nullcontext(place) as pool:
        futures = settled(pool.submit(kernel, block) for block in pieces)
    for number, future in enumerate(futures):
        if error := future.exception():
            error.add_note(origin("block", pieces, number))
            raise error
    return join(rows, [future.result() for future in futures])
