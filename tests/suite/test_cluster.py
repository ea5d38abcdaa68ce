"""The session's Ray cluster: its CPUs are proven, only the session reaches it, nothing stays."""

import ipaddress
import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

import numpy as np
import psutil
import pytest
import ray
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from rayscale import leftovers
from rayscale.plugin import activate
from rayscale.suite import cluster as cluster_room
from rayscale.suite import starting, witness
from rayscale.suite.cluster import Cluster, ClusterError, SessionCluster
from rayscale.suite.ending import is_alive
from rayscale.suite.environment import conditions
from rayscale.suite.stage import WorkError
from rayscale.suite.ways import ray_blocks
from rayscale.suite.witness import Answer, Tally, Witnessed
from rayscale.surroundings.presence import present
from tests.clusters import (
    LOOPBACK,
    Foreign,
    end,
    foreign_cluster,
    short_folder,
    wait_until,
)
from tests.projects import PATIENCE, PLAIN, QUICK, ROOT, at_once, surroundings

SIGNALS = {"interrupt": signal.SIGINT, "terminate": signal.SIGTERM}
EXIT_CODES = {"pass": 0, "fail": 1, "interrupt": 2, "terminate": 2}
MARK = "RAYSCALE_TEST"  # the variable by which the processes of a run are found

# pytest, heeding Ctrl-C even where these tests run in a shell's background, which ignores it.
HEEDING = """
import runpy, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
runpy.run_module("pytest", run_name="__main__", alter_sys=True)
"""

# A client of the cluster at an address: it asks for a list of keys.
CLIENT = """
import sys
from ray._raylet import GcsClient
GcsClient(address=sys.argv[1]).internal_kv_keys(b"", None, 5)
"""

# What the timer does in a copy of the project: it says that it runs, and waits to be seen.
STAGE = '''

def _wait_to_be_seen() -> None:
    """Leave a note of this process, and wait until somebody says how to go on."""
    import os
    from pathlib import Path

    stage = Path(os.environ["STAGE"])
    (stage / f"runs-{os.getpid()}").touch()
    deadline = time.monotonic() + 300
    while not (stage / "pass").exists() and not (stage / "fail").exists():
        if time.monotonic() > deadline:
            raise TimeoutError("nobody said how to go on")
        time.sleep(0.01)
    if (stage / "fail").exists():
        raise ValueError("the kernel was told to fail")
'''

Fact = TypeVar("Fact")


@dataclass(frozen=True)
class Seen:
    """What is seen of a run from outside, while two of its Ray tasks are at work."""

    family: list[psutil.Process]  # the driver first
    workers: list[psutil.Process]
    listeners: list[str]  # the addresses on which its processes wait for connections
    niceness: list[int]  # of the driver and of the workers
    folder_modes: dict[str, int]  # of what it has in the folder of temporary files
    shared_memory: set[str]  # the files there that its processes have mapped
    command_lines: list[str]
    tokens: set[str]
    refused: list[bool]  # clients without a token, and with a wrong one
    files_with_token: list[str]  # of all that the run writes, by then


@dataclass(frozen=True)
class Watched:
    """A run: what was seen of it, how it ended, and what was left right afterwards."""

    seen: Seen
    exit_code: int
    output: str
    left: list[str]
    files_with_token: list[str]  # of all that is kept


def command(project: Path, storage: Path, *arguments: str) -> list[str]:
    """Return how to time small cases of *project*, from whatever folder, and save to *storage*."""
    ours = (*PLAIN, f"--benchmark-storage={storage}", str(project / "benchmarks"))
    what = ("--benchmark-only", "--sizes=small", QUICK, *arguments)
    return [sys.executable, "-c", HEEDING, *ours, *what]


