"""Kill at drawn moments, and count what was lost: ``python tools/kills.py [--writers N] ...``.

*Writers* write the journal of a run and say after each line that it is kept.  *Sessions* are timed
runs of a small project, killed and resumed until they are finished; a plug-in of theirs notes each
case that pytest has reported.  *Workers* are Ray's, killed while a session times cases on them.
What was acknowledged is the oracle: all of it must be there, and nothing twice.  The exit code is 0
if nothing was lost.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from rayscale.saved import journal

WRITER = """
import random, sys
from pathlib import Path
from rayscale.identity import Identity
from rayscale.saved import journal

folder, first = Path(sys.argv[1]), int(sys.argv[2])
files = journal.unfinished(folder)
own = (
    journal.go_on(journal.read(files[0]))
    if files
    else journal.begin(folder / "machine", Identity((), {}, {}, {}, {}), "pytest")
)
print("begun", flush=True)
for number in range(first, 10**9):
    seconds = tuple(random.random() for _ in range(random.randrange(1, 200)))
    known = journal.Known(str(number), str(number), None, None, None, {}, {})
    own.add(journal.Finished(str(number), known, 1, seconds))
    print(number, flush=True)
"""
PROJECT = {
    "pytest.ini": "[pytest]\nrayscale = true\n",
    "conftest.py": """
called = set()

def pytest_runtest_logreport(report):
    if report.when == "call" and report.passed:
        called.add(report.nodeid)
    if report.when == "teardown" and report.passed and report.nodeid in called:
        with open("acknowledged", "a") as out:
            out.write(report.nodeid + "\\n")
""",
    "test_mean.py": """
import numpy as np
import rayscale

def mean(rows):
    return np.array([sum(row) / len(row) for row in rows])

@rayscale.cases({"mean": mean}, sizes={"small": (40, 2000), "large": (60, 2000)})
def test_mean(measure, size):
    rows = np.random.default_rng(1).standard_normal(size)
    measure(rows, rows.mean(axis=1))
""",
}
TIMED = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "--benchmark-only", "--cpus=2")
ROUNDS = "--benchmark-max-time=0.2"
GIVEN_UP = "processes ended, and is not run once more;"  # in the sentence that says so
PATIENCE = 300  # seconds: no session takes as long


@dataclass
class Count:
    """What came of the kills of one kind."""

    kind: str
    kills: int = 0
    acknowledged: int = 0
    given_up: int = 0  # cases that three kills have hit
    lost: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """Return a line of the report."""
        lost = f"{len(self.lost)} lost: {'; '.join(self.lost[:5])}" if self.lost else "0 lost"
        given_up = f", {self.given_up} given up" if self.given_up else ""
        kept = f"{self.kills} kills, {self.acknowledged} acknowledged{given_up}"
        return f"{self.kind}: {kept}, {lost}"


def writers(kills: int, coin: random.Random, folder: Path) -> Count:
    """Kill writers of a journal, each of which goes on where the one before it was killed.

    Each journal has ten writers: longer ones take longer to read.
    """
    count = Count("writers")
    said: list[str] = []
    while count.kills < kills:
        if count.kills % 10 == 0:
            count.acknowledged, said = count.acknowledged + len(said), []
        own = folder / str(count.kills // 10)
        words = [sys.executable, "-c", WRITER, str(own), str(count.kills * 10**6)]
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()  # it has begun
            time.sleep(coin.uniform(0, 0.1))
            writer.kill()
            said += writer.stdout.read().split()
        count.kills += 1
        run = journal.read(journal.unfinished(own)[0])
        finished = run.finished
        count.lost += [f"line {one}" for one in said if one not in finished]
        count.lost += [f"line {one.case} twice" for one in run.again]
    count.acknowledged += len(said)
    return count


def sessions(kills: int, coin: random.Random, folder: Path) -> Count:
    """Kill timed runs, and resume each until it has been saved.

    One may be killed after that.  A case that three kills have hit is not run a fourth time: it
    fails, and the others are saved.
    """
    count = Count("sessions")
    while count.kills < kills:
        project = made(folder / str(count.kills))
        ended = None
        while ended is None and not is_saved(project):
            begun = journal.unfinished(project / "results")
            ended = session(project, coin.uniform(2, 15), resume=bool(begun))
            count.kills += ended is None
            for file in journal.unfinished(project / "results"):
                finished = journal.read(file).finished
                count.lost += [one for one in known(project) if one not in finished]
        given_up = (project / "log").read_text().count(GIVEN_UP)
        count.given_up += given_up
        count.lost += [f"exit code {ended}: {project / 'log'}"] if ended and not given_up else []
        count.lost += missing(project, known(project))
        count.acknowledged += len(known(project))
    return count


def is_saved(project: Path) -> bool:
    """Tell whether a run of the project's is saved, and none is unfinished."""
    results = project / "results"
    return bool(list(results.glob("*/*.json"))) and not journal.unfinished(results)


