"""The same conditions in every process, and a name for the machine."""

import json
import os
import platform
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rayscale.suite import environment
from rayscale.suite.environment import FIXED, conditions, fingerprint, usable_cpus

ROOT = Path(__file__).resolve().parents[2]
CORES = 8

on_glibc = pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="another C library's allocator is left as it comes"
)

# Fields of glibc's struct mallinfo2, the fourth of which counts the blocks that were mapped.
COUNT_MAPPED = """
import ctypes
class MallInfo(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in "abcdefghij"]
mallinfo2 = ctypes.CDLL(None).mallinfo2
mallinfo2.restype = MallInfo
"""


@pytest.fixture
def cgroup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a container's empty cgroup folder, on a machine of 8 cores."""
    monkeypatch.setattr(psutil.Process, "cpu_affinity", lambda _: list(range(CORES)))
    return tmp_path


def fresh(code: str, **variables: str) -> Any:
    """Return what *code* prints, as JSON, in a new Python without the suite's settings."""
    ours = environment.ONE_THREAD | environment.FIXED_ALLOCATOR
    inherited = {name: value for name, value in os.environ.items() if name not in ours}
    done = subprocess.run(
        [sys.executable, "-c", f"import json, os, sys\n{code}"],
        cwd=ROOT,
        env=inherited | variables,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("limit", "cpus"),
    [
        pytest.param("max 100000", CORES, id="none"),
        pytest.param("400000 100000", 4, id="whole"),
        pytest.param("250000 100000", 2, id="rounded-down"),
        pytest.param("50000 100000", 1, id="half-a-cpu"),
        pytest.param("100000 20000", 5, id="short-period"),
        pytest.param("1600000 100000", CORES, id="more-than-there-are"),
    ],
)
def test_usable_cpus_heed_a_quota(cgroup: Path, limit: str, cpus: int) -> None:
    """A container's quota counts in whole CPUs, at least 1 and at most those of the machine."""
    (cgroup / "cpu.max").write_text(f"{limit}\n")

    assert usable_cpus(cgroup) == cpus


@pytest.mark.parametrize(
    ("quota", "cpus"), [("-1", CORES), ("400000", 4), ("250000", 2), ("50000", 1)]
)
def test_usable_cpus_heed_a_quota_of_cgroup_1(cgroup: Path, quota: str, cpus: int) -> None:
    """The older files, where -1 stands for no quota, count in the same way."""
    (cgroup / "cpu").mkdir()
    (cgroup / "cpu" / "cpu.cfs_quota_us").write_text(f"{quota}\n")
    (cgroup / "cpu" / "cpu.cfs_period_us").write_text("100000\n")

    assert usable_cpus(cgroup) == cpus


def test_usable_cpus_without_a_quota_are_those_of_the_affinity(cgroup: Path) -> None:
    """Where no cgroup sets a quota, all CPUs count that the process may run on."""
    assert usable_cpus(cgroup) == CORES


@given(
    cpu=st.text() | st.sampled_from(["Intel(R) Xeon(R) CPU @ 2.20GHz", "(R)", "CPU", "@ 1 GHz"]),
    cpus=st.integers(1, 1024),
    memory_gib=st.integers(0, 2**14),
)
def test_fingerprint_names_a_folder(cpu: str, cpus: int, memory_gib: int) -> None:
    """Whatever the processor calls itself, the name has a-z, 0-9 and hyphens, and begins well."""
    name = fingerprint({"cpu": cpu, "cpus": cpus, "memory_gib": memory_gib})

    assert re.fullmatch(rf"[a-z0-9]+(-[a-z0-9]+)*-{cpus}cpu-{memory_gib}gib", name)


def test_conditions_are_those_of_this_process() -> None:
    """A process tells its host, its id, its niceness, its BLAS threads and its allocator."""
    here = conditions()

    assert (here.host, here.pid) == (platform.node(), os.getpid())
    assert here.niceness == psutil.Process().nice()
    assert here.blas_threads == 1
    assert here.allocator.startswith(platform.libc_ver()[0] or "unknown C library")


def test_niceness_is_taken_on() -> None:
    """A process that takes on a higher niceness works at it from then on."""
    own = psutil.Process().nice()

    taken = fresh(
        "from rayscale.suite.environment import conditions, take_niceness\n"
        f"take_niceness({own + 1})\n"
        "print(json.dumps(conditions().niceness))"
    )

    assert taken == min(19, own + 1)  # there is none above 19


@pytest.mark.parametrize(
    "user", [{}, {"OMP_NUM_THREADS": "4", "OPENBLAS_NUM_THREADS": "4"}], ids=["unset", "set"]
)
def test_threads_are_fixed_before_numpy_comes(user: dict[str, str]) -> None:
    """NumPy that is imported afterwards has one BLAS thread, whatever the user has set."""
    threads, variable = fresh(
        "from rayscale.suite.environment import fix_threads_and_allocator\n"
        "assert 'numpy' not in sys.modules\n"
        "fix_threads_and_allocator()\n"
        "import numpy, threadpoolctl\n"
        "pools = threadpoolctl.threadpool_info()\n"
        "print(json.dumps([[p['num_threads'] for p in pools], os.environ['OMP_NUM_THREADS']]))",
        **user,
    )

    assert set(threads) == {1}
    assert variable == "1"


@on_glibc
def test_allocator_is_fixed_and_says_so() -> None:
    """A process says that its allocator is fixed once it is, and not before."""
    before, after = fresh(
        "from rayscale.suite.environment import conditions, fix_threads_and_allocator\n"
        "before = conditions().allocator\n"
        "fix_threads_and_allocator()\n"
        "print(json.dumps([before, conditions().allocator]))"
    )

    assert before == "glibc, as it comes"
    assert after == FIXED


@on_glibc
@pytest.mark.parametrize(("fix", "mapped"), [("fix_threads_and_allocator()", 0), ("pass", 1)])
def test_allocator_maps_no_array_anew(fix: str, mapped: int) -> None:
    """An array of 64 MiB is mapped, page by page, as glibc comes, and is not once it is fixed."""
    if tuple(map(int, platform.libc_ver()[1].split("."))) < (2, 33):
        pytest.skip("glibc counts mapped blocks for its caller (mallinfo2) from 2.33 on")

    count = fresh(
        "from rayscale.suite.environment import fix_threads_and_allocator\n"
        f"{fix}\n"
        "import numpy\n"
        f"{COUNT_MAPPED}\n"
        "before = mallinfo2().d\n"
        "array = numpy.empty(2**23)\n"
        "print(json.dumps(mallinfo2().d - before))"
    )

    assert count == mapped
