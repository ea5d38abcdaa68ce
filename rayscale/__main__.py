"""The command ``rayscale``: runs a command, and ends with one sentence where it cannot."""

import sys

import click

from rayscale.commands.group import rayscale

REFUSED = 4  # the request cannot be met; the same number as pytest's usage errors
INTERRUPTED = 2
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
        named = f'"{error.filename}": ' if error.filename else ""
        _refuse(f"{named}{error.strerror or error}")
    except click.Abort:
        click.echo("rayscale: interrupted; what was kept until now stays", err=True)
        sys.exit(INTERRUPTED)


def _refuse(why: str) -> None:
    click.echo(f"rayscale: {why}", err=True)
    sys.exit(REFUSED)


def _hint(error: click.ClickException) -> str:
    """Return where pytest's own options belong, if one of them was not understood."""
    unknown = isinstance(error, click.NoSuchOption) and error.ctx is not None
    if unknown and error.ctx.info_name in LAUNCHING:  # type: ignore[attr-defined]  # it is one
        return " Options for pytest follow after --."
    return ""


if __name__ == "__main__":
    main()
