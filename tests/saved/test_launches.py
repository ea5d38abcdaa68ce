"""Saved runs are read, whoever wrote them; a file that is not a run is named."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rayscale.saved.launches import read
from rayscale.saved.raw import LaunchError
from rayscale.saved.reading import benchmarks

CPU_3, CPU_5 = {"brand": "Some CPU", "count": 4}, {"brand_raw": "Some CPU", "count": 4}
STATS = {"min": 0.9, "max": 1.2, "mean": 1.0, "stddev": 0.1, "rounds": 5, "median": 1.0}


def foreign(version: str) -> dict[str, Any]:
    """Return what another suite's run looks like, as that version of pytest-benchmark writes it."""
    old = version.startswith("3")
    return {
        "machine_info": {
            "node": "host",
            "machine": "x86_64",
            "python_version": "3.6.1" if old else "3.12.1",
            "cpu": CPU_3 if old else CPU_5,
        },
        "commit_info": {"id": "a" * 40, "dirty": True},
        "benchmarks": [
            {
                "group": None,
                "name": "test_sort[10]",
                "fullname": "test_sort.py::test_sort[10]",
                "params": {"n": 10},
                "param": "10",
                **({} if old else {"extra_info": {}}),
                "stats": STATS if old else STATS | {"data": [1.0] * 5, "iterations": 1},
            },
            {
                "group": None,
                "name": "test_sum",
                "fullname": "test_sort.py::test_sum",
                "params": None,
                "param": None,
                "extra_info": {"anything": [1]},
                "stats": STATS | {"outliers": "1;0", "ops": 1.0},
            },
        ],
        # 3.x wrote UTC without an offset
        "datetime": "2017-03-01T10:00:00.123456" if old else "2026-11-24T08:00:00+00:00",
        "version": version,
    }


@pytest.mark.parametrize("version", ["3.1.1", "4.0.0", "5.3.1"])
def test_runs_of_other_suites_are_read(version: str, tmp_path: Path) -> None:
    """With and without raw data, parameters and extra_info: what is there is read."""
    file = tmp_path / "0001_other.json"
    file.write_text(json.dumps(foreign(version)))
    launch = read(file)

    assert [case.label for case in launch.cases] == [
        "test_sort.py::test_sort[10]",
        "test_sort.py::test_sum",
    ]
    assert {case.median for case in launch.medians.values()} == {1.0}
    assert launch.revision == "aaaaaaa-dirty"
    assert launch.when.utcoffset() is not None
    assert launch.hardware == {"cpu": "Some CPU", "cpus": 4, "architecture": "x86_64"}
    assert launch.name == "other"


@pytest.mark.parametrize(
    "machine",
    [
        {"hardware": "rpi", "software": ["numpy"], "cpu": None},
        {"hardware": {"cpu": None, "load": 0.5}, "cpu": {"count": None}},
        {},
    ],
)
def test_machine_that_another_suite_describes_is_read(
    machine: dict[str, Any], tmp_path: Path
) -> None:
    """Whatever another suite says of its machine, its timings are read."""
    file = tmp_path / "sort_results.json"
    file.write_text(json.dumps(foreign("5.3.1") | {"machine_info": machine}))
    launch = read(file)

    assert launch.name == "sort_results"
    assert launch.hardware == {}
    assert launch.software == {"pytest-benchmark": "5.3.1"}


def test_own_run_is_read(save: Callable[..., Path]) -> None:
    """A case's words, the control and what failed are there; cases of overhead do not count."""
    file = save({"loop-ray_blocks-cpus2-small": 0.02})
    contents = json.loads(file.read_text())
    overhead = contents["benchmarks"][0] | {"fullname": "x::test_submission", "extra_info": {}}
    contents["benchmarks"].append(overhead)
    contents["rayscale"] |= {"failed": ["x::test_bad"], "control": [3.0, 1.0, 2.0]}
    file.write_text(json.dumps(contents))
    launch = read(file)

    (case,) = launch.medians.values()
    assert case.label == "moving_average loop ray_blocks cpus2 small"
    assert len(launch.cases) == 2
    assert launch.failed == ("x::test_bad",)
    assert launch.control == 2.0


def broken(change: Callable[[dict[str, Any]], object]) -> str:
    """Return a file's text after a *change* of its contents."""
    contents = foreign("5.3.1")
    change(contents)
    return json.dumps(contents)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (json.dumps(foreign("5.3.1"))[:500], "not JSON, or cut off"),
        ("", "not JSON, or cut off"),
        ("[]", "not in pytest-benchmark's format (Expected `object`, got `array`)"),
        (broken(lambda run: run.pop("benchmarks")), "missing required field `benchmarks`"),
        (broken(lambda run: run.update(benchmarks=[])), "has no case that can be used (none at"),
        (
            broken(lambda run: [one["stats"].pop("median") for one in run["benchmarks"]]),
            "has no case that can be used (test_sort.py::test_sort[10] has no median",
        ),
        ("[" * 100_000, "nested too deep to be a run"),
        (broken(lambda run: run.update(version="6.0")), 'of pytest-benchmark "6.0"'),
        (broken(lambda run: run.update(rayscale={"format": 3})), "of rayscale's format 3"),
        (
            broken(lambda run: run.update(rayscale={"format": 1, "kind": "gate"})),
            "what a gate saw, and not a launch",
        ),
        (broken(lambda run: run.update(datetime="today")), '"today" is not a date and time'),
    ],
)
def test_file_that_is_not_a_run_is_named(text: str, reason: str, tmp_path: Path) -> None:
    """Whatever is wrong with a file, the message names the file and what it is."""
    file = tmp_path / "0001_bad.json"
    file.write_text(text)
    with pytest.raises(LaunchError, match=re.escape(reason)) as caught:
        read(file)
    assert str(file) in str(caught.value)


