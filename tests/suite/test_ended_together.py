"""A signal for all processes of a run at once, as a job's time limit sends it, ends the run."""

import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import psutil
import pytest
import ray

from rayscale.suite import failing
from tests.clusters import wait_until
from tests.projects import PATIENCE, QUICK, command, surroundings, write

PROJECT = {
    "pytest.ini": "[pytest]\nrayscale = true\n",
    "test_naps.py": """
import time
from pathlib import Path

import rayscale

HERE = Path(__file__).parent


def short(rows):
    return rows


def long(rows):
    (HERE / "began").touch()
    time.sleep(600)
    return rows


@rayscale.cases(
    {"short": short, "long": long}, sizes={"many": 20}, ways=[rayscale.ray_per_row], cpus=(2,)
)
def test_naps(measure, size):
    measure([1] * size, [1] * size)
""",
}


def test_signal_that_reaches_rays_processes_too_ends_the_run(tmp_path: Path) -> None:
    """What was measured before is shown and kept."""
    project = write(tmp_path, PROJECT)
    with (tmp_path / "output").open("wb") as output:
        run = subprocess.Popen(
            command("--benchmark-only", "--benchmark-storage=results", QUICK),
            cwd=project,
            env=surroundings(),
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            wait_until((project / "began").exists, "a task")
            os.killpg(run.pid, signal.SIGTERM)
            code = run.wait(PATIENCE)
        finally:
            if run.poll() is None:
                os.killpg(run.pid, signal.SIGKILL)
                run.wait()

    said = (tmp_path / "output").read_text()
    assert code == pytest.ExitCode.INTERRUPTED, said
    assert "naps[short-ray_per_row-cpus2-many]" in said
    assert "--resume" in said


def test_tasks_are_not_waited_for_once_their_raylet_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen with 256 workers: 80 s after the end of the raylet, the run still waited."""
    shutil.copy(shutil.which("true") or "true", tmp_path / "raylet")
    looks = []

    def wait(references: list[Any], **_: object) -> tuple[list[Any], list[Any]]:
        looks.append(references)
        if len(looks) == 1:
            started.append(subprocess.Popen([tmp_path / "raylet"]))
            child = psutil.Process(started[0].pid)
            wait_until(lambda: child.status() == psutil.STATUS_ZOMBIE, "the end of it")
        assert len(looks) < 3, "it waits for ever"
        return [], references

    started: list[subprocess.Popen[bytes]] = []
    monkeypatch.setattr(ray, "wait", wait)
    try:
        failing._settle([object()])
    finally:
        for one in started:
            one.wait()

    assert len(looks) == 1
