"""The ways to run a kernel: equal results, an honest CPU count, and what a failure leaves."""

import os
import re
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ray
from numpy.typing import NDArray

from kernels.moving_average import (
    moving_average_loop,
    moving_average_numpy,
    moving_average_pandas,
)
from kernels.timer import timer
from rayscale.suite.cluster import Cluster, SessionCluster
from rayscale.suite.ways import Kernel, ray_blocks, ray_per_row, ray_whole, serial
from rayscale.suite.witness import Witnessed

pytestmark = [pytest.mark.ray(cpus=2), pytest.mark.usefixtures("cluster")]

Rows = NDArray[Any]
Run = Callable[..., Rows]

ON_RAY = (ray_whole, ray_per_row, ray_blocks)
EACH_ROW = (ray_per_row, partial(ray_blocks, blocks=8))
KERNELS = {
    "loop": partial(moving_average_loop, window=4),
    "numpy": partial(moving_average_numpy, window=4),
    "pandas": partial(moving_average_pandas, window=4),
    "timer": partial(timer, seconds=0),
}
ROW_COUNTS = (0, 1, 2, 3, 7, 100)


def _name(run: object) -> str:
    return str(getattr(run, "__name__", "ray_blocks"))


each_implementation = pytest.mark.parametrize("run", [serial, *ON_RAY], ids=_name)
each_on_ray = pytest.mark.parametrize("run", ON_RAY, ids=_name)
each_row_a_task = pytest.mark.parametrize("run", EACH_ROW, ids=_name)  # of eight rows


def assert_same(result: Rows, expected: Rows, case: str = "") -> None:
    """Values in order, dtype and shape are those of *expected*."""
    np.testing.assert_array_equal(result, expected, err_msg=case, strict=True)


class Trail:
    """Marks that tasks leave in a folder, and by which they wait for each other."""

    # The functions are made in methods so that Ray sends them whole: a worker cannot import this.

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def leaver(self) -> Callable[[str], None]:
        """Return a function that leaves a mark."""
        folder = self.folder

        def leave(mark: str) -> None:
            (folder / mark).touch()

        return leave

    def waiter(self) -> Callable[[str], None]:
        """Return a function that waits for a mark."""
        folder = self.folder

        def wait(mark: str) -> None:
            deadline = time.monotonic() + 60
            while not (folder / mark).exists():
                if time.monotonic() > deadline:
                    raise TimeoutError(mark)
                time.sleep(0.005)

        return wait

    def rows(self, verb: str) -> set[str]:
        """Return the rows that left a mark of *verb*, such as begun-3."""
        return {mark.name.split("-")[1] for mark in self.folder.glob(f"{verb}-*")}

    def napping(self, failing: int | None) -> Kernel:
        """Return a kernel that naps on when cancelled; row *failing* fails once the next begins."""
        leave, wait = self.leaver(), self.waiter()

        def kernel(rows: Rows) -> Rows:
            row = int(rows[0])
            try:
                leave(f"begun-{row}")
                if row == failing:
                    wait(f"begun-{row + 1}")
                    raise KeyError(row)
                end = time.monotonic() + 0.1  # a caller who does not wait for it is found out
                while time.monotonic() < end:
                    with suppress(KeyboardInterrupt):
                        time.sleep(0.01)
            finally:
                leave(f"ended-{row}")
            return rows

        return kernel

    def assert_cold(self, run: Run) -> None:
        """No task of a ``napping`` kernel runs or waits for its turn."""
        assert self.rows("begun") <= self.rows("ended")
        before = sorted(self.folder.iterdir())
        assert_same(run(np.negative, np.arange(8), cpus=2), -np.arange(8))
        assert sorted(self.folder.iterdir()) == before


@pytest.fixture
def cluster(rayscale_cluster: SessionCluster) -> Cluster:
    """The session's cluster, which runs."""
    return rayscale_cluster.running()


@pytest.fixture
def trail(tmp_path: Path) -> Trail:
    """An empty trail."""
    return Trail(tmp_path)


def series(count: int) -> Rows:
    """Return *count* rows of standard normals, the same each time."""
    return np.random.default_rng(seed=count).standard_normal((count, 9))


@each_on_ray
@pytest.mark.parametrize("cpus", [1, 2], ids="cpus{}".format)
def test_implementation_gives_what_serial_gives(run: Run, cpus: int, cluster: Cluster) -> None:
    """On CPUs set aside, every kernel gives the same for any number of rows, cut in any way."""
    with cluster.grant(cpus) as group:  # once for all: it can take a second
        for (name, kernel), count in product(KERNELS.items(), ROW_COUNTS):
            result = run(kernel, series(count), cpus=cpus, place=group)
            assert_same(result, serial(kernel, series(count)), f"{name}, {count} rows")