@pytest.mark.parametrize(
    ("median", "reason"),
    [
        (None, "has no median that is a number"),
        ("0.02", "has no median that is a number"),
        (True, "has no median that is a number"),
        (float("nan"), "took nan s, which is not a time"),
        (float("inf"), "took inf s, which is not a time"),
        (10**400, "took inf s, which is not a time"),
        (0, "took 0 s, which is not a time"),
        (-1.5, "took -1.5 s, which is not a time"),
    ],
)
def test_case_without_a_time_is_left_out_and_named(
    median: Any, reason: str, tmp_path: Path
) -> None:
    """The other case of the file is read as ever."""
    file = tmp_path / "0001_bad.json"
    file.write_text(broken(lambda run: run["benchmarks"][0]["stats"].update(median=median)))
    launch = read(file)

    assert list(launch.medians) == ["test_sort.py::test_sum"]
    assert launch.left_out == (f"test_sort.py::test_sort[10] {reason}",)


@pytest.mark.parametrize(
    "change",
    [
        lambda run: run["benchmarks"][0]["stats"].update(min=0, mean=None, ops=float("inf")),
        lambda run: run["benchmarks"][0]["stats"].update(data=["1.0", float("nan")]),
        lambda run: run["benchmarks"][0]["stats"].update(rounds=None, iterations="many"),
        lambda run: run["benchmarks"][0].update(extra_info=None, options=None),
        lambda run: run["benchmarks"][0].update(extra_info={"loss": float("nan"), "n": "\udc80"}),
        lambda run: run.update(machine_info=None, commit_info=[], version=None),
        lambda run: run.update(rayscale="another suite's word"),
        lambda run: run.pop("version"),
    ],
)
def test_what_is_not_used_can_be_anything(
    change: Callable[[dict[str, Any]], object], tmp_path: Path
) -> None:
    """A name and a median are all that a case needs."""
    file = tmp_path / "0001_odd.json"
    file.write_text(broken(change))
    launch = read(file)
    assert [case.median for case in launch.cases] == [1.0, 1.0]
    assert launch.left_out == ()


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_other_encodings_are_read(encoding: str, tmp_path: Path) -> None:
    """A byte order mark, and what other programs than pytest-benchmark make of a file."""
    file = tmp_path / "0001_odd.json"
    file.write_bytes(json.dumps(foreign("5.3.1")).encode(encoding))
    assert len(read(file).cases) == 2


def test_case_that_is_there_twice_is_left_out(tmp_path: Path) -> None:
    """Which of two cases of one name counts, nothing says."""
    file = tmp_path / "0001_twice.json"
    file.write_text(broken(lambda run: run["benchmarks"].append(run["benchmarks"][0])))
    launch = read(file)
    assert list(launch.medians) == ["test_sort.py::test_sum"]
    assert launch.left_out == ("test_sort.py::test_sort[10] is there twice",)


def test_text_in_a_file_cannot_act(tmp_path: Path) -> None:
    """Control characters are shown as what they are: in names, revisions, and of the machine."""
    evil = "\x1b]0;title\x07\n\x9b31m\u202e\udc80"
    contents = foreign("5.3.1")
    contents["benchmarks"][0]["fullname"] = evil
    contents["commit_info"]["id"] = evil
    contents["machine_info"]["cpu"]["brand_raw"] = evil
    contents["rayscale"] = {"format": 2, "failed": [evil]}
    file = tmp_path / "0001_\x1b[2J.json"
    file.write_text(json.dumps(contents))
    launch = read(file)
    texts = [launch.name, launch.cases[0].id, launch.revision, *launch.failed]
    assert all(text.isprintable() for text in [*texts, str(launch.hardware["cpu"])])
    assert launch.cases[0].id == r"\x1b]0;title\x07\n\x9b31m\u202e\udc80"


def test_raw_timings_that_are_not_times_are_none(save: Callable[..., Path]) -> None:
    """Medians can be read without the raw timings; a case says that it had some."""
    file = save({"loop-serial-small": 0.02})
    contents = json.loads(file.read_text())
    for data in (["fast"], [0.02, 0.0], [0.02, float("nan")], [None]):
        contents["benchmarks"][0]["stats"]["data"] = data
        file.write_text(json.dumps(contents))
        (case,) = benchmarks(read(file))
        assert (case.stats.data, case.stats.is_whole) == ((), False)


def test_plain_benchmark_beside_ours_counts(save: Callable[..., Path]) -> None:
    """In format 2 only what says so is a case of overhead; in format 1, all without words."""
    file = save({"loop-serial-small": 0.02})
    contents = json.loads(file.read_text())
    plain = contents["benchmarks"][0] | {"fullname": "x::test_plain", "extra_info": {}}
    words = {"overhead": "submission", "implementation": "ray_per_row"}
    probe = plain | {
        "fullname": "x::test_probe",
        "extra_info": words | {"cpus": 1, "tasks": 1, "bytes_moved": 0},
    }
    contents["benchmarks"] += [plain, probe]
    counted = {}
    for form in (1, 2):
        contents["rayscale"]["format"] = form
        file.write_text(json.dumps(contents))
        counted[form] = [name.split("::")[1] for name in read(file).medians][1:]
    assert counted == {1: [], 2: ["test_plain"]}


def test_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """A file that cannot be read is a LaunchError, too."""
    with pytest.raises(LaunchError, match="cannot be read"):
        read(tmp_path / "nowhere.json")
