"""What it costs to read many saved launches: ``tox run -e reading``.

Makes launches of 50 cases with 1,000 raw timings each, about 1 MB of JSON, in series of ten, and
has the command list, compare, show and report on them: once with nothing remembered, and again.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import msgspec
import numpy as np
from rich.console import Console
from rich.table import Table

from rayscale.saved.raw import FORMAT
from rayscale.saved.store import CACHE
from rayscale.text import duration

CASES, ROUNDS, SERIES = 50, 1000, 10
COMMANDS = {
    "runs": ("runs",),
    "compare": ("compare", "baseline", "last"),
    "history": ("history",),
    "report": ("report", "last", "-o"),
}


def make(results: Path, launches: int) -> int:
    """Write *launches* launches into *results*; return the bytes."""
    draw = np.random.default_rng(seed=1)
    folder = results / "made-2cpu-8gib"
    folder.mkdir(parents=True)
    begun = datetime(2026, 1, 1, tzinfo=UTC)
    written = 0
    for number in range(launches):
        series, place = divmod(number, SERIES)
        last = series == (launches - 1) // SERIES
        name = "baseline" if series == 0 else "last" if last else "launch"
        contents = launch(draw, f"{series:040x}", (begun + timedelta(hours=number)).isoformat())
        contents["rayscale"]["series"] = {
            "id": str(series),
            "launch": place,
            "launches": SERIES,
            "kind": "baseline" if series == 0 else "launches",
        }
        written += (folder / f"{number + 1:04}_{name}.json").write_bytes(
            msgspec.json.format(msgspec.json.encode(contents), indent=4)
        )
    return written


def launch(draw: np.random.Generator, sha: str, when: str) -> dict[str, Any]:
    """Return what one launch saves."""
    return {
        "machine_info": {
            "hardware": {"cpu": "made", "cpus": 2, "memory_gib": 8},
            "software": {"python": "3.11.7", "ray": "2.60.0", "numpy": "2.4.6"},
        },
        "commit_info": {"id": sha, "dirty": False},
        "benchmarks": [case(draw, number) for number in range(CASES)],
        "datetime": when,
        "version": "5.3.1",
        "rayscale": {"format": FORMAT, "kind": "launch", "failed": [], "control": [0.002]},
    }


def case(draw: np.random.Generator, number: int) -> dict[str, Any]:
    """Return one case of a launch: five kernels, each run in ten ways."""
    kernel, cpus = divmod(number, 10)
    implementation = "ray_blocks" if cpus else "serial"
    seconds = 0.03 / max(1, cpus) * np.exp(draw.normal(0, 0.02, ROUNDS) + draw.normal(0, 0.01))
    name = f"test_made[{kernel}-{implementation}-cpus{cpus}-small]"
    return {
        "name": name,
        "fullname": f"benchmarks/test_made.py::{name}",
        "params": {},
        "extra_info": {
            "problem": "made",
            "kernel": f"kernel{kernel}",
            "implementation": implementation,
            "cpus": max(1, cpus),
            "size": "small",
            "shape": [100, 100],
            "oversubscribed": False,
            "niceness": 0,
        },
        "stats": {
            "min": float(seconds.min()),
            "median": float(np.median(seconds)),
            "rounds": ROUNDS,
            "data": seconds.tolist(),
        },
    }


def timed(results: Path, *arguments: str) -> tuple[float, float]:
    """Return the seconds and the MiB, at its most, of one call of the command."""
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "rayscale", f"--results={results}", *arguments],
        stdout=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    took = time.perf_counter() - start
    if os.waitstatus_to_exitcode(status) not in (0, 1):
        raise click.ClickException(f"rayscale {' '.join(arguments)} failed")
    return took, usage.ru_maxrss / 2**10  # Linux tells KiB


def rows(counts: list[int]) -> Iterator[tuple[str, ...]]:
    """Return, for each number of launches and command, what it took first and then."""
    for launches in counts:
        with tempfile.TemporaryDirectory(prefix="rayscale-reading-") as folder:
            results = Path(folder) / "results"
            nbytes = make(results, launches)
            for name, words in COMMANDS.items():
                arguments = [*words, f"{folder}/report.html"] if words[-1] == "-o" else words
                (results / CACHE).unlink(missing_ok=True)
                first = timed(results, *arguments)
                again = timed(results, *arguments)
                yield (
                    f"{launches:,} ({nbytes / 1e6:,.0f} MB)",
                    name,
                    duration(first[0]),
                    duration(again[0]),
                    f"{max(first[1], again[1]):,.0f} MiB",
                )
            shutil.rmtree(results)


@click.command()
@click.option("--launches", default="20,100,1000", show_default=True, help="Numbers to try.")
def main(launches: str) -> None:
    """Measure what it costs to read many saved launches."""
    shown = Table()
    for heading in ("launches", "rayscale", "first", "again", "memory"):
        shown.add_column(heading, justify="right")
    for row in rows([int(word) for word in launches.split(",")]):
        shown.add_row(*row)
    Console(width=max(100, Console().width)).print(shown)


if __name__ == "__main__":
    main()
