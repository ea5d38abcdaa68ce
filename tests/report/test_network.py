"""What the network costs, on made-up clusters whose every cost is known."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from rayscale.measured import MeasuredCase, OnNode
from rayscale.report import bandwidth, contents, costs, network, page, tables
from rayscale.report.bases import Bases, UnpredictableError, bases
from rayscale.report.granularity import granularities, sentences
from rayscale.report.prediction import Line
from rayscale.report.prediction_table import Asked, render
from rayscale.report.subject import ProbeTiming, Subject, read
from rayscale.saved.launches import read as read_launch
from rayscale.suite.laws import RayCost
from rayscale.where import ANYWHERE, Where
from tests.report.foreseen import FEED, ROWS, Machine, subject
from tests.report.records import probe as saved_probe
from tests.report.test_report import cases as saved_cases
from tests.report.test_report import probes as saved_probes

HOME = Where("", (2,), 0)
AWAY = Where("", (2,), 2)
ACROSS = Where("spread", (1, 1), 1)
SPEED = 10e6  # bytes a second of the made-up network
TASK = 2e-3  # seconds that a task takes more on another node


def quiet() -> Subject:
    """Return a run of a machine whose launches do not differ, on 2 CPUs."""
    machine = Machine(3, between=0.0, within=1e-9)
    run = machine.run({"ray_per_row": (2,), "ray_blocks": (2,), "ray_whole": (1,)})
    return replace(run, probes=tuple(one for one in run.probes if one.cpus == 2))


def near(probes: tuple[ProbeTiming, ...]) -> list[ProbeTiming]:
    """Return *probes* as those of a cluster's node that the driver is on."""
    return [replace(one, where=HOME, bytes_away=0) for one in probes]


def far(probes: tuple[ProbeTiming, ...], where: Where, part: float = 1.0) -> list[ProbeTiming]:
    """Return *probes* as of CPUs elsewhere, with a *part* of their tasks beyond the network."""
    return [
        replace(
            one,
            where=where,
            bytes_away=round(part * one.bytes_moved),
            seconds=tuple(
                each + part * (one.tasks * TASK + one.bytes_moved / SPEED) for each in one.seconds
            ),
        )
        for one in probes
    ]


def elsewhere(one: MeasuredCase, where: Where, more: float = 0.0) -> MeasuredCase:
    """Return a case as of CPUs there, whose calls took *more* seconds for it."""
    home = where.away < sum(where.nodes)  # the last of its nodes is the driver's
    seconds = tuple(each + more for each in one.seconds)
    nodes = tuple(
        OnNode(str(place), cpus, place < len(where.nodes) - home, "Xeon", 0, 1, "glibc", 0.0)
        for place, cpus in enumerate(where.nodes)
    )
    placement = "spread" if len(where.nodes) > 1 else "pack"
    words = {"placement": placement, "on_nodes": nodes}
    return msgspec.structs.replace(one, **words, seconds=seconds)


def cluster(*places: Where, nbytes: int = 16 * ROWS) -> Subject:
    """Return a run on a cluster: all that ran on Ray in each of the *places*, probes as well.

    Each call of its cases moves *nbytes*.
    """
    run = quiet()
    serial, *rays = (msgspec.structs.replace(one, bytes_moved=nbytes) for one in run.cases)
    probes = near(run.probes)
    probes += [one for where in places if where.away for one in far(run.probes, where, where.share)]
    return subject(
        [serial, *(_case(one, where) for where in places for one in rays)],
        probes,
    )


def _case(one: MeasuredCase, where: Where) -> MeasuredCase:
    more = where.share * (one.tasks * TASK + one.bytes_moved / SPEED)
    return elsewhere(one, where, more)


def found(run: Subject) -> Bases:
    """Return what can be predicted of *run*."""
    return bases(run, ())


def by_place(run: Subject) -> dict[tuple[str, str], Line]:
    """Return what can be predicted of *run*, by the way and the placement."""
    return {(line.way, line.where.placement): line for line in found(run).lines}


