"""Actors, a shared input, pools and threads: what serial gives, on CPUs that are proven."""

import os
import platform
import signal
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from kernels.moving_average import moving_average_numpy
from rayscale.suite.actors import ray_actors, ray_shared
from rayscale.suite.case import Way
from rayscale.suite.cluster import PATIENCE, SessionCluster
from rayscale.suite.code import code_of
from rayscale.suite.environment import conditions
from rayscale.suite.pools import joblib, process_pool, ray_pool, thread_pool
from rayscale.suite.rows import Pieces
from rayscale.suite.stage import Stage, WorkError, needs
from rayscale.suite.ways import Kernel
from rayscale.suite.witness import Overheard, Witnessed

pytestmark = pytest.mark.ray(cpus=2)

PEERS = (ray_actors, ray_shared, ray_pool, process_pool, joblib, thread_pool)
IN_PROCESSES = (ray_actors, ray_shared, ray_pool, process_pool, joblib)
ROW_COUNTS = (0, 1, 2, 7)
CPUS = 2
ROWS = 200  # that two processes nap through for 25 s: on a busy machine Ctrl-C takes some to arrive


def name(run: Way) -> str:
    """Return what a test's id calls a way."""
    return str(run.__name__)


@dataclass(frozen=True)
class Peer:
    """A way of running that is set up on two CPUs."""

    run: Way
    stage: Stage

    def __call__(self, kernel: Kernel, rows: Any, **options: Any) -> Any:
        """Run *kernel* on *rows*."""
        return self.run(kernel, rows, cpus=CPUS, place=self.stage.place, **options)


@pytest.fixture(scope="module", params=PEERS, ids=name)
def peer(request: pytest.FixtureRequest, rayscale_cluster: SessionCluster) -> Iterator[Peer]:
    """Each way in turn, set up once for all its tests; functions of this file go by value."""
    rayscale_cluster.running()
    run, pickler = request.param, needs(request.param).pickler
    with ExitStack() as stack:
        if pickler is not None:
            code = code_of(lengths, "lengths", Path(__file__))
            stack.enter_context(code.reachable(pickler))
        yield Peer(run, stack.enter_context(needs(run).set_up(rayscale_cluster, CPUS, [lengths])))


def lengths(texts: list[str]) -> list[int]:
    """Return the length of each of *texts*."""
    return [len(text) for text in texts]


def squares(numbers: range) -> int:
    """Return the sum of the squares of *numbers*."""
    return sum(number**2 for number in numbers)


def into_ranges(numbers: range, number: int) -> list[range]:
    """Cut *numbers* into every number-th one."""
    return [numbers[first::number] for first in range(number)]


class Odd(Exception):  # noqa: N818 - it is a name for a test
    """An exception of the test file, which pickle can rebuild."""


class Stubborn(Exception):  # noqa: N818 - the same
    """One that pickle cannot rebuild."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__(one)
        self.two = two


def test_peer_gives_what_the_kernel_gives(peer: Peer) -> None:
    """Values, dtype and shape are the kernel's own, for any number of rows."""
    kernel = partial(moving_average_numpy, window=4)
    for count in ROW_COUNTS:
        rows = np.random.default_rng(seed=count).standard_normal((count, 9))
        np.testing.assert_array_equal(peer(kernel, rows), kernel(rows), strict=True)


def test_peer_runs_a_kernel_of_the_test_file(peer: Peer) -> None:
    """A function beside the test, a closure, and pieces that are cut as the benchmark says."""
    limit = 2
    assert peer(lengths, ["a", "bb", "", "dddd"]) == [1, 2, 0, 4]
    assert peer(lambda texts: [len(text) > limit for text in texts], ["a", "bbb"]) == [False, True]
    assert peer(squares, Pieces(range(10), into_ranges, sum)) == 285  # of 0 to 9


def test_peer_cuts_adjacent_rows(peer: Peer) -> None:
    """A block for each CPU, or as many as are asked for."""

    def first(rows: Any) -> Any:
        return np.full(len(rows), rows[0])

    assert peer(first, np.arange(7)).tolist() == [0, 0, 0, 0, 4, 4, 4]
    assert peer(first, np.arange(7), blocks=3).tolist() == [0, 0, 0, 3, 3, 5, 5]
    with pytest.raises(ValueError, match="0 blocks cannot hold rows"):
        peer(first, np.arange(7), blocks=0)


def test_peer_works_on_both_cpus_at_once(peer: Peer, tmp_path: Path) -> None:
    """Two rows that wait for each other end, each in a process or thread of its own."""

    def meet(rows: Any) -> Any:
        (tmp_path / f"begun-{rows[0]}").touch()
        deadline = time.monotonic() + 60
        while not (tmp_path / f"begun-{1 - rows[0]}").exists():
            assert time.monotonic() < deadline
            time.sleep(0.005)
        return np.array([[os.getpid(), threading.get_ident()]])

    met = peer(meet, np.arange(2))
    assert len({tuple(one) for one in met.tolist()}) == CPUS
    known = {one.pid for one in peer.stage.workers} or {os.getpid()}
    assert set(met[:, 0].tolist()) <= known


