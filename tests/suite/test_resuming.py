"""A run that was ended, and finished by another process."""

import errno
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from rayscale.resuming import Resuming
from rayscale.saved import journal
from tests.projects import PATIENCE, QUICK, Run, at_once, command, run, surroundings, write

# Two sizes of serial cases and of a plain way, which needs no Ray; a plain benchmark after them.
# END=NAME ends the process at the beginning of the test of that name, by signal SIGNAL; PRESS
# raises an error of Ctrl-C there, as a handler does.
ENDED = """
import os, signal, time
import numpy as np
import pytest
import rayscale

def mean(rows):
    return rows.mean(axis=1)

def plain(kernel, rows, *, cpus, place):
    return kernel(rows)

@pytest.fixture(autouse=True)
def ended(request):
    if os.environ.get("END") == request.node.name:
        os.kill(os.getpid(), int(os.environ["SIGNAL"]))
        time.sleep(60)

@rayscale.cases(
    {"mean": mean},
    sizes={"small": (4, 9), "large": (8, 9)},
    ways=[rayscale.serial, plain],
    cpus=(2,),
)
def test_mean(measure, size):
    rows = np.arange(float(size[0] * size[1])).reshape(size)
    measure(rows, expected=rows.mean(axis=1))

def test_plain(benchmark):
    assert benchmark(sorted, [2, 1]) == [1, 2]
"""
SERIAL, PLAIN = "test_mean[mean-serial-small]", "test_mean[mean-plain-cpus2-small]"
LARGE = "test_mean[mean-plain-cpus2-large]"
TIMED = ("--benchmark-only", QUICK)
SETTING = "[pytest]\nrayscale = true\n"
HEEDING = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
"""

# The journal alone meets a full disk.
FULL = """
import errno, os
from rayscale.saved.journal import Journal

def add(self, line):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

