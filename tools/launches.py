"""The gate on identical code, launch by launch: ``tox run -e launches``.

Simulation shows that the test holds on pairs whose labels are drawn. This shows what it cannot:
that two copies of one revision, loaded in one process, really are interchangeable.  Each launch
is a process of its own, its labels are the ones that it had, and each verdict counts.
"""

import json
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from rayscale.gate.revisions import is_dirty
from rayscale.text import digits
from rayscale.verdict import WORST_FIRST

ROOT = Path(__file__).resolve().parents[1]


def launch(choice: str, number: int) -> list[dict[str, Any]]:
    """Run the gate once against HEAD; return what it saved of each case that *choice* selects."""
    with tempfile.TemporaryDirectory(prefix="rayscale-") as storage:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--benchmark-only"),
                *("--against=HEAD", f"-k={choice}", f"--benchmark-storage={storage}"),
            ],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode not in (0, 1):  # 1 is a case called slower: what is counted here
            raise click.ClickException(
                f"launch {number} ended with {done.returncode}:\n{done.stdout}"
            )
        (saved,) = Path(storage).rglob("*.json")
        benchmarks = json.loads(saved.read_text(encoding="utf-8"))["benchmarks"]
    return [benchmark["extra_info"]["gate"] for benchmark in benchmarks]


def table(seen: dict[str, list[dict[str, Any]]]) -> Table:
    """Return, for each case, how often it got each verdict, and how its launches' ratios spread."""
    shown = Table()
    shown.add_column("case", no_wrap=True)
    for heading in (*WORST_FIRST, "ratio - 1, mean", "spread (1 sd)", "largest", "pairs"):
        shown.add_column(heading, justify="right")
    for name, gates in seen.items():
        verdicts = Counter(gate["verdict"] for gate in gates)
        off = 100 * (np.array([gate["ratio"] for gate in gates]) - 1)
        shown.add_row(
            name,
            *(str(verdicts[verdict]) for verdict in WORST_FIRST),
            f"{off.mean():+.2f} %",
            f"{off.std(ddof=1):.2f} %",
            f"{off[np.abs(off).argmax()]:+.1f} %",
            digits(float(np.median([sum(gate["pairs"]) for gate in gates]))),
        )
    return shown


@click.command()
@click.option("--launches", default=30, show_default=True, help="Processes to start.")
@click.option("-k", "choice", default="serial", show_default=True, help="Cases, as pytest has it.")
def main(launches: int, choice: str) -> None:
    """Compare identical code in many launches, and count the verdicts."""
    if is_dirty(ROOT, "kernels"):
        raise click.UsageError("kernels/ differs from HEAD: commit it, so that both are the same")
    if launches < 2:
        raise click.UsageError(f"--launches: {launches} show no spread; give 30 or more")
    seen: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    with click.progressbar(range(launches), label="launches") as numbers:
        for number in numbers:
            for gate in launch(choice, number):
                seen[gate["name"]].append(gate)
    console = Console(width=max(120, Console().width))
    console.print(table(seen))
    console.print(f"{launches} launches of identical code")


if __name__ == "__main__":
    main()
