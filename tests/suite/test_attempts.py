"""Faults while a case is timed: what they spoil is thrown away and done again, on a new cluster."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from functools import partial
from pathlib import Path

import pytest

from tests.harmful import HARMFUL
from tests.projects import QUICK, Run, at_once, run_pytest, write

PROJECT = (
    HARMFUL
    + """
def kill(pid):
    os.kill(pid, signal.SIGKILL)
    time.sleep(60)


def calm(rows):
    calls("calm")
    return -rows


def dies(rows, name):
    if due(name):
        kill(os.getpid())
    return -rows


def each(rows):
    if calls("each") >= AT:
        kill(os.getpid())
    return -rows


def daemon(name):
    raylet = psutil.Process().parents()[0]
    return next(one for one in [raylet, *raylet.parent().children()] if one.name() == name)


def raylet(rows):
    if due("raylet"):
        kill(daemon("raylet").pid)
    return -rows


def gcs(rows):
    if due("gcs"):
        daemon("gcs_server").kill()
    return -rows


def raises(rows):
    if calls("raises") >= AT:
        raise ValueError("the kernel's own")
    return -rows


@rayscale.on_ray()
def ray_idle(kernel, rows, *, cpus, place):
    result = rayscale.ray_blocks(kernel, rows, cpus=cpus, place=place)
    if due("idle"):
        idle = psutil.Process(int((HERE / "calls-calm").read_text().split()[-1]))
        idle.kill()
    return result


def dying(way, name):
    return cases(way, **{name: partial(dies, name=name)})


@(
    cases(rayscale.ray_blocks, calm)
    + dying(rayscale.ray_blocks, "worker")
    + cases(rayscale.ray_blocks, each, raylet, gcs, raises)
    + cases(ray_idle, calm)
    + cases(rayscale.process_pool, calm)
    + dying(rayscale.process_pool, "pool")
    + dying(rayscale.joblib, "loky")
    + dying(rayscale.ray_actors, "actor")
    + dying(rayscale.ray_pool, "rays_pool")
)
def test_faulty(measure, size):
    measure(ROWS, expected=-ROWS)
"""
)
WORKER = "a worker process of Ray's died"
ACTOR = "the process of a Ray actor died"
POOL = "a process of the pool died"
# What each case was begun again for, in part.
AGAIN = {
    "worker-ray_blocks": WORKER,
    "raylet-ray_blocks": "raylet, a process of the Ray cluster, died",
    "gcs-ray_blocks": "gcs_server, a process of the Ray cluster, died",
    "pool-process_pool": POOL,
    "loky-joblib": POOL,
    "actor-ray_actors": ACTOR,
    "rays_pool-ray_pool": ACTOR,
}
HALVES = {
    "first": "(ray_blocks and not gcs and not raylet) or process_pool",
    "second": "gcs or raylet or idle or joblib or actors or ray_pool",
}


def run_harmed(folder: Path, cases: str) -> Run:
    """Time some cases of the project."""
    project = write(folder, {"test_faulty.py": PROJECT})
    return run_pytest(project, "--benchmark-only", QUICK, "-k", cases)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[Run]]]:
    """Time all cases, in two runs."""
    folder = tmp_path_factory.mktemp("faults")
    runs: dict[str, Callable[[], Run]] = {
        name: partial(run_harmed, folder / name, cases) for name, cases in HALVES.items()
    }
    with at_once(runs) as running:
        yield running


@pytest.fixture(scope="module")
def runs(running: dict[str, Future[Run]]) -> list[Run]:
    """Return both runs."""
    return [one.result() for one in running.values()]


def test_spoilt_case_is_timed_again(runs: list[Run]) -> None:
    """It is saved with the fields and rounds of one that nothing has harmed, and with the reason.

    One round of each attempt is spoilt at least, so a saved one of those would be one too many.
    """
    saved = {name: one for run in runs for name, one in run.cases.items()}

    for name, reason in AGAIN.items():
        own = saved[f"{name}-cpus2-small"]
        way = "ray_blocks" if "ray" in name.partition("-")[2] else "process_pool"
        calm = saved[f"calm-{way}-cpus2-small"]  # the control
        assert own["extra_info"]["repeated"][0].startswith(reason)
        assert own["extra_info"].keys() == {*calm["extra_info"], "repeated"}
        assert "repeated" not in calm["extra_info"]
        assert len(own["stats"]["data"]) == len(calm["stats"]["data"]) == 7
        assert own["extra_info"]["cpus_proven"]


def test_worker_that_ends_between_calls_spoils_its_case(runs: list[Run]) -> None:
    """No call fails, but what the worker had done cannot be proven any more: it is done again."""
    own = runs[1].cases["calm-ray_idle-cpus2-small"]

    assert len(own["extra_info"]["repeated"]) == 1
    assert len(own["stats"]["data"]) == 7


def test_case_that_is_spoilt_each_time_fails_with_a_sentence(runs: list[Run]) -> None:
    """A kernel that kills its own worker is begun three times; no frames of Ray's are shown."""
    output = runs[0].output

    assert f"[each-ray_blocks-cpus2-small] was begun 3 times, and spoilt each time: {WORKER}" in (
        output
    )
    assert "WorkerCrashedError" not in output
    assert "each-ray_blocks-cpus2-small" not in runs[0].cases


def test_kernels_own_exception_fails_at_once(runs: list[Run]) -> None:
    """It is shown as ever, and not begun again; the cases after it are timed."""
    output = runs[0].output

    assert "ValueError: the kernel's own" in output
    assert "[raises-ray_blocks-cpus2-small] begins again" not in output
    assert "failed: 2 cases" in output
    assert [run.exit_code for run in runs] == [1, 0]


def test_repetition_is_shown(runs: list[Run]) -> None:
    """A line when it begins, and one in the summary."""
    name = "test_faulty[worker-ray_blocks-cpus2-small]"

    assert f"rayscale: {name} begins again: {WORKER}" in runs[0].output
    assert f"begun again: test_faulty.py::{name}: " in runs[0].output
