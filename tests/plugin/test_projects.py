"""Projects of others that measure with rayscale: their own package, folders, names and sizes."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future
from functools import partial
from pathlib import Path

import pytest

from rayscale import machine
from tests.projects import PLAIN, QUICK, Run, at_once, run, write

MYLIB = """
import numpy as np

def ewma_loop(rows, weight=0.5):
    result = np.empty_like(rows)
    for row, smooth in zip(rows, result):
        last = row[0]
        for place, value in enumerate(row):
            last = smooth[place] = weight * value + (1 - weight) * last
    return result

def ewma_numpy(rows, weight=0.5):
    result = rows.copy()
    for place in range(1, rows.shape[1]):
        result[:, place] = weight * rows[:, place] + (1 - weight) * result[:, place - 1]
    return result
"""

# As in the guide: two kernels of a package, one decorator, one fixture.
EWMA = """
import numpy as np
import rayscale
from mylib.smoothing import ewma_loop, ewma_numpy

@rayscale.cases({"loop": ewma_loop, "numpy": ewma_numpy}, sizes={"small": (8, 5), "large": (80, 9)})
def test_ewma(measure, size):
    rows = np.random.default_rng(1).standard_normal(size)
    measure(rows, expected=ewma_numpy(rows))
"""

# A kernel of the test file, with what it needs there; a list as input; a partial; fewest rounds.
WORDS = """
from functools import partial
import rayscale

VOWELS = set("aeiou")

def is_counted(letter, counted):
    return letter in counted

def count(words, counted):
    return [sum(is_counted(letter, counted) for letter in word) for word in words]

@rayscale.cases(
    {"vowels": partial(count, counted=VOWELS)},
    sizes={"small": ["tree", "ant", "xyz"]},
    ways=[rayscale.serial, rayscale.ray_blocks],
    cpus=(2,),
    min_rounds=9,
)
def test_words(measure, size):
    measure(size, expected=[2, 1, 0])
"""

# A way of the user's own, that proves nothing; pieces of the user's own; a kernel's tolerance.
OWN_WAY = """
from concurrent.futures import ThreadPoolExecutor
import numpy as np
import rayscale

def threads(kernel, rows, *, cpus, place):
    with ThreadPoolExecutor(cpus) as pool:
        return rayscale.join(rows, list(pool.map(kernel, rayscale.cut(rows, cpus))))

def single(rows):
    return rows.astype(np.float32) / 3

@rayscale.cases({"single": single}, sizes={"small": 6}, ways=[threads], cpus=(2,))
def test_thirds(measure, size):
    rows = np.arange(float(size))
    measure(rows, expected=rows / 3, rtol=1e-6)

def total(numbers):
    return sum(numbers)

@rayscale.cases(
    {"total": total}, sizes={"small": 10}, ways=[rayscale.serial, rayscale.ray_blocks], cpus=(2,)
)
def test_total(measure, size):
    measure(
        range(size),
        expected=45,
        split=lambda items, number: [items[first::number] for first in range(number)],
        join=sum,
    )
"""

PLAIN_BENCHMARK = """
def test_plain(benchmark):
    assert benchmark(sorted, [2, 1]) == [1, 2]
"""

# Runs pytest, and says what is another one in this process afterwards.
AROUND = """
import os, signal, sys
import pytest

def state():
    handlers = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)}
    return {**os.environ, **handlers}

