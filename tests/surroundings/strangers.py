"""Busy processes that are not ours."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

BUSY = "import os; print(os.getpid(), flush=True)\nwhile True: pass"
STRANGER = ("setsid", "--fork", sys.executable, "-c", BUSY)  # it does not descend from us


@contextmanager
def busy(*command: str) -> Iterator[psutil.Process]:
    """Have *command* run a busy process for a while, which writes its id when it has begun."""
    with subprocess.Popen(command, stdout=subprocess.PIPE) as started:
        assert started.stdout is not None
        process = psutil.Process(int(started.stdout.readline()))
        try:
            yield process
        finally:
            process.kill()
