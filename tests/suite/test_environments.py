"""A way of running of this experiment's own: Gymnasium's environments in processes of their own."""

import os
from collections.abc import Iterator
from contextlib import nullcontext
from functools import partial
from typing import Any

import numpy as np
import psutil
import pytest

from benchmarks.environments import async_vector_env
from benchmarks.matrix import BALANCE
from kernels.rollout import rollout_numpy, rollout_vector_sync
from rayscale.suite.stage import Stage, WorkError, needs
from rayscale.suite.witness import Witnessed

CPUS, STEPS = 2, 40
NO_CLUSTER: Any = None  # nothing here runs on Ray
KERNEL = partial(rollout_vector_sync, weights=BALANCE, steps=STEPS)


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """Set it up on two CPUs, for all tests."""
    with needs(async_vector_env).set_up(NO_CLUSTER, CPUS, [KERNEL]) as ready:
        yield ready


def test_episodes_are_those_of_their_seeds(stage: Stage) -> None:
    """Whichever process plays them, and however many are left over at the end."""
    for number in (0, 1, 5):
        seeds = np.arange(number)
        got = async_vector_env(KERNEL, seeds, cpus=CPUS, place=stage.place)
        np.testing.assert_array_equal(got, rollout_numpy(seeds, BALANCE, STEPS))


def test_environments_are_in_processes_of_their_own(stage: Stage) -> None:
    """As many as CPUs, at this process's niceness, with its threads and allocator."""
    assert len({worker.pid for worker in stage.workers} - {os.getpid()}) == CPUS
    assert {worker.niceness for worker in stage.workers} == {os.getpriority(os.PRIO_PROCESS, 0)}


def test_rows_that_the_kernel_did_not_get_are_an_error(stage: Stage) -> None:
    """The kernel is called once on each row."""
    assert stage.account is not None
    async_vector_env(Witnessed(KERNEL, "mine"), np.arange(3), cpus=CPUS, place=stage.place)
    assert stage.account("mine", 3).calls == 1
    with pytest.raises(WorkError, match="6 rows were to go through the kernel"):
        stage.account("mine", 6)


@pytest.mark.parametrize("failure", [None, LookupError, KeyboardInterrupt])
def test_processes_end_with_the_case(failure: type[BaseException] | None) -> None:
    """Whatever ends it."""
    with (
        nullcontext() if failure is None else pytest.raises(failure),
        needs(async_vector_env).set_up(NO_CLUSTER, CPUS, [KERNEL]) as ready,
    ):
        processes = [psutil.Process(worker.pid) for worker in ready.workers]
        if failure is not None:
            raise failure
    assert not any(process.is_running() for process in processes)
