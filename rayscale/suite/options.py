"""What the user asks for, and what the suite chooses where the user does not."""

import math
import os
import shlex
from dataclasses import dataclass

import pytest

from rayscale.suite.environment import usable_cpus

SIZES = ("small", "article", "large")

# What the suite chooses for pytest-benchmark.  Seven rounds are the fewest from which
# a 97.5 % interval of a median follows, whatever the distribution: 1 - 2 * 2**-7 = 0.984.
BENCHMARK_CHOICES = {
    "--benchmark-min-rounds": 7,
    "--benchmark-columns": ["median", "iqr", "min", "max", "rounds"],
    "--benchmark-sort": "median",
    "--benchmark-name": "short",
    "--benchmark-save-data": True,
}


@dataclass(frozen=True)
class Options:
    """The suite's own options, settled."""

    cpus: tuple[int, ...]
    sizes: tuple[str, ...]
    ray_address: str | None
    timed: bool


@dataclass(frozen=True)
class Rounds:
    """How often a call is timed: *fewest* times if it takes *long* seconds or more."""

    fewest: int
    long: float


OPTIONS = pytest.StashKey[Options]()
CPUS_NEEDED = pytest.StashKey[int]()  # by the case that needs most; 0 where none needs Ray


def add_to(parser: pytest.Parser) -> None:
    """Declare the suite's options."""
    group = parser.getgroup("rayscale", "does Ray pay, cut this way, on this many CPUs?")
    group.addoption(
        "--cpus",
        metavar="N,N",
        help="CPU counts of the Ray cases (default: 1, 2, 4, ... up to the CPUs that this "
        "process may use; the timer always has 1, 2, 4)",
    )
    group.addoption(
        "--sizes",
        metavar="SIZE,SIZE",
        help="data sizes: small, article, large (default: small,article; under --against small)",
    )
    group.addoption(
        "--ray-address",
        metavar="ADDRESS",
        help="use the Ray cluster at ADDRESS, such as 127.0.0.1:6379, instead of a private one",
    )


def settle(config: pytest.Config) -> Options:
    """Return the suite's options; UsageError, in one sentence, where one makes no sense."""
    cpus, sizes = config.getoption("--cpus"), config.getoption("--sizes")
    usual = "small,article" if config.getoption("--against") is None else "small"
    return Options(
        cpus=default_cpus(usable_cpus()) if cpus is None else parse_cpus(cpus),
        sizes=parse_sizes(usual if sizes is None else sizes),
        ray_address=parse_address(config.getoption("--ray-address")),
        timed=bool(config.getoption("--benchmark-only") or config.getoption("--benchmark-enable")),
    )


def default_cpus(usable: int) -> tuple[int, ...]:
    """Return the powers of two up to *usable*, and *usable*.

    >>> default_cpus(6)
    (1, 2, 4, 6)
    """
    return tuple(sorted({2**i for i in range(usable.bit_length())} | {usable}))


def parse_cpus(text: str) -> tuple[int, ...]:
    """Return the counts in *text*, in order, each once.

    >>> parse_cpus("2,1")
    (1, 2)
    """
    advice = "give counts such as --cpus 1,2,4"
    counts = set()
    for word in text.split(","):
        if not word.strip().isdecimal():
            raise pytest.UsageError(f'--cpus: "{word.strip()}" is not a whole number; {advice}')
        if int(word) < 1:
            raise pytest.UsageError(f"--cpus: {int(word)} CPUs cannot run anything; {advice}")
        counts.add(int(word))
    return tuple(sorted(counts))


def parse_address(text: str | None) -> str | None:
    """Return *text*, the address of a cluster that is there, or None for a private one."""
    if text in ("", "local"):
        raise pytest.UsageError(
            f'--ray-address: "{text}" is no cluster; give the address of one, such as '
            "127.0.0.1:6379, or leave the option out for a private one"
        )
    return text


def parse_sizes(text: str) -> tuple[str, ...]:
    """Return the sizes in *text*, from small to large, each once.

    >>> parse_sizes("large,small")
    ('small', 'large')
    """
    words = [word.strip() for word in text.split(",")]
    for word in words:
        if word not in SIZES:
            raise pytest.UsageError(
                f'--sizes: "{word}" is not a size; choose from {", ".join(SIZES)}, '
                "such as --sizes small,article"
            )
    return tuple(size for size in SIZES if size in words)


def given(config: pytest.Config, option: str) -> bool:
    """Tell whether the user gave *option*: in the command, the environment or the ini file."""
    words = [
        *config.getini("addopts"),
        *shlex.split(os.environ.get("PYTEST_ADDOPTS", "")),
        *config.invocation_params.args,
    ]
    return any(str(word).split("=")[0] == option for word in words)


def choose_for_benchmark(config: pytest.Config) -> None:
    """Set pytest-benchmark's options to the suite's choices, but for those that the user gave."""
    for option, value in BENCHMARK_CHOICES.items():
        if not given(config, option):
            setattr(config.option, option.lstrip("-").replace("-", "_"), value)


def rounds(item: pytest.Item) -> Rounds:
    """Return how often *item*'s call is timed: by the options, unless its benchmark mark says else.

    Where a warm-up or a precision is asked for, no call is too long for them.
    """
    mark = item.get_closest_marker("benchmark")
    names = ("min_rounds", "max_time", "warmup", "precision")
    asked = {name: item.config.getoption(f"--benchmark-{name.replace('_', '-')}") for name in names}
    asked |= mark.kwargs if mark else {}
    wanted = asked["warmup"] or asked["precision"]
    return Rounds(asked["min_rounds"], math.inf if wanted else float(asked["max_time"]))
