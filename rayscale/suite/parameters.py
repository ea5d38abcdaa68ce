"""Which cases of a benchmark the options choose, as pytest's parameters."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pytest
from _pytest.mark import ParameterSet  # pytest.param makes these, and gives them no public name

from rayscale.suite import placements
from rayscale.suite.case import Arm, Cases, OnRequest, Way
from rayscale.suite.stage import needs

NAMES = ("kernel", "implementation", "cpus", "size")


@dataclass(frozen=True)
class Choice:
    """What the options choose: CPU counts, sizes (None: not said), and the CPUs that are there.

    *named*: the counts were, and are not the usual ones.  *ways*: all cases of ways that are timed
    in pairs with another are wanted, and not only a few.  *placements* of CPUs on the nodes of a
    cluster: none where they are not asked for.  *is_on_a_cluster*: whose cores are not known yet.
    """

    cpus: tuple[int, ...]
    sizes: tuple[str, ...] | None
    cores: int
    gated: bool
    named: bool = True
    ways: bool = False
    placements: tuple[str, ...] = ()
    is_on_a_cluster: bool = False


def parameters(chosen: Cases, choice: Choice) -> list[ParameterSet]:
    """Return the cases of the choice, those with one CPU count once, the others at each count.

    ValueError where two cases have one id.
    """
    arms = [arm for arm in chosen.arms if _is_wanted(arm, choice)]
    sizes = _sizes(arms, choice)
    found = [one for arm in arms for one in _of_arm(arm, choice, sizes)]
    ids = [str(one.id) for one in found]
    for name in ids:
        if ids.count(name) > 1:
            raise ValueError(f"two cases are called {name}; give their kernels or ways other names")
    return found


def _is_wanted(arm: Arm, choice: Choice) -> bool:
    """Tell whether *arm* has any case: a gate has none of ways in pairs, unless all are wanted."""
    return arm.beside is None or choice.ways or not choice.gated


def _of_arm(arm: Arm, choice: Choice, sizes: Sequence[str]) -> Iterator[ParameterSet]:
    for kernel in arm.kernels:
        for size in _own(arm, choice, sizes):
            for name, run in arm.ways.items():
                for count in _counts(arm, run, choice):
                    at = "" if needs(run).cpus == (1,) and not needs(run).ray else f"-cpus{count}"
                    for placed in placed_as(run, count, choice.placements):
                        yield pytest.param(
                            *(kernel, name, count, size, *placed),
                            id="-".join([f"{kernel}-{name}{at}", *filter(None, placed), size]),
                            marks=list(_marks(arm, run, count, choice)),
                        )


def placed_as(run: Way, cpus: int, asked: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Return the last parameters of the cases of a way on *cpus* CPUs: how these are placed.

    One CPU is where it is.  None, where the user has not *asked* for placements.
    """
    if not asked:
        return [()]
    is_placed = needs(run).is_placed and cpus > 1
    return [(one,) for one in (asked if is_placed else (placements.ANYHOW,))]


def _sizes(arms: Sequence[Arm], choice: Choice) -> Sequence[str]:
    """Return the names of the sizes to run: those asked for, else all that need no request.

    In a gate the first of the benchmark, whatever the sizes of its other arms.
    """
    if choice.sizes is not None:
        return choice.sizes
    named = [pair for arm in arms for pair in arm.sizes.items()]
    usual = [name for name, value in named if not isinstance(value, OnRequest)]
    return usual[:1] if choice.gated else usual


def _own(arm: Arm, choice: Choice, sizes: Sequence[str]) -> list[str]:
    """Return those of the *sizes* that *arm* has, on request only where they are asked for.

    Of those that need no request, ways in pairs run at the last one.
    """
    own = [(name, isinstance(value, OnRequest)) for name, value in arm.sizes.items()]
    usual = [name for name, on_request in own if not on_request]
    if arm.beside is not None and not choice.ways:
        usual = usual[-1:]
    asked = choice.sizes is not None
    return [n for n, on_request in own if n in sizes and (asked if on_request else n in usual)]


def _counts(arm: Arm, run: Way, choice: Choice) -> tuple[int, ...]:
    """Return the CPU counts of a way; in pairs with another, the most that are there."""
    counts = needs(run).cpus or _wanted_counts(arm, choice)
    if arm.beside is None or choice.ways:
        return counts
    fair = [count for count in counts if count <= choice.cores or arm.waits]
    return (max(fair or counts),)


def _wanted_counts(arm: Arm, choice: Choice) -> tuple[int, ...]:
    """Return the CPU counts of a way that can have any."""
    if arm.cpus != "several":
        return arm.cpus or choice.cpus
    several = tuple(count for count in choice.cpus if count > 1)
    return choice.cpus if choice.named else several or choice.cpus


def _marks(arm: Arm, run: Way, count: int, choice: Choice) -> Iterator[pytest.MarkDecorator]:
    if needs(run).ray or (arm.beside and needs(arm.beside[1]).ray):
        yield pytest.mark.ray
    if arm.beside:
        yield pytest.mark.ways
    is_elsewhere = choice.is_on_a_cluster and needs(run).ray
    if count > choice.cores and not arm.waits and not is_elsewhere:
        yield pytest.mark.oversubscribed
    if arm.tolerance is not None:
        yield pytest.mark.tolerance(arm.tolerance)
