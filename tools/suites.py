"""The gate on identical code of other projects: ``python tools/suites.py FOLDER ...``.

Each FOLDER is a clone of a project, with a benchmark suite, at a clean commit.  Its working tree is
compared with HEAD, which is the same code, session by session.  What each session's junit file says
is kept in ``--out``: run again, the script goes on where it stopped.  The table at the end has, for
each project, the sessions with a false "slower", and the mean ratio with its 95 % interval, in
which the session is the unit.
"""

import argparse
import math
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich import box
from rich.table import Table
from scipy import stats

from rayscale.text import duration, printed


@dataclass(frozen=True)
class Session:
    """One session: seconds, and each case's verdict and log ratio."""

    seconds: float
    verdicts: Sequence[str]
    logs: Sequence[float]


def run(project: Path, arguments: Sequence[str], file: Path) -> None:
    """Compare the tree of *project* with HEAD; have pytest write what it saw to *file*."""
    command = [sys.executable, "-m", "pytest", "--benchmark-only", "-p", "no:cacheprovider"]
    start = time.perf_counter()
    done = subprocess.run(
        [*command, "--rayscale-against=HEAD", f"--junitxml={file}.part", *arguments],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in (0, 1):
        raise SystemExit(f"{project}: the gate ended with {done.returncode}\n{done.stdout[-2000:]}")
    Path(f"{file}.part").rename(file)
    file.with_suffix(".seconds").write_text(str(time.perf_counter() - start), encoding="utf-8")


def read(file: Path) -> Session:
    """Return what a session's junit *file* says."""
    verdicts, logs = [], []
    for case in ET.parse(file).getroot().iter("testcase"):  # noqa: S314 - pytest wrote it
        values = {one.get("name"): str(one.get("value")) for one in case.iter("property")}
        if "verdict" in values:
            verdicts.append(values["verdict"])
            logs.append(math.log(float(values["head / base"].split()[0])))
    seconds = float(file.with_suffix(".seconds").read_text(encoding="utf-8"))
    return Session(seconds, verdicts, logs)


def row(name: str, sessions: Sequence[Session]) -> Iterator[str]:
    """Return a project's line of the table."""
    means = np.array([100 * np.mean(one.logs) for one in sessions if one.logs])
    false = sum("slower" in one.verdicts for one in sessions)
    exact = stats.binomtest(false, len(sessions)).proportion_ci(0.95)
    half = stats.t.ppf(0.975, len(means) - 1) * stats.sem(means) if len(means) > 1 else math.nan
    counts = Counter(one for session in sessions for one in session.verdicts)
    yield name
    yield str(len(sessions))
    yield str(sum(counts.values()))
    yield duration(float(np.median([one.seconds for one in sessions])))
    yield ", ".join(f"{number} {verdict}" for verdict, number in counts.most_common())
    yield f"{false} [{100 * exact.low:.1f}, {100 * exact.high:.1f} %]"
    yield f"{means.mean():+.3f} % +- {half:.3f}"


def main() -> None:
    """Run what is missing, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("projects", nargs="+", type=Path)
    parser.add_argument("--sessions", type=int, default=10)
    parser.add_argument("--out", type=Path, default=Path("suites"))
    parser.add_argument("--pytest", action="append", default=[], help="an argument for pytest")
    own = parser.parse_args()
    table = Table(box=box.SIMPLE)
    headings = (
        "project",
        "sessions",
        "cases",
        "seconds",
        "verdicts",
        "false slower",
        "mean ratio - 1",
    )
    for heading in headings:
        table.add_column(heading, no_wrap=True)
    for project in own.projects:
        folder = own.out.resolve() / project.resolve().name
        folder.mkdir(parents=True, exist_ok=True)
        files = [folder / f"{number:04}.xml" for number in range(own.sessions)]
        for file in files:
            if not file.exists():
                run(project, own.pytest, file)
        table.add_row(*row(project.resolve().name, [read(one) for one in files]))
    print(printed(table, width=200), end="")  # noqa: T201 - its purpose


if __name__ == "__main__":
    main()
