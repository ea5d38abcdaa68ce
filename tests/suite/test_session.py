"""A timed run from end to end: what it checks, what it saves, what it shows."""

import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from pathlib import Path
from threading import Timer

import pytest

from rayscale import machine
from rayscale.suite import environment
from rayscale.suite.probe import PEERS
from tests.projects import PATIENCE, QUICK, ROOT, Run, at_once, command, run_pytest, surroundings

# A user's settings that would make the arms unequal, and that the suite undoes.
USER = {"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"}

# A plug-in under which a start of Ray fails the run.
NO_RAY = """
import pytest

@pytest.hookimpl(trylast=True)
def pytest_configure(config):
    import ray

    def init(*args, **kwargs):
        raise AssertionError("Ray was started")

    ray.init = init
"""


def run_at_a_terminal(storage: Path, *arguments: str, **variables: str) -> Run:
    """Run pytest in the project, at a terminal of its own."""
    ours, its = pty.openpty()
    with subprocess.Popen(
        command(f"--benchmark-storage={storage}", *arguments),
        cwd=ROOT,
        env=surroundings(**variables),
        stdin=its,
        stdout=its,
        stderr=its,
    ) as process:
        os.close(its)
        alarm = Timer(PATIENCE, process.kill)
        alarm.start()
        shown = b"".join(read(ours))
        exit_code = process.wait()
        alarm.cancel()
    os.close(ours)
    return Run(exit_code, shown.decode(), sorted(storage.rglob("*.json")))


def read(terminal: int) -> Iterator[bytes]:
    """Return what is written to *terminal*, until nobody has it open: then reading fails."""
    with suppress(OSError):
        while True:
            yield os.read(terminal, 2**16)


def replace(file: Path, old: str, new: str) -> None:
    """Write *new* in the place of *old*, which must be in *file*, once."""
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1
    file.write_text(text.replace(old, new), encoding="utf-8")


# What is run of this project, by name.
RUNS = {
    "timed": ("--benchmark-only", "--sizes=small", "--cpus=1,2", "-k=average and numpy", QUICK),
    "probes": (
        *("--benchmark-only", "--cpus=2", "-m=overhead or ways", QUICK),
        *("-k", "(length and 10ms) or (empty and 10) or 96KiB"),
    ),
    "plain": ("benchmarks", "--sizes=small", "--cpus=1", "-k=average and numpy"),
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the user's home directory, which is empty."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def running(
    tmp_path_factory: pytest.TempPathFactory, copy_project: Callable[[Path], Path], home: Path
) -> Iterator[dict[str, Future[Run]]]:
    """Start all runs."""
    folder = {name: tmp_path_factory.mktemp(name) for name in (*RUNS, "terminal", "faulty")}
    user = USER | {"HOME": str(home)}
    runs: dict[str, Callable[[], Run]] = {
        name: partial(run_pytest, ROOT, *words, storage=folder[name], variables=user)
        for name, words in RUNS.items()
    }
    runs["terminal"] = partial(run_without_ray_at_a_terminal, folder["terminal"])
    runs["faulty"] = partial(run_with_faults, copy_project(folder["faulty"]))
    with at_once(runs) as running:
        yield running


def run_without_ray_at_a_terminal(folder: Path) -> Run:
    """Time two serial cases, at a terminal; the run fails if Ray starts."""
    (folder / "no_ray.py").write_text(NO_RAY)
    return run_at_a_terminal(
        folder / "storage",
        *("-p", "no_ray", "--benchmark-only", "--sizes=small", QUICK),
        "-k=average and serial and (numpy or pandas)",
        PYTHONPATH=str(folder),
    )


