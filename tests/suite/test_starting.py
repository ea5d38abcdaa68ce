"""A cluster starts under variables that nobody else sees, and sets back all that it changes."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from inspect import signature
from pathlib import Path
from types import FrameType

import pytest
import ray

from rayscale.own_folder import marked
from rayscale.suite import starting
from rayscale.suite.cluster import Cluster, ClusterError, SessionCluster, StartError
from tests.clusters import short_folder
from tests.projects import surroundings

PATIENCE = 300  # seconds: a start takes 3 to 30


def test_private_parts_of_ray_are_there() -> None:
    """What we use of Ray without its promise (2.60) is there; where it goes, this test says which.

    Without them a cluster would listen on all interfaces, or workers would not find kernels.
    """
    from ray._private import ray_constants
    from ray._raylet import (  # type: ignore[attr-defined]  # it is in C++, and has no types
        AuthenticationTokenLoader,
        Config,
    )
    from ray.job_config import JobConfig

    assert callable(Config.initialize)
    assert callable(AuthenticationTokenLoader.instance().reset_cache)
    assert isinstance(ray_constants.ENABLE_RAY_CLUSTER, bool)
    assert isinstance(ray_constants.RAY_ENABLE_UV_RUN_RUNTIME_ENV, bool)
    assert "_py_driver_sys_path" in signature(JobConfig).parameters


@pytest.fixture
def own_handler() -> Iterator[object]:
    """Return a handler of SIGTERM that the project has set, for the time of a test."""

    def handler(signum: int, frame: FrameType | None) -> None:
        raise AssertionError("nobody sends it")

    before = signal.signal(signal.SIGTERM, handler)
    yield handler
    signal.signal(signal.SIGTERM, before)


def test_private_cluster_sets_back_all_that_it_changes(
    own_handler: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Variables, handlers and Ray's own switches are the project's again, and no Ray is left.

    So it is also where a test inside has ended Ray by itself.
    """
    from ray._private import ray_constants

    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")  # the project's own
    monkeypatch.setenv("RAY_grpc_enable_http_proxy", "1")  # with a proxy where nothing listens,
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # a start would take four minutes
    variables, interrupt = dict(os.environ), signal.getsignal(signal.SIGINT)
    switch = ray_constants.ENABLE_RAY_CLUSTER

    with starting.private(1) as cluster:
        assert len(cluster.workers) == 1
        assert dict(os.environ) == variables  # they were set for the start alone
        assert ray_constants.ENABLE_RAY_CLUSTER is switch
        ray.shutdown()

    assert dict(os.environ) == variables
    assert signal.getsignal(signal.SIGTERM) is own_handler
    assert signal.getsignal(signal.SIGINT) is interrupt
    assert not ray.is_initialized()


def test_no_process_of_a_cluster_outlives_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that nobody waits for is ended, too: it would make the cluster's folder anew."""
    with short_folder() as short:
        monkeypatch.setattr(starting, "_short_folder", lambda: str(short))
        with starting.private(1):
            (folder,) = short.iterdir()
            variables = os.environ | marked(folder)
            stray = subprocess.Popen(["sleep", "600"], env=variables)  # noqa: S607 - where it lies differs
        is_there = stray.poll() is None
        stray.kill()
        stray.wait()

        assert not is_there
        assert list(short.iterdir()) == []


def test_cluster_does_not_start_beside_another_use_of_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a fixture of the project has Ray running, one sentence says what to do."""
    monkeypatch.setattr(ray, "is_initialized", lambda: True)

    with pytest.raises(ClusterError) as refused, starting.private(1):
        pass

    assert str(refused.value) == (
        "Ray is in use in this process already, and a case needs a cluster of its own; call "
        "ray.shutdown() at the end of what uses it, or measure on that cluster with "
        "--rayscale-ray-address"
    )


def start_and_press(times: int, done: list[str]) -> None:
    """Press Ctrl-C so many times in a start, which notes when it is *done*."""
    with starting._ctrl_c_deferred():
        for _ in range(times):
            signal.raise_signal(signal.SIGINT)
        done.append("start")


@pytest.mark.usefixtures("heeded")
@pytest.mark.parametrize(("times", "done"), [(1, ["start"]), (2, [])])
def test_first_ctrl_c_waits_for_the_start(times: int, done: list[str]) -> None:
    """It interrupts after the start, whose processes could not be found otherwise.

    Who presses it again wants out of a start that hangs.
    """
    noted: list[str] = []

    with pytest.raises(KeyboardInterrupt):
        start_and_press(times, noted)

    assert noted == done
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_workers_get_the_drivers_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """The working directory is written out: a worker's own is another one."""
    monkeypatch.setattr(sys, "path", ["", "/somewhere", *sys.path])

    assert starting.driver_path()[:2] == [str(Path.cwd()), "/somewhere"]


