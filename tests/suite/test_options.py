"""The suite's options: what they select, and what they say where they make no sense."""

import json
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import matrix
from rayscale import overhead
from rayscale.machine import fingerprint, hardware, usable_cpus
from rayscale.plugin import activate
from rayscale.suite import parameters, probe
from rayscale.suite.case import Cases, cases
from rayscale.suite.options import default_cpus, given, parse_address, parse_cpus, parse_sizes
from rayscale.suite.parameters import Choice
from rayscale.suite.pools import process_pool
from rayscale.suite.tuning import tune
from rayscale.suite.ways import ray_blocks, ray_whole, serial
from tests.projects import ROOT, Run, at_once, run_pytest

CASES = "benchmarks/test_moving_average.py::test_moving_average"
NAPS = "benchmarks/test_timer.py::test_timer"
ROLLOUTS = "benchmarks/test_rollout.py::test_rollout"
IN_PAIRS = ("ray_actors", "ray_shared", "ray_pool", "process_pool", "joblib", "thread_pool")
TOO_MANY = usable_cpus() + 1
CHOSEN = "(blocks or tasks or submission) and not rollout"

cpus_advice = "give counts such as --cpus 1,2,4"
LENGTHS = "steps1, steps10, steps100, steps30, steps300, steps500"
SIZES = f'a size "tiny"; there are article, large, many, million, overhead, small, {LENGTHS}'

# A plug-in under which the article's naps take a millisecond.
SHORT_NAPS = """
def pytest_collection_finish():
    from benchmarks import matrix

    matrix.naps.arms[1].sizes["article"] = 4, 0.001
"""

# A plug-in that makes naps of a clock of its own, and says at the end how often they were called.
COUNTED = """
from types import SimpleNamespace

import kernels.timer
import rayscale.suite.timing

calls, now = [], [0.0]

def clock():
    now[0] += 1e-9
    return now[0]

def nap(rows, seconds):
    calls.append(len(rows))
    now[0] += seconds * len(rows)
    return rows

kernels.timer.timer = nap
rayscale.suite.timing.time = SimpleNamespace(perf_counter=clock)

def pytest_terminal_summary(terminalreporter):
    terminalreporter.write_line(f"called {len(calls)} times")
"""


# The options for which benchmarks are collected, by name.
COLLECTED = {
    "article": ("--cpus=1,2", "--sizes=article"),
    "nothing": ("--sizes=large", "-k=timer"),
    "some": ("-m=ray", f"-k={CHOSEN}", "--cpus=1,2", "--sizes=small"),
    "too many": (f"--cpus=1,{TOO_MANY}", "--sizes=small", "-m=oversubscribed", "-k=not rollout"),
}

# The options with which four naps of 0.1 s, by their own clock, are timed in two rounds.
LONG = ("--benchmark-min-rounds=2", "--benchmark-max-time=0.4", "--benchmark-timer=counted.clock")
TIMED = {
    "long": (),
    "short": ("--benchmark-max-time=0.6",),
    "warmed up": ("--benchmark-warmup=on", "--benchmark-warmup-iterations=1"),
}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[Run]]]:
    """Start to collect, and to time, with each of them."""
    folder = tmp_path_factory.mktemp("options")
    (folder / "counted.py").write_text(COUNTED)
    project, path = (ROOT, "benchmarks"), {"PYTHONPATH": str(folder)}
    collect = partial(run_pytest, *project, "--collect-only", "-q")
    naps = ("-p", "counted", "--benchmark-only", "--sizes=small", "-k=timer-serial-small", *LONG)
    time = partial(run_pytest, *project, *naps, variables=path)
    runs = {name: partial(collect, *options) for name, options in COLLECTED.items()}
    for name, options in TIMED.items():
        runs[name] = partial(time, *options, storage=folder / name)
    with at_once(runs) as running:
        yield running


def collected(run: Run) -> list[str]:
    """Return the ids of what a run has collected."""
    return [line for line in run.output.splitlines() if "::" in line]