@each_implementation
@pytest.mark.parametrize("kernel", KERNELS.values(), ids=KERNELS)
def test_implementation_gives_what_kernel_gives(run: Run, kernel: Kernel) -> None:
    """Without CPUs set aside, the cluster's do the work, and the kernel's result comes back."""
    for count in ROW_COUNTS:
        assert_same(run(kernel, series(count), cpus=2), kernel(series(count)), f"{count} rows")


@each_implementation
def test_implementation_runs_kernel_of_the_users_own(run: Run) -> None:
    """A kernel may be a closure, change the dtype and return fewer columns."""
    limit = 0.5

    def exceeds(rows: Rows) -> Rows:
        return rows[:, :2] > limit

    rows = np.array([[0, 1, 7], [1, 0, 7], [0, 0, 7]])
    expected = np.array([[False, True], [True, False], [False, False]])
    assert_same(run(exceeds, rows, cpus=2), expected)


@pytest.mark.parametrize(
    ("run", "firsts"),
    [
        (serial, [0, 0, 0, 0, 0, 0, 0]),
        (ray_whole, [0, 0, 0, 0, 0, 0, 0]),
        (ray_per_row, [0, 1, 2, 3, 4, 5, 6]),
        (ray_blocks, [0, 0, 0, 0, 4, 4, 4]),  # one block per CPU
        (partial(ray_blocks, blocks=1), [0, 0, 0, 0, 0, 0, 0]),
        (partial(ray_blocks, blocks=3), [0, 0, 0, 3, 3, 5, 5]),
        (partial(ray_blocks, blocks=7), [0, 1, 2, 3, 4, 5, 6]),
        (partial(ray_blocks, blocks=8), [0, 1, 2, 3, 4, 5, 6]),  # and no empty one
    ],
    ids=["serial", "whole", "per_row", "blocks", "blocks1", "blocks3", "blocks7", "blocks8"],
)
def test_implementation_cuts_adjacent_rows(run: Run, firsts: list[int]) -> None:
    """Each row's kernel call shows its first row: seven rows are cut as the implementation says."""

    def first(rows: Rows) -> Rows:
        return np.full(len(rows), rows[0])

    assert run(first, np.arange(7), cpus=2).tolist() == firsts


@pytest.mark.ray(cpus=3)  # one more than granted: a task that strays finds it free
@each_row_a_task
@pytest.mark.parametrize("granted", [1, 2])
def test_implementation_uses_the_cpus_granted(
    run: Run, granted: int, trail: Trail, cluster: Cluster
) -> None:
    """On n CPUs n rows run at once, and never more."""
    leave, wait = trail.leaver(), trail.waiter()

    def clock(rows: Rows) -> Rows:
        start = time.monotonic()
        leave(f"begun-{rows[0]}")
        if rows[0] < granted:  # the first n rows end when all n have begun
            for other in range(granted):
                wait(f"begun-{other}")
        time.sleep(0.02)  # time for a row too many to begin
        return np.array([[start, time.monotonic()]])

    with cluster.grant(granted) as group:
        times = run(clock, np.arange(8), cpus=granted, place=group)
    at_once = [sum(start <= moment < stop for start, stop in times) for moment, _ in times]
    assert max(at_once) == granted, times


@pytest.mark.parametrize("blocks", [0, -1])
def test_ray_blocks_refuses_fewer_than_one_block(blocks: int) -> None:
    """Fewer than one block is a ValueError that says what is needed."""
    message = f"{blocks} blocks cannot hold rows; give a whole number, at least 1"
    with pytest.raises(ValueError, match=message):
        ray_blocks(np.negative, np.arange(3), cpus=2, blocks=blocks)


@pytest.mark.parametrize(
    ("run", "note"),
    [
        (serial, "in block 0 of 1 (rows 0 to 7)"),
        (ray_whole, "in block 0 of 1 (rows 0 to 7)"),
        (ray_per_row, "in row 5 of 8"),
        (ray_blocks, "in block 1 of 2 (rows 4 to 7)"),
        (partial(ray_blocks, blocks=3), "in block 1 of 3 (rows 3 to 5)"),
    ],
    ids=["serial", "whole", "per_row", "blocks", "blocks3"],
)
def test_implementation_names_rows_of_exception(run: Run, note: str) -> None:
    """A kernel's exception keeps its type and says where it arose; the next call works."""

    def fail(rows: Rows) -> Rows:
        if 5 in rows:
            raise KeyError("five")
        return rows

    rows = np.arange(8)
    with pytest.raises(KeyError, match="five") as raised:
        run(fail, rows, cpus=2)
    assert type(raised.value) is KeyError  # and not Ray's RayTaskError(KeyError), a subclass
    assert raised.value.__notes__[0] == note
    assert_same(run(np.negative, rows, cpus=2), -rows)


