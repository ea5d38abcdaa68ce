"""Do predictions hold?  ``python tools/predictions.py FOLDER [--launches N]``.

Each launch runs ``rayscale.overhead`` and the cases of a benchmark that this script writes into
FOLDER, in one session of pytest; its run is kept in FOLDER/results.  Run again, the script makes
the launches that are missing.  Then it predicts, launch by launch, the held-out cases from the
others: series on 2 CPUs and with 4 and 8 times as many rows from series on 1 CPU, and naps on 16
and 64 CPUs from naps on 1, 2 and 4.  What was noisy is predicted, too.

The first table has what the same launch measured of them, the second what the next one did.  Each
says how many of the measured speed-ups were inside their 95 % interval, with an exact 95 % interval
of that share as if all were independent; the mean of the launches' shares with Student's 95 %
interval, for which the launch is the unit; and how wide the intervals were.  ``--skip`` leaves the
first launches out, by which a model was chosen.
"""

import argparse
import math
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from rich import box
from rich.table import Table
from scipy import stats

from rayscale.measured import MeasuredCase
from rayscale.ratio import Ratio
from rayscale.report import subject
from rayscale.report.bases import UnpredictableError, bases
from rayscale.report.prediction import Predicted
from rayscale.saved.launches import read
from rayscale.text import digits, printed

ROOT = Path(__file__).resolve().parents[1]
BENCHMARK = '''
"""Cases that tools/predictions.py predicts from one another."""

import numpy as np

import rayscale
from kernels.moving_average import moving_average_loop, moving_average_numpy
from kernels.timer import timer
from rayscale import cases, ray_blocks, ray_per_row, ray_whole, serial

WAYS = [serial, ray_per_row, ray_blocks]
SERIES = {"rows40": (40, 400), "rows160": (160, 400), "rows320": (320, 400)}


@cases({"loop": moving_average_loop}, sizes=SERIES, ways=[*WAYS, ray_whole], cpus=(1, 2))
def test_series(measure, size):
    rows = np.random.default_rng(1).standard_normal(size)
    measure(rows, expected=moving_average_numpy(rows))


@cases({"nap": timer}, sizes={"naps64": 64}, ways=WAYS, cpus=(1, 2, 4, 16, 64), waits=True)
def test_naps(measure, size):
    calls = np.arange(size)
    measure(calls, expected=calls, bound={"seconds": 0.01})
'''
INI = "[pytest]\nrayscale = true\npythonpath = {}\n"
COMMAND = ("--pyargs", "rayscale.overhead", "--benchmark-only", "--cpus=1,2", "-q")
FIRST = "rows40"  # the size that the others are predicted from
FEW = 4  # the most CPUs for naps that are not held out


@dataclass(frozen=True)
class Held:
    """A case that was held out: what was predicted of it, and what was measured."""

    group: str
    launch: str
    predicted: Predicted
    measured: float

    @property
    def holds(self) -> bool:
        """Whether the measured speed-up is inside the interval."""
        low, high = self.predicted.ratio.interval or (math.inf, -math.inf)
        return low <= self.measured <= high

    @property
    def width(self) -> float:
        """The upper end of the interval over the lower one."""
        low, high = self.predicted.ratio.interval or (1.0, math.inf)
        return high / low


def launch(folder: Path) -> None:
    """Make one more launch in *folder*."""
    (folder / "test_predicted.py").write_text(BENCHMARK, encoding="utf-8")
    (folder / "pytest.ini").write_text(INI.format(ROOT), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "test_predicted.py", *COMMAND]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"a launch ended with {done.returncode}\n{done.stdout[-2000:]}")


def group(case: MeasuredCase) -> str | None:
    """Return which group of held-out cases *case* is of; None where others are predicted from it.

    ray_whole gains nothing from CPUs: of it there are other sizes alone.
    """
    if case.problem == "naps":
        return f"{case.cpus} sleeping CPUs" if case.cpus > FEW else None
    if case.size == FIRST:
        return "2 CPUs" if case.cpus > 1 else None
    return "other sizes" if case.cpus == 1 else "other sizes, 2 CPUs"


def held_out(file: Path, other: Path) -> Iterator[Held]:
    """Predict what is held out of the run in *file* from the rest; measured is what *other* has."""
    whole, measured = (subject.read([read(one)]) for one in (file, other))
    rest = replace(whole, cases=tuple(case for case in whole.cases if not group(case)))
    try:
        lines = {(one.serial.problem, one.way): one for one in bases(rest, (), noisy=True).lines}
    except UnpredictableError as error:
        print(f"{file.name}: {error}")  # noqa: T201 - its purpose
        return
    serial = {(case.problem, case.size): case for case in measured.cases if case.is_serial}
    for case in measured.cases:
        line, found = lines.get((case.problem, case.implementation)), group(case)
        if line and found and not case.is_serial and case.rows:
            ratio = Ratio.of(serial[case.problem, case.size], case).value
            yield Held(found, file.name, line.at(case.cpus, case.rows), ratio)


def row(name: str, held: Sequence[Held]) -> Iterator[str]:
    """Return a line of the table."""
    inside = sum(one.holds for one in held)
    exact = stats.binomtest(inside, len(held)).proportion_ci(0.95)
    by_launch: dict[str, list[bool]] = {}
    for one in held:
        by_launch.setdefault(one.launch, []).append(one.holds)
    shares = np.array([np.mean(one) for one in by_launch.values()])
    half = stats.t.ppf(0.975, len(shares) - 1) * stats.sem(shares) if len(shares) > 1 else math.nan
    misses = [one.measured / one.predicted.ratio.value for one in held]
    yield from (name, str(len(by_launch)), str(len(held)), str(inside))
    yield f"{inside / len(held):.1%} [{exact.low:.1%}, {exact.high:.1%}]"
    yield f"{shares.mean():.1%} +- {half:.1%}"
    yield f"{digits(float(np.median([one.width for one in held])))}x"
    yield f"{digits(float(np.median(misses)))}x"


def table(held: Sequence[Held]) -> Table:
    """Return how many predictions held, by what was held out, and of all."""
    shown = Table(box=box.SIMPLE)
    for heading in (
        *("held out", "launches", "predictions", "inside", "share [95 %]", "launch the unit"),
        *("median high/low", "median measured/predicted"),
    ):
        shown.add_column(heading, no_wrap=True)
    for name in dict.fromkeys(one.group for one in held):
        shown.add_row(*row(name, [one for one in held if one.group == name]))
    shown.add_row(*row("all", held))
    return shown


def main() -> None:
    """Make the launches that are missing, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--launches", type=int, default=10, help="0: print the table alone")
    parser.add_argument("--skip", type=int, default=0, help="first launches that are left out")
    own = parser.parse_args()
    folder = own.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    while len(files := sorted(folder.glob("results/*/[0-9]*.json"))) < own.launches:
        launch(folder)
    files = files[own.skip :]
    # Each launch is predicted from by itself and, but for the last one, for the next.
    for what, pairs in (("same", zip(files, files, strict=True)), ("next", pairwise(files))):
        if held := [one for file, other in pairs for one in held_out(file, other)]:
            heading = f"Measured in the {what} launch:"
            print(printed(heading, table(held), width=200), end="")  # noqa: T201 - its purpose


if __name__ == "__main__":
    main()
