"""``rayscale record``."""

from pathlib import Path

import click

from rayscale.commands import launching
from rayscale.commands.arguments import Name
from rayscale.saved.recording import in_turn
from rayscale.text import count

# What is made, by whether it is to be a baseline: its kind, its usual name, and what it is called.
MADE = {True: ("baseline", "baseline", "A baseline"), False: ("launches", "launch", "A series")}


@click.command()
@launching.LAUNCHES
@click.option(
    "--name",
    type=Name(),
    show_default="launch, or baseline with --baseline",
    help="The NAME in NNNN_NAME.json, by which other commands find the series.",
)
@click.option(
    "--baseline",
    is_flag=True,
    help="Make the series a baseline: `rayscale compare baseline NAME` finds it.",
)
@launching.PYTEST_ARGUMENTS
@click.pass_obj
def record(
    results: Path,
    *,
    launches: int,
    name: str | None,
    baseline: bool,
    pytest_arguments: tuple[str, ...],
) -> None:
    """Run the suite in fresh processes, one after the other, and keep each launch.

    Each launch is `python -m pytest --benchmark-only` with PYTEST_ARGUMENTS, in this folder.
    Any suite of pytest-benchmark can be recorded. For example:

    \b
    rayscale record --baseline
    rayscale record --name fresh --launches 20 -- -k loop --benchmark-max-time=0.25

    Make launches short and many: one process says little about the next, however long it runs.
    The median of the first fifth of a second of rounds varied from launch to launch as much as that
    of 0.8 s.

    The series ends at the first launch in which a test fails. It is then not a baseline.
    """  # noqa: D301 - click leaves the lines of a paragraph as they are after this character
    kind, usual, what = MADE[baseline]
    plan = launching.plan(launches, kind, pytest_arguments, results)
    files = launching.launch(plan, in_turn(plan, name or usual)).of(name or usual)
    click.echo(f"{what} of {count(launches, 'launch')}: {files[0]} to {files[-1].name}")
