"""The gate on identical code of others: ``python tools/suites.py FOLDER [-- ARGUMENT ...]``.

FOLDER is a clone of a project with a benchmark suite, at a clean commit; the *arguments* are for
pytest.  Its working tree is compared with HEAD, which is the same code, session by session.  What
each session's junit file says is kept in ``--out``: run again, the script goes on where it stopped.
The table has all projects that are in ``--out``: the sessions with a false "slower", with an exact
95 % interval, and the mean ratio with its 95 % interval, in which the session is the unit.  It is
that of each case's first 11 pairs, which do not depend on what was seen.
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

HEADINGS = ("project", "sessions", "cases", "a session", "verdicts", "false slower", "ratio - 1")


@dataclass(frozen=True)
class Session:
    """One session: seconds, who was loaded first, and each case's verdict and log ratio."""

    seconds: float
    first: str
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
    file.with_suffix(".seconds").write_text(str(time.perf_counter() - start), encoding="utf-8")
    Path(f"{file}.part").rename(file)


def read(file: Path) -> Session:
    """Return what a session's junit *file* says."""
    verdicts, logs, first = [], [], ""
    for case in ET.parse(file).getroot().iter("testcase"):  # noqa: S314 - pytest wrote it
        values = {one.get("name"): str(one.get("value")) for one in case.iter("property")}
        if "verdict" in values:
            verdicts.append(values["verdict"])
            first = values["loaded first"]
            if math.isfinite(ratio := float(values["head / base, first pairs"])):
                logs.append(math.log(ratio))
    seconds = float(file.with_suffix(".seconds").read_text(encoding="utf-8"))
    return Session(seconds, first, verdicts, logs)


def row(name: str, sessions: Sequence[Session]) -> Iterator[str]:
    """Return a line of the table: of a project, or of all."""
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


def table(out: Path) -> Table:
    """Return the table of all sessions in the folder *out*."""
    shown = Table(box=box.SIMPLE)
    for heading in HEADINGS:
        shown.add_column(heading, no_wrap=True)
    every: list[Session] = []
    for folder in sorted(one for one in out.iterdir() if one.is_dir()):
        if sessions := [read(file) for file in sorted(folder.glob("*.xml"))]:
            shown.add_row(*row(folder.name, sessions))
            every += sessions
    if every:
        shown.add_row(*row("all", every))
    for side in ("base", "head"):
        if sessions := [one for one in every if one.first == side]:
            shown.add_row(*row(f"all, {side} loaded first", sessions))
    return shown


def _parted(words: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """Return what is before the first "--", and what is after it."""
    place = words.index("--") if "--" in words else len(words)
    return words[:place], words[place + 1 :]


def main() -> None:
    """Run what is missing, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, epilog="after --: arguments for pytest")
    parser.add_argument("project", nargs="?", type=Path, help="none: print the table alone")
    parser.add_argument("--sessions", type=int, default=10)
    parser.add_argument("--out", type=Path, default=Path("suites"))
    words, arguments = _parted(sys.argv[1:])
    own = parser.parse_args(words)
    out = own.out.resolve()
    if own.project is not None:
        folder = out / own.project.resolve().name
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(own.sessions):
            if not (file := folder / f"{number:04}.xml").exists():
                run(own.project, arguments, file)
    print(printed(table(out), width=200), end="")  # noqa: T201 - its purpose


if __name__ == "__main__":
    main()
