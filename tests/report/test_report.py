"""The report, from saved runs to sentences, tables and pages."""

import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from pytest_regressions.file_regression import FileRegressionFixture

from rayscale.commands.group import rayscale
from rayscale.report import contents, over_time, page, subject
from rayscale.report.drawing import OWN, palette
from rayscale.report.section import Report
from rayscale.saved import comparison
from rayscale.saved.evidence import Limits
from rayscale.saved.launches import read as read_launch
from tests.report import learning
from tests.report.records import probe, timed

SHAPES = {"small": (100, 100), "article": (1000, 1000)}
SHARES = {"start": 0.05, "waiting": 0.1, "executing": 0.8, "fetching": 0.05}
LENGTHS = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
CALL, TASK, BYTE = 1e-3, 0.4e-3, 1e-9  # what Ray costs in the made runs, in seconds

Save = Callable[..., Path]


def case(
    kernel: str, implementation: str, cpus: int, size: str, median: float, rounds: int = 9
) -> dict[str, Any]:
    """Return a saved case whose rounds lie evenly within 1 % of *median*, in no order."""
    ray = implementation != "serial"
    tasks = {"serial": 0, "ray_per_row": SHAPES[size][0], "ray_blocks": cpus}.get(implementation, 1)
    at = f"-cpus{cpus}" if ray else ""
    info = {
        "problem": "moving_average",
        "kernel": kernel,
        "implementation": implementation,
        "cpus": cpus,
        "size": size,
        "shape": SHAPES[size],
        "tasks": tasks,
        "oversubscribed": False,
        "niceness": 0,
        "bytes_moved": 16 * SHAPES[size][0] * SHAPES[size][1] if ray else 0,
        "phases": {phase: share * median for phase, share in SHARES.items()} if ray else None,
    }
    file = "benchmarks/test_moving_average.py"
    name = f"{file}::test_moving_average[{kernel}-{implementation}{at}-{size}]"
    spread = np.random.default_rng(rounds).permutation(np.linspace(0.99, 1.01, rounds))
    return timed(name, (median * spread).tolist(), info)


def cases() -> list[dict[str, Any]]:
    """Return the experiment as a machine of two cores has it."""
    found = []
    for size, seconds in (("small", 0.027), ("article", 2.7)):
        overhead = 0.002 if size == "small" else 0.02
        found += [
            case("loop", "serial", 1, size, seconds),
            case("loop", "ray_whole", 1, size, seconds + overhead),
            case("loop", "ray_per_row", 1, size, 1.2 * seconds + SHAPES[size][0] * TASK),
            case("loop", "ray_per_row", 2, size, 0.6 * seconds + SHAPES[size][0] * TASK),
            case("loop", "ray_blocks", 1, size, seconds + overhead),
            case("loop", "ray_blocks", 2, size, seconds / 2 + overhead),
            case("numpy", "serial", 1, size, seconds / 1000),
            case("numpy", "ray_blocks", 2, size, seconds / 1000 + overhead),
        ]
    return found


def probes() -> list[dict[str, Any]]:
    """Return probes of a Ray that costs exactly CALL a call, TASK a task and BYTE a byte."""
    found = []
    for length in LENGTHS:
        found.append(probe("task_length", "serial", 1, 100, 0, 100 * length, length=length))
        for cpus in (1, 2):
            took = 100 * (length / cpus + TASK)
            found.append(probe("task_length", "ray_per_row", cpus, 100, 0, took, length=length))
    for cpus in (1, 2):
        for name, tasks, moved in (
            *(("empty_tasks", n, 16 * n) for n in (1, 10, 100, 1000)),
            *(("bytes_in", 4, 4 * n) for n in (2**10, 2**17, 2**20, 2**21, 2**23)),
        ):
            found.append(
                probe(name, "ray_per_row", cpus, tasks, moved, CALL + tasks * TASK + moved * BYTE)
            )
    return found


