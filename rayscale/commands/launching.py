"""How the commands that start launches show them, and how they end when one fails."""

import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from rayscale.machine import hardware
from rayscale.quoting import quoted
from rayscale.saved.recording import Plan, Planned, Recorded, record
from rayscale.text import count
from rayscale.writable import why_no_folder

LAUNCHES = click.option(
    "--launches",
    default=10,
    show_default=True,
    type=click.IntRange(min=1, max=10_000),
    help="How many processes to start (compare --launch: of each).",
)
PYTEST_ARGUMENTS = click.argument("pytest_arguments", nargs=-1, metavar="[-- PYTEST_ARGUMENTS]...")


def plan(launches: int, kind: str, arguments: Sequence[str], results: Path) -> Plan:
    """Return a plan for the project in this folder, on this machine."""
    return Plan(launches, kind, arguments, Path.cwd(), results, hardware)


def launch(asked: Plan, launches: Sequence[Planned]) -> Recorded:
    """Make the *launches*; if one fails, say what is kept, and end with 1."""
    if why := why_no_folder(asked.results):
        raise click.UsageError(
            f"runs cannot be kept in {quoted(asked.results)} ({why}); give another folder: "
            "rayscale --results FOLDER ..."
        )
    recorded = record(asked, launches, shown)
    if recorded.fault is not None:
        click.echo(recorded.fault, err=True)
        click.echo(_left(recorded, len(launches)), err=True)
        sys.exit(1)
    return recorded


def _left(recorded: Recorded, planned: int) -> str:
    """Return what is kept of a series that ended early."""
    if not recorded.files:
        return "The first launch failed: nothing was kept."
    files = [str(file) for _, file in recorded.files]
    return (
        f"Launch {len(files) + 1} of {planned} failed. {count(len(files), 'launch')} before it "
        f"kept: {', '.join(files)}. The series is incomplete and is not a baseline; "
        "the same command with --resume makes what is missing."
    )


def shown(launches: Sequence[Planned]) -> Iterator[Planned]:
    """Show the progress: a bar in a terminal, a line for each launch in a log."""
    if sys.stderr.isatty():
        with click.progressbar(launches, label="launches", file=sys.stderr) as bar:
            yield from bar
        return
    for number, planned in enumerate(launches, start=1):
        begun = time.monotonic()
        yield planned
        took = time.monotonic() - begun
        click.echo(f"launch {number} of {len(launches)}: {took:.1f} s", err=True)
