"""One Ray cluster for the session, and the proof that a case runs on the CPUs that it names.

Ray is imported inside the functions: what its C++ side reads from the environment, it reads
when it is imported, so ``prepare_private`` must come first.
"""

import importlib
import itertools
import logging
import os
import pkgutil
import secrets
import signal
import socket
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import psutil

from rayscale.suite import environment
from rayscale.suite.environment import Conditions

if TYPE_CHECKING:
    from ray.util.placement_group import PlacementGroup

    from rayscale.suite.witness import Answer, Span, Tally

Process = tuple[str, int]  # host and pid

ROOT = Path(__file__).resolve().parents[2]

# Seconds that n workers have to answer; a cold one needs 1 to 3, more under load.
PATIENCE = 60
# Seconds in which all warm workers are reached; the first count, of 50 ms, mostly does.
RECOUNTING = 10
HOLD, LONGEST_HOLD = 0.02, 0.64  # seconds that a worker is held to be counted
# Seconds that Ray's processes have to end by themselves; 1 to 2 is usual.
ENDING = 15
OBJECT_STORE_BYTES = 2**30  # holds the large size (80 MB in, 80 MB out) many times over

ALWAYS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # the default that Ray 2.60 warns will come
}


@dataclass(frozen=True)
class Work:
    """What the workers did for a case."""

    calls: int
    late: int  # processes that did some of it and had not answered before
    spans: "list[Span]"


class ClusterError(Exception):
    """The cluster cannot give what a case needs; the message says what, and what to do."""


def prepare_existing() -> None:
    """Set what Ray reads when it is imported, for a cluster that somebody else started."""
    os.environ.update(ALWAYS)


def prepare_private() -> None:
    """Set what Ray reads when it is imported, for a cluster that only this session reaches.

    Without them its processes listen on all interfaces, write a token that all users can read
    into the home directory, run at niceness 15, and end when idle for a second (Ray 2.60).
    """
    os.environ.update(ALWAYS)
    os.environ.update(
        RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER="0",  # what makes it bind to 127.0.0.1
        RAY_AUTH_MODE="token",
        RAY_AUTH_TOKEN=secrets.token_hex(32),
        RAY_worker_niceness="0",
        RAY_idle_worker_killing_time_threshold_ms="3600000",
        PYTHONPATH=os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).strip(os.pathsep),
    )


@contextmanager
def private(cpus: int) -> Iterator["Cluster"]:
    """Start a cluster of *cpus* CPUs on loopback; leave no process and no file behind."""
    import ray

    driver = psutil.Process()
    others = set(driver.children())
    daemons: list[psutil.Process] = []
    with tempfile.TemporaryDirectory(prefix="rayscale-", dir=_short_folder()) as folder:
        on_sigterm = signal.getsignal(signal.SIGTERM)
        try:
            with _ctrl_c_deferred():
                try:
                    ray.init(
                        address="local",
                        num_cpus=cpus,
                        include_dashboard=False,
                        log_to_driver=False,
                        logging_level=logging.ERROR,
                        object_store_memory=OBJECT_STORE_BYTES,
                        _temp_dir=f"{folder}/ray",
                    )
                finally:
                    daemons = [child for child in driver.children() if child not in others]
            # Ray's own handler exits inside a test, which pytest reports and goes on after.
            signal.signal(signal.SIGTERM, signal.default_int_handler)
            yield _warm(Cluster(cpus))
        finally:
            alive = [daemon for daemon in daemons if daemon.is_running()]
            family = alive + [
                worker for daemon in alive for worker in daemon.children(recursive=True)
            ]
            ray.shutdown()
            _, left = psutil.wait_procs(family, timeout=ENDING)
            for process in left:
                process.kill()
            psutil.wait_procs(left, timeout=ENDING)
            signal.signal(signal.SIGTERM, on_sigterm)


@contextmanager
def _ctrl_c_deferred() -> Iterator[None]:
    """Let the first Ctrl-C wait for the end: a half-started cluster cannot be shut down."""
    pressed: list[int] = []

    def note(signum: int, frame: FrameType | None) -> None:
        pressed.append(signum)
        if len(pressed) > 1:
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if pressed:
        raise KeyboardInterrupt