def reported(*files: Path, history: Sequence[Path] = ()) -> Report:
    """Return the report on *files*, launches of one series."""
    launches = [read_launch(file) for file in files]
    kept = [read_launch(file) for file in history] or launches
    return contents.contents(subject.read(launches), kept)


def text_of(report: Report) -> str:
    """Return the report as Markdown."""
    return page.as_markdown(report)


@pytest.fixture(scope="module")
def run(save_once: Save) -> Path:
    """Return the file of a whole run."""
    return save_once({}, name="run", benchmarks=cases() + probes())


@pytest.fixture(scope="module")
def report(run: Path) -> Report:
    """Return the report on it, whose charts are drawn once."""
    return reported(run)


def test_report_is_as_it_was(report: Report, file_regression: FileRegressionFixture) -> None:
    """Sentences, tables and links to the charts, as Markdown; renewed by --force-regen."""
    file_regression.check(page.as_markdown(report, "charts"), extension=".md")


def test_report_on_learning_is_as_it_was(
    save: Save, file_regression: FileRegressionFixture
) -> None:
    """Episodes, ways in pairs, trials and RLlib, and how long a task must be for each way."""
    parts = ("fastest", "as well as", "episode", "trial", "RLlib", "long must a task")
    shown = reported(save({}, name="learning", benchmarks=learning.run()))
    whole = page.as_markdown(shown.only(parts), "charts")
    said = "".join(f"- {one}\n" for one in shown.sentences)
    file_regression.check(f"{said}\n{whole}", extension=".md")


def test_section_that_is_not_there_is_refused(report: Report) -> None:
    """The message names those that are; several are shown in their order."""
    with pytest.raises(ValueError, match=r'holds "rlib"; there are Machine, Which'):
        report.only(["machine", "rlib"])
    kept = report.only(["spread", "MACHINE"])
    assert ([one.heading for one in kept.sections], kept.sentences) == (["Machine", "Spread"], ())


@pytest.mark.parametrize("phases", [{"start": 0.1}, dict.fromkeys(SHARES, 0.0)])
def test_case_without_all_phases_is_not_drawn(save: Save, phases: dict[str, float]) -> None:
    """A file may be anybody's: the other cases are shown."""
    benchmarks = cases()
    benchmarks[1]["extra_info"]["phases"] = phases
    report = reported(save({}, benchmarks=benchmarks))
    (section,) = (one for one in report.sections if one.heading == "Where the time goes")

    assert "loop ray_whole" not in section.charts[0].description
    assert "loop ray_per_row on 1 CPU" in section.charts[0].description


def test_command_shows_one_section_alone(save: Save) -> None:
    """``--section`` leaves all others out of the Markdown; unknown words end with exit code 4."""
    run = save({}, benchmarks=cases())
    command = [f"--results={run.parents[1]}", "report", "--format=md", "--section"]
    done = CliRunner().invoke(rayscale, [*command, "fastest"])
    assert done.exit_code == 0, done.output
    assert re.findall("^## .*", done.output, flags=re.MULTILINE) == [
        "## Which way of running is fastest?"
    ]
    refused = CliRunner().invoke(rayscale, [*command, "slowest"])
    assert refused.exit_code != 0
    assert 'holds "slowest"; there are' in refused.output


def test_sizes_of_as_many_rows_are_told_apart_by_their_time(save: Save) -> None:
    """Episodes of other lengths are other sizes, though all have as many items."""
    report = reported(save({}, benchmarks=learning.episodes()))
    (chart,) = [
        chart
        for part in report.sections
        if part.heading == "Time against size"
        for chart in part.charts
    ]
    places = [chart.svg.index(f">steps{steps}<") for steps in (1, 10, 100, 1000)]
    assert places == sorted(places)


