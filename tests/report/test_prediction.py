"""What is predicted of CPUs and rows that were not measured, and what is refused."""

import json
import math
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner
from pytest_regressions.file_regression import FileRegressionFixture

from rayscale.commands.group import rayscale
from rayscale.measured import MeasuredCase
from rayscale.report import foresight, page
from rayscale.report.bases import Bases, UnpredictableError, bases
from rayscale.report.between import USUAL, between
from rayscale.report.prediction import Line
from rayscale.report.prediction_table import Asked, render, sentences
from rayscale.report.subject import Subject
from rayscale.report.tariff import TariffError, tariff
from rayscale.saved.comparison_table import Format
from rayscale.saved.launches import CaseMedian, Launch
from rayscale.surroundings.during import Surroundings
from tests.report.foreseen import ROW, ROWS, Machine, case, launch, made_tariff, seconds_of
from tests.report.records import probe as saved_probe
from tests.report.records import timed
from tests.report.test_report import reported

FEW = {"ray_per_row": (1, 2, 4), "ray_blocks": (1, 2, 4), "ray_whole": (1,)}
MANY = {"ray_per_row": (16, 64), "ray_blocks": (16, 64)}


def quiet(cpus: dict[str, tuple[int, ...]] = FEW) -> Subject:
    """Return a run of a machine without any spread."""
    return Machine(1, between=0.0, within=1e-9).run(cpus)


def found(run: Subject, kept: tuple[Launch, ...] = ()) -> dict[str, Line]:
    """Return what can be predicted of *run*, by way."""
    return {line.way: line for line in bases(run, kept).lines}


def test_prediction_is_what_the_machine_would_take() -> None:
    """Blocks: 64 tasks fed in 0.5 ms each, 200 rows in 50 of 4; per row, 16 CPUs keep busy."""
    lines = found(quiet())
    # Serial 4 s; growth is (64 / 4) ** 0.1 = 1.32 of the driver's 64 * 0.5 ms.
    blocks = lines["ray_blocks"].at(64, ROWS)
    assert blocks.call.work == pytest.approx(4 * ROW)
    assert blocks.ratio.value == pytest.approx(4.0 / (0.08 + 0.032 * 16**0.1), rel=0.01)
    rows = lines["ray_per_row"].at(16, ROWS)
    low, high = rows.ratio.interval or (0, 0)
    assert low < ROWS * ROW / seconds_of("ray_per_row", 16) < high
    assert rows.call.overlapped == pytest.approx(seconds_of("ray_per_row", 16), rel=0.02)


def test_other_numbers_of_rows_are_predicted() -> None:
    """Ten times the rows in 4 blocks: 4 blocks of 500 rows of 20 ms, and 4 tasks of 0.5 ms."""
    line = found(quiet())["ray_blocks"]
    assert line.at(4, 10 * ROWS).ratio.value == pytest.approx(40 / (10 + 4 * 0.5e-3), rel=1e-3)


def test_what_limits_is_named() -> None:
    """The driver feeds 2,000 tasks a second; one task has one CPU; blocks have as many as rows."""
    lines = found(quiet())
    per_row = lines["ray_per_row"].at(400, ROWS)
    assert per_row.limit == "the driver's feeding"
    assert per_row.tasks_a_second == pytest.approx(2000 / 100**0.1, rel=0.01)
    assert lines["ray_whole"].at(4, ROWS).limit == "the number of tasks"
    assert lines["ray_blocks"].at(4, ROWS).limit == "the CPUs"


def test_enough_cpus_are_those_from_which_more_bring_little() -> None:
    """One task gains nothing from a second CPU; blocks gain until the driver is late."""
    lines = found(quiet())
    assert lines["ray_whole"].enough(ROWS) == 1
    number = lines["ray_blocks"].enough(ROWS)
    assert number is not None
    before, there, after = (
        lines["ray_blocks"].at(n, ROWS).ratio.value for n in (1, number, 2 * number)
    )
    assert there > 10 * before
    assert after - there < 0.1 * number


