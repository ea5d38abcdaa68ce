"""``rayscale predict``."""

from pathlib import Path
from typing import Any

import click

from rayscale.commands.arguments import WIDTH, here, name_skipped, style_of_a_table
from rayscale.quoting import quoted
from rayscale.report import subject
from rayscale.report.bases import bases
from rayscale.report.prediction_table import Asked, render
from rayscale.saved import choice
from rayscale.saved.comparison_table import Format


class Numbers(click.ParamType[tuple[int, ...]]):
    """Whole numbers with commas between them."""

    name = "numbers"

    def __init__(self, most: int) -> None:
        self.most = most

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        """Return the numbers, ascending, each once."""
        if isinstance(value, tuple):
            return value
        words = str(value).split(",")
        if len(words) > MANY:
            self.fail(
                f"{quoted(value)} has {len(words):,} numbers; give {MANY} at most", param, ctx
            )
        # No more digits than the largest has: Python reads no number of thousands of them.
        known = [one for one in words if one.isascii() and one.isdigit() and len(one) <= DIGITS]
        numbers = {int(one) for one in known}
        if len(known) < len(words) or not all(1 <= one <= self.most for one in numbers):
            self.fail(
                f"{quoted(value)} has something else than whole numbers from 1 to {self.most:,}; "
                "give some such as 4,16,64",
                param,
                ctx,
            )
        return tuple(sorted(numbers))


DIGITS = 12
MANY = 100  # numbers: the table has a line of each, for each case
MOST_CPUS = 10_000
MOST_ROWS = 10**9


@click.command()
@click.argument("run")
@click.option(
    "--cpus",
    type=Numbers(MOST_CPUS),
    default="4,16,64",
    show_default=True,
    help="The CPU counts to predict.",
)
@click.option(
    "--rows",
    type=Numbers(MOST_ROWS),
    help="The numbers of rows to predict, of rows as long as those that were measured [default: as "
    "many as were measured].",
)
@click.option(
    "--noisy",
    is_flag=True,
    help="Predict, too, from cases that were timed while the machine was noisy.",
)
@style_of_a_table
@click.pass_obj
def predict(
    results: Path,
    *,
    run: str,
    cpus: tuple[int, ...],
    rows: tuple[int, ...] | None,
    noisy: bool,
    style: Format,
) -> None:
    """Say what more CPUs, or other numbers of rows, would bring to the cases of RUN.

    RUN is a name of kept runs, a file, a folder or a glob in quotes, as in report: the newest run
    or series that it matches. It, or another run of its machine, must have what `rayscale overhead`
    measures. The largest size of each problem is predicted, run as Ray's tasks.

    The intervals are of the speed-up that another launch would measure. Beyond the cores of the
    machine they hold if cores stay as fast when all work.
    """
    try:
        chosen = choice.subject(run, results, here)
        found = bases(subject.read(chosen.newest), chosen.machine, noisy=noisy)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    click.echo(render(found, Asked(cpus, rows or ()), style, WIDTH), nl=False)
    name_skipped(chosen.faults)
