"""A case that others disturbed is told from one that they left alone, by what was counted."""

import os
import sys
from pathlib import Path

import pytest

from rayscale import machine
from rayscale.surroundings.counters import Process, Reading, read
from rayscale.surroundings.during import Surroundings
from rayscale.surroundings.watch import Watch, between
from tests.projects import write
from tests.surroundings.strangers import BUSY, STRANGER, busy


@pytest.mark.parametrize(
    ("needed", "outside", "is_noisy"),
    [
        (2, 0.09, False),
        (2, 0.11, True),
        (1, 0.5, False),  # a CPU is left for it
        (1, 0.95, True),
        (1, 1.8, True),
    ],
)
def test_case_is_noisy_where_others_use_cpus_that_it_needs(
    needed: int, outside: float, is_noisy: bool
) -> None:
    """On two CPUs a case on both is disturbed by little, one on a single CPU by a busy program."""
    assert Surroundings(1.0, cpus=2, needed=needed, outside=outside).is_noisy == is_noisy


@pytest.mark.parametrize(
    ("stolen", "held_back", "is_noisy"), [(0.04, 0, False), (0.06, 0, True), (0.0, 0.2, True)]
)
def test_case_is_noisy_where_its_time_is_taken(
    stolen: float, held_back: float, is_noisy: bool
) -> None:
    """Time that the host or a quota takes counts against the CPUs that the case needs."""
    seen = Surroundings(1.0, cpus=8, needed=1, outside=0, stolen=stolen, held_back=held_back)

    assert seen.is_noisy == is_noisy


def test_outside_is_what_is_not_ours() -> None:
    """What all used, less what each process of ours used since, is what others used."""
    before = Reading(0.0, 2, 100.0, 1.0, 2.0, 0, 0, {1: Process(50.0, 7), 2: Process(9.0, 1)})
    after = Reading(10.0, 2, 115.0, 1.5, 2.0, 0, 0, {1: Process(54.0, 9), 3: Process(5.0, 4)})

    seen = between(before, after, needed=4)

    assert seen == Surroundings(10.0, 2, 2, outside=0.6, stolen=0.05, held_back=0.0, preempted=6)


@pytest.mark.parametrize(("seconds", "at_work"), [(0.05, 101.0), (5.0, None)])
def test_nothing_is_said_of_what_cannot_be_told(seconds: float, at_work: float | None) -> None:
    """A moment that is shorter than ten ticks, or a system that counts nothing, tells nothing."""
    before = Reading(0.0, 2, 100.0, 0, 0, 0, 0, {})

    assert between(before, Reading(seconds, 2, at_work, 0, 0, 0, 0, {}), needed=1) is None


STAT = """\
cpu  600 0 0 4000 0 0 0 0 0 0
cpu0 100 10 20 1000 500 3 4 50 100 10
cpu2 200 0 0 1000 0 0 0 7 0 0
cpu3 300 0 0 1000 0 0 0 9 0 0
intr 1 2 3
"""


@pytest.mark.parametrize(
    ("bound", "cpus", "at_work", "stolen"),
    [([0, 2], 2, 3.37, 0.57), ([], 3, 6.37, 0.66), ([1], 0, None, 0)],
)
def test_counters_are_of_the_cpus_that_we_may_use(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    bound: list[int],
    cpus: int,
    at_work: float | None,
    stolen: float,
) -> None:
    """One CPU is offline: each has its number; idle time and guests' are left out."""
    monkeypatch.setattr(machine, "affinity", lambda: bound)
    seen = read(proc=write(tmp_path, {"stat": STAT}))

    assert seen.cpus == cpus
    assert seen.at_work == (at_work if at_work is None else pytest.approx(at_work))
    assert seen.stolen == pytest.approx(stolen)


@pytest.mark.parametrize("text", [None, "", "cpu0 a b c\ncpu1 1 2 3\n", "\0\xff"])
def test_system_that_counts_nothing_is_no_error(tmp_path: Path, text: str | None) -> None:
    """Without /proc, or with another form of it, nothing is said of others; we are counted."""
    seen = read(proc=write(tmp_path, {} if text is None else {"stat": text}))

    assert (seen.at_work, seen.stolen, seen.held_back) == (None, 0, 0)
    assert seen.ours


def test_what_our_children_do_is_ours() -> None:
    """A process that a child of ours started counts as this one does."""
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {BUSY!r}])"
    with busy(sys.executable, "-c", child) as grandchild:
        assert {os.getpid(), grandchild.pid} <= set(read().ours)


def test_what_others_do_is_outside() -> None:
    """A busy process that is not ours is seen, with the CPU time that it had."""
    with busy(*STRANGER) as stranger:
        watch, before = Watch(needed=1), stranger.cpu_times().user
        while stranger.cpu_times().user - before < 0.5:
            pass
        seen = watch.stop()

    assert seen is not None
    assert seen.outside is not None
    assert seen.outside * seen.seconds > 0.4  # of 0.5 s; more, if the machine has others


def test_process_that_helps_is_ours() -> None:
    """A process that works for us and was started by others, as a cluster's, is not outside."""
    with busy(*STRANGER) as stranger:
        assert stranger.pid not in read().ours
        assert stranger.pid in read([stranger.pid]).ours