def test_intervals_hold_in_another_launch() -> None:
    """Of 600 speed-ups that seeded other launches measured, 95 % or more are inside.

    Launches differ by 8 %, their cases by another 4 %, rounds by 3 %; binomial, 93 % is the least
    that 600 independent ones of probability 95 % have in 98 of 100.
    """
    held = []
    for seed in range(150):
        machine = Machine(seed)
        lines, other = found(machine.run(FEW)), machine.run(MANY)
        serial = next(one for one in other.cases if one.is_serial)
        for one in other.cases:
            if not one.is_serial:
                low, high = lines[one.implementation].at(one.cpus, ROWS).ratio.interval or (0, 0)
                held.append(low < serial.median / one.median < high)
    assert len(held) == 600
    assert np.mean(held) > 0.93


def test_intervals_are_wider_where_the_model_misses() -> None:
    """A case that takes twice as long as the model says makes all intervals wider."""
    run = quiet()
    worse = [
        msgspec.structs.replace(one, seconds=tuple(2 * s for s in one.seconds))
        if (one.implementation, one.cpus) == ("ray_blocks", 2)
        else one
        for one in run.cases
    ]
    narrow, wide = (
        found(one)["ray_per_row"].at(2, ROWS) for one in (run, replace(run, cases=tuple(worse)))
    )
    assert wide.reach > 1.5 * narrow.reach


def kept(spread: float, launches: int = 8) -> tuple[Launch, ...]:
    """Return launches whose speed-ups differ by *spread*."""
    draw = np.random.default_rng(3)
    found = []
    for number in range(launches):
        log = draw.normal(0, spread)
        cases = tuple(
            CaseMedian(f"x[{way}]", seconds, 9, "naps", "nap", way, 1, "many")
            for way, seconds in (("serial", 1.0), ("ray_blocks", math.exp(log)))
        )
        found.append(msgspec.structs.replace(launch(number), cases=cases))
    return tuple(found)


def test_spread_between_kept_launches_counts() -> None:
    """Eight launches with 30 % say how far another one may be off; four are too few to say."""
    many = between(kept(0.3))
    assert 0.15 < many.deviation < 0.5
    assert many.words.endswith("by 8 launches that are kept")
    assert between(kept(0.3, launches=4)).deviation == USUAL
    run = quiet()
    near, far = (found(run, own)["ray_blocks"].at(16, ROWS).reach for own in ((), kept(0.3)))
    assert far > 1.3 * near


def test_launches_with_other_software_say_nothing_of_the_spread() -> None:
    """Another version of Ray may have another speed-up: that is not a launch's spread."""
    others = tuple(msgspec.structs.replace(one, software={"ray": "2.61.0"}) for one in kept(0.3))
    run = quiet()
    assert found(run, others)["ray_blocks"].at(16, ROWS) == found(run)["ray_blocks"].at(16, ROWS)


def changed(run: Subject, which: Callable[[MeasuredCase], bool], **changes: Any) -> Subject:
    """Return *run* with *changes* of some cases."""
    cases = (msgspec.structs.replace(one, **changes) if which(one) else one for one in run.cases)
    return replace(run, cases=tuple(cases))


LOUD = Surroundings(1.0, cpus=2, needed=2, outside=1.4)
REFUSALS: dict[str, tuple[dict[str, Any], str]] = {
    "way": ({"implementation": "process_pool"}, "it does not run as Ray's tasks"),
    "oversubscribed": ({"oversubscribed": True}, "all its cases are oversubscribed"),
    "rounds": ({"seconds": (1.0,) * 5}, "on 1 CPU 5 rounds are kept, and 6 are needed"),
    "noisy": ({"surroundings": LOUD}, "the machine was noisy while nap ray_blocks on 1 CPU"),
    "rows": ({"shape": ()}, "the run does not say how many rows and tasks"),
    "tasks": ({"tasks": 0}, "the run does not say how many rows and tasks"),
    "work": ({"phases": {"executing": 40.0}}, "it took 10.00 times as long as serially"),
}


