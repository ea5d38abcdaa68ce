"""The command rayscale: what it lists, compares, exports and refuses."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from rayscale.__main__ import main
from rayscale.commands.group import COMMANDS
from rayscale.saved import store
from rayscale.saved.choice import choose
from rayscale.saved.launches import Launch, read
from tests.projects import PATIENCE, PLAIN, surroundings, write

CASES = {"loop-serial-small": 0.03, "numpy-serial-small": 4e-5}
SLOWER = CASES | {"loop-serial-small": 0.036}
Rayscale = Callable[..., tuple[int, str, str]]
SaveSeries = Callable[..., list[Path]]

# A suite that knows nothing of rayscale, and is run without it; its cases are small and fail on
# request.
FOREIGN = """
from pathlib import Path

def test_sort(benchmark):
    benchmark.pedantic(sorted, args=[range(1000)], rounds=7)
    launches = Path("launches")
    launches.write_text(launches.read_text() + "x" if launches.exists() else "x")
    assert len(launches.read_text()) != FAILS
"""
WITHOUT_US = ("-p", "pytest_benchmark.plugin")  # where plug-ins are not found by themselves
TRUE = shutil.which("true") or "true"


@pytest.fixture
def rayscale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Rayscale:
    """Return a function that runs the command; it returns its exit code, output and errors."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["rayscale", *arguments])
        code = 0
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        return code, *capsys.readouterr()

    return run


def test_runs_are_listed_a_series_a_line(
    rayscale: Rayscale, save_series: SaveSeries, save: Callable[..., Path]
) -> None:
    """Date, revision, machine, versions, cases, launches; a broken file is named, and skipped."""
    save_series(CASES, name="baseline", kind="baseline", launches=3)
    broken = save(CASES, name="broken")
    broken.write_text("{")
    code, output, errors = rayscale("runs")

    assert code == 0
    (line,) = [line for line in output.splitlines() if "3f2a91c" in line]
    assert re.search(
        r"baseline \(baseline\) .* 3f2a91c .* here-2cpu-8gib .* python 3.11.7, ray 2.60.0, "
        r"numpy 2.4.6 +2 +3$",
        line,
    )
    assert "0004_broken.json: not JSON, or cut off" in errors


def test_nothing_kept_is_said(rayscale: Rayscale) -> None:
    """Without any run the list says so, and nothing is written."""
    assert rayscale("runs") == (0, "Nothing is kept in results/ yet.\n", "")
    assert not Path("results").exists()


def test_slower_case_ends_with_1(rayscale: Rayscale, save_series: SaveSeries) -> None:
    """Two named series are compared; software that differs stands at the top."""
    save_series(CASES, name="baseline", kind="baseline", seed=1)
    machine = {"hardware": {"cpus": 2}, "software": {"ray": "2.61.0", "numpy": "2.4.6"}}
    save_series(SLOWER, name="fresh", seed=2, machine_info=machine)
    code, output, _ = rayscale("compare", "baseline", "fresh")

    assert code == 1
    assert "software differs: ray 2.60.0 -> 2.61.0" in output
    assert re.search(r"moving_average loop serial small .* 1\.2\d\d \[.*\] .* slower", output)
    assert "1 slower, 1 same; 10 old launches against 10 new." in output
    assert rayscale("compare", "baseline", "baseline")[0] == 0


def test_baseline_that_is_incomplete_is_none(rayscale: Rayscale, save_series: SaveSeries) -> None:
    """The newest complete baseline counts: not one that lacks a launch, nor with a failed case."""
    complete = save_series(CASES, name="baseline", kind="baseline", seed=1)
    cut_off = save_series(CASES, name="baseline", kind="baseline", seed=2)
    cut_off[-1].unlink()
    failed = {"format": 1, "kind": "launch", "failed": ["x::test_bad"]}
    for seed, kind in ((3, "baseline"), (4, "launches")):
        own = failed if kind == "baseline" else {"format": 1}
        save_series(CASES, name="baseline", kind=kind, seed=seed, rayscale=own)
    chosen = choose("baseline", Path("results"), here=lambda: "")
    assert [launch.file for launch in chosen] == [
        str(file.relative_to(Path.cwd())) for file in complete
    ]

    for file in complete:
        file.unlink()
    code, _, errors = rayscale("compare", "baseline", "baseline")
    assert code == 4
    assert "record it again, or name its files" in errors