@pytest.mark.parametrize(
    ("text", "counts"),
    [("1", (1,)), ("1,2,4", (1, 2, 4)), ("4,1,2", (1, 2, 4)), ("2,2", (2,)), (" 8 , 1 ", (1, 8))],
)
def test_cpus_are_in_order_each_once(text: str, counts: tuple[int, ...]) -> None:
    """However the counts are written, they are run from few to many, each once."""
    assert parse_cpus(text, "--cpus") == counts


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("two", f'--cpus: "two" is not a whole number; {cpus_advice}'),
        ("1, two", f'--cpus: "two" is not a whole number; {cpus_advice}'),
        ("1.5", f'--cpus: "1.5" is not a whole number; {cpus_advice}'),
        ("-1", f'--cpus: "-1" is not a whole number; {cpus_advice}'),
        ("1,,2", f'--cpus: "" is not a whole number; {cpus_advice}'),
        ("", f'--cpus: "" is not a whole number; {cpus_advice}'),
        ("2,0", f"--cpus: 0 CPUs cannot run anything; {cpus_advice}"),
    ],
)
def test_cpus_that_make_no_sense_are_refused(text: str, sentence: str) -> None:
    """The sentence names the first count that is none, and says what to give instead."""
    with pytest.raises(pytest.UsageError) as refused:
        parse_cpus(text, "--cpus")

    assert str(refused.value) == sentence


@pytest.mark.parametrize("text", ["", "local"])
def test_address_of_no_cluster_is_refused(text: str) -> None:
    """The sentence shows what an address is, and how to get a private cluster."""
    with pytest.raises(pytest.UsageError) as refused:
        parse_address(text, "--ray-address")

    assert str(refused.value) == (
        f'--ray-address: "{text}" is not a cluster; give the address of one, such as '
        "127.0.0.1:6379, or leave the option out for a private one"
    )


@pytest.mark.parametrize(
    ("usable", "counts"),
    [(1, (1,)), (2, (1, 2)), (3, (1, 2, 3)), (4, (1, 2, 4)), (12, (1, 2, 4, 8, 12))],
)
def test_cpus_by_default_double_up_to_all(usable: int, counts: tuple[int, ...]) -> None:
    """Unless counts are given, they are the powers of two and all the CPUs that there are."""
    assert default_cpus(usable) == counts


@pytest.mark.parametrize(
    ("text", "sizes"),
    [
        ("small", ("small",)),
        ("large, small", ("large", "small")),
        ("article,article", ("article",)),
    ],
)
def test_sizes_are_kept_each_once(text: str, sizes: tuple[str, ...]) -> None:
    """However the sizes are written, each is asked for once; benchmarks have their own order."""
    assert parse_sizes(text) == sizes


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ("--cpus=two", f'--cpus: "two" is not a whole number; {cpus_advice}'),
        (
            "--sizes=small,tiny",
            f"--sizes: no collected benchmark has {SIZES}",
        ),
    ],
    ids=["cpus", "sizes"],
)
def test_options_that_make_no_sense_end_the_run(option: str, sentence: str) -> None:
    """A request that cannot be met ends with exit code 4 and one sentence, and no traceback."""
    run = run_pytest(ROOT, "benchmarks", "--benchmark-only", option)

    assert run.exit_code == 4
    assert [line for line in run.output.splitlines() if "ERROR" in line] == [f"ERROR: {sentence}"]
    assert "Traceback" not in run.output


