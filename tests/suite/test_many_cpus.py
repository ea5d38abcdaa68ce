"""Tasks that sleep need no core: they run on 64 CPUs anywhere; what does not fit is refused."""

import re
from pathlib import Path

from rayscale.suite import memory
from tests.projects import QUICK, run_pytest, write

# Rows are a list: what the workers need of this project is this file alone.
SLEEPING = """
import time

import rayscale
from rayscale.overhead import test_empty_tasks, test_nap_length


def sleeper(rows):
    time.sleep(0.02 * len(rows))
    return rows


WAYS = [rayscale.serial, rayscale.ray_per_row, rayscale.ray_blocks]


@rayscale.cases({"sleeper": sleeper}, sizes={"few": 64}, ways=WAYS, waits=True)
def test_sleep(measure, size):
    measure(list(range(size)), expected=list(range(size)))
"""

# Should the run not be refused, no worker is started all the same.
NOTHING_RUNS = """
def pytest_runtestloop(session):
    return True
"""


def test_sleeping_cases_run_on_64_cpus(tmp_path: Path) -> None:
    """64 processes are proven to have done the work of cases, and probes run on as many."""
    project = write(tmp_path, {"test_sleeping.py": SLEEPING})
    chosen = "sleeper or (cpus64 and (tasks and -100 or nap and 30ms))"
    seen = run_pytest(project, "--benchmark-only", QUICK, "--rayscale-cpus=64", "-k", chosen)
    assert seen.exit_code == 0, seen.output
    cases = {name: one["extra_info"] for name, one in seen.cases.items()}

    for way in ("ray_per_row", "ray_blocks"):
        info = cases[f"sleeper-{way}-cpus64-few"]
        assert (info["workers"], info["tasks"], info["cpus_proven"]) == (64, 64, True)
    assert cases["ray_per_row-cpus64-100"]["tasks"] == 100
    assert cases["ray_per_row-cpus64-30ms"]["tasks"] == 2 * 64
    assert "rayscale: starting 64 workers, each of which takes about a second" in seen.output
    assert re.search(
        r"rayscale: 64 workers take about [\d.]+ GiB; [\d.]+ GiB are free", seen.output
    )


def test_workers_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    """60,000 workers take some TiB: one sentence says so, before any case and any worker."""
    project = write(tmp_path, {"test_sleeping.py": SLEEPING, "conftest.py": NOTHING_RUNS})
    seen = run_pytest(project, "--benchmark-only", "--rayscale-cpus=1,60000", "-k", "sleeper")

    assert seen.exit_code == 4
    assert re.search(
        r"ERROR: test_sleep\[sleeper-ray_per_row-cpus60000-few\] runs on 60000 workers; 60000 "
        r"workers take about [\d.]+ GiB, and [\d.]+ GiB are free; choose fewer CPUs with "
        r"--rayscale-cpus, or leave it out with -k",
        seen.output,
    )
    assert seen.saved == []


def test_worker_takes_what_its_kernels_import() -> None:
    """A kernel's modules are a part of its worker: NumPy takes some MiB, pandas many more."""
    alone, with_pandas = memory.each([]), memory.each(["pandas"])

    assert 20 * 2**20 < alone < with_pandas
