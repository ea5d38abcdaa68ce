"""``rayscale overhead``."""

import os
import sys

import click


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("pytest_arguments", nargs=-1, metavar="[PYTEST_ARGUMENT]...")
def overhead(pytest_arguments: tuple[str, ...]) -> None:
    """Time what Ray costs by itself here: tasks of many lengths, empty tasks, bytes in and out.

    The run is kept as any other; a report on a run of this machine then says how long a task must
    be, and what its cost model predicts.  PYTEST_ARGUMENT chooses cases, such as -k length or
    --rayscale-cpus=2.
    """
    command = [sys.executable, "-m", "pytest", "--pyargs", "rayscale.overhead", "--benchmark-only"]
    # Pytest takes this process's place, and so what signals are for.
    os.execv(command[0], [*command, *pytest_arguments])  # noqa: S606 - this interpreter
