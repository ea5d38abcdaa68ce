"""Arguments that several commands take."""

import re
from collections.abc import Iterable
from typing import Any

import click

from rayscale.machine import fingerprint, hardware
from rayscale.quoting import plain, quoted
from rayscale.saved.launches import Launch
from rayscale.text import count, parse_share

FEW = 3  # cases of a file that are left out, and named
WIDTH = 130  # of tables: a case, two times with their spread, a ratio with its interval

style_of_a_table = click.option(
    "--format",
    "style",
    type=click.Choice(["text", "markdown", "json"]),
    default="text",
    show_default=True,
    help="How to show the table.",
)


class Share(click.ParamType[float]):
    """A share such as 5%."""

    name = "share"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the share as a fraction of 1."""
        try:
            return value if isinstance(value, float) else parse_share(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Name(click.ParamType[str]):
    """A part of a file's name."""

    name = "name"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name as it is."""
        if not re.fullmatch(r"(?=.*\w)[\w.-]{1,50}", value):
            self.fail(
                f"{quoted(value)} cannot be a part of a file's name; give letters and digits",
                param,
                ctx,
            )
        return str(value)


def here() -> str:
    """Return the folder of this machine; to look at the processor takes a second."""
    return fingerprint(hardware())


def name_skipped(faults: Iterable[object]) -> None:
    """Name what was skipped, and why."""
    for fault in faults:
        click.echo(plain(f"skipped: {fault}"), err=True)


def name_left_out(launches: Iterable[Launch]) -> None:
    """Name the cases of *launches* that cannot be used, and why: of each file the first few."""
    for launch in launches:
        shown, rest = launch.left_out[:FEW], len(launch.left_out[FEW:])
        more = f"; and {count(rest, 'case')} more" if rest else ""
        if shown:
            click.echo(plain(f"left out: {launch.file}: {'; '.join(shown)}{more}"), err=True)