@each_on_ray
def test_kernels_frames_come_from_the_worker(run: Run) -> None:
    """The second note shows where in the kernel it failed, from the kernel's first frame on."""

    def fail(rows: Rows) -> Rows:
        return np.asarray(rows / None)

    with pytest.raises(TypeError) as raised:
        run(fail, np.arange(2), cpus=1)
    heading, frame, *_, last = raised.value.__notes__[1].splitlines()
    assert heading == "in the worker:"
    assert re.fullmatch(rf'  File "{re.escape(__file__)}", line \d+, in fail', frame)
    assert last == f"TypeError: {raised.value}"


def test_kernel_that_pickle_cannot_rebuild_still_names_its_rows() -> None:
    """An exception that cannot travel arrives as Ray's, and says in which rows it arose."""

    class Stubborn(Exception):  # noqa: N818 - it is a name for a test
        def __init__(self, one: int, two: int) -> None:
            super().__init__(one)
            self.two = two

    def fail(rows: Rows) -> Rows:
        raise Stubborn(1, 2)

    with pytest.raises(ray.exceptions.RayError) as raised:
        ray_blocks(fail, np.arange(4), cpus=2)
    assert raised.value.__notes__[0] == "in block 0 of 2 (rows 0 to 1)"


@each_row_a_task
def test_implementation_names_first_failure_in_order(run: Run, trail: Trail) -> None:
    """Of several failures the first in the order of the rows is raised, not the first in time."""
    leave, wait = trail.leaver(), trail.waiter()

    def fail(rows: Rows) -> Rows:
        if rows[0] == 3:
            wait("begun-6")
            raise KeyError(3)
        if rows[0] >= 5:
            leave(f"begun-{rows[0]}")
            raise ValueError(rows[0])
        return rows

    with pytest.raises(KeyError) as raised:
        run(fail, np.arange(8), cpus=2)
    assert "3 of 8" in raised.value.__notes__[0]


@each_row_a_task
def test_implementation_leaves_no_task_after_exception(run: Run, trail: Trail) -> None:
    """When the exception arrives, the rows that ran have ended and no other will begin."""
    with pytest.raises(KeyError):
        run(trail.napping(failing=0), np.arange(8), cpus=2)
    trail.assert_cold(run)


@each_row_a_task
def test_implementation_leaves_no_task_after_interrupt(
    run: Run, trail: Trail, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After Ctrl-C, too, the rows that ran have ended and no other will begin."""
    wait = trail.waiter()

    def interrupted_get(references: list[Any]) -> None:
        wait("begun-1")
        raise KeyboardInterrupt

    monkeypatch.setattr(ray, "get", interrupted_get)
    with pytest.raises(KeyboardInterrupt):
        run(trail.napping(failing=None), np.arange(8), cpus=2)
    monkeypatch.undo()
    trail.assert_cold(run)


@pytest.mark.parametrize(
    ("run", "note"),
    [
        (ray_whole, "in block 0 of 1 (rows 0 to 7)"),
        (ray_per_row, "in row 5 of 8"),
        (ray_blocks, "in block 1 of 2 (rows 4 to 7)"),
    ],
    ids=["whole", "per_row", "blocks"],
)
def test_implementation_survives_death_of_worker(run: Run, note: str) -> None:
    """A worker that dies is Ray's WorkerCrashedError, with the rows; another takes its place."""
    driver = os.getpid()

    def die(rows: Rows) -> Rows:
        if 5 in rows:
            assert os.getpid() != driver
            os._exit(1)
        return rows

    rows = np.arange(8)
    with pytest.raises(ray.exceptions.WorkerCrashedError) as raised:
        run(die, rows, cpus=2)
    assert raised.value.__notes__ == [note]
    assert_same(run(np.negative, rows, cpus=2), -rows)


def test_remote_function_is_made_once_per_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """All calls with one kernel object share one remote function; the next kernel has its own."""
    made = []
    make = ray.remote

    def counted(*args: Any, **options: Any) -> Any:
        made.append(options)
        return make(*args, **options)

    monkeypatch.setattr(ray, "remote", counted)
    for kernel in (lambda rows: rows, lambda rows: -rows):
        for run in (*ON_RAY, *ON_RAY):
            run(kernel, np.arange(3), cpus=2)
    assert made == [{"num_cpus": 1, "max_retries": 0}] * 2


def test_kernel_cannot_write_to_rows_from_object_store() -> None:
    """What Ray hands over is read-only: a kernel that wrote to its input would fail there."""

    def writeable(rows: Rows) -> Rows:
        return np.full(len(rows), rows.flags.writeable)

    rows = np.zeros((2, 10_000))  # 160 kB; up to 100 KiB would travel inline
    assert serial(writeable, rows).tolist() == [True, True]
    assert ray_whole(writeable, rows).tolist() == [False, False]


@each_implementation
def test_two_kernels_of_one_case_are_two(run: Run) -> None:
    """What is timed is the kernel itself, and not the one of the same case that was checked."""
    rows = np.arange(4)
    assert_same(run(Witnessed(np.negative, "negative or square"), rows, cpus=2), -rows)
    assert_same(run(Witnessed(np.square, "negative or square"), rows, cpus=2), rows**2)
