"""Private folders: nobody else reads them, and a killed session's are removed by the next one."""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from rayscale import folders
from rayscale.following import following

HOLDER = """
import sys
from rayscale import folders

with folders.private("kind-", sys.argv[1]) as folder:
    (folder / "inside").mkdir()
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path) -> "subprocess.Popen[str]":
    """Return a process that holds a folder."""
    return subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_killed_sessions_folder_is_removed_by_the_next(
    holder: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    """While a session lives its folder stays; killed, it is gone at the next start."""
    with holder:
        assert holder.stdout is not None
        folder = Path(holder.stdout.readline().strip())
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert folders.clear(str(tmp_path)) == 0
        assert folder.is_dir()
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()

    assert folders.clear(str(tmp_path)) == 1
    assert list(tmp_path.iterdir()) == []


def test_session_that_ends_removes_its_folder(
    holder: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    """There is nothing left for others to do."""
    with holder:
        assert holder.stdout is not None
        holder.stdout.readline()
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_a_sessions_folder_stays(tmp_path: Path) -> None:
    """A name alone, a file, and a link into somewhere else are nobody's to remove."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / folders.HELD).touch()
    (tmp_path / "rayscale-saved").mkdir()
    (tmp_path / "rayscale-file").touch()
    (tmp_path / "rayscale-link").symlink_to(elsewhere)

    assert folders.clear(str(tmp_path)) == 0
    assert (elsewhere / folders.HELD).exists()
    assert len(list(tmp_path.iterdir())) == 4


PARENT = """
import subprocess, sys, time
from rayscale.following import following
child = subprocess.Popen(following([sys.executable, "-c", "import time; time.sleep(600)"]))
print(child.pid, flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's end")
def test_child_ends_with_a_killed_parent() -> None:
    """A launch does not go on for nobody."""
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
        _, alive = psutil.wait_procs([child], timeout=60)
    assert alive == []


def test_following_command_has_its_own_exit_code() -> None:
    """Nothing else is changed by it."""
    done = subprocess.run(
        following([sys.executable, "-c", "print('said'); raise SystemExit(7)"]),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (7, "said\n")