def test_baseline_is_what_was_made_as_one(rayscale: Rayscale, save_series: SaveSeries) -> None:
    """A baseline by any name is the baseline; a broken file of the newest is not passed over."""
    save_series(CASES, name="baseline", kind="launches", seed=1)
    made = save_series(CASES, name="v2", kind="baseline", seed=2)
    chosen = choose("baseline", Path("results"), here=lambda: "")
    assert [Path(launch.file).name for launch in chosen] == [file.name for file in made]

    newer = save_series(CASES, name="v2", kind="baseline", seed=3)
    newer[0].write_text("{")
    code, _, errors = rayscale("compare", "v2", "v2")
    assert code == 4
    assert f"{newer[0].name}: not JSON, or cut off" in errors


def test_report_is_written_beside_its_charts(rayscale: Rayscale, save: Callable[..., Path]) -> None:
    """The page by default; Markdown that links to the charts from where it stands."""
    save(CASES | {"loop-ray_blocks-cpus2-small": 0.02})
    code, output, _ = rayscale("report")
    assert (code, output) == (0, "The report: report.html\n")
    assert Path("report.html").read_text().startswith("<!DOCTYPE html>")

    Path("docs").mkdir()
    code, _, _ = rayscale("report", "run", "--format=md", "--charts=docs/pictures", "-odocs/r.md")
    assert code == 0
    (link,) = re.findall(r"\]\((.*speed-up.*\.svg)\)", Path("docs/r.md").read_text())
    assert Path("docs", link).is_file()


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["compare", "nowhere", "run"], 4, '"nowhere" is not a file, a folder, or the name of'),
        (["compare", "run", "other"], 4, "--across-machines compares speed-ups"),
        (["compare", "run", "results/here-2cpu-8gib/0002_bad.json"], 4, "took -1.0 s"),
        (["compare", "run", "run", "--tolerance=5"], 4, '"5" is'),
        (["compare", "run", "run", "--tolerance=100%"], 4, '"100%" is'),
        (["compare", "run", "run", "--miss=150%"], 4, '"150%" is'),
        (["compare", "run", "run", "--miss=0"], 4, '"0" is'),
        (["compare", "run", "run", "--launches=20"], 4, "--launch alone does; add it"),
        (["compare", "run", "run", "run"], 4, '"run" is for pytest'),
        (["compare", "--launch", "a", "b", "--across-machines"], 4, "leave out --across-machines"),
        (["compare", "run"], 4, "Missing argument 'NEW'"),
        (["record", "--name=a/b"], 4, '"a/b" cannot be a part of a file'),
        (["record", "-k", "loop"], 4, "Options for pytest follow after --."),
        (["record", "--launches=0"], 4, "0 is not in the range 1<=x<=10000"),
        (["history", "nothing"], 4, 'no case called "nothing" is kept'),
        (["export", "run", "-o", "table.xls"], 4, "neither .csv nor .parquet"),
        (["export", "run", "-o", "nowhere/table.csv"], 4, '"nowhere" is not a folder'),
        (["predict", "nothing"], 4, '"nothing" is not a file, a folder, or the name of'),
        (["predict", "run"], 4, "neither the run nor another one of its machine has overhead"),
        (["predict", "run", "--cpus=4,x"], 4, '"4,x" has something else than whole numbers'),
        (["predict", "run", "--rows=0"], 4, '"0" has something else than whole numbers from 1'),
        (["report", "nothing"], 4, '"nothing" is not a file, a folder, or the name of'),
        (["report", "-o", "nowhere/report.html"], 4, "No such file or directory"),
        (["compare", "--launch", "nowhere", "nowhere"], 1, '"nowhere" cannot be run'),
        (["compare", "--launch", TRUE, TRUE], 1, "without any timing; give a Python"),
        (["compare", "run", "less"], 1, ""),
        (["compare", "run", "less", "--allow-missing"], 0, ""),
    ],
)
def test_request_that_cannot_be_met_is_refused(
    rayscale: Rayscale,
    save: Callable[..., Path],
    arguments: list[str],
    code: int,
    sentence: str,
) -> None:
    """One sentence and exit code 4; 1 where a case is missing that is not allowed to be."""
    save(CASES)
    bad = save({"loop-serial-small": 1.0}, name="bad")
    bad.write_text(bad.read_text().replace('"median": 1.0', '"median": -1.0'))
    save(CASES, name="other", folder="there-8cpu-8gib")
    save({"loop-serial-small": 0.03}, name="less")
    ended, _, errors = rayscale(*arguments)

    assert ended == code
    assert sentence in errors
    assert len(errors.splitlines()) <= 2