@pytest.mark.parametrize(("changes", "reason"), REFUSALS.values(), ids=REFUSALS)
def test_what_the_data_do_not_carry_is_refused(changes: dict[str, Any], reason: str) -> None:
    """A way that cannot be predicted has one sentence; the others are predicted all the same."""
    run = changed(quiet(), lambda one: one.implementation == "ray_blocks", **changes)
    left = bases(run, ())
    assert {line.way for line in left.lines} == {"ray_per_row", "ray_whole"}
    (refused,) = left.refused
    assert str(refused).startswith("Not predicted: naps nap ")
    assert reason in str(refused)


def test_noisy_base_is_predicted_where_that_is_asked_for() -> None:
    """What was timed while the machine was noisy counts then, with a wider interval."""
    run = quiet()
    loud = changed(run, lambda one: bool(one.seconds), surroundings=LOUD)
    with pytest.raises(UnpredictableError, match="--noisy predicts all the same"):
        bases(loud, ())
    line = next(one for one in bases(loud, (), noisy=True).lines if one.way == "ray_blocks")
    assert line.at(16, ROWS).reach > found(run)["ray_blocks"].at(16, ROWS).reach


@pytest.mark.parametrize(
    ("load", "cpus", "slower"), [(0.1, 2, 1.1), (1.4, 2, 2.0), (1.0, 64, 2.0), (0.0, 2, 1.0)]
)
def test_load_of_others_widens(load: float, cpus: int, slower: float) -> None:
    """Beside 0.1 busy CPUs a call on both cores may take 1.1 times as long, beside more, twice."""
    source = next(iter(found(quiet()).values())).source
    assert replace(source, load=load).crowding(cpus) == pytest.approx(
        math.log(slower) * math.sqrt(1 / 6)
    )


def test_load_that_leaves_cores_free_changes_nothing() -> None:
    """On 8 cores a call on 4, a driver and 3 busy programs have one each."""
    source = replace(next(iter(found(quiet()).values())).source, cores=8, load=3.0)
    assert source.crowding(4) == 0
    assert source.crowding(5) > 0


def test_load_is_said() -> None:
    """A reader sees why the intervals are wide."""
    some = Surroundings(1.0, cpus=2, needed=1, outside=0.7)
    run = changed(quiet(), lambda one: one.is_serial, surroundings=some)
    shown = render(bases(run, ()), Asked((4,), ()), "markdown", 130)
    assert "Other programs used up to 0.70 of 2 CPUs while the cases were timed" in shown


def test_run_that_carries_nothing_is_refused() -> None:
    """No probes, no serial case, no case on Ray: one sentence each."""
    run = quiet()
    with pytest.raises(UnpredictableError, match="neither the run nor another one"):
        bases(replace(run, probes=()), ())
    with pytest.raises(UnpredictableError, match="its kernel has no serial case"):
        bases(replace(run, cases=tuple(one for one in run.cases if not one.is_serial)), ())
    with pytest.raises(UnpredictableError, match="no case on Ray beside a serial one"):
        bases(replace(run, cases=(case("serial", 1, (1.0,) * 9),)), ())


def test_probes_that_say_too_little_are_refused() -> None:
    """Without empty tasks, or without bytes, or with few rounds, nothing is known of the costs."""
    probes = quiet().probes
    with pytest.raises(TariffError, match="no empty tasks"):
        tariff([one for one in probes if one.name != "empty_tasks"])
    with pytest.raises(TariffError, match="what bytes cost"):
        tariff([one for one in probes if one.name != "bytes_out"])
    with pytest.raises(TariffError, match="6 times or more"):
        tariff([replace(one, rounds=5) for one in probes])


