"""``rayscale export``."""

from pathlib import Path

import click

from rayscale.commands.arguments import here, name_skipped
from rayscale.saved import export as tidy
from rayscale.saved.choice import choose


@click.command()
@click.argument("runs")
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write, a .csv or .parquet (which needs pyarrow).",
)
@click.pass_obj
def export(results: Path, runs: str, output: Path) -> None:
    """Write RUNS as a table for pandas and others, with one row per round.

    RUNS is a name of kept runs, a file, a folder or a glob in quotes, as in compare. The columns
    are file, name, when, revision, the machine and the versions, the case and its words, the
    number of the round, and its seconds. In a .csv a text that a spreadsheet would compute, such as
    "=1+1", begins with an apostrophe.
    """
    try:
        launches = choose(runs, results, here)
        table = tidy.rounds([Path(launch.file) for launch in launches])
        rows = tidy.write(table, output)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    click.echo(f"{rows} rounds: {output}")
    name_skipped(tidy.without_rounds(table, launches))
