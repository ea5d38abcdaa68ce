"""``rayscale record``."""

from pathlib import Path

import click
from click.core import ParameterSource
from filelock import FileLock, Timeout

from rayscale.commands import launching
from rayscale.commands.arguments import Name
from rayscale.saved import series
from rayscale.saved.raw import LaunchError
from rayscale.saved.recording import in_turn
from rayscale.saved.series import Series
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
@click.option(
    "--resume",
    is_flag=True,
    help="Make the launches that are missing in the newest series that was not finished.",
)
@launching.PYTEST_ARGUMENTS
@click.pass_obj
def record(
    results: Path,
    *,
    launches: int,
    name: str | None,
    baseline: bool,
    resume: bool,
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

    The series ends at the first launch in which a test fails. It is then not a baseline. A series
    that was ended, however it was, is finished by `rayscale record --resume`: the launch that was
    under way is made anew.
    """  # noqa: D301 - click leaves the lines of a paragraph as they are after this character
    if resume:
        _resume(results)
        return
    kind, usual, _ = MADE[baseline]
    plan = launching.plan(launches, kind, pytest_arguments, results)
    file = series.begin(plan, in_turn(plan, name or usual))
    _make(series.read(file), file, results)


def _resume(results: Path) -> None:
    """Finish the newest series; UsageError where there is none, or it was of something else."""
    context = click.get_current_context()
    for option in ("launches", "name", "baseline", "pytest_arguments"):
        if context.get_parameter_source(option) is ParameterSource.COMMANDLINE:
            shown = "what follows after --" if option == "pytest_arguments" else f"--{option}"
            raise click.UsageError(
                f"--resume makes what was planned when the series was begun; leave out {shown}"
            )
    files = series.unfinished(results)
    if not files:
        raise click.UsageError(f"no series in {results}/ was begun and not finished")
    try:
        own = series.read(files[-1])
    except LaunchError as error:
        raise click.UsageError(f"{error}; remove it, if it is of no use") from error
    _make(own, files[-1], results)


def _make(own: Series, file: Path, results: Path) -> None:
    """Make the launches of a series that are not there yet, and say what there is."""
    plan = launching.plan(len(own.planned), own.kind, own.arguments, results)
    lock = FileLock(f"{file}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise click.UsageError("another process is making the launches of this series") from error
    try:
        if unlike := series.changes(own, plan):
            raise click.UsageError(
                f"the series {own.name}, begun {own.begun[:16]}, was of something else: "
                f"{'; '.join(unlike)}; record it anew, and remove {file}"
            )
        there = series.done(own, results)
        left = [one for one in own.planned if one.number not in there]
        recorded = launching.launch(plan, left)
        file.unlink()
    finally:
        lock.release()
    Path(lock.lock_file).unlink(missing_ok=True)
    every = there | {planned.number: path for planned, path in recorded.files}
    files = [path for _, path in sorted(every.items())]
    what = MADE[own.kind == "baseline"][2]
    click.echo(f"{what} of {count(len(files), 'launch')}: {files[0]} to {files[-1].name}")
