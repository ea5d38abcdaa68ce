"""The cases of a benchmark, as its decorator says them, and as the options narrow them."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from rayscale.suite.ways import Kernel, ray_blocks, ray_per_row, ray_whole, serial

NAMES = ("kernel", "implementation", "cpus", "size")
USUAL = (serial, ray_whole, ray_per_row, ray_blocks)
ATTRIBUTE = "__rayscale_cases__"  # where a decorated test keeps its cases

Test = TypeVar("Test", bound=Callable[..., None])
Way = Callable[..., Any]


@dataclass(frozen=True)
class Case:
    """What is measured: problem x kernel x implementation x cpus x size; and where, if asked."""

    problem: str
    kernel: str
    implementation: str
    cpus: int
    size: str
    placement: str  # of its CPUs on the nodes of a cluster; none where nobody asks


@dataclass(frozen=True)
class OnRequest:
    """A size that runs where it is asked for by its name, and not by default."""

    value: Any


def on_request(value: Any) -> OnRequest:
    """Return a size of that *value* that runs only where ``--sizes`` names it."""
    return OnRequest(value)


@dataclass(frozen=True)
class Arm:
    """Some kernels, the ways to run them, and the sizes of their data."""

    kernels: Mapping[str, Kernel]
    ways: Mapping[str, Way]
    sizes: Mapping[str, Any]
    cpus: tuple[int, ...] | Literal["several"]
    min_rounds: int | None
    tolerance: str | None
    waits: bool
    beside: tuple[str, Way] | None


@dataclass(frozen=True)
class Cases:
    """The cases of a benchmark: a decorator of its test.  ``a + b`` has the cases of both."""

    arms: tuple[Arm, ...]

    def __add__(self, other: "Cases") -> "Cases":
        """Return the cases of both, these first."""
        return Cases(self.arms + other.arms)

    def __call__(self, test: Test) -> Test:
        """Have *test* run once for each case."""
        if hasattr(test, ATTRIBUTE):
            raise ValueError(
                f"{test.__name__} has two rayscale.cases decorators; join them: cases(...) + "
                "cases(...)"
            )
        setattr(test, ATTRIBUTE, self)
        return test


def cases(
    kernels: Mapping[str, Callable[..., Any]],
    *,
    sizes: Mapping[str, Any],
    ways: Sequence[Any] | Mapping[str, Way] = USUAL,  # mypy: unlike functions share no type
    cpus: Sequence[int] | Literal["several"] = (),
    min_rounds: int | None = None,
    tolerance: str | None = None,
    waits: bool = False,
    beside: Way | None = None,
) -> Cases:
    """Return a benchmark's cases, kernels x ways x cpus x sizes, to decorate its test with.

    *kernels* are functions (or partials, or other callables) of a block of rows that return as
    many, under the names that they have in ids and tables.  *sizes* are the user's own values under
    the user's own names; ``on_request(value)`` marks one that runs only where it is asked for.
    *ways* are the ways to run them, as functions or as a mapping of names to functions.  *cpus* are
    the CPU counts, by default those of ``--rayscale-cpus``; "several" leaves 1 out where that
    option does not name it and there are others.  *min_rounds* is the fewest rounds;
    *tolerance* the slowdown that a gate must find, such as "10%".  *waits*: the kernels sleep or
    wait, so they need no core of their own, and more CPUs than the machine has are fair.
    *beside* is a way that each of these is timed in pairs with, such as ``ray_blocks``: so the run
    can say whether they do as well.  Such cases run at the last of these sizes and at those that
    are asked for, on the most CPUs that are there; all of them with ``-m ways``, and in a gate none
    without it.  Beside ``serial``, speed-ups are those of the pairs.
    ValueError where a name is not good in an id, there is nothing to run or a count is below 1,
    TypeError for what is not a function, or not a mapping.

    >>> import numpy as np
    >>> one = cases({"negative": np.negative}, sizes={"small": (10, 10)}, ways=[serial])
    >>> two = one + cases({"absolute": np.abs}, sizes={"large": (1000, 10)})
    >>> [(list(arm.kernels), list(arm.ways), list(arm.sizes)) for arm in two.arms][0]
    (['negative'], ['serial'], ['small'])
    """
    named = ways if isinstance(ways, Mapping) else _by_name(ways)
    for kind, names in (("kernel", kernels), ("size", sizes), ("way", named)):
        _prove_names(kind, names)
    for name, function in (*kernels.items(), *named.items()):
        if not callable(function):
            raise TypeError(f'"{name}" is {function!r}, which cannot be called; give a function')
    other = None if beside is None else _other(beside)
    counts: tuple[int, ...] | Literal["several"] = "several" if cpus == "several" else tuple(cpus)
    for count in () if counts == "several" else counts:
        if not isinstance(count, int) or count < 1:
            raise ValueError(f"cpus= has {count!r}; give whole numbers, at least 1")
    own = dict(kernels), dict(named), dict(sizes), counts
    return Cases((Arm(*own, min_rounds, tolerance, waits, other),))


def _by_name(ways: Sequence[Way]) -> dict[str, Way]:
    names = [_name(one) for one in ways]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(
                f"two ways are called {name}; give the ways as a mapping: ways={{name: function}}"
            )
    return dict(zip(names, ways, strict=True))


def _other(beside: Way) -> tuple[str, Way]:
    """Return the way that others are timed in pairs with, and its name."""
    name = getattr(beside, "__name__", None)
    if name is None or not callable(beside):
        raise TypeError(f"beside= is {beside!r}; give a way of running, a function with a name")
    return name, beside


def _name(run: Way) -> str:
    name: str | None = getattr(run, "__name__", None)
    if name is None:
        raise ValueError(
            f"{run!r} has no name; give the ways as a mapping: ways={{name: function}}"
        )
    return name


def _prove_names(kind: str, names: Mapping[str, Any]) -> None:
    """Raise ValueError unless all *names* can be selected with -k, in an id joined by hyphens."""
    if not isinstance(names, Mapping):
        raise TypeError(f"{names!r} are not {kind}s with names; give a mapping of names to values")
    if not names:
        raise ValueError(f"there is no {kind} to run; give a mapping of names to values")
    for name in names:
        if not (isinstance(name, str) and re.fullmatch(r"\w[\w.+:]*", name)):
            raise ValueError(
                f'"{name}" is not good as the name of a {kind}; give letters, digits and _, '
                "without a hyphen"
            )


def of(test: object) -> Cases | None:
    """Return the cases that *test* was decorated with, if any."""
    found: Cases | None = getattr(test, ATTRIBUTE, None)
    return found


def arm_of(chosen: Cases, kernel: str, implementation: str, size: str) -> Arm:
    """Return the arm that a case with these names is of."""
    for arm in chosen.arms:
        if kernel in arm.kernels and implementation in arm.ways and size in arm.sizes:
            return arm
    raise LookupError(f"no case is called {kernel}-{implementation}-{size}")


def value(arm: Arm, size: str) -> Any:
    """Return the value of the *size* of that name."""
    found = arm.sizes[size]
    return found.value if isinstance(found, OnRequest) else found
