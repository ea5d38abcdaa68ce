"""Sessions of one user know of each other as long as they live, however they end."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rayscale.surroundings.presence import Presence, enter, present

STAY = """
import sys
from pathlib import Path
from rayscale.surroundings.presence import enter
own = enter(Path(sys.argv[1]))
print(own is not None, flush=True)
sys.stdin.read()
"""


@contextmanager
def session(folder: Path) -> Iterator["subprocess.Popen[str]"]:
    """Have another process be present for a while."""
    command = [sys.executable, "-c", STAY, str(folder)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "True\n"
        try:
            yield process
        finally:
            process.kill()


def entered(folder: Path) -> Presence:
    """Return a presence that there must be."""
    own = enter(folder)
    assert own is not None
    return own


def locks(folder: Path) -> list[Path]:
    """Return the files of sessions."""
    return list(folder.rglob("*.lock"))


def test_sessions_meet(tmp_path: Path) -> None:
    """The one that came first, and the one that came later, both know of the other."""
    first = entered(tmp_path)
    assert first.sentence == ""
    with session(tmp_path) as other:
        second = entered(tmp_path)

    assert str(other.pid) in second.sentence
    assert "2 timed sessions" in first.sentence
    second.leave()
    first.leave()
    assert "2 timed sessions" in first.sentence
    assert len(locks(tmp_path)) == 1  # the killed one's, until somebody comes


def test_killed_session_leaves_no_claim(tmp_path: Path) -> None:
    """After SIGKILL a session is gone for the next one, and so is its file."""
    with session(tmp_path) as other:
        os.kill(other.pid, signal.SIGKILL)
        other.wait()
        assert len(locks(tmp_path)) == 1
        own = entered(tmp_path)

    assert own.sentence == ""
    assert len(locks(tmp_path)) == 1  # its own
    own.leave()
    assert list(tmp_path.iterdir()) == []


def test_session_that_has_left_was_met(tmp_path: Path) -> None:
    """Who was there for a while is named at the end, also if nobody looked meanwhile."""
    own = entered(tmp_path)
    with session(tmp_path):
        pass

    assert "1 timed session of yours" in own.sentence
    own.leave()


def test_folder_is_private(tmp_path: Path) -> None:
    """Nobody else can read who is there."""
    with present(tmp_path) as own:
        assert own is not None
        assert own.folder.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("kind", ["open to all", "a link", "a file", "no folder"])
def test_folder_that_is_not_ours_alone_is_left_alone(tmp_path: Path, kind: str) -> None:
    """What somebody else prepared under its name is not used, and is no error."""
    place = tmp_path / f"rayscale-{os.getuid()}"
    match kind:
        case "open to all":
            place.mkdir()
            place.chmod(0o777)
        case "a link":
            place.symlink_to(tmp_path, target_is_directory=True)
        case "a file":
            place.touch()
        case "no folder":
            place = tmp_path / "absent" / "folder"
    before = set(tmp_path.iterdir())

    with present(place if kind == "no folder" else tmp_path) as own:
        assert own is None
    assert set(tmp_path.iterdir()) == before