def test_ids_are_public(running: dict[str, Future[Run]]) -> None:
    """Saved runs are matched by these ids; serial and ray_whole are there once, not per count."""
    ids = collected(running["article"].result())

    others = ("submission", "policy", "overhead")
    assert [one for one in ids if not any(other in one for other in others)] == [
        f"{CASES}[loop-serial-article]",
        f"{CASES}[loop-ray_whole-cpus1-article]",
        f"{CASES}[loop-ray_per_row-cpus1-article]",
        f"{CASES}[loop-ray_per_row-cpus2-article]",
        f"{CASES}[loop-ray_blocks-cpus1-article]",
        f"{CASES}[loop-ray_blocks-cpus2-article]",
        f"{CASES}[numpy-serial-article]",
        f"{CASES}[numpy-ray_whole-cpus1-article]",
        f"{CASES}[numpy-ray_per_row-cpus1-article]",
        f"{CASES}[numpy-ray_per_row-cpus2-article]",
        f"{CASES}[numpy-ray_blocks-cpus1-article]",
        f"{CASES}[numpy-ray_blocks-cpus2-article]",
        f"{CASES}[pandas-serial-article]",
        *(f"{CASES}[loop-{way}-cpus2-article]" for way in IN_PAIRS),
        *(f"{CASES}[numpy-{way}-cpus2-article]" for way in IN_PAIRS),
        f"{CASES}[cumsum-serial-article]",
        f"{CASES}[bottleneck-serial-article]",
        f"{ROLLOUTS}[gymnasium-serial-article]",
        f"{ROLLOUTS}[gymnasium-ray_whole-cpus1-article]",
        f"{ROLLOUTS}[gymnasium-ray_per_row-cpus1-article]",
        f"{ROLLOUTS}[gymnasium-ray_per_row-cpus2-article]",
        f"{ROLLOUTS}[gymnasium-ray_blocks-cpus1-article]",
        f"{ROLLOUTS}[gymnasium-ray_blocks-cpus2-article]",
        f"{ROLLOUTS}[vector_sync-serial-article]",
        f"{ROLLOUTS}[vector_sync-ray_blocks-cpus1-article]",
        f"{ROLLOUTS}[vector_sync-ray_blocks-cpus2-article]",
        f"{ROLLOUTS}[numpy-serial-article]",
        f"{ROLLOUTS}[numpy-ray_blocks-cpus1-article]",
        f"{ROLLOUTS}[numpy-ray_blocks-cpus2-article]",
        *(f"{ROLLOUTS}[gymnasium-{way}-cpus2-article]" for way in IN_PAIRS),
        *(f"{ROLLOUTS}[vector_sync-{way}-cpus2-article]" for way in IN_PAIRS),
        *(f"{ROLLOUTS}[numpy-{way}-cpus2-article]" for way in IN_PAIRS),
        f"{ROLLOUTS}_acrobot[gymnasium-serial-article]",
        f"{ROLLOUTS}_acrobot[gymnasium-ray_per_row-cpus1-article]",
        f"{ROLLOUTS}_acrobot[gymnasium-ray_per_row-cpus2-article]",
        f"{ROLLOUTS}_acrobot[gymnasium-ray_blocks-cpus1-article]",
        f"{ROLLOUTS}_acrobot[gymnasium-ray_blocks-cpus2-article]",
        f"{NAPS}[timer-serial-article]",
        f"{NAPS}[timer-ray_whole-cpus1-article]",
        f"{NAPS}[timer-ray_per_row-cpus4-article]",
    ]


def ids_of(chosen: Cases, **choice: Any) -> list[str]:
    """Return the ids of *chosen* cases on two CPUs that are there."""
    made = replace(Choice((2,), ("small",), cores=2, gated=False), **choice)
    return [str(one.id) for one in parameters.parameters(chosen, made)]


def test_placements_are_named_where_they_are_asked_for() -> None:
    """Of cases on several CPUs of a cluster; one CPU, a serial case and Tune's trials have none."""
    ways = [serial, ray_whole, ray_blocks, tune]
    chosen = cases({"mine": np.negative}, sizes={"small": 2}, ways=ways)
    placed = ids_of(chosen, placements=("pack", "spread"))
    tasks = probe.parameters(overhead.test_empty_tasks, (1, 2), 2, ("spread",))

    assert placed == [
        "mine-serial-small",
        "mine-ray_whole-cpus1-small",
        "mine-ray_blocks-cpus2-pack-small",
        "mine-ray_blocks-cpus2-spread-small",
        "mine-tune-cpus2-small",
    ]
    assert [one.id for one in tasks][::4] == [
        "ray_per_row-cpus1-1",
        "ray_per_row-cpus2-spread-1",
    ]


def test_cores_of_a_cluster_are_not_this_machines() -> None:
    """Whether Ray's cases on a cluster have too many CPUs is not known before it is asked."""
    chosen = cases({"mine": np.negative}, sizes={"small": 2}, ways=[ray_blocks, process_pool])
    choice = Choice((4,), None, cores=2, gated=False, is_on_a_cluster=True)
    marks = {
        str(one.id): "oversubscribed" in {mark.name for mark in one.marks}
        for one in parameters.parameters(chosen, choice)
    }

    assert marks == {"mine-ray_blocks-cpus4-small": False, "mine-process_pool-cpus4-small": True}