def test_costs_of_two_sides_of_the_network_are_not_mixed() -> None:
    """One fit of both would say neither: a task costs 2 ms more there, a byte 0.1 us."""
    run = cluster(HOME, AWAY)
    here, there = costs.fitted(run.probes)
    assert (here.where, there.where) == (HOME, AWAY)
    assert isinstance(here.stored, RayCost)
    assert isinstance(there.stored, RayCost)
    assert here.stored.byte.value == pytest.approx(1e-9)
    assert there.stored.byte.value == pytest.approx(1e-9 + 1 / SPEED)
    assert there.stored.task.value - here.stored.task.value == pytest.approx(TASK)

    shown = tables.ray_costs([here, there])
    assert shown.headings[1] == "where"
    assert [row[1] for row in shown.rows[::2]] == [HOME.label, AWAY.label]
    said = list(costs.sentences([here, there]))
    assert said[1].startswith("On 2 CPUs on the driver's node, with objects above 100 KiB")
    assert said[3].startswith("On 2 CPUs on another node, with objects above 100 KiB")


def test_model_of_one_side_does_not_explain_cases_of_the_other() -> None:
    """The same case in two places: its cost is that of its own place, and of no other."""
    run = cluster(HOME, AWAY)
    block = [*run.cases, elsewhere(run.cases[1], ACROSS)]
    explained = costs.predictions(block, costs.fitted(run.probes))
    assert {one.case.where for one in explained} == {HOME, AWAY}
    per_row = [one for one in explained if one.case.implementation == "ray_per_row"]
    # 200 tasks of 2 ms, and 16 bytes a row.
    more = ROWS * TASK + 16 * ROWS / SPEED
    assert per_row[1].predicted - per_row[0].predicted == pytest.approx(more, rel=1e-3)


def test_lengths_of_tasks_are_told_for_each_place() -> None:
    """Half of what the CPUs can give is reached by longer tasks where a task costs more."""
    lengths = (1e-4, 1e-3, 1e-2, 1e-1)

    def timed(way: str, length: float, each: float, where: Where) -> ProbeTiming:
        seconds = tuple(10 * (length + each) * (1 + step) for step in np.linspace(0, 0.01, 9))
        return ProbeTiming("task_length", seconds, 9, way, 1, 10, 0, length, where=where)

    one, other = Where("", (1,), 0), Where("", (1,), 1)
    probes = [timed("serial", length, 0.0, ANYWHERE) for length in lengths]
    probes += [timed("ray_per_row", length, 1e-3, one) for length in lengths]
    probes += [timed("ray_per_row", length, 1e-2, other) for length in lengths]
    here, there = granularities(probes)
    assert here.metg is not None
    assert there.metg is not None
    assert there.metg.value > 5 * here.metg.value
    (said,) = sentences([here, there])
    assert "on 1 CPU on the driver's node" in said
    assert "on 1 CPU on another node" in said
    assert len(tables.metg([here, there]).rows) == 2


def test_speed_of_the_network_is_that_of_all_bytes_where_all_cross() -> None:
    """4 tasks of 8 MiB take 3.36 s and 8 ms more; 300 empty ones 2 ms each, and 16 bytes."""
    (far_away,) = network.networks(cluster(HOME, AWAY).probes)
    nbytes = 4 * 2**23
    assert far_away.given is not None
    assert far_away.given.nbytes / far_away.given.seconds == pytest.approx(
        nbytes / (nbytes / SPEED + 4 * TASK)
    )
    said = " ".join(network.sentences([far_away]))
    assert "On 2 CPUs on another node, beside as many on the driver's node: " in said
    assert "an empty task takes 2.00 ms [2.00 ms, 2.00 ms] more (n=9)" in said
    assert "bytes cross the network at 9.98 MB/s [9.98, 9.98] in, 9.98 MB/s" in said
    # Of CPUs on two nodes half of the bytes cross, at the same speed.
    (both,) = network.networks(cluster(HOME, ACROSS).probes)
    assert both.given is not None
    assert both.given.speed == far_away.given.speed


def test_speed_has_the_ends_of_both_intervals() -> None:
    """Calls of 2 to 2.2 s and of 1 to 1.2 s: 8 MB pass in 1 s, in 0.8 s at least, 1.2 s at most."""

    def timed(low: float, high: float, where: Where) -> ProbeTiming:
        rounds = tuple(np.linspace(low, high, 7))
        return ProbeTiming(
            "bytes_in",
            rounds,
            7,
            "ray_per_row",
            2,
            4,
            8_000_000,
            None,
            where=where,
            bytes_away=8_000_000,
        )

    (found,) = network.networks([timed(2.0, 2.2, AWAY), timed(1.0, 1.2, HOME)])
    assert found.given is not None
    assert found.given.speed == "8.00 MB/s [6.67, 10.0]"
    (found,) = network.networks([timed(1.1, 1.4, AWAY), timed(1.0, 1.2, HOME)])
    assert found.given is not None
    assert found.given.speed == "more than 20.0 MB/s"  # in 0.4 s at most


