"""``rayscale history``."""

from pathlib import Path

import click

from rayscale.commands.arguments import name_left_out, name_skipped
from rayscale.saved import store
from rayscale.saved.history import histories, table
from rayscale.surroundings.during import NOISY
from rayscale.text import printed


@click.command()
@click.argument("cases", nargs=-1)
@click.pass_obj
def history(results: Path, cases: tuple[str, ...]) -> None:
    """Show each case over the kept runs, machine by machine, oldest first.

    Each line has a sparkline, the newest median, and the change since the baseline before it:
    a ratio of geometric means over the launches with its 99 % interval, and how many launches there
    are on each side. "~" stands where one launch has no spread; "by control" where times
    were divided by the control. The change has no verdict: `rayscale compare` has.

    CASES are parts of a case's name, such as "loop serial small"; without any, all are shown.
    """
    launches, faults = store.read_all(store.kept(results), results)
    found = histories(launches, cases)
    if not found:
        wanted = f'called "{" or ".join(cases)}" ' if cases else ""
        raise click.UsageError(f"no case {wanted}is kept in {results}/; `rayscale runs` lists all")
    click.echo(printed(table(found), width=400), nl=False)
    if any(case.noisy[-1] for case in found):
        click.echo(NOISY)
    name_skipped(faults)
    name_left_out(launches)
