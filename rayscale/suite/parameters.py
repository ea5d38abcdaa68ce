"""Which cases of a benchmark the options choose, as pytest's parameters."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pytest
from _pytest.mark import ParameterSet  # pytest.param makes these, and gives them no public name

from rayscale.suite.case import Arm, Cases, OnRequest, Way
from rayscale.suite.stage import needs

NAMES = ("kernel", "implementation", "cpus", "size")


@dataclass(frozen=True)
class Choice:
    """What the options choose: CPU counts, sizes (None: not said), and the CPUs that are there."""

    cpus: tuple[int, ...]
    sizes: tuple[str, ...] | None
    cores: int
    gated: bool


def parameters(chosen: Cases, choice: Choice) -> list[ParameterSet]:
    """Return the cases of the choice, those with one CPU count once, the others at each count.

    ValueError where two cases have one id.
    """
    sizes = _sizes(chosen, choice)
    found = [one for arm in chosen.arms for one in _of_arm(arm, choice, sizes)]
    ids = [str(one.id) for one in found]
    for name in ids:
        if ids.count(name) > 1:
            raise ValueError(f"two cases are called {name}; give their kernels or ways other names")
    return found


def _of_arm(arm: Arm, choice: Choice, sizes: Sequence[str]) -> Iterator[ParameterSet]:
    for kernel in arm.kernels:
        for size in _own(arm, choice, sizes):
            for name, run in arm.ways.items():
                for count in needs(run).cpus or arm.cpus or choice.cpus:
                    at = "" if needs(run).cpus == (1,) and not needs(run).ray else f"-cpus{count}"
                    yield pytest.param(
                        *(kernel, name, count, size),
                        id=f"{kernel}-{name}{at}-{size}",
                        marks=list(_marks(arm, run, count, choice)),
                    )


def _sizes(chosen: Cases, choice: Choice) -> Sequence[str]:
    """Return the names of the sizes to run: those asked for, else all that need no request.

    In a gate the first of the benchmark, whatever the sizes of its other arms.
    """
    if choice.sizes is not None:
        return choice.sizes
    named = [pair for arm in chosen.arms for pair in arm.sizes.items()]
    usual = [name for name, value in named if not isinstance(value, OnRequest)]
    return usual[:1] if choice.gated else usual


def _own(arm: Arm, choice: Choice, sizes: Sequence[str]) -> list[str]:
    """Return those of the *sizes* that *arm* has, on request only where they are asked for."""
    asked = choice.sizes is not None
    own = arm.sizes.items()
    return [n for n, value in own if n in sizes and (asked or not isinstance(value, OnRequest))]


def _marks(arm: Arm, run: Way, count: int, choice: Choice) -> Iterator[pytest.MarkDecorator]:
    if needs(run).ray:
        yield pytest.mark.ray
    if count > choice.cores and not arm.waits:
        yield pytest.mark.oversubscribed
    if arm.tolerance is not None:
        yield pytest.mark.tolerance(arm.tolerance)