def marked(mark: str) -> Iterator[psutil.Process]:
    """Return the living processes that have *mark* in their environment."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):  # it is gone by now, or another user's
            if is_alive(process) and process.environ().get(MARK) == mark:
                yield process


def of_each(family: Iterable[psutil.Process], fact: Callable[[psutil.Process], Fact]) -> list[Fact]:
    """Return a *fact* of each process of *family* that is still there."""
    facts = []
    for process in family:
        with suppress(psutil.NoSuchProcess):
            facts.append(fact(process))
    return facts


def listens_on(process: psutil.Process) -> list[str]:
    """Return the addresses on which *process* waits for connections, or gets datagrams."""
    return [
        one.laddr.ip
        for one in process.net_connections(kind="inet")  # TCP and UDP, of both versions of IP
        if one.status == psutil.CONN_LISTEN or (one.type == socket.SOCK_DGRAM and one.laddr)
    ]


def files_with(text: str, folder: Path) -> list[str]:
    """Return the files below *folder* that hold *text*, and those whose path does."""
    return [
        str(path)
        for path in folder.rglob("*")
        if text in str(path) or (path.is_file() and text.encode() in path.read_bytes())
    ]


def is_refused(address: str, **variables: str) -> bool:
    """Tell whether the cluster at *address* does not take a client of these *variables*."""
    done = subprocess.run(
        [sys.executable, "-c", CLIENT, address],
        env=surroundings(**variables),
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    return "AuthenticationError" in done.stderr


def shared_memory(process: psutil.Process) -> set[str]:
    """Return the files in shared memory that *process* has mapped; others' are there, too."""
    where = "/dev/shm/"  # noqa: S108 - nothing is written there
    return {one.path for one in process.memory_maps() if one.path.startswith(where)}


@pytest.fixture(scope="module")
def staged_project(
    tmp_path_factory: pytest.TempPathFactory, copy_project: Callable[[Path], Path]
) -> Path:
    """Return a copy of the project whose timer waits to be seen."""
    project = copy_project(tmp_path_factory.mktemp("staged"))
    kernel = project / "kernels" / "timer.py"
    text = kernel.read_text(encoding="utf-8")
    assert text.count("time.sleep(seconds)\n") == 1
    staged = text.replace("time.sleep(seconds)\n", "_wait_to_be_seen()\n") + STAGE
    kernel.write_text(staged, encoding="utf-8")
    return project


def start(project: Path, stage: Path, mark: str) -> psutil.Popen:
    """Start to time naps on two CPUs, with folders of the run's own."""
    for name in ("home", "temp"):
        (stage / name).mkdir()
    (stage / "temp").chmod(0o1777)  # as /tmp is: what lies in it must protect itself
    with (stage / "output").open("w") as output:
        return psutil.Popen(
            command(project, stage / "storage", "-k=timer-ray_blocks-cpus2"),
            cwd=stage,  # in the project's own folder, Ray's workers would find all by themselves
            env=surroundings(
                HOME=str(stage / "home"),
                TMPDIR=str(stage / "temp"),
                STAGE=str(stage),
                RAY_ADDRESS="127.0.0.1:1",  # somebody else's cluster, for all that Ray knows
                **{MARK: mark},
            ),
            stdout=output,
            stderr=subprocess.STDOUT,
        )


def look_at(driver: psutil.Process, stage: Path) -> Seen:
    """Return what is to be seen of the run of *driver* once two workers wait to be seen."""

    def notes() -> list[Path]:
        return list(stage.glob("runs-*"))

    wait_until(lambda: len(notes()) == 2 or not is_alive(driver), "two workers at work")
    assert is_alive(driver), (stage / "output").read_text()
    workers = [psutil.Process(int(note.name.removeprefix("runs-"))) for note in notes()]
    family = [driver, *driver.children(recursive=True)]
    token = workers[0].environ()["RAY_AUTH_TOKEN"]
    (address,) = {
        word.partition("=")[2]
        for process in family
        for word in process.cmdline()
        if word.startswith("--gcs-address=")
    }
    return Seen(
        family=family,
        workers=workers,
        listeners=[address for one in of_each(family, listens_on) for address in one],
        niceness=[process.nice() for process in (driver, *workers)],
        folder_modes={
            path.name: stat.S_IMODE(path.stat().st_mode) for path in (stage / "temp").iterdir()
        },
        shared_memory=set().union(*of_each(family, shared_memory)),
        command_lines=[" ".join(line) for line in of_each(family, psutil.Process.cmdline)],
        tokens={process.environ()["RAY_AUTH_TOKEN"] for process in workers},
        refused=[
            is_refused(address, RAY_AUTH_MODE="disabled"),
            is_refused(address, RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=token[::-1]),
        ],
        files_with_token=files_with(token, stage),
    )


