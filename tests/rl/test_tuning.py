"""Tune as a way of running: what serial gives, on CPUs that are proven; and nothing left behind."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import matrix
from kernels.search import search
from rayscale import SessionCluster, tune, tune_reused
from rayscale.suite.code import code_of
from rayscale.suite.stage import RAYS_PICKLER, Stage, WorkError, needs
from rayscale.suite.tuning import Study
from rayscale.suite.witness import Witnessed

pytestmark = [pytest.mark.rl, pytest.mark.ray(cpus=2)]

CPUS = 2
WAYS = {"tune": tune, "tune_reused": tune_reused}


def in_this_file(rows: Any) -> Any:
    """Return the process that each of *rows* is worked on in."""
    return np.array([[row, os.getpid()] for row in rows])


def fail(rows: Any) -> Any:
    """Fail at row 2."""
    if 2 in rows:
        raise LookupError("row two")
    return rows


@pytest.fixture(scope="module", params=WAYS)
def stage(request: pytest.FixtureRequest, rayscale_cluster: SessionCluster) -> Iterator[Stage]:
    """Each way in turn, set up once for all its tests; functions of this file go by value."""
    rayscale_cluster.running()
    code = code_of(in_this_file, "in_this_file", Path(__file__))
    with ExitStack() as stack:
        stack.enter_context(code.reachable(RAYS_PICKLER))
        ready = needs(WAYS[request.param]).set_up(rayscale_cluster, CPUS, [])
        yield stack.enter_context(ready)


def run(stage: Stage, kernel: Any, rows: Any) -> Any:
    """Run *kernel* in the way that *stage* is of."""
    way = tune_reused if stage.place.is_reused else tune
    return way(kernel, rows, cpus=CPUS, place=stage.place)


def test_trials_give_what_the_kernel_gives(stage: Stage) -> None:
    """Results are in the order of the rows, whichever trial ends first; actors are kept or not."""
    got = run(stage, in_this_file, np.arange(6))
    assert got[:, 0].tolist() == [0, 1, 2, 3, 4, 5]
    processes = len(set(got[:, 1].tolist()))
    assert processes < 6 if stage.place.is_reused else processes == 6


def test_trials_judge_policies_as_serial_does(stage: Stage) -> None:
    """Seeds belong to the episodes, so it is of no account who plays them."""
    policies = np.array([matrix.BALANCE, [[0, 0, 0, 0], [0, 0, 0, 0]]], dtype=float)
    seeds = np.arange(3)
    judge = partial(search, seeds=seeds)
    np.testing.assert_array_equal(run(stage, judge, policies), search(policies, seeds))


def test_trials_name_the_row_of_an_exception(stage: Stage) -> None:
    """A kernel's exception keeps its type, and the next search works."""
    with pytest.raises(LookupError, match="row two") as raised:
        run(stage, fail, np.arange(3))
    assert raised.value.__notes__[0] == "in row 2 of 3"
    assert "in fail" in raised.value.__notes__[1]
    np.testing.assert_array_equal(run(stage, fail, np.arange(2)), np.arange(2))


def test_trials_account_for_all_rows(stage: Stage) -> None:
    """What their processes saw adds up; rows that nobody saw are an error."""
    assert stage.account is not None
    run(stage, Witnessed(np.negative, "mine"), np.arange(3))
    assert stage.account("mine", 3).calls == 3
    with pytest.raises(WorkError, match=r"6 rows went through the kernel, and .* saw 3 of them"):
        stage.account("mine", 6)


def test_more_trials_at_once_than_cpus_are_an_error() -> None:
    """The CPU count is not in force then."""
    spans = {("mine", "here"): [(0.0, 2.0), (1.0, 3.0), (1.0, 4.0)]}
    study = Study(cpus=2, folder="", is_reused=False, spans=spans)
    with pytest.raises(WorkError, match="3 trials ran at once; the CPU count is 2"):
        study.account("mine", 3)


def test_trials_leave_signals_and_variables_alone(stage: Stage) -> None:
    """Tune's own handlers would swallow the next Ctrl-C."""
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGUSR1), dict(os.environ)
    run(stage, fail, np.arange(1))
    after = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGUSR1), dict(os.environ)
    assert after == before


def test_trials_write_nothing_at_home(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are in the folder of the study alone."""
    home = Path(stage.place.folder) / "home"
    home.mkdir(exist_ok=True)
    monkeypatch.setenv("HOME", str(home))
    run(stage, fail, np.arange(1))
    assert list(home.iterdir()) == []


@pytest.mark.usefixtures("heeded")
def test_interrupted_search_leaves_nothing(stage: Stage, tmp_path: Path) -> None:
    """After Ctrl-C no trial begins, and its CPUs are free."""

    def nap(rows: Any) -> Any:
        (tmp_path / f"begun-{rows[0]}").touch()
        time.sleep(0.2)
        return rows

    def interrupt() -> None:
        while not any(tmp_path.iterdir()):
            time.sleep(0.005)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        run(stage, nap, np.arange(40))
    begun = set(tmp_path.iterdir())
    assert len(begun) < 40
    np.testing.assert_array_equal(run(stage, np.negative, np.arange(2)), [0, -1])
    assert set(tmp_path.iterdir()) == begun
