"""The command ``rayscale``: make launches; list, compare, show and export what is kept."""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

REFUSED = 4  # the request cannot be met; the same number as pytest's usage errors
WIDTH = 130  # of tables: a case, two times with their spread, a ratio with its interval


class Share(click.ParamType[float]):
    """A share such as 5%."""

    name = "share"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the share as a fraction of 1."""
        from rayscale.text import parse_share

        try:
            return value if isinstance(value, float) else parse_share(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Name(click.ParamType[str]):
    """A part of a file's name."""

    name = "name"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name as it is."""
        if not re.fullmatch(r"[\w.-]+", value):
            self.fail(
                f'"{value}" is no part of a file\'s name; give letters and digits', param, ctx
            )
        return str(value)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--results",
    type=click.Path(file_okay=False, path_type=Path),
    default="results",
    show_default=True,
    help="Where runs are kept.",
)
@click.pass_context
def rayscale(context: click.Context, results: Path) -> None:
    """Keep, compare and show what pytest --benchmark-only measured.

    Exit codes: 0 no case is slower; 1 a case is slower, failed or missing; 4 the request
    cannot be met.
    """
    context.obj = results


@rayscale.command(context_settings={"ignore_unknown_options": True})
@click.option(
    "--launches",
    default=10,
    show_default=True,
    type=click.IntRange(min=1),
    help="How many processes to start.",
)
@click.option(
    "--name", type=Name(), default="launch", show_default=True, help="NAME in NNNN_NAME.json."
)
@click.option(
    "--baseline", is_flag=True, help="Make them a baseline: what later launches are compared with."
)
@click.argument("pytest_arguments", nargs=-1)
@click.pass_obj
def record(
    results: Path, launches: int, name: str, baseline: bool, pytest_arguments: tuple[str, ...]
) -> None:
    """Run the suite's small sizes in fresh processes, one after the other, and keep each launch.

    PYTEST_ARGUMENTS choose cases, such as -k loop or --sizes=article.  A launch in which a case
    fails ends the series, which then is no baseline.
    """
    from rayscale.saved import recording as launching

    kind = "baseline" if baseline else "launches"
    plan = launching.Plan(launches, kind, pytest_arguments, Path.cwd())
    with _launching():
        files = launching.record(plan, name, results, _progress)
    what = "A baseline" if baseline else "A series"
    click.echo(f"{what} of {launches} launches: {files[0]} to {files[-1].name}")


@rayscale.command()
@click.pass_obj
def runs(results: Path) -> None:
    """List what is kept: date, revision, machine, versions, cases, launches, a line each."""
    from rich import box
    from rich.table import Table

    from rayscale.saved import store
    from rayscale.text import printed

    launches, faults = store.read_all(store.kept(results), results)
    table = Table(box=box.SIMPLE)
    for heading in ("name", "begun", "revision", "machine", "versions"):
        table.add_column(heading, no_wrap=True)
    for heading in ("cases", "launches"):
        table.add_column(heading, justify="right", no_wrap=True)
    for group in store.groups(launches):
        first = group.first
        versions = ("python", "ray", "numpy")
        failed = sum(len(launch.failed) for launch in group.launches)
        table.add_row(
            group.name + (" (baseline)" if group.is_baseline else ""),
            f"{group.when.astimezone():%Y-%m-%d %H:%M}",
            first.revision,
            group.folder,
            ", ".join(f"{one} {first.software.get(one, '-')}" for one in versions),
            str(len(first.medians)) + (f", {failed} failed" if failed else ""),
            f"{len(group.launches)} of {group.planned}"
            if len(group.launches) < group.planned
            else str(group.planned),
        )
    click.echo(printed(table, width=400) if launches else f"Nothing is kept in {results}/ yet.")
    _name(faults)


@rayscale.command()
@click.argument("old")
@click.argument("new")
@click.option(
    "--launch",
    is_flag=True,
    help="OLD and NEW are Python interpreters: launch both now, in turn, in random order.",
)
@click.option(
    "--launches",
    default=10,
    show_default=True,
    type=click.IntRange(min=1),
    help="With --launch: of each.",
)
@click.option("-k", "choice", default="", help="With --launch: the cases, as pytest has it.")
@click.option(
    "--tolerance",
    type=Share(),
    default="5%",
    show_default=True,
    help="The slowdown to be found; below half of it nothing is called slower.",
)
@click.option(
    "--false-alarm",
    type=Share(),
    default="1%",
    show_default=True,
    help="Probability of any false 'slower' in the table.",
)
@click.option(
    "--miss",
    type=Share(),
    default="1%",
    show_default=True,
    help="Probability, per case, of calling a slowdown of the tolerance the same.",
)
@click.option("--allow-missing", is_flag=True, help="Let cases be gone that OLD has.")
@click.option("--across-machines", is_flag=True, help="Compare speed-ups over serial, not times.")
@click.option(
    "--format",
    "style",
    type=click.Choice(["text", "markdown", "json"]),
    default="text",
    show_default=True,
    help="How to show the table.",
)
@click.pass_obj
def compare(
    results: Path,
    old: str,
    new: str,
    launch: bool,
    launches: int,
    choice: str,
    tolerance: float,
    false_alarm: float,
    miss: float,
    allow_missing: bool,
    across_machines: bool,
    style: Any,
) -> None:
    """Tell which cases got slower from OLD to NEW, the launch as the unit.

    Each is the NAME of kept runs (the newest complete series of it), a file, a folder or a quoted
    glob; files of other pytest-benchmark suites can be compared, too.
    """
    from rayscale.saved import comparison, comparison_table, store

    try:
        if launch:
            ours, theirs = _launch_in_turn(results, (old, new), launches, choice)
        else:
            ours, theirs = (store.choose(side, results, _here) for side in (old, new))
        heading = comparison.conditions(ours, theirs, across_machines=across_machines)
        compared = comparison.compare(
            ours,
            theirs,
            comparison.Terms(tolerance, false_alarm, miss),
            paired=launch,
            across_machines=across_machines,
        )
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    click.echo(comparison_table.render(compared, heading, style, WIDTH), nl=False)
    slower = any(case.verdict == "slower" for case in compared.cases)
    if slower or (compared.missing and not allow_missing):
        sys.exit(1)


@rayscale.command()
@click.argument("cases", nargs=-1)
@click.pass_obj
def history(results: Path, cases: tuple[str, ...]) -> None:
    """Show each case over the kept runs: a sparkline, its median, the change since the baseline.

    CASES are words of a case's name: "loop serial small".
    """
    from rayscale.saved import history as over_time
    from rayscale.saved import store
    from rayscale.text import printed

    launches, faults = store.read_all(store.kept(results), results)
    found = over_time.histories(launches, cases)
    if not found:
        wanted = f'called "{" or ".join(cases)}" ' if cases else ""
        raise click.UsageError(f"no case {wanted}is kept in {results}/; `rayscale runs` lists all")
    click.echo(printed(over_time.table(found), width=400), nl=False)
    _name(faults)


@rayscale.command()
@click.argument("runs")
@click.option("-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path))
@click.pass_obj
def export(results: Path, runs: str, output: Path) -> None:
    """Write RUNS, as in compare, to a .csv or .parquet file: one tidy row per round."""
    from rayscale.saved import export as tidy
    from rayscale.saved import store

    try:
        files = [Path(launch.file) for launch in store.choose(runs, results, _here)]
        rows = tidy.write(tidy.rounds(files), output)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    click.echo(f"{rows} rounds: {output}")


@rayscale.command()
@click.argument("run", required=False)
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
@click.pass_obj
def report(
    results: Path, run: str | None, output: Path | None, style: str, charts: Path | None
) -> None:
    """Show whether Ray pays: sentences, tables and charts on one page that needs no network.

    RUN is a NAME of kept runs, a file, a folder or a quoted glob, as in compare; by default the
    newest run.  Of several runs the newest is reported, and all are its history; else the history
    is that of its machine.
    """
    from rayscale.report import contents, page, subject
    from rayscale.saved import store
    from rayscale.saved.files import write_whole

    try:
        chosen, kept, faults = store.subject(run, results, _here)
        reported = contents.contents(subject.read(chosen), kept, faults)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    if charts:
        page.write_charts(reported, charts)
    if style == "html":
        output = output or Path("report.html")
        text = page.page(reported)
    else:
        start = output.parent if output else Path()
        text = page.markdown(reported, os.path.relpath(charts, start) if charts else None)
    if output:
        write_whole(output, text.encode())
        click.echo(f"The report: {output}")
    else:
        click.echo(text, nl=False)
    _name(faults)


def _launch_in_turn(
    results: Path, pythons: tuple[str, str], launches: int, choice: str
) -> tuple[list[Any], list[Any]]:
    """Return what both interpreters' launches measured; the i-th of each are a pair."""
    from rayscale.saved import recording as launching
    from rayscale.saved.launches import read

    chosen = [f"-k={choice}"] if choice else []
    plan = launching.Plan(launches, "alternating", chosen, Path.cwd())
    with _launching():
        old, new = launching.alternate(plan, pythons, results, _progress)
    return [read(file) for file in old], [read(file) for file in new]