def left_by(mark: str, stage: Path, family: Iterable[psutil.Process] = ()) -> list[str]:
    """Return what is left of a run: processes, with whatever they listen on, and files."""
    processes = {*marked(mark), *filter(is_alive, family)}
    files = [*(stage / "temp").iterdir(), *(stage / "home").iterdir()]
    return [str(one) for one in (*processes, *files)]


def watch(project: Path, ending: str) -> Watched:
    """Watch a run until its two tasks are at work; then let it meet its *ending*."""
    mark = uuid4().hex
    with short_folder() as stage:
        driver = start(project, stage, mark)
        try:
            seen = look_at(driver, stage)
            if ending in SIGNALS:
                driver.send_signal(SIGNALS[ending])
            (stage / ("fail" if ending == "fail" else "pass")).touch()  # tasks are waited for
            exit_code = driver.wait(PATIENCE)
            shared = [file for file in seen.shared_memory if Path(file).exists()]
            left = [*left_by(mark, stage, seen.family), *shared]
            kept = [found for token in seen.tokens for found in files_with(token, stage)]
        finally:
            end([driver, *marked(mark)])
            driver.wait()
        return Watched(seen, exit_code, (stage / "output").read_text(), left, kept)


@pytest.fixture(scope="module")
def watching(staged_project: Path) -> Iterator[dict[str, Future[Watched]]]:
    """Watch a run for each ending."""
    runs = {ending: partial(watch, staged_project, ending) for ending in EXIT_CODES}
    with at_once(runs) as watching:
        yield watching


@pytest.fixture(params=EXIT_CODES)
def ending(request: pytest.FixtureRequest) -> str:
    """Return how a run ends: well, by a failure, by Ctrl-C, by a job's time limit."""
    return str(request.param)


@pytest.fixture
def watched(watching: dict[str, Future[Watched]], ending: str) -> Watched:
    """Return the run that was watched and ended so."""
    return watching[ending].result()


@pytest.fixture(scope="module")
def foreign() -> Iterator[Foreign]:
    """Return a cluster of two CPUs on loopback, made by ``ray start``; it ends with the tests."""
    with foreign_cluster() as started:
        yield started