def test_probes_go_through_their_amounts() -> None:
    """What Ray costs is timed at each CPU count; tasks of a length serially, too, for the ideal."""
    tasks = [str(one.id) for one in probe.parameters(overhead.test_empty_tasks, (1, 2), 2, ())]
    lengths = [str(one.id) for one in probe.parameters(overhead.test_task_length, (2,), 2, ())]

    assert tasks[:5] == [
        "ray_per_row-cpus1-1",
        "ray_per_row-cpus1-10",
        "ray_per_row-cpus1-100",
        "ray_per_row-cpus1-300",
        "ray_per_row-cpus2-1",
    ]
    assert lengths[::9] == ["serial-10us", "ray_per_row-cpus2-10us"]


def test_tasks_that_sleep_are_probed_on_many_cpus() -> None:
    """Where a count is above the cores; on many CPUs, work and bytes would tell of cores alone."""
    chosen = {
        test.__name__: [str(one.id) for one in probe.parameters(test, (1, 64), 2, ())]
        for test in (
            overhead.test_nap_length,
            overhead.test_empty_tasks,
            overhead.test_task_length,
            overhead.test_bytes_in,
        )
    }
    many = {name: any("cpus64" in one for one in ids) for name, ids in chosen.items()}

    assert many == {
        "test_nap_length": True,
        "test_empty_tasks": True,
        "test_task_length": False,
        "test_bytes_in": False,
    }
    assert chosen["test_nap_length"][:: len(probe.NAPS)] == [
        "serial-300us",
        "ray_per_row-cpus1-300us",
        "ray_per_row-cpus64-300us",
    ]
    assert probe.parameters(overhead.test_nap_length, (1, 2), 2, ()) == []


@pytest.mark.parametrize(
    ("marks", "ways"),
    [
        ("overhead", {"serial", "ray_per_row"}),
        ("ways and overhead", {"serial", "ray_per_row", *probe.PEERS}),
        ("ways and not ray", {"serial", "process_pool", "joblib", "thread_pool"}),
    ],
)
def test_more_ways_are_timed_where_their_mark_is_named(marks: str, ways: set[str]) -> None:
    """Tasks of a length are timed in every way of running with -m ways, and by Ray without it."""
    chosen = (f"-m={marks}", "-k=task_length", "--cpus=2")
    ids = collected(run_pytest(ROOT, "benchmarks", "--collect-only", "-q", *chosen))

    assert {one.partition("[")[2].partition("-")[0] for one in ids} == ways


def test_sizes_large_has_no_loop_and_no_timer() -> None:
    """The large size is for vectorised kernels: a loop would take half a minute a round."""
    assert ids_of(matrix.moving_average, sizes=("large",)) == [
        "numpy-serial-large",
        "numpy-ray_whole-cpus1-large",
        "numpy-ray_per_row-cpus2-large",
        "numpy-ray_blocks-cpus2-large",
        "pandas-serial-large",
        "cumsum-serial-large",
        "bottleneck-serial-large",
    ]
    assert ids_of(matrix.naps, sizes=("large",)) == []


def test_many_naps_run_on_all_cpus_that_are_asked_for() -> None:
    """They show where one driver is too slow; a count above the cores is fair for them."""
    found = parameters.parameters(
        matrix.naps, Choice((1, 64), ("many",), cores=2, gated=False, named=True)
    )

    assert [str(one.id) for one in found] == [
        "timer-serial-many",
        "timer-ray_per_row-cpus1-many",
        "timer-ray_per_row-cpus64-many",
        "timer-ray_blocks-cpus1-many",
        "timer-ray_blocks-cpus64-many",
    ]
    assert not any(mark.name == "oversubscribed" for one in found for mark in one.marks)


def test_sizes_without_a_case_select_nothing(running: dict[str, Future[Run]]) -> None:
    """A benchmark that has no case at the sizes asked for is left out, and does not pass."""
    run = running["nothing"].result()

    assert (run.exit_code, collected(run)) == (5, [])


