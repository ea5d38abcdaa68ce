"""``rayscale record``."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import click
from filelock import FileLock, Timeout

from rayscale.commands import launching
from rayscale.commands.arguments import Name
from rayscale.saved import series
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
@click.option(
    "--resume",
    is_flag=True,
    help="Make the launches that are missing in a series that this command began.",
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
    that was ended, however it was, is finished by the same command with --resume: the launch that
    was under way is made anew.
    """  # noqa: D301 - click leaves the lines of a paragraph as they are after this character
    kind, usual, what = MADE[baseline]
    plan = launching.plan(launches, kind, pytest_arguments, results)
    planned = in_turn(plan, name or usual)
    if resume:
        try:
            file, own = series.interrupted(plan, name or usual)
        except LookupError as error:
            raise click.UsageError(f"--resume: {error}") from error
        planned = [replace(one, series=own.id) for one in planned]
        there = series.done(own, results)
    else:
        file, there = series.begin(plan, name or usual, planned[0].series), {}
    with _held(file):
        left = [one for one in planned if one.number not in there]
        recorded = launching.launch(plan, left)
        file.unlink()
    every = there | {one.number: path for one, path in recorded.files}
    files = [every[number] for number in sorted(every)]
    click.echo(f"{what} of {count(len(files), 'launch')}: {files[0]} to {files[-1].name}")


@contextmanager
def _held(file: Path) -> Iterator[None]:
    """Hold a series for this process; UsageError where another one is making its launches."""
    lock = FileLock(f"{file}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise click.UsageError("another process is making the launches of this series") from error
    try:
        yield
    finally:
        with suppress(OSError):  # the folder is gone: what could not be kept says so
            Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()
