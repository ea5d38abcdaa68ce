"""A case, and the functions of ``kernels`` that it names."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any


@dataclass(frozen=True)
class Case:
    """What is measured: problem x kernel x implementation x cpus x size."""

    problem: str
    kernel: str
    implementation: str
    cpus: int
    size: str


def functions(problem: str, kernel: str, implementation: str) -> tuple[str, str]:
    """Return the names, in ``kernels``, of a case's kernel and implementation.

    A kernel is called ``problem_kernel``, or ``problem`` where both are one word.

    >>> functions("moving_average", "loop", "serial")
    ('moving_average.moving_average_loop', 'implementations.serial')
    >>> functions("timer", "timer", "ray_blocks")
    ('timer.timer', 'implementations.ray_blocks')
    """
    name = problem if kernel == problem else f"{problem}_{kernel}"
    return f"{problem}.{name}", f"implementations.{implementation}"


def find(package: str, function: str) -> Callable[..., Any]:
    """Return the *function* of *package*, such as ``timer.timer`` of ``kernels``.

    >>> find("kernels", "timer.timer").__name__
    'timer'
    """
    module, name = function.split(".")
    found: Callable[..., Any] = getattr(import_module(f"{package}.{module}"), name)
    return found