def test_report_answers_with_figures(report: Report) -> None:
    """What Ray gains and loses, how long a task must be, what it costs: as the run was made."""
    first, *others = report.sentences
    # Serial 2.7 s, two blocks 1.37 s; the rows 0.6 * 2.7 + 0.4 = 2.02 s; whole 2.72 s.
    assert first.startswith("Moving average of 1000x1000 (article), loop kernel: ray_blocks")
    assert "ray_blocks on 2 CPUs is 1.97x [1.93, 2.01] (n=9) as fast as serial" in first
    assert "ray_per_row on 2 CPUs is 1.34x" in first
    assert "ray_whole on 1 CPU is about as fast as serial, 0.99x [0.97, 1.01]" in first
    text = " ".join(others)
    # 1.37 s / 2.7 ms = 507.
    assert "The numpy kernel on one CPU takes 2.70 ms and is faster than every parallel " in text
    assert "it is 507x [497, 518] (n=9) as fast as loop ray_blocks on 2 CPUs" in text
    # The best case of Ray takes 22.7 ms, NumPy alone 2.7 ms.
    assert "COST (CPUs to beat one thread): never, on up to 2 CPUs (numpy ray_blocks on 2" in text
    # A task of length l reaches l / (l + 0.4 ms) on one CPU: half at 0.4 ms, and on two at 0.8.
    assert re.search(
        r"must last 3\d\d us \[.*\] \(n=7\) on 1 CPU, 7\d\d us \[.*\] .* on 2 CP", text
    )
    assert re.search(
        r"up to 100 KiB, a call costs 1\.00 ms .*, each task 400 us \[400 us, 400 us\]", text
    )
    # All of these have 4 tasks: each has a quarter of the call's 1 ms.
    assert "above 100 KiB, each task costs 650 us [650 us, 650 us] and each MiB that is" in text


def test_prediction_stands_beside_what_was_measured(report: Report) -> None:
    """Rows on 2 CPUs: 2.7 s / 2, 1000 tasks of 0.4 ms and 16 MB: 1.77 s; measured 2.02 s."""
    line = next(
        one
        for one in text_of(report).splitlines()
        if r"ray_per_row on 2 CPUs" in one and "1,000" in one
    )
    assert re.search(r"1\.35 s .*1\.77 s .*2\.02 s .*1\.14", line)


def test_same_runs_give_the_same_bytes(run: Path, report: Report) -> None:
    """The page and its charts do not depend on when or how often they are made."""
    assert page.page(reported(run)) == page.page(report)


def test_page_is_small_and_asks_for_nothing(report: Report) -> None:
    """Under 2 MB, and no address in it but names of formats."""
    text = page.page(report)
    assert len(text.encode()) < 2_000_000
    addresses = set(re.findall(r"https?://[^\"' )]+", text))
    assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert "<text" in text  # text stays text


def test_ids_are_unique_in_the_page(report: Report) -> None:
    """Charts stand side by side: none refers to another one's parts."""
    text = page.page(report)
    ids = re.findall(r'\bid="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    referred = set(re.findall(r'(?:href="#|url\(#)([^")]+)', text))
    assert referred
    assert referred <= set(ids)


EVIL = "test_<script>alert(1)</script> $x$ | `a`"


def test_names_from_files_stay_text(save: Save) -> None:
    """A case that is called like a script is shown, not run."""
    file = save({}, benchmarks=[timed(EVIL, [1.0, 1.1, 1.2], {})])
    report = reported(file)
    assert "<script>" not in page.page(report)
    assert "&lt;script&gt;" in page.page(report)
    assert "<script>" not in text_of(report)
    assert r"$x$ \| \`a\`" in text_of(report)


