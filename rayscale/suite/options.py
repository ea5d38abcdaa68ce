"""What the user asks the suite for.  Every pytest session loads this, so it imports little."""

import os
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from rayscale.clocks import counts_waiting, timer_of, without_waiting
from rayscale.quoting import quoted
from rayscale.seconds import parse_seconds
from rayscale.suite.placements import PLACEMENTS

ADDRESS = (
    r"[!-~]{1,500}"  # printable, and no space: what Ray takes, such as auto or ray://HOST:PORT
)
MOST_PORTS = 2**16 - 1
MOST_CPUS = 2**16  # no machine has more; Ray would start a worker for each

# Long names that nobody else has, and the short ones of projects that ask for them.
OPTIONS: dict[str, dict[str, Any]] = {
    "cpus": {
        "metavar": "N,N",
        "help": "CPU counts of the cases that can use several (default: 1, 2, 4, ... up to the "
        "CPUs that this process may use)",
    },
    "sizes": {
        "metavar": "SIZE,SIZE",
        "help": "names of the data sizes to run (default: all but those on request; under "
        "--rayscale-against the first)",
    },
    "ray-address": {
        "metavar": "ADDRESS",
        "help": "use the Ray cluster at ADDRESS, such as 127.0.0.1:6379, instead of a private one",
    },
    "placement": {
        "metavar": "pack,spread",
        "help": "run cases on several CPUs of the cluster of --rayscale-ray-address so placed: "
        "packed on few nodes, spread over many, or each case both ways (default: as Ray likes)",
    },
    "resume": {
        "action": "store_true",
        "default": False,
        "help": "finish the run, or the gate, that was begun with the same options and was ended",
    },
    "case-timeout": {
        "metavar": "SECONDS",
        "default": "600",
        "help": "seconds after which a case fails that is not done, such as one that hangs; none: "
        "no limit (default: 600)",
    },
    "cluster-timeout": {
        "metavar": "SECONDS",
        "default": "60",
        "help": "seconds for which CPUs that the cluster of --rayscale-ray-address has not yet, or "
        "has lost, are waited for (default: 60)",
    },
}


@dataclass(frozen=True)
class Asked:
    """What the suite's options say; None where nothing is said."""

    cpus: tuple[int, ...] | None
    sizes: tuple[str, ...] | None
    ray_address: str | None
    placements: tuple[str, ...]  # none: not said
    timed: bool
    case_timeout: float | None  # seconds; None: no limit
    cluster_timeout: float  # seconds


def settle(config: pytest.Config, prefix: str) -> Asked:
    """Return what the options say; UsageError, in one sentence, where one makes no sense.

    *prefix* is how the project writes them: ``--rayscale-``, or ``--`` where it has the short ones.
    """
    cpus, sizes = config.getoption("rayscale_cpus"), config.getoption("rayscale_sizes")
    only = config.getoption("benchmark_only", default=False)
    enabled = config.getoption("benchmark_enable", default=False)
    return Asked(
        cpus=None if cpus is None else parse_cpus(cpus, f"{prefix}cpus"),
        sizes=None if sizes is None else parse_sizes(sizes),
        ray_address=parse_address(config.getoption("rayscale_ray_address"), f"{prefix}ray-address"),
        placements=parse_placements(
            config.getoption("rayscale_placement"),
            f"{prefix}placement",
            is_on_a_cluster=config.getoption("rayscale_ray_address") is not None,
        ),
        timed=bool(only or enabled),
        case_timeout=parse_timeout(
            config.getoption("rayscale_case_timeout"), f"{prefix}case-timeout"
        ),
        cluster_timeout=parse_wait(
            config.getoption("rayscale_cluster_timeout"), f"{prefix}cluster-timeout"
        ),
    )


def default_cpus(usable: int) -> tuple[int, ...]:
    """Return the powers of two up to *usable*, and *usable*.

    >>> default_cpus(6)
    (1, 2, 4, 6)
    """
    return tuple(sorted({2**i for i in range(usable.bit_length())} | {usable}))


