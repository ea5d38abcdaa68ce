"""The command ``rayscale``: runs a command, and ends with one sentence where it cannot."""

import io
import os
import sys

import click

from rayscale.commands.group import rayscale
from rayscale.quoting import plain

REFUSED = 4  # the request cannot be met; the same number as pytest's usage errors
INTERRUPTED = 2
LONGEST = 900  # characters of a sentence: a value may be huge
LAUNCHING = ("record", "compare")  # commands that pass arguments on to pytest

# What a command needs beyond a lean installation, by the module that is missing.
EXTRAS = {
    "ray": "ray",
    "pandas": "report",
    "matplotlib": "report",
    "jinja2": "report",
    "pyarrow": "parquet",
}


def main() -> None:
    """Run the command; what cannot be done ends with one sentence and exit code 4."""
    for stream in (sys.stdout, sys.stderr):  # None where it is closed
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name that its encoding lacks is shown
    try:
        rayscale.main(prog_name="rayscale", standalone_mode=False)
    except click.ClickException as error:
        _refuse(f"{error.format_message()}{_hint(error)}")
    except ModuleNotFoundError as error:
        if error.name not in EXTRAS:
            raise
        _refuse(
            f"this needs {error.name}, which is not installed: "
            f"pip install 'rayscale[{EXTRAS[error.name]}]'"
        )
    except OSError as error:
        if not error.filename:
            _forget_output()  # it may be the output that cannot be written
        named = f'"{error.filename}": ' if error.filename else ""
        _refuse(f"{named}{error.strerror or error}")
    except click.Abort:
        click.echo("rayscale: interrupted; what was kept until now stays", err=True)
        sys.exit(INTERRUPTED)


def _forget_output() -> None:
    """Drop what standard output has not taken: Python would try once more, and complain."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _refuse(why: str) -> None:
    said = why if len(why) <= LONGEST else f"{why[: LONGEST // 2]} ... {why[-LONGEST // 2 :]}"
    click.echo(f"rayscale: {plain(said)}", err=True)
    sys.exit(REFUSED)


def _hint(error: click.ClickException) -> str:
    """Return where pytest's own options belong, if one of them was not understood."""
    unknown = isinstance(error, click.NoSuchOption) and error.ctx is not None
    if unknown and error.ctx.info_name in LAUNCHING:  # type: ignore[attr-defined]  # it is one
        return " Options for pytest follow after --."
    return ""


if __name__ == "__main__":
    main()
