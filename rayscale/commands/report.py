"""``rayscale report``."""

import os
from pathlib import Path

import click

from rayscale.commands.arguments import here, name_skipped
from rayscale.report import contents, page, subject
from rayscale.saved import choice
from rayscale.saved.files import write_whole


@click.command()
@click.argument("runs", required=False)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write [default: report.html, or the terminal for Markdown].",
)
@click.option(
    "--format",
    "style",
    type=click.Choice(["html", "md"]),
    default="html",
    show_default=True,
    help="One page, or Markdown for a README or a pull request.",
)
@click.option(
    "--charts",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write the charts into this folder, too, as .svg files.",
)
@click.option(
    "--section",
    "sections",
    multiple=True,
    metavar="WORDS",
    help="Only the sections whose heading has these words, such as fastest.",
)
@click.pass_obj
def report(
    results: Path,
    runs: str | None,
    output: Path | None,
    style: str,
    charts: Path | None,
    sections: tuple[str, ...],
) -> None:
    """Show whether Ray pays: sentences, tables and charts on one page that needs no network.

    RUNS is a name of kept runs, a file, a folder or a glob in quotes, as in compare. The newest run
    or series that it matches is reported, and all other matches are its history. Without other
    matches the history is all runs of that machine. Without RUNS the newest run is reported.
    """
    if output is not None and not output.name:
        raise click.UsageError("--output: the name of a file is missing; give one")
    try:
        chosen = choice.subject(runs, results, here)
        skipped = [str(fault) for fault in chosen.faults]
        shown = contents.contents(
            subject.read(chosen.newest), chosen.history, skipped, chosen.machine
        )
        shown = shown.only(sections) if sections else shown
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    if charts:
        page.write_charts(shown, charts)
    if style == "html":
        output = output or Path("report.html")
        text = page.page(shown)
    else:
        text = page.as_markdown(shown, _link(charts, output))
    if output:
        write_whole(output, text.encode())
        click.echo(f"The report: {output}")
    else:
        click.echo(text, nl=False)
    name_skipped(skipped)


def _link(charts: Path | None, output: Path | None) -> str | None:
    """Return the path from the report to its charts."""
    return os.path.relpath(charts, output.parent if output else Path()) if charts else None