@contextmanager
def existing(
    address: str, cpus: int, neediest: str = "a case", packages: Sequence[Path] = ()
) -> Iterator["Cluster"]:
    """Connect to the cluster at *address*, with the kernels, and *packages*, in the luggage.

    This process takes on the workers' niceness, where it may.  ClusterError if nothing
    answers at *address*, or it has fewer than the *cpus* CPUs that the *neediest* case needs.
    """
    import ray

    fixed = environment.ONE_THREAD | environment.FIXED_ALLOCATOR
    try:
        _knock(address)
        ray.init(
            address=address,
            log_to_driver=False,
            logging_level=logging.ERROR,
            runtime_env={
                "py_modules": [
                    str(package) for package in (ROOT / "kernels", ROOT / "rayscale", *packages)
                ],
                "env_vars": {name: os.environ[name] for name in fixed if name in os.environ},
            },
        )
    except (OSError, RuntimeError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ClusterError(
            f'--ray-address: no Ray cluster to be reached at "{address}" ({reason}); '
            "start one with 'ray start --head', or leave the option out for a private one"
        ) from error
    try:
        total = int(ray.cluster_resources().get("CPU", 0))
        if total < cpus:
            raise ClusterError(
                f'--ray-address: {neediest} needs {cpus} CPUs and the cluster at "{address}" has '
                f"{total}; choose cases that need no more, by --cpus and -k"
            )
        cluster = _warm(Cluster(cpus))
        environment.take_niceness(max(worker.niceness for worker in cluster.workers.values()))
        yield cluster
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """Raise OSError if nothing listens at HOST:PORT: Ray would try for a minute or longer."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), timeout=PATIENCE / 10).close()


@dataclass
class Cluster:
    """A running cluster, and all its processes that are known and warm."""

    cpus: int
    modules: tuple[str, ...] = field(default_factory=lambda: _modules("kernels"))
    workers: dict[Process, Conditions] = field(default_factory=dict)
    _held: "PlacementGroup | None" = None

    @contextmanager
    def grant(self, cpus: int) -> Iterator["PlacementGroup"]:
        """Set *cpus* CPUs aside for a case: its tasks run on these, at most one on each."""
        try:
            yield self.hold(cpus)
        finally:
            self.release()

    def hold(self, cpus: int) -> "PlacementGroup":
        """Set *cpus* CPUs aside until another number is asked for, or ``release`` is called.

        For many short cases: Ray grants CPUs that were given back just before only after up to a
        second.  Tasks outside the group must not be waited for meanwhile.  ClusterError if the CPUs
        do not become free.
        """
        from ray.util.placement_group import placement_group

        if self._held is None or self._held.bundle_count != cpus:
            self.release()
            self._held = placement_group([{"CPU": 1}] * cpus)
        if not self._held.wait(PATIENCE):
            self.release()
            raise ClusterError(
                f"{cpus} CPUs were not free within {PATIENCE} s; "
                "wait until the cluster's other work is done, or ask for fewer with --cpus"
            )
        return self._held

    def release(self) -> None:
        """Give back the CPUs that are set aside, if any are."""
        from ray.util.placement_group import remove_placement_group

        if self._held is not None:
            remove_placement_group(self._held)
            self._held = None

    def call_roll(self, cpus: int, group: "PlacementGroup | None" = None) -> list[Conditions]:
        """Return the conditions of *cpus* processes that worked at once, one on each CPU.

        ClusterError if fewer answer: then the case's CPU count is not in force.
        """
        deadline = time.monotonic() + PATIENCE
        for attempt in itertools.count():
            answers = self._ask("", count=cpus, cpus_each=1, hold=_hold(attempt), group=group)
            if len(answers) == cpus or time.monotonic() > deadline:
                break
        if len(answers) < cpus:
            raise ClusterError(
                f"{len(answers)} of {cpus} worker processes answered within {PATIENCE} s; "
                "the CPU count is not in force"
            )
        return [answer.conditions for answer in answers.values()]

    def account(self, case: str, rows: int) -> "Work":
        """Return how *case* was worked on, in which *rows* rows went through the kernel.

        On a busy machine Ray starts a further process where one that is done has not yet said so
        (seen with three busy loops on two cores): those are looked for, too, and counted as late.
        ClusterError if not all rows are found: then a process that worked is gone.
        """
        deadline = time.monotonic() + RECOUNTING
        warm = set(self.workers)
        tallies: dict[Process, Tally] = {}
        for attempt in itertools.count():
            count = len(self.workers) + attempt  # beyond those known, in case there are more
            answers = self._ask(case, count=count, cpus_each=0, hold=_hold(attempt))
            tallies |= {process: answer.tally for process, answer in answers.items()}
            seen = sum(tally.rows for tally in tallies.values())
            if seen == rows or time.monotonic() > deadline:
                break
        if seen != rows:
            raise ClusterError(
                f"{rows} rows went through the kernel, but Ray's {len(tallies)} worker processes "
                f"saw {seen} of them; other processes did the rest"
            )
        return Work(
            calls=sum(tally.calls for tally in tallies.values()),
            late=sum(tally.rows > 0 for who, tally in tallies.items() if who not in warm),
            spans=[span for tally in tallies.values() for span in tally.spans],
        )

    def _ask(
        self,
        case: str,
        count: int,
        cpus_each: int,
        hold: float,
        group: "PlacementGroup | None" = None,
    ) -> dict[Process, "Answer"]:
        import ray
        from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

        from rayscale.suite.witness import answer

        task = ray.remote(num_cpus=cpus_each, max_retries=0)(answer)
        if group is not None:
            task = task.options(
                scheduling_strategy=PlacementGroupSchedulingStrategy(placement_group=group)
            )
        given = ray.get([task.remote(case, self.modules, hold) for _ in range(count)])
        answers = {(one.conditions.host, one.conditions.pid): one for one in given}
        # Whoever answers has imported the modules, and is warm from here on.
        self.workers |= {process: answer.conditions for process, answer in answers.items()}
        return answers


def _warm(cluster: Cluster) -> Cluster:
    """Have one worker per CPU started, with all kernels imported, before any case needs it."""
    cluster.call_roll(cluster.cpus)
    return cluster


def _modules(package: str) -> tuple[str, ...]:
    """Return the names of all modules of *package*."""
    folders = importlib.import_module(package).__path__
    return tuple(f"{package}.{module.name}" for module in pkgutil.iter_modules(folders))


def _hold(attempt: int) -> float:
    """Return how long workers are held to be counted, in seconds.

    So long that all are asked before one is done: a worker that is done is asked again.  On a busy
    machine that takes longer, so the time doubles with each *attempt*, from 0 on.
    """
    return min(HOLD * 2.0**attempt, LONGEST_HOLD)


def _short_folder() -> str | None:
    """Return where to put Ray's folder, if not where temporary files go.

    The path of a socket may have 107 bytes, and Ray's takes 86 from its folder's parent on.
    """
    roomy = len(os.fsencode(tempfile.gettempdir())) <= 107 - 86
    return None if roomy else "/tmp"  # noqa: S108 - a folder of mode 0700 is made in it