def test_history_shows_the_way_and_the_change(
    rayscale: Rayscale, save_series: SaveSeries, save: Callable[..., Path]
) -> None:
    """A line per case: its times as blocks, the newest, and the change since the baseline."""
    save_series(CASES, name="baseline", kind="baseline", spread=0.0)
    save({"loop-serial-small": 0.06}, datetime="2026-11-25T08:00:00+00:00")
    code, output, _ = rayscale("history", "loop serial")

    assert code == 0
    (line,) = [line for line in output.splitlines() if "small" in line]
    assert re.search(r"moving_average loop serial small .* ▄█ .* 60\.0 ms ", line)
    assert line.endswith("+100.0 % ~ (n=10+1), by control")


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_export_has_a_row_per_round(
    rayscale: Rayscale, save: Callable[..., Path], suffix: str
) -> None:
    """Every round of every case, with what it is and where it was made."""
    save(CASES)
    code, output, _ = rayscale("export", "run", "-o", f"table{suffix}")
    read = pd.read_csv if suffix == ".csv" else pd.read_parquet
    table = read(f"table{suffix}")

    assert (code, output) == (0, f"14 rounds: table{suffix}\n")
    assert len(table) == 2 * 7
    loop = table[table.kernel == "loop"]
    assert loop.seconds.median() == pytest.approx(0.03)
    assert set(loop["round"]) == set(range(7))
    assert set(table.machine_cpus) == {2}