def test_probes_on_more_cpus_than_cores_do_not_count() -> None:
    """Empty tasks on 64 CPUs of a machine of two are slow for want of cores."""
    run = quiet()
    slow = tuple(
        replace(one, cpus=64, seconds=tuple(9 * s for s in one.seconds)) for one in run.probes
    )
    assert found(replace(run, probes=run.probes + slow)) == found(run)


def test_costs_are_read_off_the_probes() -> None:
    """A task of 0.5 ms, a byte of 1 ns in and out, and lines between what was measured."""
    costs = tariff(quiet().probes)
    assert costs.feeding(55, cpus=2) == pytest.approx(55 * 0.5e-3)
    assert costs.feeding(3000, cpus=64) == pytest.approx(3000 * 0.5e-3)
    assert costs.feeding(10, cpus=1) == pytest.approx(10 * 0.8e-3)
    assert costs.moving(10, 20e6) == pytest.approx(10 * 2e6 * 1e-9, rel=0.01)
    assert costs.in_worker(100) == pytest.approx(0.3e-3)
    assert costs.a_second == pytest.approx(2000)
    assert made_tariff(1e-3, 0.0).moving(1, 4e6) == pytest.approx(4e-3)  # beyond the last, too


def test_probes_by_anybody_are_read() -> None:
    """Without tasks, or twice with as many, a probe does no harm."""
    probes = quiet().probes
    odd = [replace(one, tasks=0) for one in probes]
    assert tariff([*odd, *probes, *probes]) == tariff(probes)


def test_sentence_says_what_the_cpus_bring_and_what_limits() -> None:
    """The driver is late per row, blocks have their interval, and waiting tasks need no cores."""
    first, second = sentences(bases(quiet(), ()), Asked((16, 400), ()))
    assert first.startswith("naps nap many, 200 rows: 400 CPUs would make it ")
    assert re.search(
        r"no more than [\d.]+x per row.*: the driver cannot feed more than 1,300 ", first
    )
    assert "if cores stay" not in first
    assert re.search(r"the best cut is .*in blocks.*, from \d+ CPUs on another one brings", second)


def test_sentence_beyond_the_cores_has_its_condition() -> None:
    """Nobody has seen more than two cores of this machine work at once."""
    run = quiet({"ray_blocks": (1, 2)})
    first, _ = sentences(bases(run, ()), Asked((4,), ()))
    assert first.endswith("in blocks, if cores stay as fast when all work.")
    within, _ = sentences(bases(run, ()), Asked((2,), ()))
    assert "if cores" not in within


@pytest.mark.parametrize(("style", "suffix"), [("text", ".txt"), ("markdown", ".md")])
def test_table_is_as_it_was(
    style: Format, suffix: str, file_regression: FileRegressionFixture
) -> None:
    """Sentences, table and what it rests on; renewed by --force-regen."""
    run = changed(quiet(), lambda one: one.implementation == "ray_whole", tasks=0)
    shown = render(bases(run, ()), Asked((4, 16, 64), (ROWS, 10 * ROWS)), style, 130)
    file_regression.check(shown, extension=suffix)


def test_json_has_all_figures() -> None:
    """Each prediction has its bounds, its limit and how many CPUs are enough."""
    shown = json.loads(render(bases(quiet(), ()), Asked((64,), ()), "json", 130))
    assert [one["implementation"] for one in shown["predictions"]] == list(FEW)
    for one in shown["predictions"]:
        assert one["low"] < one["speed_up"] < one["high"]
        assert one["enough_cpus"] >= 1
    assert shown["not_predicted"] == []


def saved() -> list[dict[str, Any]]:
    """Return a saved run with cases and probes."""
    run = quiet()
    kernels = [
        timed(
            f"x.py::test_naps[{one.kernel}-{one.implementation}-cpus{one.cpus}-{one.size}]",
            one.seconds,
            {
                **{name: getattr(one, name) for name in ("problem", "kernel", "implementation")},
                **{name: getattr(one, name) for name in ("cpus", "size", "tasks", "bytes_moved")},
                "shape": list(one.shape),
            },
        )
        for one in run.cases
    ]
    probes = [
        saved_probe(one.name, one.implementation, one.cpus, one.tasks, one.bytes_moved, one.median)
        for one in run.probes
    ]
    return kernels + probes