def parse_cpus(text: str, option: str) -> tuple[int, ...]:
    """Return the counts in *text*, in order, each once; UsageError, about *option*, if it has none.

    >>> parse_cpus("2,1", "--cpus")
    (1, 2)
    """
    advice = f"give counts such as {option} 1,2,4"
    counts = set()
    for word in (word.strip() for word in text.split(",")):
        if not (word.isascii() and word.isdecimal()):
            raise pytest.UsageError(f"{option}: {quoted(word)} is not a whole number; {advice}")
        if not word.strip("0"):
            raise pytest.UsageError(f"{option}: 0 CPUs cannot run anything; {advice}")
        if len(word) > len(str(MOST_CPUS)) or int(word) > MOST_CPUS:
            raise pytest.UsageError(
                f"{option}: {quoted(word)} CPUs are more than any machine has; {advice}"
            )
        counts.add(int(word))
    return tuple(sorted(counts))


def parse_address(text: str | None, option: str) -> str | None:
    """Return *text*, the address of a cluster that is there, or None for a private one."""
    if text is None:
        return None
    if text == "local" or not re.fullmatch(ADDRESS, text) or _port(text) > MOST_PORTS:
        raise pytest.UsageError(
            f"{option}: {quoted(text)} is not a cluster; give the address of one, such as "
            "127.0.0.1:6379, or leave the option out for a private one"
        )
    return text


def parse_placements(text: str | None, option: str, *, is_on_a_cluster: bool) -> tuple[str, ...]:
    """Return the placements in *text*, each once; UsageError, about *option*, if it has others.

    >>> parse_placements("spread, pack,spread", "--placement", is_on_a_cluster=True)
    ('spread', 'pack')
    """
    if text is None:
        return ()
    words = tuple(dict.fromkeys(word.strip() for word in text.split(",")))
    for word in words:
        if word not in PLACEMENTS:
            raise pytest.UsageError(
                f"{option}: {quoted(word)} is not a placement; give pack, spread, or both: "
                f"{option} pack,spread"
            )
    if not is_on_a_cluster:
        raise pytest.UsageError(
            f"{option}: a private cluster has one node, on which nothing can be placed; give "
            f"{option.removesuffix('placement')}ray-address, too, or leave it out"
        )
    return words


def _port(address: str) -> int:
    """Return the port in *address*, 0 where it names none."""
    _, colon, port = address.rpartition(":")
    return int(port) if colon and port.isdecimal() else 0


def parse_timeout(text: str, option: str) -> float | None:
    """Return the seconds in *text*; None for no limit: "none".

    >>> parse_timeout("90", "--case-timeout"), parse_timeout("none", "--case-timeout")
    (90.0, None)
    """
    if text == "none":
        return None
    try:
        return parse_seconds(text)
    except ValueError as error:
        raise pytest.UsageError(f"{option}: {error}, or none") from error


def parse_wait(text: str, option: str) -> float:
    """Return the seconds in *text*; UsageError, about *option*, if it has none.

    >>> parse_wait("90", "--cluster-timeout")
    90.0
    """
    try:
        return parse_seconds(text)
    except ValueError as error:
        raise pytest.UsageError(f"{option}: {error}") from error


def parse_sizes(text: str) -> tuple[str, ...]:
    """Return the names in *text*, each once; which there are is known after collection.

    >>> parse_sizes("large, small,large")
    ('large', 'small')
    """
    return tuple(dict.fromkeys(word.strip() for word in text.split(",")))


def stopped_clocks(config: pytest.Config, cases: Sequence[pytest.Item]) -> list[str]:
    """Say that times tell nothing of Ray where a clock of *cases* stands while they wait."""
    usual = str(config.getoption("benchmark_timer", default=""))
    marks = [item.get_closest_marker("benchmark") for item in cases]
    timers = {timer_of(**mark.kwargs) if mark else "" for mark in marks}
    stopped = [timer for timer in timers if not counts_waiting(timer or usual)]
    return [without_waiting(timer or usual for timer in stopped)] if stopped else []


def asks_for_ways(config: pytest.Config) -> bool:
    """Tell whether -m names the mark of all ways of running: then there are more of them."""
    return "ways" in re.findall(r"\w+", config.getoption("markexpr", default=""))


def given(config: pytest.Config, option: str) -> bool:
    """Tell whether the user gave *option*: in the command, the environment or the ini file."""
    words = [
        *config.getini("addopts"),
        *shlex.split(os.environ.get("PYTEST_ADDOPTS", "")),
        *config.invocation_params.args,
    ]
    return any(str(word).split("=")[0] == option for word in words)