def test_network_without_a_comparison_is_not_told() -> None:
    """Where the driver's node has no CPUs, nothing says what is the network's."""
    run = cluster(HOME, AWAY)
    there = [one for one in run.probes if one.where == AWAY]
    (said,) = network.sentences(network.networks(there))
    assert said == (
        "What the network costs on 2 CPUs on another node cannot be told: no overhead case "
        "had as many CPUs on the driver's node."
    )


def test_cut_needs_the_bandwidth_that_moves_its_bytes_in_the_time_saved() -> None:
    """40 MB in 2 blocks: serial 4 s, 2 s and 2 tasks of Ray's, less what bytes take on one node.

    One task for all rows saves nothing, at any bandwidth.
    """
    run = cluster(HOME, AWAY, nbytes=40_000_000)
    needs = {one.line.way: one for one in bandwidth.needs(found(run).lines)}
    assert needs["ray_blocks"].verdict == "pays"
    assert needs["ray_whole"].verdict == "never"
    assert needs["ray_blocks"].line.where == AWAY  # its tasks cost what they cost there
    # Workers elsewhere have cores of their own: tasks are fed while others work, or not.
    least, most = (4.0 - 2.0 - extra for extra in (0.04 + 2 * (FEED + TASK), 0.0))
    assert 40e6 / most <= needs["ray_blocks"].bandwidth <= 40e6 / least

    (said,) = bandwidth.sentences(list(needs.values()))
    assert said.startswith("naps nap many: if all 40.0 MB of a call cross the network, Ray pays ")
    assert "pays in blocks on 2 CPUs from" in said
    assert said.endswith("in one task on 1 CPU at no bandwidth.")


def test_each_placement_is_predicted_by_its_own_costs() -> None:
    """Per row, 200 tasks cost 0.5 ms each on one node; with one CPU of two away 1 ms more."""
    lines = by_place(cluster(HOME, ACROSS))
    packed, spread = lines["ray_per_row", ""], lines["ray_per_row", "spread"]
    assert packed.call(2, ROWS).ray == pytest.approx(ROWS * FEED, rel=1e-2)
    assert spread.call(2, ROWS).ray == pytest.approx(ROWS * (FEED + TASK / 2), rel=1e-2)
    shown = render(found(cluster(HOME, ACROSS)), Asked((4,), ()), "text", 200)
    assert "naps nap many, on the driver's node, 200 rows: 4 CPUs would make it" in shown
    assert "naps nap many, spread across nodes, 200 rows: 4 CPUs would make it" in shown


def test_placement_without_overhead_cases_is_refused() -> None:
    """What tasks cost on one node predicts nothing of CPUs on several."""
    run = cluster(HOME, ACROSS)
    half = replace(run, probes=tuple(one for one in run.probes if one.where == HOME))
    seen = found(half)
    assert {line.where for line in seen.lines} == {HOME}
    assert str(seen.refused[0]) == (
        "Not predicted: naps nap ray_per_row spread across nodes: no overhead case had its CPUs "
        "there, and what tasks cost elsewhere may differ."
    )
    only = replace(half, cases=tuple(one for one in run.cases if one.where != HOME))
    with pytest.raises(UnpredictableError, match="no overhead case had its CPUs there"):
        found(only)


def test_more_cpus_across_nodes_may_send_all_bytes() -> None:
    """With one of two CPUs away half of the bytes crossed; of 64 CPUs, up to all may."""
    lines = by_place(cluster(HOME, ACROSS))
    line = lines["ray_blocks", "spread"]
    heavy = replace(
        line,
        cases=tuple(msgspec.structs.replace(one, bytes_moved=20_000_000) for one in line.cases),
    )
    two, many = heavy.call(2, ROWS), heavy.call(64, ROWS)
    assert two.doubt < many.doubt
    assert many.added > 20e6 / SPEED > many.overlapped