before = state()
code = pytest.main(sys.argv[1:])
by_import = {"KMP_DUPLICATE_LIB_OK", "RAY_CLIENT_MODE"}  # threadpoolctl's and Ray's
changed = {name for name, _ in before.items() ^ state().items()}
print("CHANGED:", *(changed - by_import))
sys.exit(code)
"""


def around(project: Path, *arguments: str, **variables: str) -> Run:
    """Run pytest in *project*, whose folder is not on the path, in a process that looks at it."""
    words = [sys.executable, "-P", "-c", AROUND, *PLAIN, *arguments]
    return run(project, words, project / "results", {"HOME": str(project), **variables})


@pytest.fixture(scope="module")
def src_layout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project whose package pytest finds in src/, and that asks for rayscale.

    One of its benchmarks was written by ``rayscale new``.
    """
    settings = "[pytest]\nrayscale = true\npythonpath = src\nfilterwarnings = error\n"
    project = write(
        tmp_path_factory.mktemp("src_layout"),
        {
            "pytest.ini": settings,
            "src/mylib/__init__.py": "",
            "src/mylib/smoothing.py": MYLIB,
            "benchmarks/test_ewma.py": EWMA,
            "benchmarks/test_words.py": WORDS,
            "benchmarks/test_own_way.py": OWN_WAY,
            "benchmarks/test_a_plain.py": PLAIN_BENCHMARK,
        },
    )
    new = [sys.executable, "-m", "rayscale", "new", "mylib.smoothing:ewma_numpy"]
    subprocess.run(new, cwd=project, check=True)
    return project


def measure(src_layout: Path) -> Run:
    """Time its small size on two CPUs."""
    own = {"OMP_NUM_THREADS": "2", "RAY_AUTH_MODE": "disabled"}
    chosen = ("--benchmark-only", "--sizes=small", "--cpus=2", QUICK, "--benchmark-autosave")
    return around(src_layout, *chosen, **own)


@pytest.fixture(scope="module")
def measured(running: dict[str, Future[Run]]) -> Run:
    """Return the timed run of the project that asks for rayscale."""
    return running["src_layout"].result()


def test_project_is_measured(measured: Run) -> None:
    """Kernels of the project's package and of its test files are timed, every way."""
    assert measured.exit_code == 0, measured.output
    assert set(measured.cases) == {
        *(f"{kernel}-serial-small" for kernel in ("loop", "numpy", "vowels", "total")),
        *(f"{kernel}-ray_whole-cpus1-small" for kernel in ("loop", "numpy")),
        *(f"{kernel}-ray_per_row-cpus2-small" for kernel in ("loop", "numpy")),
        *(f"{kernel}-ray_blocks-cpus2-small" for kernel in ("loop", "numpy", "vowels", "total")),
        "single-threads-cpus2-small",
        "ewma_numpy-serial-small",
        "ewma_numpy-ray_whole-cpus1-small",
        "ewma_numpy-ray_per_row-cpus2-small",
        "ewma_numpy-ray_blocks-cpus2-small",
    }


def test_run_says_how_workers_got_the_code(measured: Run) -> None:
    """Functions of the package are imported; those that only the test file has go by value."""
    routes = {name.split("-")[0]: case["extra_info"] for name, case in measured.cases.items()}

    assert {name: info["code"] for name, info in routes.items()} == {
        "loop": "import",
        "numpy": "import",
        "vowels": "value",
        "single": "value",
        "total": "value",
        "ewma_numpy": "import",
    }


def test_run_says_which_cpu_counts_are_proven(measured: Run) -> None:
    """A way of the user's own that says nothing of its processes is marked so, and only that."""
    proven = {name: case["extra_info"]["cpus_proven"] for name, case in measured.cases.items()}

    assert [name for name, is_proven in proven.items() if not is_proven] == [
        "single-threads-cpus2-small"
    ]


def test_run_saves_lists_and_pieces(measured: Run) -> None:
    """A list has its length, and pieces of the user's own count as tasks; rounds are as asked."""
    words = measured.cases["vowels-ray_blocks-cpus2-small"]
    total = measured.cases["total-ray_blocks-cpus2-small"]["extra_info"]

    assert words["extra_info"]["shape"] == [3]
    assert words["extra_info"]["tasks"] == 2
    assert words["stats"]["rounds"] == 9
    assert (total["shape"], total["tasks"], total["workers"]) == ([10], 2, 2)


def test_conditions_are_fixed_in_time(measured: Run) -> None:
    """A project that asks for rayscale has one thread and one allocator before NumPy comes."""
    infos = [case["extra_info"] for case in measured.cases.values()]

    assert {info["set_late"] for info in infos} == {False}
    assert {info["blas_threads"] for info in infos} == {1}


