"""A cluster that is there already: connected to, and left as it was."""

import logging
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

from rayscale.suite import environment, observers, placing
from rayscale.suite.admission import (
    AdmissionError,
    admitted,
    host_of,
    is_loopback,
    read_environment_again,
)
from rayscale.suite.awaiting import Patience, cpus_there, demand_cpus
from rayscale.suite.cluster import PATIENCE, Cluster, ClusterError, GrantError
from rayscale.suite.environment import ONE_THREAD
from rayscale.suite.starting import (
    ALWAYS,
    allocator,
    demand_no_other_use_of_ray,
    on_loopback,
    warm,
)
from rayscale.suite.ways import forget_remote_functions


@contextmanager
def existing(
    address: str, cpus: int, patience: Patience, packages: Sequence[str] = ()
) -> Iterator[Cluster]:
    """Connect to the cluster at *address*, of which up to *cpus* CPUs are needed.

    Those that a case needs and that are not there are waited for with *patience* then.  *packages*,
    files or folders, are shipped with the job.  This process takes on the workers' niceness for the
    time, where it may.  ClusterError if nothing answers at *address*.
    """
    import ray

    demand_no_other_use_of_ray()
    with ExitStack() as stack:
        stack.callback(read_environment_again)  # it is the project's own by then
        stack.callback(forget_remote_functions)
        _connect(address, packages)
        stack.callback(ray.shutdown)
        demand = partial(demand_cpus, address, patience)
        demand(1, "a case")
        there = min(cpus, cpus_there())
        lost = partial(_silent, address)
        cluster = _warm(Cluster(there, is_shared=True, demand_cpus=demand, ask_lost=lost))
        theirs = max(worker.niceness for worker in cluster.workers.values())
        stack.enter_context(environment.niceness(theirs))
        yield cluster


def _warm(cluster: Cluster) -> Cluster:
    """Have a worker for each CPU started or, where there are several nodes, one on each of them."""
    nodes = placing.alive()
    if len(nodes) < 2:
        return warm(cluster)
    cluster.workers |= {one.process: one for one in observers.conditions_on(nodes, PATIENCE)}
    if not cluster.workers:
        raise GrantError(f"none of the cluster's {len(nodes)} nodes answered within {PATIENCE} s")
    return cluster


def _connect(address: str, packages: Sequence[str]) -> None:
    """Connect Ray to the cluster at *address*; ClusterError if it cannot be."""
    import ray
    from ray.exceptions import RayError

    try:
        with ExitStack() as stack:
            stack.enter_context(environment.variables(ALWAYS))
            if is_loopback(host_of(address)):
                stack.enter_context(on_loopback())
            if _knock(address):
                stack.enter_context(admitted(address))
            ray.init(
                address=address,
                log_to_driver=False,
                logging_level=logging.ERROR,
                runtime_env=_shipped(packages) | {"env_vars": ONE_THREAD | allocator()},
            )
    except AdmissionError as error:
        raise ClusterError(
            f'--rayscale-ray-address: the cluster at "{address}" does not let this session in: '
            f"{error}"
        ) from error
    except (OSError, RuntimeError, ValueError, RayError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ClusterError(
            f'--rayscale-ray-address: no Ray cluster to be reached at "{address}" ({reason}); '
            "start one with 'ray start --head', or leave the option out for a private one"
        ) from error


def _shipped(packages: Sequence[str]) -> dict[str, Any]:
    """Return what ships *packages* with the job; Ray 2.60 fails at an empty list of them."""
    return {"py_modules": list(packages)} if packages else {}


def _knock(address: str) -> bool:
    """Tell whether it is HOST:PORT; OSError if nothing listens there: Ray would try for minutes."""
    if not (host := host_of(address)):
        return False
    port = int(address.rpartition(":")[2])
    socket.create_connection((host, port), timeout=PATIENCE / 10).close()
    return True


def _silent(address: str) -> str | None:
    """Return that the cluster at *address* does not answer, in words."""
    try:
        _knock(address)
    except OSError:
        return f"the Ray cluster at {address} does not answer any more"
    return None
