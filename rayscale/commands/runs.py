"""``rayscale runs``."""

from pathlib import Path

import click
from rich import box
from rich.table import Table

from rayscale.commands.arguments import name_left_out, name_skipped
from rayscale.lines import is_being_written
from rayscale.quoting import plain
from rayscale.saved import journal, series, store
from rayscale.text import count, moment, printed

VERSIONS = ("python", "ray", "numpy")


@click.command()
@click.pass_obj
def runs(results: Path) -> None:
    """List what is kept, a line for each series or single run, oldest first.

    It shows name, date, revision, machine, versions, and how many cases and launches there are. A
    case is noisy if other programs used CPUs that it needed. A run that was interrupted follows,
    with the command that finishes it. A file that is not a run is named and skipped, and so is a
    case without a time.
    """
    launches, faults = store.read_all(store.kept(results), results)
    begun, broken = journal.read_all(results)
    several, bad = series.read_all_begun(results)
    if launches:
        click.echo(printed(_table(store.groups(launches)), width=400), nl=False)
    elif not begun and not several:
        click.echo(f"Nothing is kept in {results}/ yet.")
    for one in begun:
        click.echo(_unfinished(one))
    for file, own in several:
        click.echo(_series(file, own, results))
    name_skipped([*faults, *broken, *bad])
    name_left_out(launches)


def _unfinished(run: journal.Unfinished) -> str:
    """Return what there is of a run that was begun, and how to finish it."""
    of = f"{len(run.finished)} of {len(run.first.identity.cases)} cases"
    when = moment(run.begun)
    if is_being_written(run.file):
        return f"being run since {when}: {of} are there"
    return (
        f"not finished: {of}, begun {when}. To finish it: {plain(run.first.command)} --resume\n"
        f"  To forget it, remove {plain(str(run.file))}"
    )


def _series(file: Path, own: series.Series, results: Path) -> str:
    """Return what there is of a series that was begun, and how to finish it."""
    of = f"{len(series.done(own, results))} of {count(own.launches, 'launch')}"
    if is_being_written(file):
        return f"being made: {plain(own.name)}, {of}"
    return (
        f"not finished: {plain(own.name)}, {of}. To finish it: {plain(own.command)}\n"
        f"  To forget it, remove {plain(str(file))}"
    )


def _table(groups: list[store.Group]) -> Table:
    table = Table(box=box.SIMPLE)
    is_noted = any(map(_noted, groups))
    for heading in ("name", "begun", "revision", "machine", "versions"):
        table.add_column(heading, no_wrap=True)
    for heading in ("cases", "launches"):
        table.add_column(heading, justify="right", no_wrap=True)
    if is_noted:
        table.add_column("noted before", no_wrap=True)
    for group in groups:
        table.add_row(
            group.name + _mark(group),
            moment(group.when),
            group.first.revision,
            group.folder,
            _versions(group),
            _cases(group),
            _launches(group),
            *([_noted(group)] if is_noted else []),
        )
    return table


def _mark(group: store.Group) -> str:
    if group.is_resumed:
        return " (resumed)"
    return " (baseline)" if group.is_baseline else ""


def _versions(group: store.Group) -> str:
    known = group.first.software
    return ", ".join(f"{one} {known[one]}" for one in VERSIONS if one in known)


def _cases(group: store.Group) -> str:
    failed = sum(len(launch.failed) for launch in group.launches)
    noisy = sum(launch.noisy for launch in group.launches)
    special = {"failed": failed, "noisy": noisy}
    said = (f"{number} {what}" for what, number in special.items() if number)
    return ", ".join([str(len(group.first.medians)), *said])


def _noted(group: store.Group) -> str:
    """Return the words for what was notable of the machine before any of its launches."""
    return ", ".join(dict.fromkeys(word for one in group.launches for word in one.surroundings))


def _launches(group: store.Group) -> str:
    there, planned = len(group.launches), group.planned
    return str(planned) if there == planned else f"{there} of {planned}"
