"""The gate on benchmarks that use Ray by themselves: one cluster, each side's own code."""

import os
from pathlib import Path
from secrets import token_hex

from tests.gate.test_gate import FLAT, project

CODE = """
import ray
from made_clock import take
from mylib import amounts

@ray.remote(num_cpus=1)
def seconds(number):
    return amounts.ONE * number

def work(number=1):
    take(sum(ray.get([seconds.remote(number)])))
    return number
"""
BENCHMARK = """
import made_clock
import pytest
import ray
from mylib import code

pytestmark = pytest.mark.benchmark(timer=made_clock.read)

@pytest.fixture(scope="module")
def cluster():
    ray.init(address="local", num_cpus=1, include_dashboard=False)
    yield ray.cluster_resources()["CPU"]
    assert ray.cluster_resources()["CPU"] == 1  # the other side has left it, or not
    ray.shutdown()

def test_of_the_library(benchmark, cluster):
    assert benchmark(code.work) == cluster

@ray.remote(num_cpus=1)
def elsewhere(number):
    return code.amounts.twice(number)

def test_in_workers_alone(benchmark, cluster):
    def call():
        made_clock.take(ray.get(elsewhere.remote(1)))
    benchmark(call)
"""
LATER = """
import ray
from mylib import amounts

def test_none_is_left(benchmark):
    assert not ray.is_initialized()
    benchmark(amounts.twice, 1)
"""
AMOUNTS = """
ONE = 1 / 64

def twice(number):
    return 2 * number * ONE
"""
RAYS = FLAT | {
    "mylib/code.py": CODE,
    "mylib/amounts.py": AMOUNTS,
    "tests/test_speed.py": BENCHMARK,
    "tests/test_then.py": LATER,
}


def of_ray(folder: Path) -> dict[str, str]:
    """Return what has Ray's workers find the made clock, and lets nobody else in."""
    path = [str(folder / "clock"), os.environ.get("PYTHONPATH", "")]
    return {
        "PYTHONPATH": os.pathsep.join(filter(None, path)),
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": token_hex(32),
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        "RAY_USAGE_STATS_ENABLED": "0",
    }


def test_both_sides_use_one_cluster_each_with_its_own_code(tmp_path: Path) -> None:
    """The second ray.init joins the first, the last shutdown ends it; code travels by value."""
    own = project(tmp_path, RAYS)
    own.change({"mylib/amounts.py": AMOUNTS.replace("1 / 64", "5 / 256")})
    run = own.gate(variables=of_ray(tmp_path))
    verdicts = own.verdicts
    assert verdicts.pop("test_none_is_left") != "failure"
    assert verdicts == {"test_of_the_library": "slower", "test_in_workers_alone": "slower"}, (
        run.output
    )


def test_import_in_a_task_is_refused_with_its_line(tmp_path: Path) -> None:
    """A worker that imports the project would run one revision for both."""
    inner = CODE.replace(
        "    return amounts.ONE", "    from mylib import amounts\n    return amounts.ONE"
    )
    own = project(tmp_path, RAYS | {"mylib/code.py": inner})
    run = own.gate("-k", "of_the_library", variables=of_ray(tmp_path))
    assert run.exit_code == 1
    assert "code.py, line 8, imports mylib" in run.output