def without_data(benchmarks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return *benchmarks* as a run without raw timings saves them."""
    for one in benchmarks:
        del one["stats"]["data"]
    return benchmarks


@pytest.mark.parametrize(
    ("benchmarks", "sentence"),
    [
        ([case("loop", "serial", 1, "small", 1.0)], "it cannot tell whether Ray pays"),
        ([case("loop", "ray_blocks", 2, "small", 1.0)], "it cannot tell whether Ray pays"),
        (
            [case("loop", name, 1, "small", 1.0) for name in ("serial", "ray_blocks")],
            "ray_blocks on 1 CPU is about as fast as serial, 1.00x [0.98, 1.02]",
        ),
        (
            without_data(
                [
                    case("loop", way, cpus, size, seconds)
                    for size, seconds in (("small", 0.03), ("article", 3.0))
                    for way, cpus in (("serial", 1), ("ray_blocks", 2))
                ]
            ),
            "ray_blocks on 2 CPUs has too few timings to be compared with serial",
        ),
        ([timed("test_sort", [1.0, 1.1], {"n": 3})], "it cannot tell whether Ray pays"),
        (
            [timed(f"test_sort[{n}]", [1.0, 1.0 + n / 500], {}) for n in range(500)],
            "it cannot tell whether Ray pays",
        ),
        (
            [
                case("loop", "serial", 1, "small", 1.0),
                *(case("loop", "ray_blocks", n, "small", 1 / n + 0.01 * n) for n in range(1, 9)),
            ],
            "ray_blocks on 8 CPUs is 4.88x",
        ),
    ],
    ids=["serial", "ray", "one count", "no data", "foreign", "500 cases", "8 counts"],
)
def test_odd_runs_have_a_sensible_page(
    save: Save, benchmarks: list[dict[str, Any]], sentence: str
) -> None:
    """One case, one CPU count, no raw timings, another suite's run, very many cases."""
    report = reported(save({}, benchmarks=benchmarks))
    text = page.page(report)
    assert sentence in " ".join(report.sentences)
    assert len(text.encode()) < 2_000_000
    assert "nan" not in re.sub(r"<[^>]*>", "", text)


def test_laws_are_told_or_refused_with_the_reason(save: Save) -> None:
    """With 8 counts the laws have values; with 2 they say what is missing."""
    many = [
        case("loop", "serial", 1, "small", 1.0),
        *(case("loop", "ray_blocks", n, "small", 0.1 + 0.9 / n) for n in range(1, 9)),
    ]
    assert re.search(
        r"0\.1 .* at 8 CPUs .* 0\.1 \[0\.1, 0\.1\] .* contention",
        text_of(reported(save({}, benchmarks=many))),
    )
    few = text_of(reported(save({}, benchmarks=cases())))
    assert "Amdahl's law needs 3 or more CPU counts above 1; there is 1." in few
    assert "The Universal Scalability Law needs 4 or more CPU counts above 1; there is 1." in few


def test_series_counts_launches(save_series: Callable[..., list[Path]]) -> None:
    """Of ten launches each is one number: n is 10, and the note says so."""
    report = reported(
        *save_series({"loop-serial-small": 0.03, "loop-ray_blocks-cpus2-small": 0.02})
    )
    text = text_of(report)
    assert "(n=10)" in text
    assert "Each launch counts once" in text


def test_what_is_not_in_the_report_is_said(save: Save) -> None:
    """Failed tests, cases that some launches lack, and files that could not be read are named."""
    failed = {"format": 1, "failed": ["x::test_bad"]}
    whole = save({"loop-serial-small": 0.03, "numpy-serial-small": 4e-5}, rayscale=failed)
    part = save({"loop-serial-small": 0.03})
    launches = [read_launch(file) for file in (whole, part)]
    report = contents.contents(subject.read(launches), launches, ["0009_bad.json: cut off"])
    said = " ".join(sentence for section in report.sections for sentence in section.sentences)

    assert "These tests failed and are not in this report: x::test_bad." in said
    assert "These are not in all launches, and so not in this report: " in said
    assert "test_moving_average[numpy-serial-small]" in said
    assert "Not in the history: 0009_bad.json: cut off." in said


def test_length_that_all_tasks_exceed_is_an_upper_bound(save: Save) -> None:
    """Where even the shortest tasks certainly reach half, less may do, too."""
    long = [
        probe("task_length", "serial", 1, 4, 0, 0.4, 0.1),
        probe("task_length", "ray_per_row", 2, 4, 0, 0.21, 0.1),
    ]
    assert "A task must last at most 100 ms on 2 CPUs" in " ".join(
        reported(save({}, benchmarks=long)).sentences
    )


def test_length_stands_for_each_way_of_running(save: Save) -> None:
    """Where pools were timed, too, each has its line; Ray's tasks come first in the sentences."""
    ways = {"ray_per_row": 0.21, "process_pool": 0.3, "thread_pool": 0.8}  # 95, 67, 25 % of 0.1 s
    long = [probe("task_length", "serial", 1, 4, 0, 0.4, 0.1)] + [
        probe("task_length", way, 2, 4, 0, took, 0.1) for way, took in ways.items()
    ]
    report = reported(save({}, benchmarks=long))
    said = " ".join(report.sentences)
    (section,) = [one for one in report.sections if one.heading == "How long must a task be?"]

    assert "A task must last at most 100 ms on 2 CPUs for Ray" in said
    assert (
        "On 2 CPUs, beside Ray's tasks: at most 100 ms with process_pool, more than 100 ms with "
        "thread_pool."
    ) in said
    assert section.tables[0].headings == ("way of running", "2 CPUs")
    assert [row[0] for row in section.tables[0].rows] == list(ways)
    assert "thread_pool, 2 CPUs: 25 % at 100 ms" in section.charts[0].description
    assert "thread_pool, 2 CPUs" in section.charts[0].svg


def test_history_marks_baselines_and_verdicts(save_series: Callable[..., list[Path]]) -> None:
    """A star for the baseline, a triangle for the series that is slower than it."""
    medians = {"loop-serial-small": 0.03, "numpy-serial-small": 4e-5}
    slower = medians | {"loop-serial-small": 0.036}
    later = {"datetime": "2026-11-25T08:00:00+00:00"}
    old = save_series(medians, name="baseline", kind="baseline", seed=1)
    new = save_series(slower, name="fresh", seed=2, **later)
    report = reported(*new, history=[*old, *new])
    charts = {
        chart.title: chart.svg
        for section in report.sections
        if section.heading == "History"
        for chart in section.charts
    }
    assert "▲" in charts["History: moving_average loop small"]
    assert "▲" not in charts["History: moving_average numpy small"]


def test_marks_of_a_history_share_their_chance_of_error(
    save_series: Callable[..., list[Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of three series against a baseline has a third of the chance of a false 'slower'."""
    medians = {"loop-serial-small": 0.03}
    files = save_series(medians, name="baseline", kind="baseline", launches=3, seed=1)
    for day in (25, 26, 27):
        later = {"datetime": f"2026-11-{day}T08:00:00+00:00"}
        files += save_series(medians, name="fresh", launches=3, seed=day, **later)
    asked: list[float] = []

    def compare(old: Any, new: Any, limits: Limits) -> Any:
        asked.append(limits.false_alarm)
        return comparison.compare(old, new, limits)

    monkeypatch.setattr(over_time, "compare", compare)
    over_time.verdicts([read_launch(file) for file in files])
    assert asked == [pytest.approx(0.01 / 3)] * 3


def test_ways_of_running_have_styles_of_their_own() -> None:
    """Twenty unknown ways and all known ones: no two look alike, whatever their order."""
    ways = [*OWN, *(f"pool{n}" for n in range(20))]
    looks = palette(ways)
    assert len({(look.colour, look.marker) for look in looks.values()}) == len(ways)
    assert palette(reversed(ways)) == looks


def test_overhead_comes_from_the_newest_run_that_has_probes(save: Save) -> None:
    """A run without probes is explained by those of an earlier run, which is named."""
    run = save({}, name="run", benchmarks=cases() + probes())
    later = {"datetime": "2026-11-25T08:00:00+00:00"}
    bare = save({}, name="bare", benchmarks=cases(), **later)
    elsewhere = save({}, name="far", benchmarks=probes(), folder="there-2cpu", **later)
    report = reported(bare, history=[run, bare, elsewhere])
    sentence = next(one for one in report.sentences if "A task must last" in one)
    assert sentence.endswith("(Probes of run run, 2026-11-24, Ray 2.60.0.)")
    assert "Does Ray's cost explain the loss?" in [one.heading for one in report.sections]
    assert "A task must last" not in " ".join(reported(bare).sentences)


def test_overhead_is_looked_for_in_all_runs_of_the_machine(save: Save) -> None:
    """The history of a named run is what has its name; the probes may have another one."""
    run = save({}, name="run", benchmarks=cases() + probes())
    for day in (25, 26):
        later = {"datetime": f"2026-11-{day}T08:00:00+00:00"}
        save({}, name="bare", benchmarks=cases(), **later)
    results = run.parents[1]
    pattern = str(run.parent / "*_bare.json")
    done = CliRunner().invoke(rayscale, [f"--results={results}", "report", "--format=md", pattern])
    assert done.exit_code == 0, done.output
    assert "A task must last" in done.output
    assert "(Probes of run run, 2026-11-24, Ray 2.60.0.)" in done.output


def test_tables_have_their_headings(report: Report) -> None:
    """Each column of a table says what it holds, and what its intervals are."""
    tables = {table.title: table for one in report.sections for table in one.tables}
    assert tables["moving_average small (100 x 100)"].headings == (
        *("kernel", "implementation", "CPUs", "median (n rounds)", "speed-up [95 %]"),
        "efficiency",
    )
    assert "largest miss" in tables["What Ray costs, fitted to calls that do nothing else"].headings
    for table in tables.values():
        assert {len(row) for row in table.rows} == {len(table.headings)}


def test_size_without_shape_has_a_chart_and_a_name(save: Save) -> None:
    """Items of any kind: sizes are ordered by their time, and called by their names."""
    several = []
    for size, seconds in (("many", 2.0), ("few", 0.02)):
        for way, factor in (("serial", 1.0), ("pool", 0.6)):
            one = case("loop", way, 1 if way == "serial" else 2, "small", seconds * factor)
            name = one["fullname"].replace("small", size)
            info = one["extra_info"] | {"size": size, "shape": []}
            several.append(one | {"name": name, "fullname": name, "extra_info": info})
    report = reported(save({}, benchmarks=several))
    (chart,) = [
        one
        for part in report.sections
        if part.heading == "Time against size"
        for one in part.charts
    ]
    assert "pool is faster than serial from few on, the smallest size" in chart.caption
    assert chart.svg.index(">few<") < chart.svg.index(">many<")
    assert "Moving average, many, loop kernel: pool on 2 CPUs is 1.67x" in report.sentences[0]


WITHOUT_MATPLOTLIB = """
import sys

class Missing:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == "matplotlib":
            raise ModuleNotFoundError(f"No module named {name}", name=name)

sys.meta_path.insert(0, Missing)
sys.argv = ["rayscale", "report"]

from rayscale.__main__ import main

main()
"""


def test_command_without_the_extra_says_what_to_install() -> None:
    """`rayscale report` ends with one sentence and exit code 4 where matplotlib is missing."""
    command = [sys.executable, "-c", WITHOUT_MATPLOTLIB]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 4
    (sentence,) = done.stderr.splitlines()
    assert "matplotlib" in sentence
    assert sentence.endswith("pip install 'rayscale[report]'")


def test_only_what_draws_imports_matplotlib() -> None:
    """Sentences and tables, as the summary, need no library for drawing."""
    code = (
        "import sys, rayscale.report.answers, rayscale.report.tables, rayscale.suite.summary; "
        "print([one for one in ('matplotlib', 'jinja2', 'pytest', 'ray') if one in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_charts_are_written_and_stand_alone(report: Report, tmp_path: Path) -> None:
    """Each chart is a file of its own, which Markdown links to."""
    files = page.write_charts(report, tmp_path / "charts")
    linked = re.findall(r"\]\(charts/([^)]+)\)", page.as_markdown(report, "charts"))
    assert sorted(linked) == sorted(file.name for file in files)
    assert all(file.read_text().startswith("<svg ") for file in files)
