"""Files that are whole or not there, and numbered once."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from rayscale.saved.files import keep, write_whole

SESSIONS, ROUNDS = 2, 100
CONTENTS = b"x" * 2**22  # long enough to be stopped in the middle

# Writes large files for ever, one after the other, and says when it has begun.
WRITER = """
import sys
from pathlib import Path
from rayscale.saved.files import keep
print("begun", flush=True)
while True:
    keep(Path(sys.argv[1]), "run", b"x" * 2**22)
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


def test_killed_session_leaves_no_broken_file(tmp_path: Path) -> None:
    """Killed at whatever point of saving: what has a final name is whole, and saving goes on."""
    for attempt in range(20):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True
        ) as writer:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "begun\n"
            time.sleep(attempt * 0.001)  # the point of the kill; the test holds at any
            os.kill(writer.pid, signal.SIGKILL)

    assert keep(tmp_path, "last", CONTENTS).is_file()
    assert all(file.read_bytes() == CONTENTS for file in tmp_path.glob("*.json"))
    assert not list(tmp_path.glob(".draft-*"))


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
