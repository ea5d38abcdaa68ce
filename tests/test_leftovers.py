"""What a killed session leaves is removed by the next one, and nothing else is."""

import json
import os
import platform
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import psutil
import pytest
from filelock import FileLock

from rayscale.leftovers import sweep
from rayscale.own_folder import LOCK, OWNER, Owner, own_folder
from tests.projects import PATIENCE

NOBODY = 65534
# A session: it says what its folder and its process are, and goes on until it is told to end.
SESSION = """
import os, subprocess, sys, time
import psutil
from rayscale.own_folder import marked, own_folder
with own_folder() as folder:
    words = [sys.executable, "-c", "import time; time.sleep(300)"]
    child = subprocess.Popen(words, env=os.environ | marked(folder))
    while not psutil.Process(child.pid).environ():  # it has none yet when Popen returns
        time.sleep(0.01)
    print(folder, child.pid, flush=True)
    child.wait()
"""
# The same, which has started another session and left its own process to that.
SESSIONS = SESSION.replace('"import time; time.sleep(300)"', f"{SESSION!r}")
# A session with a pool of two processes that wait for work.
POOL = """
import sys
import rayscale
from rayscale.suite import pools
if __name__ == "__main__":
    with getattr(pools, sys.argv[1])(2) as pool:
        print(*(one.conditions.pid for one in pool.ask("", 60)), flush=True)
        input()
"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder for temporary files of a test, and of what it starts."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr("rayscale.leftovers.SHORT", str(tmp_path))
    return tmp_path


def start(program: str) -> "subprocess.Popen[str]":
    """Start a session."""
    words = [sys.executable, "-c", program]
    return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def said(session: "subprocess.Popen[str]") -> list[str]:
    """Return the words of the next line that a *session* says."""
    assert session.stdout is not None
    return session.stdout.readline().split()


def kill(session: "subprocess.Popen[str]") -> None:
    """Kill a *session*."""
    session.kill()
    session.wait()
    for stream in (session.stdin, session.stdout):
        assert stream is not None
        stream.close()


@pytest.fixture
def bystander(place: Path) -> Iterator[psutil.Process]:
    """Return a process of the user's that has to do with the folder, and is no session's."""
    words = [sys.executable, "-c", "input()", str(place)]
    process = psutil.Popen(words, stdin=subprocess.PIPE, cwd=place)
    yield process
    process.kill()
    process.communicate()


def abandoned(place: Path) -> Path:
    """Return the folder of a session that was killed."""
    folder = Path(tempfile.mkdtemp(prefix="rayscale-", dir=place))
    gone = replace(Owner.here(), started=1.0)  # the process with this id is another one by now
    (folder / OWNER).write_text(json.dumps(asdict(gone)))
    return folder


def test_own_folder_is_for_its_owner_alone_and_goes(place: Path) -> None:
    """Other users of the machine cannot enter it, and at the end nothing is left."""
    with own_folder("gate-") as folder:
        assert folder.parent == place
        assert folder.name.startswith("rayscale-gate-")
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700

    assert list(place.iterdir()) == []


def test_own_folder_is_removed_after_sigterm(place: Path) -> None:
    """A job's time limit ends a session as Ctrl-C does: in order."""
    session = start(SESSION)
    folder, child = said(session)

    session.terminate()
    psutil.Process(int(child)).kill()
    session.communicate()

    assert Path(folder).parent == place
    assert list(place.iterdir()) == []


