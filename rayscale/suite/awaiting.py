"""CPUs that a cluster does not have yet, or has lost: they are waited for, and not for ever."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from rayscale.suite.cluster import ClusterError

STEP = 0.2  # seconds between two looks


@dataclass(frozen=True)
class Patience:
    """CPUs may come for so many *seconds*; *show* shows a line to the user."""

    seconds: float
    show: Callable[[str], None]


def cpus_there() -> int:
    """Return how many CPUs the cluster has; those of a node that was lost for up to 15 s more."""
    import ray

    return int(ray.cluster_resources().get("CPU", 0))


def demand_cpus(address: str, patience: Patience, cpus: int, who: str = "this case") -> None:
    """Wait until the cluster at *address* has *cpus* CPUs; ClusterError if they do not come."""
    if (total := cpus_there()) >= cpus:
        return
    patience.show(
        f'{who} needs {cpus} CPUs and the cluster at "{address}" has {total}; waiting up to '
        f"{patience.seconds:g} s for more (--rayscale-cluster-timeout)"
    )
    deadline = time.monotonic() + patience.seconds
    while total < cpus and time.monotonic() < deadline:
        time.sleep(STEP)
        total = cpus_there()
    if total < cpus:
        raise ClusterError(
            f"--rayscale-ray-address: {who} needs {cpus} CPUs and the cluster at "
            f'"{address}" has {total}; choose cases that need no more, with -k'
        )
