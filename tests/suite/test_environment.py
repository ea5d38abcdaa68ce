"""The same conditions in every process; and what is set is set back."""

import json
import os
import platform
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from rayscale.suite import environment
from rayscale.suite.environment import FIXED, conditions
from tests.projects import surroundings

ROOT = Path(__file__).resolve().parents[2]

on_glibc = pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="another C library's allocator is left as it comes"
)

# Of glibc's struct mallinfo2: the heap's bytes come first, the number of mapped blocks fourth.
MALLINFO = """
import ctypes
class MallInfo(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in "abcdefghij"]
mallinfo2 = ctypes.CDLL(None).mallinfo2
mallinfo2.restype = MallInfo
"""
BYTES = 2**26  # of an array of 64 MiB
FIX = "from rayscale.suite import environment\nfixing = environment.fix_threads_and_allocator()\n"


def fresh(code: str, **variables: str) -> Any:
    """Return what *code* prints, as JSON, in a new Python without the suite's settings."""
    done = subprocess.run(
        [sys.executable, "-c", f"import json, os, sys\n{code}"],
        cwd=ROOT,
        env=surroundings(**variables),
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def mallinfo(code: str) -> list[int]:
    """Return mapped blocks and freed heap bytes that an array of 64 MiB leaves after *code*."""
    if tuple(map(int, platform.libc_ver()[1].split("."))) < (2, 33):
        pytest.skip("glibc counts mapped blocks for its caller (mallinfo2) from 2.33 on")
    found: list[int] = fresh(
        f"{code}\n"
        "import numpy\n"
        f"{MALLINFO}\n"
        "before = mallinfo2()\n"
        f"array = numpy.empty({BYTES}, dtype=numpy.uint8)\n"
        "mapped = mallinfo2().d - before.d\n"
        "del array\n"
        "print(json.dumps([mapped, mallinfo2().a - before.a]))"
    )
    return found


def test_conditions_are_those_of_this_process() -> None:
    """A process reports its host, its id, its niceness, its BLAS threads and its allocator."""
    here = conditions()

    assert (here.host, here.pid) == (platform.node(), os.getpid())
    assert here.niceness == psutil.Process().nice()
    assert here.blas_threads == 1
    assert here.allocator.startswith(platform.libc_ver()[0] or "unknown C library")


def test_niceness_is_taken_on_and_given_back() -> None:
    """A process takes on a higher niceness for a while; only root may go back to its own."""
    own = psutil.Process().nice()

    during, after = fresh(
        "from rayscale.suite.environment import niceness, own_niceness\n"
        f"with niceness({own + 1}):\n"
        "    during = own_niceness()\n"
        "print(json.dumps([during, own_niceness()]))"
    )

    higher = min(19, own + 1)  # there is none above 19
    assert (during, after) == (higher, own if os.geteuid() == 0 else higher)


@pytest.mark.parametrize(
    "user", [{}, {"OMP_NUM_THREADS": "4", "OPENBLAS_NUM_THREADS": "4"}], ids=["unset", "set"]
)
def test_threads_are_fixed_before_numpy_comes(user: dict[str, str]) -> None:
    """NumPy that is imported afterwards has one BLAS thread, whatever the user has set."""
    threads, variable, late = fresh(
        "assert 'numpy' not in sys.modules\n"
        f"{FIX}"
        "import numpy, threadpoolctl\n"
        "pools = threadpoolctl.threadpool_info()\n"
        "threads = [p['num_threads'] for p in pools]\n"
        "print(json.dumps([threads, os.environ['OMP_NUM_THREADS'], fixing.late]))",
        **user,
    )

    assert set(threads) == {1}
    assert variable == "1"
    assert not late


def test_threads_are_fixed_late_and_given_back() -> None:
    """NumPy that is there already has one BLAS thread from then on, and its own ones at the end."""
    before, during, after, late = fresh(
        "import numpy, threadpoolctl\n"
        "def threads(): return [p['num_threads'] for p in threadpoolctl.threadpool_info()]\n"
        "before = threads()\n"
        f"{FIX}"
        "during = threads()\n"
        "fixing.undo()\n"
        "print(json.dumps([before, during, threads(), fixing.late]))"
    )

    assert set(during) == {1}
    assert after == before
    assert late


def test_undo_sets_back_all_variables() -> None:
    """Variables that the user had set have their values again, and the others are gone."""
    before, during, after = fresh(
        "before = dict(os.environ)\n"
        f"{FIX}"
        "during = dict(os.environ)\n"
        "fixing.undo()\n"
        "print(json.dumps([before, during, dict(os.environ)]))",
        OMP_NUM_THREADS="3",
    )

    assert during.items() >= environment.ONE_THREAD.items()
    assert after == before


def test_variables_are_as_before_whoever_set_some(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is set, changed or deleted meanwhile, by us or by Ray, is as it was at the end."""
    monkeypatch.setenv("KEPT", "theirs")
    monkeypatch.setenv("DELETED", "theirs")
    before = dict(os.environ)

    with suppress(KeyError), environment.variables({"KEPT": "ours", "NEW": "ours"}):
        assert (os.environ["KEPT"], os.environ["NEW"]) == ("ours", "ours")
        os.environ["BY_RAY"] = "1"
        del os.environ["DELETED"]
        raise KeyError  # a test that fails

    assert dict(os.environ) == before


@on_glibc
def test_allocator_is_fixed_and_says_so() -> None:
    """A process says that its allocator is fixed once it is, not before, and not after."""
    before, during, after = fresh(
        "from rayscale.suite.environment import conditions, fix_threads_and_allocator\n"
        "before = conditions().allocator\n"
        "fixing = fix_threads_and_allocator()\n"
        "during = conditions().allocator\n"
        "fixing.undo()\n"
        "print(json.dumps([before, during, conditions().allocator]))"
    )

    assert (before, during, after) == ("glibc, as it comes", FIXED, "glibc, as it comes")


@on_glibc
def test_allocator_that_refuses_is_not_called_fixed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Older versions of glibc refuse the thresholds: then neither label nor variables claim them.

    Workers would otherwise be started with a setting that this process does not have.
    """
    monkeypatch.setattr(environment, "_set_thresholds", lambda *_: False)
    for name in environment.FIXED_ALLOCATOR:
        monkeypatch.delenv(name, raising=False)

    fixing = environment.fix_threads_and_allocator()
    try:
        assert conditions().allocator == "glibc, as it comes"
        assert not os.environ.keys() & environment.FIXED_ALLOCATOR.keys()
    finally:
        fixing.undo()


def test_allocator_of_another_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the C library is not glibc, nothing is set, and it is called by its own name."""
    monkeypatch.setattr(platform, "libc_ver", lambda: ("musl", "1.2"))
    monkeypatch.setattr(environment, "_set_thresholds", None)  # a call would fail

    fixing = environment.fix_threads_and_allocator()
    try:
        assert conditions().allocator == "musl, as it comes"
    finally:
        fixing.undo()


@on_glibc
@pytest.mark.parametrize(
    ("code", "mapped", "kept"),
    [
        pytest.param("", 1, 0, id="as-it-comes"),
        pytest.param(FIX, 0, BYTES, id="fixed"),
        pytest.param(f"{FIX}fixing.undo()", 1, 0, id="set-back"),
    ],
)
def test_allocator_takes_no_memory_anew(code: str, mapped: int, kept: int) -> None:
    """As glibc comes, a large array is mapped, and unmapped when freed; fixed, it is kept."""
    blocks, grown = mallinfo(code)

    assert blocks == mapped
    assert grown >= kept