def test_own_folder_leaves_the_projects_handler_of_sigterm(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Who handles SIGTERM goes on to do so; else it ends the process again afterwards."""
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with own_folder():
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        with own_folder():
            assert signal.getsignal(signal.SIGTERM) is signal.default_int_handler
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGTERM, before)


def test_what_a_killed_session_has_left_is_removed(place: Path, bystander: psutil.Process) -> None:
    """Its processes end and its folder goes, in one sentence; who only names it goes on."""
    session = start(SESSION)
    folder, child = said(session)
    process = psutil.Process(int(child))
    kill(session)

    sentences = sweep()

    assert sentences == [
        "a killed session had left files and processes: 1 folder removed, 1 process ended"
    ]
    assert not Path(folder).exists()
    assert not process.is_running()
    assert bystander.is_running()
    assert sweep() == []


def test_what_a_killed_session_had_started_goes_with_it(place: Path) -> None:
    """A launch of a series whose process was killed ends, and then its own folder goes, too."""
    series = start(SESSIONS)
    said(series)
    launch, _ = said(series)
    assert Path(launch).parent == place
    kill(series)

    sweep()

    assert list(place.iterdir()) == []


def test_living_session_is_left_alone() -> None:
    """Another session that runs at the same time keeps its folder and its processes."""
    session = start(SESSION)
    folder, child = said(session)
    try:
        assert sweep() == []
        assert Path(folder).is_dir()
        assert psutil.pid_exists(int(child))
    finally:
        psutil.Process(int(child)).kill()
        session.communicate()


def test_session_whose_lock_is_free_is_left_alone_while_its_process_lives(place: Path) -> None:
    """A copy of the process, made by a fork, can let go of the lock."""
    folder = abandoned(place)
    (folder / OWNER).write_text(json.dumps(asdict(Owner.here())))

    assert sweep() == []
    assert folder.is_dir()


def test_folder_whose_lock_is_held_is_left_alone(place: Path) -> None:
    """Another process may have it, of which this one cannot know: in another container, say."""
    folder = abandoned(place)

    with FileLock(folder / LOCK):
        assert sweep() == []
    assert folder.is_dir()
    assert len(sweep()) == 1


def test_folder_of_another_machine_is_left_alone(place: Path) -> None:
    """Machines may share a folder; who lives there cannot be seen from here."""
    folder = abandoned(place)
    other = replace(Owner.of(folder), host=f"not-{platform.node()}")
    (folder / OWNER).write_text(json.dumps(asdict(other)))

    assert sweep() == []
    assert folder.is_dir()


@pytest.mark.parametrize("text", [None, "", "[]", "{}", '{"host": 1, "pid": "x", "started": []}'])
def test_folder_that_does_not_say_whose_it_is_is_left_alone(place: Path, text: str | None) -> None:
    """Others may call their folders so, too."""
    folder = abandoned(place)
    (folder / OWNER).unlink() if text is None else (folder / OWNER).write_text(text)

    assert sweep() == []
    assert folder.is_dir()


def test_link_to_a_folder_is_left_alone(place: Path) -> None:
    """A link would have a folder removed that is elsewhere."""
    elsewhere = place / "elsewhere"
    abandoned(place).rename(elsewhere)
    (place / "rayscale-link").symlink_to(elsewhere)

    assert sweep() == []
    assert elsewhere.is_dir()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make another user's folder")
def test_folder_of_another_user_is_left_alone(place: Path) -> None:
    """Root, too, removes only its own."""
    folder = abandoned(place)
    os.chown(folder, NOBODY, NOBODY)

    assert sweep() == []
    assert folder.is_dir()


def test_folder_that_cannot_be_removed_is_named(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The session goes on; a sentence says which folder it is."""
    folder = abandoned(place)
    monkeypatch.setattr("shutil.rmtree", lambda *_, **__: None)

    assert sweep() == [f'"{folder}", of a killed session, cannot be removed; remove it by hand']


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process of its parent")
@pytest.mark.parametrize("pool", ["own_processes", "joblibs_processes"])
def test_processes_of_a_pool_end_with_a_killed_session(pool: str) -> None:
    """They would wait for work for ever.  And they have no port: nobody reaches them."""
    session = subprocess.Popen(
        [sys.executable, "-c", POOL, pool],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    processes = [psutil.Process(int(one)) for one in said(session)]
    family = [psutil.Process(session.pid), *processes]
    assert [one.net_connections("inet") for one in family] == [[], [], []]
    kill(session)

    _, left = psutil.wait_procs(processes, timeout=PATIENCE)
    assert len(processes) == 2
    assert left == []