@pytest.mark.parametrize("style", ["text", "markdown", "json"])
def test_command_predicts_a_saved_run(save: Callable[..., Path], style: str) -> None:
    """By its name, in each format; a run without probes is refused with exit code 4's sentence."""
    file = save({}, name="run", benchmarks=saved())
    command = [f"--results={file.parents[1]}", "predict", "run", f"--format={style}", "--cpus=64"]
    done = CliRunner().invoke(rayscale, command)
    assert done.exit_code == 0, done.output
    assert "64 CPUs would make it" in done.output


BAD = [
    "",
    " ",
    "0",
    "-1",
    "x",
    "1.5",
    "1e3",
    "²",
    "\uff14",
    "9" * 5000,
    "1,",
    ",",
    "1,,2",
    "4;16",
    "1 2",
]


@pytest.mark.parametrize("option", ["--cpus", "--rows"])
@pytest.mark.parametrize("value", [*BAD, "9999999999"], ids=lambda text: ascii(text)[:20])
def test_numbers_that_are_none_are_refused(
    save: Callable[..., Path], option: str, value: str
) -> None:
    """Of a run that can be predicted: one sentence names what was given."""
    file = save({}, name="run", benchmarks=saved())
    command = [f"--results={file.parents[1]}", "predict", "run", f"{option}={value}"]
    done = CliRunner().invoke(rayscale, command)
    assert isinstance(done.exception, SystemExit)
    assert "has something else than whole numbers from 1 to " in done.output


def test_too_many_numbers_are_refused(save: Callable[..., Path]) -> None:
    """A table of thousands of lines helps nobody, and takes long."""
    file = save({}, name="run", benchmarks=saved())
    numbers = ",".join(map(str, range(1, 102)))
    command = [f"--results={file.parents[1]}", "predict", "run", f"--rows={numbers}"]
    done = CliRunner().invoke(rayscale, command)
    assert isinstance(done.exception, SystemExit)
    assert "has 101 numbers; give 100 at most" in done.output


def test_probes_of_another_run_of_the_machine_serve(save: Callable[..., Path]) -> None:
    """``rayscale overhead`` need not be in the same run; on another machine it says nothing."""
    file = save({}, name="run", benchmarks=saved()[:8])
    command = [f"--results={file.parents[1]}", "predict", "run"]
    other = save({}, name="overhead", benchmarks=saved()[8:], folder="there-8cpu-8gib")
    refused = CliRunner().invoke(rayscale, command)
    assert refused.exit_code != 0
    assert "neither the run nor another one of its machine has overhead cases" in refused.output
    other.rename(file.parent / "0002_overhead.json")
    done = CliRunner().invoke(rayscale, command)
    assert done.exit_code == 0, done.output


def test_section_is_as_it_was(
    save: Callable[..., Path], file_regression: FileRegressionFixture
) -> None:
    """The report has what the command says, with a chart that is described; by --force-regen."""
    report = reported(save({}, name="run", benchmarks=saved())).only(["more CPUs"])
    file_regression.check(page.as_markdown(report, "charts"), extension=".md")
    ((chart,),) = (one.charts for one in report.sections)
    assert "ray_blocks: 3.99x" in chart.description
    assert chart.svg.count("<path") > 10


def test_report_without_what_carries_predictions_has_no_section(
    save: Callable[..., Path],
) -> None:
    """Where the command refuses, the report leaves the section out."""
    report = reported(save({}, name="run", benchmarks=saved()[:8]))
    assert not any(one.heading == foresight.HEADING for one in report.sections)


def test_bases_are_values() -> None:
    """The same run gives the same predictions."""
    one, other = (bases(quiet(), ()) for _ in range(2))
    assert isinstance(one, Bases)
    assert one == other
