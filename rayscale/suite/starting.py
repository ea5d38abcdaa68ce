"""How a private cluster starts and ends, and leaves nothing behind.

A project's own tests may use Ray in the same process, before ours and after; so all that is set for
our cluster is set for its start alone.  Ray's C++ side reads its environment when it is imported
(2.60): it is made to read it again, before our start and after our end.
"""

import gc
import logging
import os
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from types import FrameType

import psutil
import pytest

from rayscale.leftovers import kill_marked
from rayscale.own_folder import marked, own_folder
from rayscale.suite import ending, environment, store
from rayscale.suite.admission import read_environment_again
from rayscale.suite.cluster import Cluster, ClusterError, StartError
from rayscale.suite.ending import is_alive
from rayscale.suite.environment import FIXED_ALLOCATOR, ONE_THREAD
from rayscale.suite.ways import forget_remote_functions

ALWAYS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # the default that Ray 2.60 warns will come
    # Without its GCS for 60 s, Ray ends the process that measures, and with it all timings (2.60).
    "RAY_gcs_rpc_server_reconnect_timeout_s": "86400",
}
# Without these a cluster's processes listen on all interfaces, write a token that all users can
# read into the home directory, run at niceness 15, and end when idle for a second (Ray 2.60).
PRIVATE = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # what makes it bind to 127.0.0.1
    "RAY_AUTH_MODE": "token",
    "RAY_grpc_enable_http_proxy": "0",  # no proxy reaches this machine's loopback
    "RAY_worker_niceness": "0",  # added to the driver's
    # Else the driver waits for the first workers where no signal reaches it, for ever if one dies.
    "RAY_prestart_worker_first_driver": "0",
    "RAY_idle_worker_killing_time_threshold_ms": "3600000",
}


@contextmanager
def private(cpus: int, hidden: Sequence[Path] = ()) -> Iterator[Cluster]:
    """Start a cluster of *cpus* CPUs on loopback; leave no process, file or setting behind.

    Workers import from where this process does, but for what is in *hidden* folders.
    """
    import ray

    demand_no_other_use_of_ray()
    driver = psutil.Process()
    others = set(driver.children())
    daemons: list[psutil.Process] = []
    address = None
    with ExitStack() as stack:
        stack.enter_context(_handlers_kept())  # first: until the folder is gone
        folder = stack.enter_context(own_folder(where=_short_folder()))
        stack.callback(read_environment_again)  # it is the project's own by then
        stack.callback(forget_remote_functions)
        try:
            with _ctrl_c_deferred(), _sigterm_interrupts():
                try:
                    _start(cpus, folder, driver_path(hidden))
                except Exception as error:  # Ray has no class of its own for it (2.60)
                    if set(driver.children()) <= others:
                        raise  # nothing was started
                    raise StartError(_not_started(error)) from error
                finally:
                    daemons = [child for child in driver.children() if child not in others]
            address = ray.get_runtime_context().gcs_address
            # Ray's own handler exits inside a test, which pytest reports and goes on after.
            signal.signal(signal.SIGTERM, signal.default_int_handler)
            yield warm(_cluster(cpus, daemons, folder))
        finally:
            with ending.orderly(daemons) as family:
                handles = _handles(family)
                if address is None or not all(map(is_alive, daemons)):
                    ending.kill(family)  # else something would wait for those that are gone
                if address is None or _is_connected_to(address):  # else a test has ended ours
                    ray.shutdown()
                ending.end(family)
                kill_marked(folder)  # an agent that a raylet was just starting makes folders anew
                for handle in handles:
                    handle.poll()


def _not_started(error: Exception) -> str:
    """Return that Ray did not start, with the first line of what it says."""
    said = str(error).strip().partition("\n")[0]
    return f"Ray did not start ({said or type(error).__name__})"


def _cluster(cpus: int, daemons: Sequence[psutil.Process], folder: Path) -> Cluster:
    """Return a cluster that knows its *daemons*, and what they do in *folder*."""
    (session,) = (one for one in Path(folder, "ray").glob("session_*") if not one.is_symlink())
    return Cluster(
        cpus,
        ask_lost=partial(_ended, _by_name(daemons)),
        ask_traces=partial(store.Traces.of, session),
    )


def _by_name(daemons: Sequence[psutil.Process]) -> dict[str, psutil.Process]:
    """Return those without which nothing goes on, by their names: others may come and go."""
    named = {one.name(): one for one in daemons}
    return {name: one for name, one in named.items() if name in ("gcs_server", "raylet")}


def _ended(daemons: Mapping[str, psutil.Process]) -> str | None:
    """Return which of *daemons* has ended, in words."""
    lost = next((name for name, one in daemons.items() if not is_alive(one)), None)
    return lost and f"{lost}, a process of the Ray cluster, died"


