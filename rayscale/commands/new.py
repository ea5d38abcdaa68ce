"""``rayscale new``."""

from pathlib import Path

import click


@click.command()
@click.argument("function", metavar="MODULE:FUNCTION")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write [default: benchmarks/test_FUNCTION.py].",
)
def new(function: str, output: Path | None) -> None:
    """Write a benchmark to start from: does Ray pay for MODULE:FUNCTION?

    The function takes rows, an array or a list, and returns as many.
    """
    from rayscale.suite import starter

    try:
        target = starter.parse(function)
        file = output or Path("benchmarks", f"test_{target.name}.py")
        starter.write(target, file)
    except starter.StarterError as error:
        raise click.UsageError(str(error)) from error
    click.echo(f"{file}\nRun it: pytest {file} --benchmark-only")
