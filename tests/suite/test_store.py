"""Whether Ray has put objects on disk, seen in the folder of its session."""

import os
from pathlib import Path

import pytest

from rayscale.suite.store import Traces

SPILLED = "ray_spilled_objects_1"


@pytest.fixture
def session(tmp_path: Path) -> Path:
    """Return the folder of a session, with one for spilled objects; both changed long ago."""
    for name in ("logs", SPILLED):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, ns=(0, 0))
    os.utime(tmp_path, ns=(0, 0))
    return tmp_path


def test_session_that_nothing_changes_has_used_no_disk(session: Path) -> None:
    """Logs are written in a folder of their own."""
    before = Traces.of(session)
    (session / "logs" / "raylet.out").touch()
    assert not before.show_use(Traces.of(session))


def test_spilled_object_is_seen(session: Path) -> None:
    """It is a file in the folder of spilled objects."""
    before = Traces.of(session)
    (session / SPILLED / "object").touch()
    assert before.show_use(Traces.of(session))


def test_object_in_a_file_without_a_name_is_seen(session: Path) -> None:
    """Its name is gone at once, and the folder's time of change is another one."""
    before = Traces.of(session)
    (session / "plasma").touch()
    (session / "plasma").unlink()
    assert before.show_use(Traces.of(session))


def test_new_file_of_the_session_is_no_object(session: Path) -> None:
    """Ray's agents write down their ports when they are up."""
    before = Traces.of(session)
    (session / "metrics_agent_port").touch()
    assert not before.show_use(Traces.of(session))
