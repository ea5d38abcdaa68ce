"""A child process that ends with its parent, even where that is killed."""

import os
import sys

# Linux sends the child SIGTERM when the thread that started it ends (prctl's PR_SET_PDEATHSIG,
# which execve keeps).  Elsewhere a child of a killed process goes on to its end.
PROGRAM = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, int(signal.SIGTERM))
if os.getppid() != int(sys.argv[1]):
    sys.exit(143)
os.execvp(sys.argv[2], sys.argv[2:])
"""


def following(command: list[str]) -> list[str]:
    """Return the command that runs *command* so that it ends when the caller's process does."""
    if sys.platform != "linux":
        return command
    return [sys.executable, "-c", PROGRAM, str(os.getpid()), *command]
