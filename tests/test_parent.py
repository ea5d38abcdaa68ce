"""Commands that end with the process that started them."""

import subprocess
import sys

import psutil
import pytest

from rayscale.parent import ending_with_us

PARENT = """
import subprocess, sys
from rayscale.parent import ending_with_us
own = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
child = subprocess.Popen(ending_with_us([sys.executable, "-c", own]))
sys.stdin.read()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's end")
def test_command_ends_with_a_killed_parent() -> None:
    """A launch does not go on for nobody."""
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
        _, alive = psutil.wait_procs([child], timeout=60)
    assert alive == []


def test_command_has_its_own_exit_code_and_output() -> None:
    """Nothing else is changed by it."""
    done = subprocess.run(
        ending_with_us([sys.executable, "-c", "print('said'); raise SystemExit(7)"]),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (7, "said\n")
