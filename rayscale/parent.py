"""A process that ends with the one that started it, also where that one is killed."""

import os
import signal
import sys
from collections.abc import Sequence

SET_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG, from linux/prctl.h; execve keeps it
# For a program that is not ours: it is what this one becomes.
PROGRAM = f"""
import ctypes, os, sys
ctypes.CDLL(None).prctl({SET_PARENT_DEATH_SIGNAL}, {int(signal.SIGTERM)})
if os.getppid() != int(sys.argv[1]):
    sys.exit({128 + int(signal.SIGTERM)})
os.execvp(sys.argv[2], sys.argv[2:])
"""


def end_with(parent: int, number: int = signal.SIGTERM) -> None:
    """Have the kernel send this process *number* when *parent*, who has started it, ends.

    Without it, the processes of a pool would wait for work for ever.  Linux alone can do so.  By
    *parent* it means the thread that has started this process; with us, it waits for the process.
    """
    if sys.platform != "linux":
        return
    import ctypes

    ctypes.CDLL(None).prctl(SET_PARENT_DEATH_SIGNAL, number)
    if os.getppid() != parent:  # it has ended before
        os.kill(os.getpid(), number)


def ending_with_us(command: Sequence[str]) -> list[str]:
    """Return the command that runs *command* in a process that ends with this one; on Linux."""
    if sys.platform != "linux":
        return list(command)
    return [sys.executable, "-c", PROGRAM, str(os.getpid()), *command]
