"""rayscale: does Ray make it faster, cut this way, on this many CPUs; did my change make it slower?

What a benchmark imports.  The names are loaded when they are first used, because pytest loads this
package in every session.

PYTEST_DONT_REWRITE: pytest would warn where a conftest.py has imported this before it loads
plug-ins, as it is in pytest-benchmark's own command.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest

    from rayscale.suite.actors import ray_actors as ray_actors
    from rayscale.suite.actors import ray_shared as ray_shared
    from rayscale.suite.case import Cases as Cases
    from rayscale.suite.case import cases as cases
    from rayscale.suite.case import on_request as on_request
    from rayscale.suite.cluster import SessionCluster as SessionCluster
    from rayscale.suite.environment import conditions as conditions
    from rayscale.suite.measure import Measure as Measure
    from rayscale.suite.pools import joblib as joblib
    from rayscale.suite.pools import process_pool as process_pool
    from rayscale.suite.pools import ray_pool as ray_pool
    from rayscale.suite.pools import thread_pool as thread_pool
    from rayscale.suite.rows import cut as cut
    from rayscale.suite.rows import join as join
    from rayscale.suite.stage import Stage as Stage
    from rayscale.suite.stage import in_process as in_process
    from rayscale.suite.stage import on_ray as on_ray
    from rayscale.suite.stage import way as way
    from rayscale.suite.tuning import tune as tune
    from rayscale.suite.tuning import tune_reused as tune_reused
    from rayscale.suite.ways import ray_blocks as ray_blocks
    from rayscale.suite.ways import ray_per_row as ray_per_row
    from rayscale.suite.ways import ray_whole as ray_whole
    from rayscale.suite.ways import serial as serial

PUBLIC = {
    "Cases": "case",
    "cases": "case",
    "on_request": "case",
    "Measure": "measure",
    "SessionCluster": "cluster",
    "conditions": "environment",
    "cut": "rows",
    "join": "rows",
    "Stage": "stage",
    "in_process": "stage",
    "on_ray": "stage",
    "way": "stage",
    "serial": "ways",
    "ray_whole": "ways",
    "ray_per_row": "ways",
    "ray_blocks": "ways",
    "ray_actors": "actors",
    "ray_shared": "actors",
    "ray_pool": "pools",
    "process_pool": "pools",
    "joblib": "pools",
    "thread_pool": "pools",
    "tune": "tuning",
    "tune_reused": "tuning",
}
__all__ = [*PUBLIC, "session_cluster"]  # noqa: PLE0604 - they are names


def __getattr__(name: str) -> Any:
    """Return a public name, from the module that has it."""
    if name not in PUBLIC:
        raise AttributeError(f"module 'rayscale' has no attribute '{name}'")
    return getattr(import_module(f"rayscale.suite.{PUBLIC[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)


@contextmanager
def session_cluster(config: "pytest.Config") -> "Iterator[SessionCluster]":
    """Give the session's Ray cluster, which starts when a case first needs it, and end it.

    A conftest.py that shows the fixture ``rayscale_cluster`` is a few lines over this; without one
    the plug-in has the same.
    """
    from rayscale.plugin import activate

    session = activate(config)
    try:
        yield session.session_cluster()
    finally:
        session.stop_cluster()