def run_with_faults(project: Path) -> Run:
    """Time three serial cases, of which one is right, beside a broken test."""
    replace(
        project / "kernels" / "moving_average.py",
        old="np.divide(sums[: len(ends)], window, ",
        new="np.divide(sums[: len(ends)], window + 1, ",
    )
    replace(  # after the timed call, and so after pytest-benchmark has taken it in
        project / "benchmarks" / "test_moving_average.py",
        old="    measure(series, expected=moving_average_pandas(series))\n",
        new="    measure(series, expected=moving_average_pandas(series))\n"
        "    assert measure.case.kernel != 'pandas'\n",
    )
    (project / "tests").mkdir()
    (project / "tests" / "test_broken.py").write_text("raise AssertionError('imported')\n")
    chosen = ("--benchmark-only", "--sizes=small", QUICK, "-k=moving and serial")
    return run_pytest(project, *chosen, storage=project / "storage")


@pytest.fixture(scope="module")
def timed(running: dict[str, Future[Run]]) -> Run:
    """Return a timed run of the NumPy kernel, run every way on one and two CPUs."""
    return running["timed"].result()


@pytest.fixture(scope="module")
def serial_at_a_terminal(running: dict[str, Future[Run]]) -> Run:
    """Return a timed run of two serial cases, at a terminal, under which Ray must not start."""
    return running["terminal"].result()


@pytest.fixture(scope="module")
def faulty(running: dict[str, Future[Run]]) -> Run:
    """Return a timed run of three serial cases, of which one is right, beside a broken test."""
    return running["faulty"].result()


def test_run_passes(timed: Run) -> None:
    """Every case of the selection is timed, and the run ends well."""
    assert timed.exit_code == 0, timed.output
    assert list(timed.cases) == [
        "numpy-serial-small",
        "numpy-ray_whole-cpus1-small",
        "numpy-ray_per_row-cpus1-small",
        "numpy-ray_per_row-cpus2-small",
        "numpy-ray_blocks-cpus1-small",
        "numpy-ray_blocks-cpus2-small",
    ]


def test_run_is_saved_under_the_machines_name(timed: Run) -> None:
    """A run is one numbered file, in one folder of the storage, and the output says where."""
    (file,) = timed.saved
    name = machine.fingerprint(machine.hardware())

    assert re.fullmatch(r"0001_\w+(-dirty)?\.json", file.name)
    assert file.parent.name == name
    assert [path.name for path in file.parent.parent.iterdir()] == [name]
    assert str(file) in timed.output


def test_run_saves_every_round(timed: Run) -> None:
    """Raw timings are saved, of seven rounds where time allows no more: enough for an interval."""
    for case in timed.cases.values():
        assert len(case["stats"]["data"]) == case["stats"]["rounds"] == 7
        assert min(case["stats"]["data"]) > 0


@pytest.mark.parametrize(
    ("implementation", "cpus", "tasks", "bytes_per_task"),
    [  # the small matrix is 100 rows of 100 float64: 80,000 bytes
        ("serial", 1, 0, 0),
        ("ray_whole", 1, 1, 80_000),
        ("ray_per_row", 1, 100, 800),
        ("ray_per_row", 2, 100, 800),
        ("ray_blocks", 1, 1, 80_000),
        ("ray_blocks", 2, 2, 40_000),
    ],
)
def test_run_saves_what_was_timed(
    timed: Run, implementation: str, cpus: int, tasks: int, bytes_per_task: int
) -> None:
    """With its timings each case saves what it is, how it was cut, and who did the work."""
    at = "" if implementation == "serial" else f"-cpus{cpus}"
    case = timed.cases[f"numpy-{implementation}{at}-small"]
    what = {
        "kernel": "numpy",
        "implementation": implementation,
        "cpus": cpus,
        "size": "small",
    }

    assert case["params"] == what  # strings and integers, as they were: JSON keeps them
    assert case["extra_info"].items() >= what.items()
    assert case["extra_info"]["problem"] == "moving_average"
    assert case["extra_info"]["shape"] == [100, 100]
    assert case["extra_info"]["row"] == "row"  # the benchmark gives it no other name
    assert case["extra_info"]["tasks"] == tasks
    assert case["extra_info"]["bytes_per_task"] == bytes_per_task
    assert case["extra_info"]["workers"] == (0 if implementation == "serial" else cpus)
    assert case["extra_info"]["cpus_proven"]
    assert case["extra_info"]["code"] == "import"
    assert not case["extra_info"]["set_late"]


