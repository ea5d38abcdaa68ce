"""A machine whose every cost is known, to predict: its runs, drawn with the spread of real ones."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np

from rayscale.measured import MeasuredCase
from rayscale.report.feeding import last_end
from rayscale.report.subject import ProbeTiming, Subject
from rayscale.report.tariff import Tariff
from rayscale.saved.launches import Launch

CORES = 2
ROWS, ROW = 200, 20e-3  # rows of a case, and what each takes serially
FEED, WORKER = 0.5e-3, 0.3e-3  # seconds a task of the driver, and of a worker
ROUNDS = 9


def made_tariff(feed: float, worker: float) -> Tariff:
    """Return the costs of a Ray that needs *feed* a task, and *worker* more with one worker."""
    numbers = (1.0, 10.0, 100.0, 300.0)
    empty = {
        1: tuple((n, n * (feed + worker)) for n in numbers),
        2: tuple((n, n * feed) for n in numbers),
    }
    return Tariff(empty, ((0.0, 0.0), (1e6, 1e-3)), ((0.0, 0.0), (1e6, 1e-3)))


def launch(number: int = 0) -> Launch:
    """Return a launch on that machine, without any case."""
    return Launch(
        file=f"results/here/{number:04}_run.json",
        name="run",
        when=datetime(2026, 11, 24, 8, tzinfo=UTC),
        revision="3f2a91c",
        hardware={"cpus": CORES},
        software={"ray": "2.60.0"},
        cases=(),
    )


def tasks_of(way: str, cpus: int) -> int:
    """Return how many tasks a way has."""
    return {"serial": 0, "ray_whole": 1, "ray_per_row": ROWS}.get(way, min(cpus, ROWS))


def seconds_of(way: str, cpus: int, ray: float = 1.0) -> float:
    """Return what a call of sleeping tasks takes, whose Ray costs *ray* times the usual."""
    tasks = tasks_of(way, cpus)
    if not tasks:
        return ROWS * ROW
    work = -(-ROWS // tasks) * ROW + ray * WORKER
    return last_end(tasks, cpus, ray * FEED, work)


def case(way: str, cpus: int, seconds: tuple[float, ...], **changes: Any) -> MeasuredCase:
    """Return a case of that machine."""
    words: dict[str, Any] = {
        "problem": "naps",
        "kernel": "nap",
        "implementation": way,
        "cpus": cpus,
        "size": "many",
        "shape": (ROWS,),
        "tasks": tasks_of(way, cpus),
        "bytes_moved": 16 * ROWS if way != "serial" else 0,
    }
    return MeasuredCase(**(words | changes), seconds=seconds)


class Machine:
    """Draws launches: each has speeds of its own, and rounds that differ."""

    def __init__(self, seed: int, *, between: float = 0.08, within: float = 0.03) -> None:
        self.draw = np.random.default_rng(seed)
        self.between, self.within = between, within

    def rounds(self, seconds: float) -> tuple[float, ...]:
        """Return the rounds of a case that takes so long."""
        return tuple(seconds * np.exp(self.draw.normal(0, self.within, ROUNDS)))

    def run(self, cpus: Mapping[str, tuple[int, ...]]) -> Subject:
        """Return what a launch measures: probes, and each way on its *cpus*."""
        ray, work = np.exp(self.draw.normal(0, self.between, 2))
        cases = [case("serial", 1, self.rounds(work * ROWS * ROW))]
        for way, counts in cpus.items():
            for count in counts:
                own = np.exp(self.draw.normal(0, self.between / 2))
                took = self.rounds(own * work * seconds_of(way, count, ray / work))
                cases.append(case(way, count, took))
        return subject(cases, self._probes(ray))

    def _probes(self, ray: float) -> list[ProbeTiming]:
        found = []
        for cpus, each in ((1, FEED + WORKER), (2, FEED)):
            for tasks in (1, 10, 100, 300):
                took = self.rounds(ray * each * tasks)
                found.append(probe("empty_tasks", cpus, tasks, 16 * tasks, took))
            for name in ("bytes_in", "bytes_out"):
                for nbytes in (2**10, 2**20, 2**23):
                    took = self.rounds(ray * 4 * (each + nbytes * 1e-9))
                    found.append(probe(name, cpus, 4, 4 * nbytes, took))
        return found


def probe(name: str, cpus: int, tasks: int, nbytes: int, seconds: tuple[float, ...]) -> ProbeTiming:
    """Return a probe of Ray's tasks."""
    return ProbeTiming(name, seconds, len(seconds), "ray_per_row", cpus, tasks, nbytes, None)


def subject(cases: list[MeasuredCase], probes: list[ProbeTiming]) -> Subject:
    """Return a run of these."""
    return Subject((launch(),), tuple(cases), tuple(probes), (), (), (), ())
