"""A signal for all processes of a run at once, as a job's time limit sends it, ends the run."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

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
    {"short": short, "long": long}, sizes={"two": 2}, ways=[rayscale.ray_blocks], cpus=(2,)
)
def test_naps(measure, size):
    measure([1] * size, [1] * size)
""",
}


def test_signal_that_reaches_rays_processes_too_ends_the_run(tmp_path: Path) -> None:
    """The tasks can never end: nobody waits for them.  What was measured before is there."""
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
    assert "naps[short-ray_blocks-cpus2-two]" in said
    assert "--resume" in said
