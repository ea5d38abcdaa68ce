"""Files that are whole or not there, and numbered once."""

import errno
import multiprocessing
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from rayscale.saved.files import keep, write_whole

SESSIONS, ROUNDS = 2, 100
CONTENTS = b"x" * 2**22

# Saves one file whole, and is killed while it saves the next: in the first or second call that puts
# something on the disk (of the draft, of the folder), or when the draft gets its final name.
WRITER = """
import os, signal, sys
from pathlib import Path
from rayscale.saved.files import keep

folder, point = Path(sys.argv[1]), sys.argv[2]
keep(folder, "run", b"x" * 2**22)
synced, sync = [], os.fsync

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

def counted(descriptor):
    synced.append(descriptor)
    die() if point == f"sync {len(synced)}" else sync(descriptor)

os.fsync = counted
if point == "rename":
    Path.replace = die
keep(folder, "run", b"x" * 2**22)
"""


def save_often(folder: Path, session: int) -> None:
    """Save *ROUNDS* files, each with what only it holds."""
    for number in range(ROUNDS):
        keep(folder, f"s{session}", f"{session} {number}".encode())


def test_two_sessions_saving_at_once_lose_nothing(tmp_path: Path) -> None:
    """Each file of each session is there, under a number that no other has."""
    context = multiprocessing.get_context("spawn")
    sessions = [
        context.Process(target=save_often, args=(tmp_path, session)) for session in range(SESSIONS)
    ]
    for session in sessions:
        session.start()
    for session in sessions:
        session.join()

    files = sorted(tmp_path.glob("*.json"))
    assert [session.exitcode for session in sessions] == [0] * SESSIONS
    assert {file.read_text() for file in files} == {
        f"{session} {number}" for session in range(SESSIONS) for number in range(ROUNDS)
    }
    assert [file.name[:4] for file in files] == [
        f"{number:04}" for number in range(1, SESSIONS * ROUNDS + 1)
    ]


@pytest.mark.parametrize(("point", "whole"), [("sync 1", 1), ("rename", 1), ("sync 2", 2)])
def test_killed_session_leaves_no_broken_file(tmp_path: Path, point: str, whole: int) -> None:
    """Killed at whatever point of saving: what has a final name is whole, and saving goes on."""
    ended = subprocess.run([sys.executable, "-c", WRITER, str(tmp_path), point], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert len(list(tmp_path.glob("*.json"))) == whole

    assert keep(tmp_path, "last", CONTENTS).is_file()
    assert all(file.read_bytes() == CONTENTS for file in tmp_path.glob("*.json"))
    assert not list(tmp_path.glob(".draft-*"))


def test_contents_are_on_the_disk_before_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All bytes of the draft are synced, then it gets its name, then the folder is synced."""
    file, synced, sync = tmp_path / "file", [], os.fsync

    def noted(descriptor: int) -> None:
        of_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        size = None if of_folder else os.fstat(descriptor).st_size
        synced.append(("folder" if of_folder else "draft", size, file.exists()))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    write_whole(file, b"contents")
    assert synced == [("draft", len(b"contents"), False), ("folder", None, True)]


def test_saving_leaves_no_descriptor_open(tmp_path: Path) -> None:
    """A session that saves often does not run out of open files."""
    for _ in range(5):
        keep(tmp_path, "more", b"")
    descriptors = map(os.path.realpath, Path("/proc/self/fd").iterdir())
    assert [file for file in descriptors if file.startswith(str(tmp_path))] == []


def test_failed_write_leaves_what_was_there(tmp_path: Path) -> None:
    """A file whose new contents cannot be written keeps its old ones, and no draft stays."""
    file = tmp_path / "file"
    write_whole(file, b"old")
    try:
        write_whole(file, "new")  # type: ignore[arg-type]  # what fails
    except TypeError:
        pass
    else:
        raise AssertionError("text was written as bytes")

    assert file.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [file]


def test_numbers_go_on_above_the_highest(tmp_path: Path) -> None:
    """Gaps are not filled, and 9999 is not the last."""
    for name in ("0002_a.json", "9999_b.json", "notes.json"):
        (tmp_path / name).touch()

    assert keep(tmp_path, "c", b"").name == "10000_c.json"
    assert keep(tmp_path, "d", b"").name == "10001_d.json"


@pytest.mark.parametrize("error", [errno.EINVAL, errno.EIO, errno.ENOTSUP])
def test_folder_that_cannot_be_synced_has_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    """A file system that refuses to sync folders loses no run."""
    real = os.fsync

    def refuse(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(error, os.strerror(error))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", refuse)
    assert keep(tmp_path, "run", CONTENTS).read_bytes() == CONTENTS


def test_pipe_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    """What is not a regular file, such as /dev/stdout, gets the contents and stays."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_whole(pipe, b"page")
    assert os.read(reader, 100) == b"page"
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    os.close(reader)