def test_run_saves_how_the_machine_was(timed: Run) -> None:
    """The control was timed around each case, and is saved with it."""
    control = timed.contents["rayscale"]["control"]

    own = [case["extra_info"]["control"] for case in timed.cases.values()]
    assert sorted(control) == sorted(own)
    assert min(control) > 0


def test_run_saves_where_the_time_of_a_ray_call_goes(timed: Run) -> None:
    """Each Ray case has its phases, none of them below nothing; a serial one has none."""
    for case in timed.cases.values():
        info = case["extra_info"]
        phases = info.get("phases")
        if info["implementation"] == "serial":
            assert phases is None
        else:
            assert set(phases) == {"start", "waiting", "executing", "fetching"}
            assert all(seconds >= 0 for seconds in phases.values())
            assert phases["executing"] > 0
            assert info["bytes_moved"] == 2 * 100 * 100 * 8  # 100 x 100 float64, in and out


def test_probes_save_what_ray_costs(running: dict[str, Future[Run]]) -> None:
    """Probes of a task's length, of tasks and of bytes are saved apart from kernels' cases."""
    run = running["probes"].result()
    assert run.exit_code == 0, run.output
    seen = {
        (info["overhead"], info["implementation"], info["cpus"], info["tasks"], info["bytes_moved"])
        for info in (one["extra_info"] for one in run.contents["benchmarks"])
        if "overhead" in info
    }
    nbytes = 4 * 96 * 2**10  # of four tasks; each also gives or gets a number
    assert seen == {
        ("task_length", "serial", 1, 5, 80),
        *(("task_length", way, 2, 4, 64) for way in ("ray_per_row", *PEERS)),
        *(("empty_tasks", "ray_per_row", 2, tasks, 16 * tasks) for tasks in (10, 100)),
        ("bytes_in", "ray_per_row", 2, 4, nbytes + 4),
        ("bytes_out", "ray_per_row", 2, 4, nbytes + 32),
    }
    assert "what Ray gained" not in run.output


def test_ways_of_running_write_nothing_to_the_home_directory(
    running: dict[str, Future[Run]], home: Path
) -> None:
    """Neither Ray, its actors and pools, nor joblib leave anything there."""
    assert [running[name].result().exit_code for name in RUNS] == [0] * len(RUNS)
    assert list(home.rglob("*")) == []


def test_run_has_equal_conditions_in_every_arm(timed: Run) -> None:
    """Driver and workers have one BLAS thread, one niceness, one allocator, whatever was set."""
    infos = [case["extra_info"] for case in timed.cases.values()]

    assert {info["blas_threads"] for info in infos} == {1}
    assert {info["niceness"] for info in infos} == {os.getpriority(os.PRIO_PROCESS, 0)}
    assert {info["allocator"] for info in infos} == {environment.conditions().allocator}


def test_run_saves_what_the_timings_depend_on(timed: Run) -> None:
    """The machine's name, its hardware and the versions of the software are in the saved run."""
    here = environment.conditions()
    info = timed.contents["machine_info"]

    assert info["fingerprint"] == machine.fingerprint(info["hardware"])
    assert info["hardware"] == machine.hardware()
    assert info["software"] == machine.software(here.blas_threads, here.allocator)


