"""The command rayscale: what it lists, compares, exports and refuses."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from rayscale.__main__ import main
from rayscale.saved import store
from rayscale.saved.launches import Launch, read
from tests.suite.test_session import surroundings

CASES = {"loop-serial-small": 0.03, "numpy-serial-small": 4e-5}
SLOWER = CASES | {"loop-serial-small": 0.036}
Rayscale = Callable[..., tuple[int, str, str]]
SaveSeries = Callable[..., list[Path]]
PATIENCE = 300  # seconds, for a run of some seconds


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
    assert "1 slower, 1 same; 10 launches against 10." in output
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
    chosen = store.choose("baseline", Path("results"), here=lambda: "")
    assert [launch.file for launch in chosen] == [
        str(file.relative_to(Path.cwd())) for file in complete
    ]

    for file in complete:
        file.unlink()
    code, _, errors = rayscale("compare", "baseline", "baseline")
    assert code == 4
    assert "make it anew, or name its files" in errors


def test_baseline_is_what_was_made_as_one(rayscale: Rayscale, save_series: SaveSeries) -> None:
    """A baseline by any name is the baseline; a broken file of the newest is not passed over."""
    save_series(CASES, name="baseline", kind="launches", seed=1)
    made = save_series(CASES, name="v2", kind="baseline", seed=2)
    chosen = store.choose("baseline", Path("results"), here=lambda: "")
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
        (["compare", "nowhere", "run"], 4, '"nowhere" is no file, no folder, and no run'),
        (["compare", "run", "other"], 4, "--across-machines compares speed-ups"),
        (["compare", "run", "results/here-2cpu-8gib/0002_bad.json"], 4, "took -1.0 s"),
        (["compare", "run", "run", "--tolerance=5"], 4, '"5" is no share'),
        (["compare", "run"], 4, "Missing argument 'NEW'"),
        (["record", "--name=a/b"], 4, '"a/b" is no part of a file'),
        (["record", "--launches=0"], 4, "0 is not in the range x>=1"),
        (["history", "nothing"], 4, 'no case called "nothing" is kept'),
        (["export", "run", "-o", "table.xls"], 4, "neither .csv nor .parquet"),
        (["report", "nothing"], 4, '"nothing" is no file, no folder, and no run'),
        (["report", "-o", "nowhere/report.html"], 4, "No such file or directory"),
        (["compare", "--launch", "nowhere", "nowhere"], 1, '"nowhere" cannot be run'),
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
    assert len([line for line in errors.splitlines() if line != "launches"]) <= 2


def test_history_shows_the_way_and_the_change(
    rayscale: Rayscale, save_series: SaveSeries, save: Callable[..., Path]
) -> None:
    """A line per case: its times as blocks, the newest, and the change since the baseline."""
    save_series(CASES, name="baseline", kind="baseline", spread=0.0)
    save({"loop-serial-small": 0.06}, datetime="2026-11-25T08:00:00+00:00")
    code, output, _ = rayscale("history", "loop serial")

    assert code == 0
    (line,) = [line for line in output.splitlines() if "small" in line]
    assert re.search(r"moving_average loop serial small .* ▄█ .* 60\.0 ms .* \+100\.0 %", line)


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


@pytest.mark.parametrize(
    "command", ["", "record", "runs", "compare", "history", "report", "export"]
)
def test_help_names_all(rayscale: Rayscale, command: str) -> None:
    """Every command has its help, and none is a bare name."""
    code, output, _ = rayscale(*command.split(), "--help")
    assert code == 0
    assert "Usage: rayscale" in output
    assert len(output.splitlines()) > 5


def test_record_keeps_each_launch(tmp_path: Path, copy_project: Callable[[Path], Path]) -> None:
    """Launches of a series are kept, told apart, and compared; a failed one ends the series."""
    project = tmp_path / "project"
    project.mkdir()
    copy_project(project)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "rayscale", *arguments],
            cwd=project,
            env=surroundings(),
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )

    quick = ("--launches=2", "-k=numpy-serial", "--benchmark-max-time=0.01")
    done = run("record", "--baseline", "--name=baseline", *quick)
    assert done.returncode == 0, done.stderr
    assert "A baseline of 2 launches: " in done.stdout
    files = sorted((project / "results").glob("*/*.json"))
    assert [file.name for file in files] == ["0001_baseline.json", "0002_baseline.json"]
    saved = [json.loads(file.read_text())["rayscale"] for file in files]
    assert [one["series"]["launch"] for one in saved] == [0, 1]
    assert len(saved[0]["control"]) == 1
    assert "(baseline)" in run("runs").stdout

    kernels = project / "kernels" / "moving_average.py"
    kernels.write_text(kernels.read_text().replace("window", "windows", 1) + "\nraise OSError\n")
    done = run("record", "--baseline", "--name=baseline", *quick)
    assert done.returncode == 1
    assert "is no baseline" in done.stderr
    assert len(list((project / "results").glob("*/*.json"))) == 2
