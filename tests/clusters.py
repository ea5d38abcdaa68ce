"""Ray clusters that somebody else has started, and processes that end."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from rayscale.suite.ending import is_alive
from tests.projects import PATIENCE, surroundings

LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_USAGE_STATS_ENABLED": "0"}


@dataclass(frozen=True)
class Foreign:
    """A Ray cluster of two CPUs that somebody else has started."""

    address: str
    family: list[psutil.Process]


def wait_until(event: Callable[[], bool], what: str) -> None:
    """Return once *event* is there; TimeoutError, saying *what* was waited for, if it is not."""
    deadline = time.monotonic() + PATIENCE
    while not event():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not seen within {PATIENCE} s: {what}")
        time.sleep(0.02)


def end(processes: list[psutil.Process]) -> None:
    """Kill those of *processes* that still live."""
    left = [process for process in processes if is_alive(process)]
    for process in left:
        process.kill()
    psutil.wait_procs(left, timeout=PATIENCE)


@contextmanager
def short_folder() -> Iterator[Path]:
    """Make a folder with a short name, for a while: a socket's path may have 107 characters."""
    # Who has just been killed may still write into it.
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="t", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@contextmanager
def foreign_cluster(**variables: str) -> Iterator[Foreign]:
    """Start a cluster of two CPUs on loopback by ``ray start``, with *variables*, for a while."""
    where = ("--port=0", "--node-ip-address=127.0.0.1")
    what = ("--head", "--block", "--num-cpus=2", "--include-dashboard=false")
    with short_folder() as folder, (folder / "output").open("w+") as output:
        head = psutil.Popen(
            [
                *(Path(sys.executable).with_name("ray"), "start"),
                *(*what, *where, f"--temp-dir={folder / 'ray'}"),
            ],
            env=surroundings(HOME=str(folder), **LOOPBACK, **variables),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        family: list[psutil.Process] = [head]
        try:
            started = folder / "output"
            wait_until(lambda: "Ray runtime started" in started.read_text(), "a Ray cluster")
            family += head.children(recursive=True)
            yield Foreign((folder / "ray" / "ray_current_cluster").read_text(), family)
        finally:
            head.terminate()
            psutil.wait_procs(family, timeout=PATIENCE)
            end(family)
            head.wait()