def test_cpus_and_sizes_select_along_with_pytests_own(running: dict[str, Future[Run]]) -> None:
    """Mark, expression, counts and sizes narrow the choice together; naps keep their counts.

    Probes have a size of their own, which is not asked for here.
    """
    ids = collected(running["some"].result())

    assert ids == [
        f"{CASES}[loop-ray_blocks-cpus1-small]",
        f"{CASES}[loop-ray_blocks-cpus2-small]",
        f"{CASES}[numpy-ray_blocks-cpus1-small]",
        f"{CASES}[numpy-ray_blocks-cpus2-small]",
        "benchmarks/test_submission.py::test_submission",
        f"{NAPS}[timer-ray_blocks-cpus1-small]",
        f"{NAPS}[timer-ray_blocks-cpus2-small]",
        f"{NAPS}[timer-ray_blocks-cpus4-small]",
    ]


def test_cpus_above_the_cores_are_marked_oversubscribed(
    running: dict[str, Future[Run]],
) -> None:
    """They run because they are asked for; naps, which share a core, are never marked."""
    ids = collected(running["too many"].result())

    assert ids == [
        f"{CASES}[loop-ray_per_row-cpus{TOO_MANY}-small]",
        f"{CASES}[loop-ray_blocks-cpus{TOO_MANY}-small]",
        f"{CASES}[numpy-ray_per_row-cpus{TOO_MANY}-small]",
        f"{CASES}[numpy-ray_blocks-cpus{TOO_MANY}-small]",
    ]


def test_options_of_the_user_win_over_the_suites(tmp_path: Path) -> None:
    """Rounds, also of a case that has its own, columns and the run's name are the user's."""
    (tmp_path / "short_naps.py").write_text(SHORT_NAPS)
    run = run_pytest(
        ROOT,
        *("-p", "short_naps", "benchmarks", "--benchmark-only", "--sizes=small,article"),
        *("-k=average and numpy-serial-small or timer-serial-article", "--benchmark-min-rounds=2"),
        *("--benchmark-max-time=0.000001", "--benchmark-columns=max,rounds"),
        "--benchmark-save=mine",
        storage=tmp_path / "storage",
        variables={"PYTHONPATH": str(tmp_path)},
    )

    assert run.exit_code == 0, run.output
    name = fingerprint(hardware())
    (saved,) = [file for file in run.saved if file.parent.name == name]
    benchmarks = json.loads(saved.read_text())["benchmarks"]
    headings = [line for line in run.output.splitlines() if line.startswith("Name (time in")]
    assert saved.name == "0001_mine.json"
    assert [len(one["stats"]["data"]) for one in benchmarks] == [2, 2]
    assert [heading.split()[4:] for heading in headings] == [["Max", "Rounds"]] * 2


@pytest.mark.parametrize(
    ("name", "further"),
    [
        ("long", 1),  # the check alone
        ("short", 3),  # the calibration and the last call, too
        ("warmed up", 5),  # and two warm-ups
    ],
)
def test_long_calls_are_timed_and_checked_and_no_more(
    running: dict[str, Future[Run]], name: str, further: int
) -> None:
    """A call that fills the time of a case is not called to calibrate, unless a warm-up is."""
    run = running[name].result()

    assert run.exit_code == 0, run.output
    (benchmark,) = run.contents["benchmarks"]
    assert benchmark["stats"]["rounds"] == 2
    assert f"called {2 + further} times" in run.output


@pytest.mark.parametrize(
    ("words", "known"),
    [
        ("--benchmark-cprofile-top=9", True),
        ("--benchmark-cprofile-top 9", True),
        ("-k 'a b' --benchmark-cprofile-top 9", True),
        ("--benchmark-cprofile-loops=9", False),
        ("-k --benchmark-cprofile-topmost", False),
        ("", False),
    ],
)
def test_options_of_the_user_are_known(
    pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch, words: str, known: bool
) -> None:
    """An option counts as the user's, in either spelling, and no other one for it."""
    monkeypatch.setenv("PYTEST_ADDOPTS", words)

    assert given(pytestconfig, "--benchmark-cprofile-top") is known


@pytest.mark.usefixtures("rayscale_cluster")  # so it is one of ours; no cluster is started
@pytest.mark.benchmark(min_rounds=3, warmup_iterations=5)
def test_options_of_the_user_win_over_a_mark(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A case's own number of rounds gives way to the user's, and its other settings stay."""
    monkeypatch.setenv("PYTEST_ADDOPTS", "--benchmark-min-rounds=2")

    activate(request.config)._choose_rounds(request.node)

    mark = request.node.get_closest_marker("benchmark")
    assert mark.kwargs == {"warmup_iterations": 5}
