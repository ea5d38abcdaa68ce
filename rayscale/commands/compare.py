"""``rayscale compare``."""

import sys
from collections.abc import Sequence
from pathlib import Path

import click
from click.core import ParameterSource

from rayscale.commands import launching
from rayscale.commands.arguments import WIDTH, Share, here, style_of_a_table
from rayscale.saved.choice import choose
from rayscale.saved.comparison import compare as compare_launches
from rayscale.saved.comparison_table import Format, render
from rayscale.saved.doubts import conditions
from rayscale.saved.evidence import Limits
from rayscale.saved.launches import Launch, read
from rayscale.saved.recording import alternating
from rayscale.saved.yardstick import Design


@click.command()
@click.argument("old")
@click.argument("new")
@launching.PYTEST_ARGUMENTS
@click.option(
    "--launch",
    is_flag=True,
    help="OLD and NEW are Python interpreters: launch both now, in random order.",
)
@launching.LAUNCHES
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
    help="The probability of any false 'slower' in the table.",
)
@click.option(
    "--miss",
    type=Share(),
    default="1%",
    show_default=True,
    help="The probability, per case, that a slowdown of the tolerance is called 'same'.",
)
@click.option(
    "--allow-missing",
    is_flag=True,
    help="End with 0 although NEW lacks cases of OLD, or another clock timed them.",
)
@click.option(
    "--resumed",
    is_flag=True,
    help="Compare launches, too, that were interrupted and finished by another process.",
)
@click.option(
    "--across-machines",
    is_flag=True,
    help="Compare speed-ups over serial instead of times, so machines may differ.",
)
@style_of_a_table
@click.pass_obj
def compare(
    results: Path,
    *,
    old: str,
    new: str,
    pytest_arguments: tuple[str, ...],
    launch: bool,
    launches: int,
    tolerance: float,
    false_alarm: float,
    miss: float,
    allow_missing: bool,
    resumed: bool,
    across_machines: bool,
    style: Format,
) -> None:
    """Find the cases that got slower from OLD to NEW; each launch counts once.

    OLD and NEW are each a name of kept runs (the newest complete series of it), a file, a folder or
    a glob in quotes. Files of other pytest-benchmark suites can be compared, too. For example:

    \b
    rayscale compare baseline fresh
    rayscale compare 'old/*.json' 'new/*.json'
    rayscale compare --launch .venv-old/bin/python .venv/bin/python -- -k loop

    Stored launches are of different days. So each time is divided by the control, fixed work
    timed around each case, if all launches have it and NumPy is the same; and "slower" must be more
    than half the tolerance. With --launch both sides are measured now, and nothing is divided.

    The p values are adjusted for all cases. For stored launches p is the larger of two: of
    permutations of whole launches (Westfall and Young's step-down max-t), exact if both sides
    spread alike, and of Welch's t test (Holm), right for normal logarithms if they do not. With 5
    launches on the side that spreads three times as far, 24 cases gave any false "slower"
    in 2 to 4 % of simulated comparisons instead of 1 %. Give both sides equally many launches.
    """  # noqa: D301 - click leaves the lines of a paragraph as they are after this character
    limits = Limits(tolerance, false_alarm, miss)
    design = _design(launch=launch, across_machines=across_machines, arguments=pytest_arguments)
    try:
        if launch:
            ours, theirs = _launched(results, (old, new), launches, pytest_arguments)
        else:
            ours, theirs = (choose(text, results, here) for text in (old, new))
            if not resumed:
                _refuse_resumed([*ours, *theirs])
        heading = conditions(ours, theirs, design)
        compared = compare_launches(ours, theirs, limits, design)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    click.echo(render(compared, heading, style, WIDTH), nl=False)
    slower = any(case.verdict == "slower" for case in compared.cases)
    not_compared = compared.missing or compared.unlike
    if slower or (not_compared and not allow_missing):
        sys.exit(1)


def _design(*, launch: bool, across_machines: bool, arguments: Sequence[str]) -> Design:
    """Return how the launches come about; UsageError where the options contradict each other."""
    if launch and across_machines:
        raise click.UsageError("--launch runs on this machine; leave out --across-machines")
    source = click.get_current_context().get_parameter_source("launches")
    if source is ParameterSource.COMMANDLINE and not launch:
        raise click.UsageError("--launches starts processes, which --launch alone does; add it")
    if arguments and not launch:
        raise click.UsageError(
            f'"{arguments[0]}" is for pytest, which runs with --launch alone; OLD and NEW are '
            "two, and a glob stands in quotes"
        )
    if launch:
        return "alternating"
    return "across machines" if across_machines else "stored"


def _refuse_resumed(launches: Sequence[Launch]) -> None:
    """Refuse a launch whose cases are of several processes: it is not one unit of a test."""
    for one in launches:
        if one.is_resumed:
            raise click.UsageError(
                f"{one.file} was interrupted, and finished by another process; --resumed compares "
                "it all the same"
            )


def _launched(
    results: Path, pythons: tuple[str, str], launches: int, arguments: Sequence[str]
) -> tuple[list[Launch], list[Launch]]:
    """Return what both interpreters' launches measured; the i-th of each are a pair."""
    plan = launching.plan(launches, "alternating", arguments, results)
    old, new = pythons
    recorded = launching.launch(plan, alternating(plan, {"old": old, "new": new}))
    return [read(file) for file in recorded.of("old")], [read(file) for file in recorded.of("new")]