def test_start_that_fails_is_a_fault_of_the_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray was asked for what it can do, so it may be asked again; what it had begun is ended."""
    begun: list[subprocess.Popen[bytes]] = []

    def start(*_: object) -> None:
        begun.append(subprocess.Popen(["sleep", "60"]))  # noqa: S607 - where it lies differs
        raise Exception("The current node timed out.\nDetails")  # noqa: TRY002 - as Ray does

    monkeypatch.setattr(starting, "_start", start)

    with (
        pytest.raises(StartError, match=r"^Ray did not start \(The current node timed out\.\)$"),
        starting.private(1),
    ):
        pass
    assert begun[0].poll() is not None


def test_worker_that_dies_at_its_start_is_replaced(tmp_path: Path) -> None:
    """The cluster starts all the same; with Ray's usual settings it waits for that one for ever."""
    died = tmp_path / "died"
    (tmp_path / "sitecustomize.py").write_text(
        "import os, pathlib, sys\n"
        "if any(word.endswith('default_worker.py') for word in sys.orig_argv):\n"
        "    try:\n"
        f"        pathlib.Path({str(died)!r}).touch(exist_ok=False)\n"
        "    except FileExistsError:\n"
        "        pass\n"
        "    else:\n"
        "        os._exit(1)\n"
    )
    start = (
        "from rayscale.suite import starting\n"
        "with starting.private(2) as cluster:\n"
        "    print(len(cluster.workers))\n"
    )
    variables = surroundings(PYTHONPATH=str(tmp_path), TMPDIR=str(tmp_path))
    seen = subprocess.run(
        [sys.executable, "-c", start],
        env=variables,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )

    assert died.exists()
    assert (seen.returncode, seen.stdout) == (0, "2\n"), seen.stderr


def test_start_that_is_asked_for_in_vain_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Ray refuses before it starts anything, it would refuse again."""

    def start(*_: object) -> None:
        raise ValueError("no such argument")

    monkeypatch.setattr(starting, "_start", start)

    with pytest.raises(ValueError, match="no such argument"), starting.private(1):
        pass


def test_session_cluster_that_never_starts_is_given_up() -> None:
    """After three starts in a row that failed, the other cases of a session do not wait for it."""
    fails = iter([True, True, False, True, True, True])

    @contextmanager
    def start() -> Iterator[Cluster]:
        if next(fails):
            raise StartError("Ray did not start")
        yield Cluster(1)

    cluster = SessionCluster(start)
    for _ in range(2):
        with pytest.raises(StartError):
            cluster.running()
    cluster.running()
    cluster.stop()
    for _ in range(3):
        with pytest.raises(StartError):
            cluster.running()
    with pytest.raises(ClusterError, match="did not start 3 times in a row, and is not started"):
        cluster.running()


def test_session_cluster_starts_once_and_again_after_its_end() -> None:
    """It starts when a case first needs it, serves all that follow, and can be ended in between."""
    events: list[str] = []

    @contextmanager
    def start() -> Iterator[Cluster]:
        events.append("start")
        yield Cluster(1)
        events.append("end")

    cluster = SessionCluster(start)
    cluster.stop()
    assert events == []
    assert cluster.running() is cluster.running()
    cluster.stop()
    cluster.stop()
    cluster.running()

    assert events == ["start", "end", "start"]
    cluster.stop()