def session(project: Path, seconds: float, *, resume: bool) -> int | None:
    """Run the project's suite; return its exit code, or None if it was killed after *seconds*."""
    words = [sys.executable, *TIMED, ROUNDS, *(["--resume"] if resume else [])]
    with (project / "log").open("ab") as log:
        process = subprocess.Popen(words, cwd=project, stdout=log, stderr=log)
        family = psutil.Process(process.pid)
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            children = family.children(recursive=True)
            process.kill()
            process.wait()
            for child in children:  # a killed process of power, or of memory, leaves none
                if child.is_running():
                    child.kill()
            psutil.wait_procs(children, timeout=10)
            return None


def known(project: Path) -> list[str]:
    """Return the cases that pytest has reported."""
    file = project / "acknowledged"
    return list(dict.fromkeys(file.read_text().split("\n")[:-1])) if file.exists() else []


def missing(project: Path, acknowledged: list[str]) -> Iterator[str]:
    """Return what is not in the one saved run, once."""
    files = sorted((project / "results").glob("*/*.json"))
    if len(files) != 1:
        yield f"{len(files)} saved runs"
        return
    saved = [one["fullname"] for one in json.loads(files[0].read_text())["benchmarks"]]
    yield from (one for one in acknowledged if one not in saved)
    yield from (f"{one} twice" for one in set(saved) if saved.count(one) > 1)


def workers(kills: int, coin: random.Random, folder: Path) -> Count:
    """Kill workers of Ray's while cases are timed on them: each run has all its cases, once."""
    count = Count("workers")
    while count.kills < kills:
        project = made(folder / str(count.kills))
        with (project / "log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, *TIMED, ROUNDS], cwd=project, stdout=log, stderr=log
            )
            deadline = time.monotonic() + PATIENCE
            left = 2  # as often as a case is repeated
            while process.poll() is None and time.monotonic() < deadline:
                time.sleep(coin.uniform(0.3, 3))
                busy = [one for one in rays_workers(process.pid) if left]
                if busy:
                    os.kill(coin.choice(busy), signal.SIGKILL)
                    count.kills, left = count.kills + 1, left - 1
            code = process.wait()
        acknowledged = known(project)
        count.acknowledged += len(acknowledged)
        count.lost += [f"exit code {code}: {project / 'log'}"] if code else []
        count.lost += missing(project, acknowledged)
    return count


def rays_workers(pid: int) -> list[int]:
    """Return the processes of Ray's below *pid* that work on tasks, or wait for some.

    Its agents, with which a raylet ends, have such names, too; a raylet knows how to start one.
    """
    found = []
    for one in psutil.Process(pid).children(recursive=True):
        try:
            words = " ".join(one.cmdline())
            is_worker = words.startswith("ray::") or "default_worker.py" in words
            if is_worker and "Agent" not in words and one.name() != "raylet":
                found.append(one.pid)
        except psutil.Error:
            continue  # it has ended
    return found


def made(folder: Path) -> Path:
    """Return the project, written into *folder*."""
    folder.mkdir(parents=True)
    for name, text in PROJECT.items():
        (folder / name).write_text(text)
    return folder


KINDS: dict[str, Callable[[int, random.Random, Path], Count]] = {
    "writers": writers,
    "sessions": sessions,
    "workers": workers,
}


def main() -> int:
    """Kill, report, and return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    for kind, usual in (("writers", 300), ("sessions", 30), ("workers", 30)):
        parser.add_argument(f"--{kind}", type=int, default=usual, help=f"kills (default: {usual})")
    parser.add_argument("--seed", type=int, default=None, help="draw as the run of this seed did")
    asked = parser.parse_args()
    seed = random.SystemRandom().getrandbits(32) if asked.seed is None else asked.seed
    print(f"seed {seed}", flush=True)  # noqa: T201 - this is its output
    lost = 0
    for kind, kill in KINDS.items():
        folder = Path(tempfile.mkdtemp(prefix="rayscale-kills-"))
        count = kill(getattr(asked, kind), random.Random(seed), folder)
        print(count, flush=True)  # noqa: T201 - the same
        lost += len(count.lost)
        if count.lost:
            print(f"what is left of it: {folder}", flush=True)  # noqa: T201 - the same
        else:
            shutil.rmtree(folder)
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
