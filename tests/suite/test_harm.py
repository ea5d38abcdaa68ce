"""Faults of a machine, and of a cluster that is there: each is done for real, in the clock."""

import os
import shutil
import sys
from pathlib import Path

import psutil
import pytest

from rayscale.suite.store import SHARED
from tests.clusters import foreign_cluster
from tests.harmful import HARMFUL
from tests.projects import QUICK, Run, command, run, run_pytest, write

PROJECT = (
    HARMFUL
    + """
def calm(rows):
    return -rows


def memory(rows):
    if due("memory"):
        kept = []
        while True:  # until Ray ends this process
            kept.append(np.ones(2**24))
            time.sleep(0.02)
    return -rows


def disk(rows):
    if due("disk"):
        full = Path(os.environ["FULL"], "file")
        try:
            full.write_bytes(bytes(2**21))
        finally:
            full.unlink()
    return -rows


def stop(rows):
    if due("stop"):
        raylet = psutil.Process().parents()[0]
        gcs = next(one for one in raylet.parent().children() if one.name() == "gcs_server")
        gcs.kill()
        raylet.kill()
        time.sleep(60)
    return -rows


@cases(rayscale.ray_blocks, calm, memory, disk, stop)
def test_harm(measure, size):
    measure(ROWS, expected=-ROWS)


def many(rows):
    calls("many")
    return -rows


@rayscale.cases({"many": many}, sizes={"large": 20_000_000}, ways=[rayscale.ray_blocks], cpus=(2,))
def test_store(measure, size):
    rows = np.zeros(size)
    measure(rows, expected=-rows)
"""
)
CALM = "calm-ray_blocks-cpus2-small"
SPARE = 2**32  # bytes that other programs may take meanwhile


def timed(folder: Path, chosen: str, **variables: str) -> Run:
    """Time the *chosen* cases of the project."""
    project = write(folder, {"test_harm.py": PROJECT})
    return run_pytest(project, "--benchmark-only", QUICK, "-k", chosen, variables=variables)


def mounted(folder: Path, where: Path, nbytes: int, chosen: str, **variables: str) -> Run:
    """Time them in a namespace with a file system of so many bytes at *where*."""
    project = write(folder, {"test_harm.py": PROJECT})
    mount = f'mount -t tmpfs -o size={nbytes} tmpfs "{where}" && exec "$@"'
    words = ["unshare", "--mount", "sh", "-c", mount, "sh"]
    own = command("--benchmark-only", QUICK, "-k", chosen)
    return run(project, [*words, *own], project / "results", variables)


def short_of_memory(folder: Path) -> Run:
    """Have Ray end a worker when so much more memory is used than now."""
    now = psutil.virtual_memory()
    share = (now.total - now.available + SPARE) / now.total
    return timed(
        folder,
        "memory or (calm and small)",
        RAY_memory_usage_threshold=f"{share:.3f}",
        RAY_memory_monitor_refresh_ms="50",
    )


def stopped(folder: Path) -> Run:
    """Time them on a cluster that somebody else has started, and that ends."""
    project = write(folder, {"test_harm.py": PROJECT})
    with foreign_cluster(RAY_AUTH_MODE="disabled") as cluster:
        address = f"--rayscale-ray-address={cluster.address}"
        words = ("--benchmark-only", QUICK, "-k", "stop or (calm and small)", address)
        return run_pytest(project, *words)


def full(folder: Path) -> Run:
    """Time them beside a disk that has no room."""
    place = folder / "full"
    place.mkdir(parents=True)
    return mounted(folder, place, 2**20, "disk or (calm and small)", FULL=str(place))


needs_mounts = pytest.mark.skipif(
    not sys.platform.startswith("linux") or os.geteuid() != 0 or shutil.which("unshare") is None,
    reason="only root may mount file systems, in a namespace of its own",
)


def spoilt(seen: Run, name: str) -> list[str]:
    """Return what the case of the kernel *name* was spoilt by; the control beside it was not."""
    assert seen.exit_code == 0, seen.output
    cases = seen.cases
    own, calm = cases[f"{name}-ray_blocks-cpus2-small"], cases[CALM]
    repeated: list[str] = own["extra_info"]["repeated"]
    assert own["extra_info"].keys() == {*calm["extra_info"], "repeated"}
    assert len(own["stats"]["data"]) == len(calm["stats"]["data"]) == 7
    return repeated


@pytest.mark.skipif(
    psutil.virtual_memory().available < 3 * SPARE, reason="other programs need this memory"
)
def test_worker_that_ray_ends_for_memory_spoils_its_case(tmp_path: Path) -> None:
    """Ray's own watch over memory ends the worker; the case is timed again."""
    repeated = spoilt(short_of_memory(tmp_path), "memory")

    assert len(repeated) == 1
    assert repeated[0].startswith("Ray ended a worker process, because memory was short")


@needs_mounts
def test_disk_that_is_full_spoils_a_case(tmp_path: Path) -> None:
    """A kernel that finds no room on a disk is called again."""
    seen = full(tmp_path)
    repeated = spoilt(seen, "disk")

    assert len(repeated) == 1
    assert repeated[0].startswith("the disk is full")
    assert "begun again: test_harm.py::test_harm[disk-" in seen.output


@needs_mounts
def test_case_whose_objects_go_to_disk_fails(tmp_path: Path) -> None:
    """Data that shared memory has no room for are not timed; a case without them goes on.

    Each attempt ends after its first call, of two blocks.
    """
    seen = mounted(tmp_path, SHARED, 250 * 2**20, "calm or many")

    assert "was begun 3 times, and spoilt each time: Ray's object store was too small" in (
        " ".join(seen.output.split())
    )
    assert len((tmp_path / "calls-many").read_text().split()) == 3 * 2
    assert seen.cases.keys() == {CALM}
    assert seen.exit_code == 1


def test_cluster_that_somebody_ends_fails_its_cases(tmp_path: Path) -> None:
    """What was measured before is saved; a sentence says that nothing answers any more."""
    seen = stopped(tmp_path)

    assert "begins again: the Ray cluster at 127.0.0.1:" in seen.output
    assert "no Ray cluster to be reached at" in seen.output
    assert "Traceback" not in seen.output
    assert (seen.exit_code, set(seen.cases)) == (1, {CALM})
