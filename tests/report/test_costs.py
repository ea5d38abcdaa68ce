"""What Ray costs, and whether the model may say so."""

import pytest
from msgspec.structs import replace

from rayscale.measured import MeasuredCase
from rayscale.report import costs, tables
from rayscale.report.subject import ProbeTiming
from rayscale.suite.laws import LawError, RayCost

KIB, MIB = 2**10, 2**20
INLINE = [(1, 16), (10, 160), (100, 1600), (4, 4 * KIB), (4, 40 * KIB), (4, 400 * KIB)]
STORED = [(4, 4 * size) for size in (104 * KIB, MIB, 2 * MIB, 8 * MIB)]


def probe(tasks: int, nbytes: int, seconds: float, cpus: int = 2) -> ProbeTiming:
    """Return a probe that did nothing else."""
    return ProbeTiming("bytes_in", (seconds,) * 7, 7, "ray_per_row", cpus, tasks, nbytes, None)


def bent(tasks: int, nbytes: int) -> float:
    """Return the seconds of a Ray whose object store costs 5 ms an object, and is fast then."""
    return 1e-3 + tasks * (1e-3 if nbytes <= 100 * KIB * tasks else 6e-3) + nbytes * 1e-9


PROBES = [probe(*one, bent(*one)) for one in INLINE + STORED]


def ray_case(tasks: int, nbytes: int, cpus: int = 2) -> MeasuredCase:
    """Return a Ray case that moved *nbytes*, in and out."""
    words = {"problem": "mean", "kernel": "loop", "implementation": "ray_blocks", "size": "small"}
    moved = {"cpus": cpus, "tasks": tasks, "bytes_moved": nbytes}
    return MeasuredCase(**words, **moved, seconds=(1.0,))  # type: ignore[arg-type]  # of two kinds


def test_costs_are_fitted_apart_on_either_side_of_the_limit() -> None:
    """One line through both sides would hide what the object store costs."""
    (found,) = costs.fitted(PROBES)
    assert isinstance(found.inline, RayCost)
    assert isinstance(found.stored, RayCost)
    assert found.inline.holds
    assert found.stored.holds
    assert found.inline.task.value == pytest.approx(1e-3)
    assert found.stored.task.value == pytest.approx(6e-3 + 1e-3 / 4)  # the call's share


@pytest.mark.parametrize(
    ("tasks", "nbytes", "side"), [(10, 1999 * KIB, "inline"), (10, 2001 * KIB, "stored")]
)
def test_case_has_the_costs_of_its_objects(tasks: int, nbytes: int, side: str) -> None:
    """Of 200 KiB a task half goes in: just what travels inline."""
    (found,) = costs.fitted(PROBES)
    assert found.of(ray_case(tasks, nbytes)) is getattr(found, side)


def test_prediction_adds_the_costs_to_the_work() -> None:
    """1 s of work on 2 CPUs, a call and 10 tasks of 1 ms, 1 MiB of 1 ns a byte."""
    serial = MeasuredCase("mean", "loop", "serial", 1, "small", seconds=(1.0,))
    block = [serial, ray_case(10, MIB), ray_case(10, MIB, cpus=4)]  # nothing is known of 4 CPUs
    (found,) = costs.predictions(block, costs.fitted(PROBES))
    assert found.work == pytest.approx(0.5)
    assert found.predicted == pytest.approx(0.5 + 1e-3 + 10e-3 + MIB * 1e-9)


def test_model_that_misses_a_call_claims_nothing() -> None:
    """One probe that took three times as long: no cost is claimed, and no interval is shown."""
    worse = [probe(*one, bent(*one) * (3 if one == (10, 160) else 1)) for one in INLINE + STORED]
    (found,) = costs.fitted(worse)
    assert isinstance(found.inline, RayCost)
    assert not found.inline.has_negative
    first, second = costs.sentences([found])
    assert "up to 100 KiB, what a task and a byte cost cannot be told: the model misses" in first
    assert "above 100 KiB, each task costs 6.25 ms" in second
    rows = tables.ray_costs([found]).rows
    assert "~" in rows[0][3]
    assert "[" not in rows[0][3]
    assert "[" in rows[1][3]


def test_model_speaks_of_rays_tasks_alone() -> None:
    """What these cost predicts nothing of actors and pools, nor of a way that is not known."""
    serial = MeasuredCase("mean", "loop", "serial", 1, "small", seconds=(1.0,))
    ways = ("ray_blocks", "ray_actors", "ray_shared", "process_pool", "tune", "mine")
    cases = [replace(ray_case(10, MIB), implementation=way) for way in ways]
    found = costs.predictions([serial, *cases], costs.fitted(PROBES))
    assert [one.case.implementation for one in found] == ["ray_blocks"]


def test_negative_cost_is_shown_and_not_claimed() -> None:
    """Tasks that seem to take time away are a misfit; the figure is not hidden behind a 0."""
    wrong = [
        probe(n, n * 16 + b, 1.0 + b * 1e-6 - n * 1e-3) for n in (1, 10, 100) for b in (1, 999)
    ]
    (found,) = costs.fitted(wrong)
    assert "and gives a cost below 0" in next(costs.sentences([found]))
    assert tables.ray_costs([found]).rows[0][3].startswith("-1.0")


def test_costs_that_cannot_be_fitted_say_why() -> None:
    """Three probes are too few, and say so in the table."""
    (found,) = costs.fitted(PROBES[:3])
    assert isinstance(found.inline, LawError)
    assert "measured calls; there are 3" in tables.ray_costs([found]).rows[0][2]
    assert list(costs.sentences([found])) == []
