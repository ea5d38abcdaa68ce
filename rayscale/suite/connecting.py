"""A cluster that is there already: connected to, and left as it was."""

import logging
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

from rayscale.suite import environment
from rayscale.suite.admission import (
    AdmissionError,
    admitted,
    host_of,
    is_loopback,
    read_environment_again,
)
from rayscale.suite.cluster import PATIENCE, Cluster, ClusterError
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
    address: str, cpus: int, neediest: str = "a case", packages: Sequence[str] = ()
) -> Iterator[Cluster]:
    """Connect to the cluster at *address*; *packages*, files or folders, are shipped with the job.

    This process takes on the workers' niceness for the time, where it may.  ClusterError if nothing
    answers at *address*, or it has fewer than the *cpus* CPUs that the *neediest* case needs.
    """
    import ray

    demand_no_other_use_of_ray()
    with ExitStack() as stack:
        stack.callback(read_environment_again)  # it is the project's own by then
        stack.callback(forget_remote_functions)
        _connect(address, packages)
        stack.callback(ray.shutdown)
        total = int(ray.cluster_resources().get("CPU", 0))
        if total < cpus:
            raise ClusterError(
                f"--rayscale-ray-address: {neediest} needs {cpus} CPUs and the cluster at "
                f'"{address}" has {total}; choose cases that need no more, with -k'
            )
        cluster = warm(Cluster(cpus, is_shared=True, ask_lost=partial(_silent, address)))
        theirs = max(worker.niceness for worker in cluster.workers.values())
        stack.enter_context(environment.niceness(theirs))
        yield cluster


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