@pytest.mark.parametrize("place", ["the project", "elsewhere"])
def test_run_is_read_by_pytest_benchmark(timed: Run, tmp_path: Path, place: str) -> None:
    """pytest-benchmark's own command lists and compares saved runs, wherever it is called."""
    (file,) = timed.saved
    tool = Path(sys.executable).with_name("pytest-benchmark")

    def output(action: str) -> str:
        return subprocess.run(
            [tool, f"--storage={file.parent.parent}", action],
            cwd=ROOT if place == "the project" else tmp_path,
            env=surroundings(),
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    assert output("list").splitlines() == [str(file)]
    assert "test_moving_average[numpy-ray_blocks-cpus2-small]" in output("compare")


def test_run_shows_the_timings_and_what_ray_gained(timed: Run) -> None:
    """After pytest-benchmark's table of each group come the gains, their cost, and sentences."""
    _, table, summary = re.split(
        r"benchmark 'moving_average small': 6 tests|= what Ray gained =", timed.output
    )

    assert table.count("moving_average[numpy-") == 6
    assert "moving_average small (100 x 100)" in summary
    assert re.search(r"^COST: ", summary, flags=re.MULTILINE)
    # Which of the four things is said is for the timings to tell, few of them on a busy machine.
    said = r"^numpy: ray_\w+ on \d CPUs? (is|takes|has too few timings|cannot be told)"
    assert re.search(said, summary, flags=re.MULTILINE)


def test_run_rewrites_no_line_in_a_file(timed: Run) -> None:
    """Where the output is no terminal there is no live line."""
    assert "\r" not in timed.output
    assert not re.search(r"\d left", timed.output)


def test_run_shows_what_is_left_at_a_terminal(serial_at_a_terminal: Run) -> None:
    """A live line names the case at work, counts down, and estimates once it knows its like."""
    shown = serial_at_a_terminal.output

    assert re.search(r"\rtest_moving_average\[numpy-serial-small\]: 2 left", shown)
    assert re.search(
        r"\rtest_moving_average\[pandas-serial-small\]: 1 left, about \d+ (s|min)", shown
    )


def test_run_without_ray_cases_starts_no_ray(serial_at_a_terminal: Run) -> None:
    """Serial cases alone do not wait for a cluster, and are saved as ever."""
    assert serial_at_a_terminal.exit_code == 0, serial_at_a_terminal.output
    assert set(serial_at_a_terminal.cases) == {"numpy-serial-small", "pandas-serial-small"}


def test_case_with_a_wrong_result_fails(faulty: Run) -> None:
    """A kernel that computes something else fails its case, which shows by how much."""
    assert faulty.exit_code == 1
    assert "2 failed, 1 passed" in faulty.output
    assert "Not equal to tolerance rtol=1e-09, atol=1e-12" in faulty.output


def test_case_that_fails_is_not_saved(faulty: Run) -> None:
    """Whether a case fails before its timing or after, its neighbours are saved and it is not.

    That it failed is.
    """
    assert set(faulty.cases) == {"loop-serial-small"}
    assert [case.partition("[")[2] for case in faulty.contents["rayscale"]["failed"]] == [
        "numpy-serial-small]",
        "pandas-serial-small]",
    ]


def test_case_that_fails_is_not_in_the_summary(faulty: Run) -> None:
    """The summary speaks of the cases that passed."""
    _, summary = faulty.output.split("= what Ray gained =")
    rows = re.findall(r"^ +(\w+) +serial ", summary, flags=re.MULTILINE)

    assert rows == ["loop"]


def test_benchmark_only_imports_no_tests(faulty: Run) -> None:
    """A timed run needs neither the tests nor the packages that only they need."""
    assert "imported" not in faulty.output


def test_plain_run_checks_and_times_nothing(running: dict[str, Future[Run]]) -> None:
    """Without --benchmark-only every case runs as a test, and nothing is timed or saved."""
    plain = running["plain"].result()

    assert plain.exit_code == 0, plain.output
    assert "4 passed" in plain.output
    assert "Rounds" not in plain.output
    assert "what Ray gained" not in plain.output
    assert plain.saved == []