def test_page_of_a_single_machine_says_nothing_of_a_network(
    save: Callable[..., Path],
) -> None:
    """Nor that of a run that says on how many nodes a case was, and not where its CPUs were."""
    plain, counted = (
        save({}, name="run", benchmarks=[*saved_cases(), *saved_probes()]),
        save({}, name="run", benchmarks=[*map(_with_nodes, [*saved_cases(), *saved_probes()])]),
    )
    pages = [
        page.as_markdown(contents.contents(read([launch]), [launch]))
        for launch in map(read_launch, (plain, counted))
    ]
    assert "network" not in pages[0]
    assert pages[0] == pages[1]


def _with_nodes(record: dict[str, Any]) -> dict[str, Any]:
    return record | {"extra_info": record["extra_info"] | {"nodes": 1}}


def test_case_on_one_cpu_is_predicted_once() -> None:
    """It has no placement, and stands beside those of each: packed ones, and spread ones."""
    run = cluster(HOME, ACROSS)
    one = elsewhere(msgspec.structs.replace(run.cases[1], cpus=1), Where("", (1,), 0), 2.0)
    unplaced = msgspec.structs.replace(one, placement="")
    lines = found(replace(run, cases=(*run.cases, unplaced))).lines
    names = [(line.name, line.way) for line in lines]
    assert len(names) == len(set(names))
    assert {
        case.cpus
        for line in lines
        if line.way == one.implementation
        for case in line.cases
        if not line.where.away
    } == {1, 2}


def test_page_of_a_cluster_has_a_section_on_the_network(save: Callable[..., Path]) -> None:
    """Its figures, and which cut pays from which bandwidth on, from the saved words alone."""
    there, across = {"placement": "pack"}, {"placement": "spread"}
    probes, rays = _rays(saved_probes() + _bytes_out()), _rays(saved_cases())
    records = [
        *(one for one in saved_cases() + saved_probes() if "serial" in one["name"]),
        *(_placed(one, there) for one in probes + rays),
        *(_placed(one, across, 1.5) for one in probes if one["extra_info"]["cpus"] > 1),
        *(_placed(one, across) for one in rays if one["extra_info"]["cpus"] > 1),
    ]
    launch = read_launch(save({}, name="run", benchmarks=records))
    report = contents.contents(read([launch]), [launch])
    shown = page.as_markdown(report)
    assert "## What does the network cost?" in shown
    assert "On 2 CPUs spread across nodes, beside as many on the driver's node: an empty" in shown
    assert "if all 16.0 MB of a call cross the network, Ray pays in blocks on 2 CPUs from" in shown
    names = [chart.name for section in report.sections for chart in section.charts]
    assert len(names) == len(set(names))  # of two placements there are two of each


def _rays(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one for one in records if "serial" not in one["name"]]


def _bytes_out() -> list[dict[str, Any]]:
    """Return what the made-up runs of the other tests lack."""
    return [
        saved_probe("bytes_out", "ray_per_row", 2, 4, 4 * each, 1e-3 + 4 * each * 1e-9)
        for each in (2**10, 2**20, 2**23)
    ]


def _placed(record: dict[str, Any], words: dict[str, Any], longer: float = 1.0) -> dict[str, Any]:
    """Return a saved *record* as of CPUs that *words* say of, whose calls took *longer*."""
    info, stats = record["extra_info"], record["stats"]
    cpus = info["cpus"]
    each = (
        [(1, False), (1, True)] if words["placement"] == "spread" and cpus > 1 else [(cpus, False)]
    )
    own = {"cpu": "Xeon", "niceness": 0, "blas_threads": 1, "allocator": "glibc", "load": 0.5}
    on_nodes = [own | {"node": str(away), "cpus": here, "away": away} for here, away in each]
    moved = {"bytes_away": info["bytes_moved"] // 2} if on_nodes[1:] else {}
    placed = {"on_nodes": on_nodes} | moved | (words if cpus > 1 else {})
    seconds = [longer * one for one in stats["data"]]
    return record | {
        "extra_info": info | placed,
        "name": f"{record['name']}-{words['placement']}",
        "fullname": f"{record['fullname']}-{words['placement']}",
        "stats": stats
        | {"data": seconds, "median": float(np.median(seconds)), "min": min(seconds)},
    }