@contextmanager
def _launching() -> Iterator[None]:
    """Turn a launch that ended badly into a message, and exit code 1."""
    from rayscale.saved.recording import LaunchingError

    try:
        yield
    except LaunchingError as error:
        click.echo(f"{error}\nThe series is incomplete: it is kept, and is no baseline.", err=True)
        sys.exit(1)


def _here() -> str:
    """Return this machine's folder; to look at the processor takes a second."""
    from rayscale.suite import environment

    return environment.fingerprint(environment.hardware())


def _progress(numbers: range) -> Iterator[int]:
    """Show which launch runs, where somebody looks."""
    with click.progressbar(numbers, label="launches", file=sys.stderr) as shown:
        yield from shown


def _name(faults: list[str]) -> None:
    """Say which files were skipped, and why."""
    for fault in faults:
        click.echo(f"skipped: {fault}", err=True)


def main() -> None:
    """Run the command; what cannot be done ends with one sentence and exit code 4."""
    try:
        rayscale.main(prog_name="rayscale", standalone_mode=False)
    except click.ClickException as error:
        click.echo(f"rayscale: {error.format_message()}", err=True)
        sys.exit(REFUSED)
    except OSError as error:
        click.echo(f'rayscale: "{error.filename}": {error.strerror}', err=True)
        sys.exit(REFUSED)
    except click.Abort:
        sys.exit(2)


if __name__ == "__main__":
    main()