def test_peer_accounts_for_all_rows(peer: Peer) -> None:
    """What its processes or threads saw adds up; rows that others worked on are an error."""
    account = peer.stage.account
    assert account is not None
    peer(Witnessed(np.negative, "mine"), np.arange(7))
    assert account("mine", 7).calls == CPUS
    if peer.run is not ray_shared:  # whose workers are looked for, for 10 s
        with pytest.raises(WorkError, match=r"14 rows went through the kernel, and .* saw 7 of"):
            account("mine", 14)


def test_threads_of_others_do_not_count(rayscale_cluster: SessionCluster) -> None:
    """A kernel that ran in a thread beside the pool's is an error, though all rows were seen."""
    with needs(thread_pool).set_up(rayscale_cluster, CPUS, []) as stage:
        thread_pool(Witnessed(np.negative, "mine"), np.arange(7), cpus=CPUS)  # in another pool
        assert stage.account is not None
        with pytest.raises(WorkError, match="threads did work that the pool's 2 should have done"):
            stage.account("mine", 7)


def test_peer_has_warnings_heard(peer: Peer) -> None:
    """A kernel's warnings are noted wherever it runs, and none changes what hears them here."""
    heard_by = warnings.showwarning

    def warn(rows: Any) -> Any:
        warnings.warn("this kernel is old", FutureWarning, stacklevel=1)
        return rows

    peer(Witnessed(Overheard(warn, "warned"), "warned"), np.arange(4))
    assert peer.stage.account is not None
    heard = peer.stage.account("warned", 4).warnings
    assert [one[:2] for one in heard] == [(FutureWarning, "this kernel is old")] * CPUS
    assert warnings.showwarning is heard_by


def test_peer_has_equal_conditions(peer: Peer) -> None:
    """Its processes have this one's niceness, threads and allocator, and are as many as CPUs."""
    own, workers = conditions(), peer.stage.workers
    assert len({one.pid for one in workers}) == (0 if peer.run is thread_pool else CPUS)
    for one in workers:
        assert (one.host, one.niceness) == (platform.node(), own.niceness)
        assert (one.blas_threads, one.allocator) == (1, own.allocator)


def test_peer_names_rows_of_exception(peer: Peer) -> None:
    """A kernel's exception keeps its type and says where it arose; the next call works."""

    def fail(rows: Any) -> Any:
        if 5 in rows:
            raise Odd("five")
        return rows

    with pytest.raises(Odd, match="five") as raised:
        peer(fail, np.arange(8))
    assert type(raised.value) is Odd
    assert raised.value.__notes__[0] == "in block 1 of 2 (rows 4 to 7)"
    if peer.run is not thread_pool:  # whose frames are the exception's own
        heading, frame, *_ = raised.value.__notes__[1].splitlines()
        assert (heading, frame.split(",")[-1]) == ("in the worker:", " in fail")
    np.testing.assert_array_equal(peer(np.negative, np.arange(8)), -np.arange(8))


def test_peer_survives_an_exception_that_cannot_travel(peer: Peer) -> None:
    """What pickle cannot rebuild still says what it was, and in which rows."""

    def fail(rows: Any) -> Any:
        raise Stubborn(1, 2)

    with pytest.raises(Exception, match=r"Stubborn|1") as raised:
        peer(fail, np.arange(4))
    assert raised.value.__notes__[0] == "in block 0 of 2 (rows 0 to 1)"
    np.testing.assert_array_equal(peer(np.negative, np.arange(8)), -np.arange(8))


@pytest.mark.usefixtures("heeded")
@pytest.mark.parametrize("run", PEERS, ids=name)
def test_interrupted_peer_leaves_nothing(
    run: Way, rayscale_cluster: SessionCluster, tmp_path: Path
) -> None:
    """After Ctrl-C no row begins, the case's processes and threads end, and its CPUs are free."""

    def nap(rows: Any) -> Any:
        (tmp_path / f"begun-{rows[0]}").touch()
        time.sleep(0.25)
        return rows

    def interrupt() -> None:
        while not (tmp_path / "begun-0").exists():
            time.sleep(0.005)
        os.kill(os.getpid(), signal.SIGINT)

    running, threads = rayscale_cluster.running(), threading.active_count()
    presser = threading.Thread(target=interrupt)
    with ExitStack() as stack:
        stage = stack.enter_context(needs(run).set_up(rayscale_cluster, CPUS, []))
        stays = [psutil.Process(one.pid) for one in stage.workers if run is not ray_shared]
        presser.start()
        with pytest.raises(KeyboardInterrupt):
            run(nap, np.arange(ROWS), cpus=CPUS, place=stage.place, blocks=ROWS)
        presser.join()
    _, left = psutil.wait_procs(stays, timeout=PATIENCE)
    assert left == []
    deadline = time.monotonic() + PATIENCE
    while threading.active_count() > threads:
        assert time.monotonic() < deadline, threading.enumerate()
        time.sleep(0.01)
    with running.grant(CPUS) as group:  # free: what Ray had begun meanwhile has ended
        begun = set(tmp_path.iterdir())
        running.call_roll(CPUS, group)
        assert set(tmp_path.iterdir()) == begun
    assert len(begun) < ROWS
