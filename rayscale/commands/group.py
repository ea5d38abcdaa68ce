"""The command ``rayscale`` itself: which commands there are; each is imported when it is called."""

from importlib import import_module
from pathlib import Path

import click

from rayscale.commands import setting

# In the order of the help; NAME is rayscale/commands/NAME.py, whose function is called the same.
COMMANDS = {
    "new": "Write a benchmark of a function of yours.",
    "overhead": "Time what Ray costs by itself.",
    "record": "Run the suite in fresh processes and keep each launch.",
    "runs": "List what is kept.",
    "compare": "Find the cases that got slower from OLD to NEW.",
    "predict": "Say what more CPUs or rows would bring.",
    "history": "Show each case over the kept runs.",
    "report": "Write a page with the answers, tables and charts.",
    "export": "Write runs as a table with a row per round.",
}


class Commands(click.Group):
    """A group that imports a command only to run it or to show its help: some load SciPy."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names, in the order of the help."""
        return list(COMMANDS)

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        cmd_name: str,
    ) -> click.Command | None:
        """Return the command of that name."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"rayscale.commands.{cmd_name}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        formatter: click.HelpFormatter,
    ) -> None:
        """Write what each command does."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--results",
    type=click.Path(file_okay=False, path_type=Path),
    default=lambda: setting.results(Path.cwd()),
    help="The folder where runs are kept [default: the setting rayscale_results of pytest's ini "
    "file, or results].",
)
@click.pass_context
def rayscale(context: click.Context, results: Path) -> None:
    """Record, compare and show what pytest --benchmark-only measured.

    A launch is one process that ran the suite. Launches of the same code differ by some per cent,
    so what is compared are series of launches.

    RUNS, OLD and NEW are each a name, a file, a folder, or a glob in quotes. A name is the NAME
    in results/MACHINE/NNNN_NAME.json and means the newest complete series of that name; "baseline"
    means the newest series made by record --baseline.

    Exit codes: 0 no case is slower; 1 a case is slower, failed or missing; 2 interrupted;
    4 the request cannot be met.
    """
    context.obj = results