Journal.add = add
"""


def project(folder: Path) -> Path:
    """Write the project into *folder*; return it."""
    files = {"test_mean.py": ENDED, "pytest.ini": SETTING, "conftest.py": HEEDING}
    return write(folder, files)


def ended(folder: Path, name: str, number: int = signal.SIGKILL, *more: str) -> int:
    """Run the project in *folder* until the test of that *name*; return the exit code."""
    own = surroundings(END=name, SIGNAL=str(int(number)))
    words = command(*TIMED, *more)
    return subprocess.run(words, cwd=folder, env=own, check=False, timeout=PATIENCE).returncode


def resumed(folder: Path, *more: str, **variables: str) -> Run:
    """Have another process finish what was begun in *folder*."""
    return run(folder, command(*TIMED, "--resume", *more), folder / "results", variables)


def unfinished(folder: Path) -> list[Path]:
    """Return the journals in *folder*."""
    return journal.unfinished(folder / "results")


def names(contents: dict[str, Any]) -> list[str]:
    """Return the cases of a saved run, in order."""
    return [one["name"] for one in contents["benchmarks"]]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[Any]]]:
    """Start a run without faults, and runs that are ended by signals and finished."""

    def twice(number: int) -> tuple[int, Run]:
        folder = project(tmp_path_factory.mktemp("ended"))
        return ended(folder, PLAIN, number), resumed(folder)

    whole = project(tmp_path_factory.mktemp("whole"))
    runs: dict[str, Callable[[], Any]] = {
        "whole": partial(run, whole, command(*TIMED), whole / "results"),
        **{
            one.name: partial(twice, one) for one in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
        },
    }
    with at_once(runs) as started:
        yield started


@pytest.mark.parametrize("name", ["SIGKILL", "SIGTERM", "SIGINT"])
def test_ended_run_is_finished_by_another_process(
    running: dict[str, Future[Any]], name: str
) -> None:
    """The saved file is that of a run without faults, but for a note and what was timed again."""
    code, finished = running[name].result()
    whole = running["whole"].result().contents

    assert code == (-signal.SIGKILL if name == "SIGKILL" else pytest.ExitCode.INTERRUPTED)
    assert finished.exit_code == 0, finished.output
    assert "finishing the run begun" in finished.output
    assert "1 of 5 cases are there" in finished.output
    assert names(finished.contents) == names(whole)
    for one, other in zip(finished.contents["benchmarks"], whole["benchmarks"], strict=True):
        assert one.keys() == other.keys()
        assert one["extra_info"].keys() == other["extra_info"].keys()
        assert one["stats"].keys() == other["stats"].keys()
        assert one["options"] == other["options"]
    own = finished.contents["rayscale"]
    assert own.keys() - whole["rayscale"].keys() == {"processes", "again"}
    assert [one["process"] for one in own["processes"]] == [1, 2]


def test_no_speed_up_mixes_processes(running: dict[str, Future[Any]]) -> None:
    """The serial case that the second process needs is timed again, beside the first timing."""
    _, finished = running["SIGKILL"].result()
    cases = {one["name"]: one["extra_info"]["process"] for one in finished.contents["benchmarks"]}
    again = finished.contents["rayscale"]["again"]

    assert (cases[SERIAL], cases[PLAIN]) == (1, 2)
    assert [(one["name"], one["extra_info"]["process"]) for one in again] == [(SERIAL, 2)]
    assert "Timed by process 2 of this run" in finished.output


def test_finished_run_leaves_no_journal(running: dict[str, Future[Any]]) -> None:
    """What is saved needs none."""
    for name in ("whole", "SIGKILL"):
        seen = running[name].result()
        own = seen if name == "whole" else seen[1]
        assert not list(own.saved[0].parent.glob(".unfinished*"))
        assert own.saved[0].parent.parent.joinpath(".gitignore").is_file()


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    """Return a project whose run was killed after the first case."""
    folder = project(tmp_path)
    assert ended(folder, PLAIN) == -signal.SIGKILL
    return folder


def test_unfinished_run_is_listed(begun: Path) -> None:
    """`rayscale runs` says what is kept of it, and how to finish it."""
    shown = subprocess.run(
        [sys.executable, "-m", "rayscale", "runs"],
        cwd=begun,
        env=surroundings(),
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert "not finished: 1 of 5 cases" in shown
    assert "pytest -p no:cacheprovider" in shown


@pytest.mark.parametrize(
    ("change", "words", "said"),
    [
        ("def mean", (), "test_mean.py has changed"),
        ("", ("--benchmark-min-rounds=9",), "--benchmark-min-rounds: 5, now 9"),
        ("", ("-k", "mean"), "-k: not given, now mean"),
    ],
)
def test_other_run_is_not_finished(
    begun: Path, change: str, words: tuple[str, ...], said: str
) -> None:
    """Other code or other options: one sentence with the differences, and the journal stays."""
    if change:
        file = begun / "test_mean.py"
        file.write_text(file.read_text().replace(change, f"# changed\n{change}"))
    before = unfinished(begun)[0].read_bytes()
    seen = resumed(begun, *words)

    assert seen.exit_code == pytest.ExitCode.USAGE_ERROR
    assert said in seen.output
    assert "Traceback" not in seen.output
    assert unfinished(begun)[0].read_bytes() == before


def test_nothing_to_finish_is_said(tmp_path: Path) -> None:
    """--resume without a run that was begun, and without timing, is refused in a sentence."""
    folder = project(tmp_path)
    seen = resumed(folder)
    untimed = run(folder, command("--resume"), folder)

    assert seen.exit_code == untimed.exit_code == pytest.ExitCode.USAGE_ERROR
    assert "was begun and not finished; leave it out" in seen.output
    assert "--resume finishes a timed run; give --benchmark-only, too" in untimed.output
    assert not (folder / "results").exists()


def test_run_is_finished_after_several_ends(begun: Path) -> None:
    """A third process finishes what two have left, and each case is of the one that timed it."""
    assert ended(begun, LARGE, signal.SIGKILL, "--resume") == -signal.SIGKILL
    seen = resumed(begun)

    assert seen.exit_code == 0, seen.output
    assert (
        [one["extra_info"].get("process") for one in seen.contents["benchmarks"]]
        == [
            *(1, 2, 2, 3),
            None,  # not ours
        ][: len(seen.contents["benchmarks"])]
    )
    again = seen.contents["rayscale"]["again"]
    assert [(one["param"], one["extra_info"]["process"]) for one in again] == [
        ("mean-serial-small", 2),
        ("mean-serial-large", 3),
    ]


def test_case_that_ends_every_process_is_not_run_for_ever(begun: Path) -> None:
    """After three ends in one case it fails, in a sentence; the others go on."""
    for _ in range(2):
        assert ended(begun, PLAIN, signal.SIGKILL, "--resume") == -signal.SIGKILL
    seen = resumed(begun, END=PLAIN, SIGNAL=str(int(signal.SIGKILL)))

    assert seen.exit_code == pytest.ExitCode.TESTS_FAILED
    assert "was running when 3 processes ended, and is not run once more" in seen.output
    assert [one["param"] for one in seen.contents["benchmarks"]] == [
        *("mean-serial-small", "mean-serial-large", "mean-plain-cpus2-large")
    ]


def test_torn_last_line_is_dropped_with_a_warning(begun: Path) -> None:
    """What was not acknowledged is run again; the rest is there."""
    with unfinished(begun)[0].open("ab") as out:
        out.write(b'{"type":"finished","case":"')
    seen = resumed(begun)

    assert seen.exit_code == 0, seen.output
    assert "its last line was torn, and is dropped" in seen.output


def test_broken_journal_is_refused(begun: Path) -> None:
    """A bad line elsewhere is an error, in one sentence."""
    file = unfinished(begun)[0]
    first, *rest = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(first + b"?\n" + b"".join(rest))
    seen = resumed(begun)

    assert seen.exit_code == pytest.ExitCode.USAGE_ERROR
    assert "line 2 is not what rayscale writes" in seen.output


def test_resumed_launch_is_marked_and_compared_on_request_alone(
    running: dict[str, Future[Any]], tmp_path: Path
) -> None:
    """Its cases are of two processes: no exact test has it, unless asked."""
    (whole,) = running["whole"].result().saved
    (finished,) = running["SIGKILL"].result()[1].saved
    words = [sys.executable, "-m", "rayscale", "--results", str(tmp_path), "compare"]
    words += [str(whole), str(finished)]
    plain, asked = (
        subprocess.run([*words, *more], capture_output=True, text=True, check=False)
        for more in ([], ["--resumed"])
    )

    assert plain.returncode == pytest.ExitCode.USAGE_ERROR
    assert "was interrupted, and finished by another process; --resumed" in plain.stderr
    assert asked.returncode in (0, 1), asked.stderr
    assert json.loads(finished.read_text())["rayscale"]["processes"]


def test_journal_that_cannot_be_written_costs_nothing_else(tmp_path: Path) -> None:
    """Where it cannot be on the disk, the run goes on, is saved, and says so."""
    folder = project(tmp_path)
    (folder / "conftest.py").write_text(FULL)
    seen = run(folder, command(*TIMED), folder / "results")

    assert seen.exit_code == 0, seen.output
    assert os.strerror(errno.ENOSPC) in seen.output
    assert "--resume cannot finish it" in seen.output
    assert len(seen.saved) == 1


@pytest.fixture
def short() -> Iterator[Path]:
    """Return a folder for temporary files whose name is short enough for Ray's sockets."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def test_killed_session_leaves_nothing_after_the_next_start(tmp_path: Path, short: Path) -> None:
    """Ray's processes end with the session, and its folder is removed by the next one."""
    folder = project(tmp_path)
    file = folder / "test_mean.py"
    text = file.read_text()
    file.write_text(text.replace("rayscale.serial, plain]", "rayscale.ray_blocks, plain]"))
    own = {"TMPDIR": str(short)}
    ending = surroundings(END=PLAIN, SIGNAL=str(int(signal.SIGKILL)), **own)
    subprocess.run(command(*TIMED), cwd=folder, env=ending, check=False, timeout=PATIENCE)
    of_ray = [one for one in psutil.process_iter(["cmdline"]) if str(short) in _words(one)]
    _, alive = psutil.wait_procs(of_ray, timeout=60)
    left = [one.name for one in short.iterdir() if (one / "owner.json").exists()]
    seen = run(folder, command(*TIMED, "-k", "plain"), folder / "results", own)

    assert alive == []
    assert len(left) == 2  # the cluster's, and that of the stacks
    assert "a killed session had left files and processes: 2 folders removed" in seen.output
    assert list(short.iterdir()) == []


def _words(process: psutil.Process) -> str:
    return " ".join(process.info["cmdline"] or ())


@pytest.mark.parametrize("now", ["4nodes-amd-epyc-8cpu-32gib", "2nodes-amd-epyc-4cpu-16gib"])
def test_run_is_not_finished_on_another_cluster(now: str) -> None:
    """Under one address there may be another cluster by then, of other times than the run."""
    option = SimpleNamespace(collectonly=False)
    config: Any = SimpleNamespace(getoption=lambda _: True, option=option)
    results = Path("results")
    resuming = Resuming(config, lambda: results, lambda: results / now, lambda _: True, str)
    before: Any = SimpleNamespace(file=results / "2nodes-amd-epyc-4cpu-16gib" / "a.journal")
    resuming.before = before

    refused = pytest.raises(pytest.UsageError, match=f"and this is {now}; leave it out")
    with refused if now.startswith("4") else nullcontext():
        resuming.pytest_collection_finish()