def _is_connected_to(address: str) -> bool:
    import ray

    return ray.is_initialized() and ray.get_runtime_context().gcs_address == address


def _start(cpus: int, folder: Path, path: Sequence[str]) -> None:
    """Start Ray, under variables that are gone again when it has started."""
    import ray  # before they are set: some would stay in its constants
    from ray.job_config import JobConfig

    token = {"RAY_AUTH_TOKEN": secrets.token_hex(32)}
    wanted = ALWAYS | PRIVATE | token | ONE_THREAD | allocator() | _python_path(path)
    wanted |= marked(folder)
    with environment.variables(wanted), on_loopback():
        os.environ.pop("RAY_AUTH_TOKEN_PATH", None)  # until the end of these variables
        read_environment_again()
        ray.init(
            address="local",
            num_cpus=cpus,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            object_store_memory=store.nbytes(store.memory(), store.free()),
            # Workers put each of these at the front of their path: the first comes last.
            job_config=JobConfig(_py_driver_sys_path=list(reversed(path))),
            _temp_dir=f"{folder}/ray",
            _skip_env_hook=True,
        )


@contextmanager
def on_loopback() -> Iterator[None]:
    """Have Ray bind to 127.0.0.1, and take that for an address: it asked when it was imported.

    Otherwise it listens on all interfaces, and writes this machine's address for 127.0.0.1.
    """
    from ray._private import ray_constants

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ray_constants, "ENABLE_RAY_CLUSTER", value=False)
        patch.setattr(ray_constants, "RAY_ENABLE_UV_RUN_RUNTIME_ENV", value=False)
        yield


def driver_path(hidden: Sequence[Path] = ()) -> list[str]:
    """Return this process's ``sys.path``, the working directory written out; none in *hidden*."""
    folders = [folder or str(Path.cwd()) for folder in sys.path]
    return [one for one in folders if not any(Path(one).is_relative_to(out) for out in hidden)]


def _python_path(path: Sequence[str]) -> dict[str, str]:
    """Return what leaves of PYTHONPATH, which workers inherit, what is in *path*."""
    known = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    return {"PYTHONPATH": os.pathsep.join(one for one in known if one in path)}


def allocator() -> dict[str, str]:
    """Return what gives workers this process's allocator settings, if it has any."""
    return {name: os.environ[name] for name in FIXED_ALLOCATOR if name in os.environ}


def demand_no_other_use_of_ray() -> None:
    """Raise ClusterError if somebody else uses Ray in this process."""
    import ray

    if ray.is_initialized():
        raise ClusterError(
            "Ray is in use in this process already, and a case needs a cluster of its own; call "
            "ray.shutdown() at the end of what uses it, or measure on that cluster with "
            "--rayscale-ray-address"
        )


@contextmanager
def _handlers_kept() -> Iterator[None]:
    """Set the handlers of SIGTERM back at the end: Ray and this module set others."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _sigterm_interrupts() -> Iterator[None]:
    """Have SIGTERM end the session while Ray starts, as Ctrl-C does.

    Ray's own handler exits: in a fixture, which pytest reports as an error and goes on after.  Its
    C++ side, once it is up, sets an alarm, too, that aborts the process 3 s later (2.60).
    """
    try:
        yield
    except SystemExit as stopped:
        signal.alarm(0)
        raise KeyboardInterrupt from stopped


@contextmanager
def _ctrl_c_deferred() -> Iterator[None]:
    """Let the first Ctrl-C wait for the end: a half-started cluster cannot be shut down.

    Where it is ignored, as in a shell's background job, it stays so.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        yield
        return
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


def _handles(processes: Sequence[psutil.Process]) -> list[subprocess.Popen[bytes]]:
    """Return Ray's own handles of *processes*.

    Ray waits 1 s for a process that it has killed, and then forgets the handle (2.60).  On a busy
    machine that is too short, and the handle warns, when it is collected, that the process still
    runs: an error at the session's end, and exit code 1, where warnings are errors.
    """
    ids = {process.pid for process in processes}
    return [
        one
        for one in gc.get_objects()
        if issubclass(type(one), subprocess.Popen) and one.pid in ids
    ]


def warm(cluster: Cluster) -> Cluster:
    """Have one worker per CPU started before any case needs it."""
    cluster.call_roll(cluster.cpus)
    return cluster


def _short_folder() -> str | None:
    """Return where to put Ray's folder, if not where temporary files go.

    The path of a socket may have 107 bytes, and Ray's takes 86 from its folder's parent on.
    """
    roomy = len(os.fsencode(tempfile.gettempdir())) <= 107 - 86
    return None if roomy else "/tmp"  # noqa: S108 - a folder of mode 0700 is made in it