def run_on(address: str, storage: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Time cases on the cluster at *address*."""
    return subprocess.run(
        command(ROOT, storage, f"--ray-address={address}", *arguments),
        cwd=storage,  # in the project's own folder, Ray's workers would find all by themselves
        env=surroundings(**LOOPBACK),  # a cluster on loopback is reached by this variable too
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )


def error(done: subprocess.CompletedProcess[str]) -> str:
    """Return the one line that says what is wrong; Ray may have warned of a busy machine, too."""
    assert "Traceback" not in done.stderr
    (line,) = (line for line in done.stderr.splitlines() if line.startswith("ERROR: "))
    return line


@pytest.fixture
def cluster(rayscale_cluster: SessionCluster) -> Cluster:
    """Return the session's cluster, which runs."""
    return rayscale_cluster.running()


@pytest.mark.ray(cpus=2)
@pytest.mark.parametrize("cpus", [1, 2])
def test_grant_gives_so_many_processes(cluster: Cluster, cpus: int) -> None:
    """On n CPUs granted, n different worker processes answer at once."""
    with cluster.grant(cpus) as group:
        roll = cluster.call_roll(cpus, group)

    assert len(roll) == cpus
    assert len({os.getpid(), *(process.pid for process in roll)}) == cpus + 1


def test_roll_that_fewer_processes_answer_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where fewer processes answer than a case's CPU count, the case is an error."""
    alone = {("here", 1): Answer(conditions(), Tally())}
    monkeypatch.setattr(Cluster, "_ask", lambda *_, **__: alone)
    monkeypatch.setattr(cluster_room, "PATIENCE", 0)

    with pytest.raises(ClusterError, match=r"1 of 2 worker processes .* not in force"):
        Cluster(2).call_roll(2)


def _owns_an_object_after_its_answer() -> bool:
    witness.answer("", (), hold=0)
    return bool(witness._kept)


@pytest.mark.ray(cpus=2)
def test_worker_that_answered_is_not_ended_as_idle(cluster: Cluster) -> None:
    """A worker owns an object from its first answer on, and Ray ends none that does.

    Other people's clusters end idle workers, which would take along what they have seen.
    """
    with cluster.grant(1) as group:
        own = PlacementGroupSchedulingStrategy(placement_group=group)
        task = ray.remote(num_cpus=1)(_owns_an_object_after_its_answer)

        assert ray.get(task.options(scheduling_strategy=own).remote())
    assert not witness._kept  # in this process, which is no worker


@pytest.mark.ray(cpus=2)
def test_reserved_cpus_are_kept_for_the_next_case(cluster: Cluster) -> None:
    """One that wants as many has them at once; what others want, or what failed, is given back."""
    with cluster.reserve(1) as first, cluster.reserve(1) as second:
        assert first != second  # two at once have CPUs of their own
    with cluster.reserve(1) as third:
        assert third in (first, second)
    with cluster.reserve(2) as all_of_them:
        assert all_of_them.bundle_count == 2
    with suppress(KeyboardInterrupt), cluster.reserve(2) as interrupted:
        raise KeyboardInterrupt
    with cluster.reserve(2) as last:
        assert last != interrupted


@pytest.mark.ray(cpus=2)
def test_cpus_are_free_for_a_test_that_asks_ray_itself(
    rayscale_cluster: SessionCluster, request: pytest.FixtureRequest
) -> None:
    """Before a test that uses the cluster in its own way, what was kept for cases is given back."""
    with rayscale_cluster.running().reserve(2):
        pass
    activate(request.config).pytest_runtest_setup(request.node)
    task = ray.remote(num_cpus=2)(_owns_an_object_after_its_answer)

    assert ray.get(task.remote(), timeout=PATIENCE) in (True, False)


@pytest.mark.ray(cpus=2)
def test_grant_waits_for_free_cpus_no_longer_than_it_says(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CPUs that do not become free are an error that says what to do."""
    monkeypatch.setattr(cluster_room, "PATIENCE", 0.1)

    with (
        pytest.raises(ClusterError, match=r"99 CPUs were not free .* fewer with --cpus"),
        cluster.grant(99),
    ):
        pass


@pytest.mark.ray(cpus=2)
def test_work_is_accounted_for_to_the_last_row(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each row is seen in a process that answers; rows that no process has seen are an error.

    One count may not reach all processes; then it says that one of them is gone.
    """
    negative = Witnessed(np.negative, case=uuid4().hex)
    with cluster.grant(2) as group:
        cluster.call_roll(2, group)
        ray_blocks(negative, np.arange(4), cpus=2, place=group)
    assert cluster.account(negative.case, rows=4).calls == 2
    monkeypatch.setattr(cluster_room, "RECOUNTING", 0)  # seconds: one count, of some or of all

    with pytest.raises(WorkError, match=r"5 rows went .* saw [0-4] of them|worker of Ray's ended"):
        cluster.account(negative.case, rows=5)


def test_worker_that_had_not_answered_is_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two processes that worked and one that did not, the one that was not known is late."""
    worked, idle = Answer(conditions(), Tally(calls=1, rows=2)), Answer(conditions(), Tally())
    answers = {("here", 1): worked, ("here", 2): worked, ("here", 3): idle}
    monkeypatch.setattr(Cluster, "_ask", lambda *_, **__: answers)

    work = Cluster(2, workers={("here", 1): conditions()}).account("case", rows=4)

    assert (work.calls, work.late) == (2, 1)


def test_private_cluster_listens_on_loopback_alone(watched: Watched) -> None:
    """No other machine can reach the driver, Ray's daemons or its workers."""
    addresses = [ipaddress.ip_address(address) for address in watched.seen.listeners]

    assert addresses
    assert all((getattr(one, "ipv4_mapped", None) or one).is_loopback for one in addresses)


def test_private_cluster_works_at_the_drivers_niceness(watched: Watched) -> None:
    """Workers have the driver's priority, not the low one that Ray gives them by itself."""
    assert len(watched.seen.niceness) == 3
    assert len(set(watched.seen.niceness)) == 1


def test_private_cluster_keeps_its_files_to_the_user(watched: Watched) -> None:
    """Ray's folder, which it makes writable for all, lies in one that nobody else may enter."""
    assert set(watched.seen.folder_modes.values()) == {0o700}
    assert any(
        f"/temp/{folder}/ray/" in line
        for folder in watched.seen.folder_modes
        for line in watched.seen.command_lines
    )


def test_private_cluster_keeps_its_token_to_itself(watched: Watched) -> None:
    """One token guards the cluster, and no command line shows it to other users."""
    (token,) = watched.seen.tokens

    assert len(token) == 64  # 32 bytes in hexadecimal digits
    assert not any(token in line for line in watched.seen.command_lines)
    assert watched.seen.files_with_token == []
    assert watched.files_with_token == []  # the saved run and the output, at the end
    assert token not in watched.output


def test_private_cluster_takes_no_strangers(watched: Watched) -> None:
    """Another user of the machine, who reaches loopback too, has no token and is refused."""
    assert watched.seen.refused == [True, True]


def test_private_cluster_ends_as_it_should(watched: Watched, ending: str) -> None:
    """A run that fails or is interrupted says so by its exit code, not by hanging."""
    assert watched.exit_code == EXIT_CODES[ending], watched.output


def test_private_cluster_leaves_nothing_behind(watched: Watched) -> None:
    """However a run ends, no process is left of it, so no open port, no file, no shared memory."""
    assert watched.left == []


def interrupt_at_its_start(project: Path, ending: str) -> tuple[int, list[str]]:
    """Interrupt a run once Ray's first process is there; return its exit code, and what is left."""
    mark = uuid4().hex
    with short_folder() as stage:
        driver = start(project, stage, mark)
        try:
            wait_until(
                lambda: "gcs_server" in of_each(driver.children(), psutil.Process.name),
                "Ray's first process",
            )
            driver.send_signal(SIGNALS[ending])
            return driver.wait(PATIENCE), left_by(mark, stage)
        finally:
            end([driver, *marked(mark)])
            driver.wait()


@pytest.fixture(scope="module")
def interrupting(staged_project: Path) -> Iterator[dict[str, Future[tuple[int, list[str]]]]]:
    """Interrupt a run with each signal."""
    runs = {ending: partial(interrupt_at_its_start, staged_project, ending) for ending in SIGNALS}
    with at_once(runs) as interrupting:
        yield interrupting


@pytest.mark.parametrize("ending", SIGNALS)
def test_private_cluster_interrupted_at_its_start_leaves_nothing_behind(
    interrupting: dict[str, Future[tuple[int, list[str]]]], ending: str
) -> None:
    """Ctrl-C, or a job's time limit, while Ray's first processes come up ends the run, and them."""
    assert interrupting[ending].result() == (2, [])


def test_private_cluster_of_a_killed_session_ends_and_its_folder_goes_with_the_next(
    staged_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ray's processes, and a task that is at work, end by themselves; then its folder is left."""
    mark = uuid4().hex
    with short_folder() as stage:
        driver = start(staged_project, stage, mark)
        try:
            seen = look_at(driver, stage)
            driver.kill()
            _, left = psutil.wait_procs(seen.family, timeout=PATIENCE)
            monkeypatch.setattr(tempfile, "tempdir", str(stage / "temp"))
            monkeypatch.setattr(leftovers, "SHORT", str(stage / "temp"))
            sentences = leftovers.sweep()
            with present():  # as the next session is, and so removes what a dead one held
                pass
        finally:
            end([driver, *marked(mark)])
            driver.wait()

        assert left == []
        assert sentences == [
            "a killed session had left files and processes: 2 folders removed, 0 processes ended"
        ]
        assert left_by(mark, stage) == []


@pytest.mark.parametrize("length", [4, 20, 21, 22, 29, 30, 90])
def test_private_cluster_has_room_for_its_sockets(
    monkeypatch: pytest.MonkeyPatch, length: int
) -> None:
    """However long the name of the folder for temporary files, a socket's path has 107 bytes."""
    monkeypatch.setattr(tempfile, "tempdir", f"/{'t' * (length - 1)}")

    folder = starting._short_folder() or tempfile.gettempdir()
    session = "session_2026-11-23_03-31-06_965374_4194304"  # the last is the highest process id

    assert len(f"{folder}/rayscale-jrdqg5r2/ray/{session}/sockets/plasma_store") <= 107


def test_existing_cluster_is_used_and_lives_on(foreign: Foreign, tmp_path: Path) -> None:
    """Cases run on a cluster that is there already, in as many of its processes as they name."""
    done = run_on(
        foreign.address, tmp_path, "--cpus=1,2", "-k=average and numpy and (serial or blocks)"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (file,) = tmp_path.rglob("*.json")
    infos = [one["extra_info"] for one in json.loads(file.read_text())["benchmarks"]]

    assert [info["workers"] for info in infos] == [0, 1, 2]
    assert [info["code"] for info in infos[1:]] == ["shipped"] * 2
    assert all(is_alive(process) for process in foreign.family)
    # Ray's workers run at a niceness of 15 more than the cluster's; the driver follows.
    assert {info["niceness"] for info in infos} == {min(19, foreign.family[0].nice() + 15)}
    assert {info["blas_threads"] for info in infos} == {1}
    assert len({info["allocator"] for info in infos}) == 1


def test_existing_cluster_compares_revisions(foreign: Foreign, tmp_path: Path) -> None:
    """The code of both revisions comes to its workers by value: a gate runs on it, too."""
    chosen = ("-k=numpy-ray_whole", "--tolerance=50%")  # found, or ruled out, in few pairs
    done = run_on(foreign.address, tmp_path, "--against=HEAD", *chosen)
    median, ratio = r"[\d.]+ (us|ms|s)", r"[\d.]+ \[.*\]"
    row = rf"numpy-ray_whole-cpus1-small\] +{median} +{median} +{ratio} +\d+"

    assert re.search(row, done.stdout), done.stdout + done.stderr  # whatever the tree's verdict


def test_existing_cluster_without_enough_cpus_is_refused(foreign: Foreign, tmp_path: Path) -> None:
    """A CPU count that the cluster cannot give ends the run before any test, in one sentence."""
    chosen = ("--cpus=1,3", "-k=numpy and blocks", "--cluster-timeout=0.1")
    done = run_on(foreign.address, tmp_path, *chosen)

    assert done.returncode == 4
    assert "has 2; waiting up to 0.1 s for more (--rayscale-cluster-timeout)\n" in done.stdout
    assert error(done) == (
        "ERROR: --rayscale-ray-address: test_moving_average[numpy-ray_blocks-cpus3-small] needs 3 "
        f'CPUs and the cluster at "{foreign.address}" has 2; '
        "choose cases that need no more, with -k"
    )
    assert "test_moving_average.py" not in done.stdout  # where pytest would say how its tests went


def test_existing_cluster_without_cpus_for_pairs_is_refused(
    foreign: Foreign, tmp_path: Path
) -> None:
    """Two ways of Ray's have CPUs of their own; the sentence says which, and how to do without."""
    chosen = ("-k=numpy and (ray_actors or joblib)", "--cluster-timeout=0.1")
    done = run_on(foreign.address, tmp_path, "--cpus=2", "-m=ways and not overhead", *chosen)

    assert done.returncode == 4
    assert done.stderr.strip() == (
        "ERROR: --rayscale-ray-address: test_moving_average[numpy-ray_actors-cpus2-small], timed "
        "in pairs with ray_blocks (-m 'not ways' leaves such cases out), needs 4 CPUs and the "
        f'cluster at "{foreign.address}" has 2; choose cases that need no more, with -k'
    )


def test_existing_cluster_that_does_not_answer_is_refused(tmp_path: Path) -> None:
    """An address where nothing listens ends the run in one sentence, and does not hang."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = run_on(address, tmp_path, "--cpus=1", "-k=numpy and blocks")

    assert done.returncode == 4
    assert re.fullmatch(
        rf'ERROR: --rayscale-ray-address: no Ray cluster to be reached at "{address}" \(.*\); '
        "start one with 'ray start --head', or leave the option out for a private one",
        error(done),
    )