def test_what_was_read_once_is_remembered_until_it_changes(
    save: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second time no file is parsed but the one that changed."""
    results = tmp_path / "results"
    first, second = save(CASES), save(CASES, name="second")
    store.read_all([first, second], results)
    parsed: list[Path] = []

    def noted(file: Path) -> Launch:
        parsed.append(file)
        return read(file)

    monkeypatch.setattr(store, "read", noted)
    second.write_text(second.read_text().replace("3f2a91c", "0000000"))
    launches, _ = store.read_all([first, second], results)

    assert parsed == [second]
    assert [launch.revision for launch in launches] == ["3f2a91c", "0000000"]

    (results / store.CACHE).write_bytes(b"of another version")
    assert len(store.read_all([first, second], results)[0]) == 2


def test_files_that_are_gone_are_forgotten(save: Callable[..., Path], tmp_path: Path) -> None:
    """What is remembered does not grow for ever."""
    results = tmp_path / "results"
    first, second = save(CASES, name="first"), save(CASES, name="second")
    store.read_all([first, second], results)
    first.unlink()
    third = save(CASES, name="third")
    store.read_all([second, third], results)
    remembered = (results / store.CACHE).read_bytes()
    assert b"0001_first" not in remembered
    assert b"0002_second" in remembered


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_names_all(rayscale: Rayscale, command: str) -> None:
    """Every command has its help, and every option a sentence."""
    code, output, _ = rayscale(*command.split(), "--help")
    assert code == 0
    assert "Usage: rayscale" in output
    options = output.split("Options:")[1].split("Commands:")[0]
    assert not re.search(r"^  -\S+( [A-Z]+)?$\n  -", options, re.MULTILINE)


@pytest.mark.parametrize("module", ["matplotlib", "pandas"])
def test_missing_extra_is_named(
    rayscale: Rayscale, save: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    """Where a package of an extra is missing, one sentence has the command that brings it."""
    save(CASES)
    all_ours = r"rayscale\.(report|commands|saved)\b"
    ours = sorted((one for one in sys.modules if re.match(all_ours, one)), reverse=True)
    for name in ours:
        package, _, attribute = name.rpartition(".")
        own = sys.modules[name]
        monkeypatch.setattr(sys.modules[package], attribute, own, raising=False)  # as it is after
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    command = {"matplotlib": ["report"], "pandas": ["export", "run", "-o", "x.csv"]}[module]
    code, _, errors = rayscale(*command)
    assert code == 4
    assert f"this needs {module}, which is not installed: pip install 'rayscale[" in errors
    assert len(errors.splitlines()) == 1


Suite = Callable[..., None]


@pytest.fixture
def foreign_suite(monkeypatch: pytest.MonkeyPatch) -> Suite:
    """Return a function that writes another project's suite here; launch number *fails* fails."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)

    def write(fails: int = 0) -> None:
        Path("test_sort.py").write_text(FOREIGN.replace("FAILS", str(fails)))

    return write


def test_record_keeps_launches_of_any_suite(rayscale: Rayscale, foreign_suite: Suite) -> None:
    """A suite without rayscale is recorded as a baseline, and each launch gets a line."""
    foreign_suite()
    code, output, errors = rayscale("record", "--baseline", "--launches=2", "--", *WITHOUT_US)
    assert code == 0, errors
    assert "A baseline of 2 launches: " in output
    lines = errors.splitlines()
    assert [line.split(": ")[0] for line in lines] == ["launch 1 of 2", "launch 2 of 2"]

    files = sorted(Path("results").glob("*/*.json"))
    assert [file.name for file in files] == ["0001_baseline.json", "0002_baseline.json"]
    launches = [read(file) for file in files]
    assert [launch.series.launch for launch in launches if launch.series] == [0, 1]
    assert [list(launch.medians) for launch in launches] == 2 * [["test_sort.py::test_sort"]]
    assert files[0].parent.name.endswith("gib")
    assert "(baseline)" in rayscale("runs")[1]
    assert rayscale("export", "baseline", "-o", "table.csv")[1] == "14 rounds: table.csv\n"


OURS = """
import numpy as np
import rayscale

def double(rows):
    return rows * 2

@rayscale.cases({"numpy": double}, sizes={"small": (10, 10)})
def test_double(measure, size):
    rows = np.ones(size)
    measure(rows, expected=rows * 2)
"""


def test_record_keeps_what_our_plug_in_saves(
    rayscale: Rayscale, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A suite of ours has its words and its control, and each launch is kept once."""
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    Path("test_double.py").write_text(OURS)
    chosen = ("-k", "serial", "--benchmark-max-time=0.01")
    code, _, errors = rayscale("record", "--launches=1", "--", *PLAIN, *chosen)
    assert code == 0, errors
    (file,) = Path("results").glob("*/*.json")
    launch = read(file)
    (case,) = launch.medians.values()
    assert case.label == "double numpy serial small"
    assert case.control is not None
    assert launch.software["numpy"]
    assert Path("results", ".gitignore").is_file()


@pytest.mark.parametrize(
    ("fails", "kept", "sentence"),
    [
        (1, 0, "The first launch failed: nothing was kept."),
        (2, 1, "Launch 2 of 3 failed. 1 launch before it kept: results/"),
    ],
)
def test_failed_launch_ends_the_series(
    rayscale: Rayscale, foreign_suite: Suite, fails: int, kept: int, sentence: str
) -> None:
    """What is kept of it is said truthfully, and is not a baseline."""
    foreign_suite(fails)
    code, _, errors = rayscale("record", "--baseline", "--launches=3", "--", *WITHOUT_US)
    assert code == 1
    assert "a test failed" in errors
    assert sentence in errors
    assert len(list(Path().glob("results/*/*.json"))) == kept
    assert rayscale("compare", "baseline", "baseline")[0] == 4


def test_choice_without_benchmarks_is_said(rayscale: Rayscale, foreign_suite: Suite) -> None:
    """Arguments after -- reach pytest, and a choice of nothing is named as such."""
    foreign_suite()
    code, _, errors = rayscale("record", "--launches=1", "--", *WITHOUT_US, "-k", "nothing")
    assert code == 1
    assert "no benchmark was found" in errors


def test_two_interpreters_are_launched_in_turn(rayscale: Rayscale, foreign_suite: Suite) -> None:
    """Both interpreters run any suite, each as often, and their series are kept."""
    foreign_suite()
    code, output, errors = rayscale(
        *("compare", "--launch", "--launches=1", sys.executable, sys.executable),
        *("--", *WITHOUT_US),
    )
    assert code == 0, errors
    assert "1 unsure; 1 old launch against 1 new." in output
    assert "make 7 launches of each" in " ".join(output.split())
    files = Path("results").glob("*/*.json")
    assert {file.stem.split("_")[1] for file in files} == {"old", "new"}


def test_interrupted_series_is_finished(rayscale: Rayscale, foreign_suite: Suite) -> None:
    """The launches that are missing are made, as planned; those that are there stay as they are."""
    foreign_suite(fails=2)
    asked = ("record", "--baseline", "--launches=3", "--", *WITHOUT_US)
    assert rayscale(*asked)[0] == 1
    (first,) = Path().glob("results/*/*.json")
    before = first.read_bytes()
    listed = rayscale("runs")[1]
    code, output, errors = rayscale("record", "--resume", *asked[1:])

    assert "not finished: baseline, 1 of 3 launches. To finish it: rayscale record" in listed
    assert code == 0, errors
    assert [line.split(": ")[0] for line in errors.splitlines()] == [
        "launch 1 of 2",
        "launch 2 of 2",
    ]
    assert "A baseline of 3 launches: " in output
    assert first.read_bytes() == before
    assert [path.name for path in sorted(Path("results").glob(".*"))] == [
        *(".gitignore", ".launches.msgpack")
    ]
    assert rayscale("compare", "baseline", "baseline")[0] == 0


def test_series_of_something_else_is_not_finished(rayscale: Rayscale, foreign_suite: Suite) -> None:
    """A changed file is named, and so is another option; the series can still be finished."""
    foreign_suite(fails=2)
    assert rayscale("record", "--launches=3", "--", *WITHOUT_US)[0] == 1
    optioned = rayscale("record", "--resume", "--launches=4", "--", *WITHOUT_US)
    foreign_suite(fails=3)
    changed = rayscale("record", "--resume", "--launches=3", "--", *WITHOUT_US)

    assert (optioned[0], changed[0]) == (4, 4)
    assert "--launches: 3, now 4" in " ".join(optioned[2].split())
    assert "test_sort.py has changed" in " ".join(changed[2].split())
    assert list(Path("results").glob(".unfinished-series-*.json"))


def test_no_series_to_finish_is_said(rayscale: Rayscale) -> None:
    """Where none was begun, that is the sentence."""
    code, _, errors = rayscale("record", "--resume")
    assert code == 4
    assert "was begun and not finished" in " ".join(errors.split())


def test_overhead_is_pytest(tmp_path: Path) -> None:
    """Not its parent, which Ctrl-C or SIGTERM would have end it before it shows what it has."""
    write(tmp_path, {"teller.py": "import os\n\nprint(f'pytest is {os.getpid()}.')\n"})
    words = [sys.executable, "-m", "rayscale", "overhead", "-p", "teller", "--collect-only"]
    with subprocess.Popen(
        words,
        cwd=tmp_path,
        env=surroundings(PYTHONPATH=str(tmp_path)),
        stdout=subprocess.PIPE,
        text=True,
    ) as started:
        said, _ = started.communicate(timeout=PATIENCE)

    assert f"pytest is {started.pid}." in said
    assert "test_empty_tasks" in said
    assert started.returncode == 0