def test_run_is_saved_in_the_project(src_layout: Path, measured: Run) -> None:
    """In results/, under the machine's name; the plain benchmark stays pytest-benchmark's own."""
    (file,) = measured.saved
    name = machine.fingerprint(machine.hardware())

    assert file == src_layout / "results" / name / "0001_unversioned.json"
    assert f"rayscale: saved in {file}" in measured.output
    assert not any("plain" in one["name"] for one in measured.contents["benchmarks"])
    assert "benchmark: 1 tests" in measured.output  # its own table
    (own,) = (src_layout / ".benchmarks").rglob("*.json")  # where it is saved if one asks for it
    assert "test_plain" in own.read_text(encoding="utf-8")


def test_git_takes_baselines_alone(src_layout: Path, measured: Run) -> None:
    """The new folder has a .gitignore: runs are the machine's own, baselines are committed."""
    (file,) = measured.saved
    baseline = file.with_name("0002_baseline.json")

    def git(*words: str) -> str:
        found = shutil.which("git")
        assert found is not None
        done = subprocess.run([found, *words], cwd=src_layout, capture_output=True, check=False)
        return done.stdout.decode()

    git("init", "--quiet")
    ignored = git("check-ignore", str(file), str(baseline), "results/.gitignore").splitlines()

    assert ignored == [str(file)]


def test_process_is_left_as_it_was(measured: Run) -> None:
    """Variables and handlers of signals are the user's own again, Ray's cases or not."""
    said = [line for line in measured.output.splitlines() if line.startswith("CHANGED:")]

    assert said == ["CHANGED:"]


# Tests of the project's own that use Ray, run before and after a benchmark of ours.
OWN_RAY = """
import os
import tempfile
import ray

def test_own_use_of_ray():
    assert not ray.is_initialized()
    ours = ("RAY_AUTH_TOKEN", "RAY_worker_niceness", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER")
    assert [name for name in ours if name in os.environ] == []
    # What Ray has just killed may still write.
    with tempfile.TemporaryDirectory(dir="/tmp", ignore_cleanup_errors=True) as folder:
        ray.init(num_cpus=1, include_dashboard=False, _temp_dir=folder)
        environment = ray.get(ray.remote(lambda: dict(os.environ)).remote())
        cpus = ray.cluster_resources()["CPU"]
        ray.shutdown()
    assert [name for name in ours if name in environment] == []
    assert cpus == 1
"""
NEGATIVE = """
import numpy as np
import rayscale

def negative(rows):
    return -rows

@rayscale.cases({"negative": negative}, sizes={"tiny": 4}, cpus=(2,), ways=[rayscale.ray_blocks])
def test_negative(measure, size):
    measure(np.arange(size), expected=-np.arange(size))
"""


@pytest.fixture(scope="module")
def flat(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a flat project without any setting, whose own tests use Ray, too."""
    files = {"test_a.py": OWN_RAY, "test_b.py": NEGATIVE, "test_c.py": OWN_RAY}
    return write(tmp_path_factory.mktemp("flat"), files)


@pytest.fixture(scope="module")
def running(src_layout: Path, flat: Path) -> Iterator[dict[str, Future[Run]]]:
    """Start the runs of both projects."""
    flats = partial(around, flat, "--benchmark-enable", QUICK)
    with at_once({"flat": flats, "src_layout": partial(measure, src_layout)}) as running:
        yield running


@pytest.fixture(scope="module")
def beside_ray(running: dict[str, Future[Run]]) -> Run:
    """Return the timed run of the flat project."""
    return running["flat"].result()


def test_own_tests_of_ray_pass_before_and_after(beside_ray: Run) -> None:
    """A project that tests Ray finds none of our cluster's settings, and none of its processes."""
    assert beside_ray.exit_code == 0, beside_ray.output
    assert "3 passed" in beside_ray.output


def test_benchmark_needs_no_setting(beside_ray: Run) -> None:
    """Without an ini file the benchmark is timed and saved; what was fixed late is marked so."""
    (info,) = (case["extra_info"] for case in beside_ray.cases.values())

    assert info["problem"] == "negative"
    assert info["set_late"]
    assert info["workers"] == 2
