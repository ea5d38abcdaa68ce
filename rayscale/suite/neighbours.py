"""What others did on the machine while a case was timed, saved with its times."""

import platform
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
import psutil
from pytest_benchmark.fixture import BenchmarkFixture

from rayscale.suite.environment import Conditions, own_node
from rayscale.surroundings.during import Surroundings
from rayscale.surroundings.watch import Watch

FIRST = 1  # the process that all others descend from, ours and those of others


@contextmanager
def noted(benchmark: BenchmarkFixture, cpus: int, workers: Sequence[Conditions]) -> Iterator[None]:
    """Save with *benchmark* what others do for a while; nothing, where it is disabled.

    It is a case on so many *cpus*, with these *workers*.
    """
    if not benchmark.enabled:
        yield
        return
    watch = Watch(cpus, sorted(_helpers(workers)))
    yield
    seen = watch.stop()
    benchmark.extra_info["surroundings"] = seen and msgspec.to_builtins(seen)


def is_noisy(extra_info: Mapping[str, Any]) -> bool:
    """Tell whether a case's *extra_info* says that others disturbed it."""
    seen = extra_info.get("surroundings")
    return bool(seen) and msgspec.convert(seen, Surroundings).is_noisy


def _helpers(workers: Sequence[Conditions]) -> set[int]:
    """Return the processes that started *workers*: an existing cluster's, on this machine."""
    host, nodes, found = platform.node(), {"", own_node()}, set()
    for worker in workers:
        if worker.host != host or worker.node not in nodes:
            continue
        try:
            parent = psutil.Process(worker.pid).ppid()
        except psutil.NoSuchProcess:  # it has just ended
            continue
        found.add(parent if parent > FIRST else worker.pid)
    return found
