"""A benchmark to start from, for a function of the user's own."""

import importlib
import sys
from dataclasses import dataclass
from pathlib import Path
from string import Template

TEMPLATE = Template('''\
"""Does Ray pay for $name?"""

import numpy as np
import rayscale

from $module import $name


# Add kernels to compare with, and sizes under names of your own; on_request(...) marks one that
# runs only where --rayscale-sizes names it.
@rayscale.cases(
    {"$name": $name},
    sizes={"small": (100, 100), "large": rayscale.on_request((1000, 1000))},
)
def test_$name(measure, size):
    """Every way of running gives what one call gives."""
    rows = np.random.default_rng(seed=1).standard_normal(size)  # your data: an array, or a list
    measure(rows, expected=$name(rows))
''')


class StarterError(ValueError):
    """The benchmark cannot be written; the message says why, and what to do."""


@dataclass(frozen=True)
class Target:
    """A function in a module."""

    module: str
    name: str


def parse(text: str) -> Target:
    """Return the function that *text* names; StarterError if it names none.

    >>> parse("mylib.smoothing:ewma_loop")
    Target(module='mylib.smoothing', name='ewma_loop')
    """
    module, colon, name = text.partition(":")
    parts = [*module.split("."), name]
    if not colon or not all(part.isidentifier() for part in parts):
        raise StarterError(f'"{text}" does not name a function; give one such as mylib:smooth')
    return Target(module, name)


def write(target: Target, file: Path) -> None:
    """Write a benchmark of *target* to *file*, which must not exist.

    StarterError if it does, or if the function cannot be imported here or from src/.
    """
    _prove(target)
    text = TEMPLATE.substitute(module=target.module, name=target.name)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as out:
            out.write(text)
    except FileExistsError as error:
        raise StarterError(f'"{file}" is there already; give another with -o FILE') from error


def _prove(target: Target) -> None:
    """Raise StarterError unless the function can be imported, and called."""
    sys.path[:0] = [str(Path.cwd()), str(Path.cwd() / "src")]
    try:
        module = importlib.import_module(target.module)
    except (Exception, SystemExit) as error:  # a module that is run may raise anything
        raise StarterError(
            f'"{target.module}" cannot be imported here ({error}); run this in the folder of your '
            "project, in an environment that has it"
        ) from error
    finally:
        del sys.path[:2]
    if not callable(getattr(module, target.name, None)):
        raise StarterError(f'"{target.module}" has no function "{target.name}"')
