"""Whose processes count as a case's own."""

import os
import platform
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from rayscale.suite import neighbours
from rayscale.suite.environment import Conditions


@pytest.fixture
def child() -> Iterator[int]:
    """Return the id of a process that this one started, and that waits."""
    command = [sys.executable, "-c", "input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        yield process.pid


def worker(pid: int, host: str = platform.node(), node: str = "") -> Conditions:
    """Return a worker in the process *pid*."""
    return Conditions(host, node, pid, niceness=0, blas_threads=1, allocator="", load=0.0)


def test_what_started_a_worker_helps(child: int) -> None:
    """An existing cluster's node starts workers, and works for the case, too."""
    assert neighbours._helpers([worker(child)]) == {os.getpid()}


def test_worker_of_the_first_process_helps_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """All processes descend from the first one: what it started is not taken for ours."""
    monkeypatch.setattr(psutil.Process, "ppid", lambda _: 1)

    assert neighbours._helpers([worker(os.getpid())]) == {os.getpid()}


def test_worker_elsewhere_or_ended_is_left_out(child: int) -> None:
    """A worker of another machine has a number that is somebody else's here."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()

    elsewhere = worker(child, "elsewhere"), worker(child, node="another of this name")
    assert neighbours._helpers([*elsewhere, worker(ended.pid)]) == set()
