"""A noisy case has its mark, and a line that says what it means, in every table."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from rayscale.__main__ import main
from rayscale.suite import summary
from rayscale.suite.live import LiveLine

CASES = {"loop-serial-small": 0.03, "loop-ray_blocks-cpus2-small": 0.02, "numpy-serial-small": 4e-5}
NOISY = {"seconds": 1.0, "cpus": 2, "needed": 2, "outside": 1.2}
MEANING = "^ noisy: while it was timed, other programs used CPUs that it needed"
Rayscale = Callable[..., str]


@pytest.fixture
def rayscale(
    save: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Rayscale:
    """Return a function that runs the command on two runs, of which the second is noisy."""
    save(CASES, name="quiet")
    file = save(CASES, name="noisy")
    contents = json.loads(file.read_text())
    contents["benchmarks"][1]["extra_info"]["surroundings"] = NOISY
    contents["rayscale"]["surroundings"] = {"load": "other programs used 1.2 of 2 CPUs"}
    file.write_text(json.dumps(contents))
    monkeypatch.chdir(file.parents[2])

    def run(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["rayscale", *arguments])
        main()
        output, errors = capsys.readouterr()
        assert errors == ""
        return output

    return run


def lines(text: str, *words: str) -> list[str]:
    """Return the lines of *text* that have all *words*."""
    return [line for line in text.splitlines() if all(word in line for word in words)]


def test_runs_count_noisy_cases_and_name_what_was_noted(rayscale: Rayscale) -> None:
    """A run's line says how many cases are noisy, and what was noted before it."""
    output = rayscale("runs")

    (quiet,), (noisy,) = lines(output, "quiet"), lines(output, "noisy  ")
    assert "noisy" not in quiet
    assert "3, 1 noisy" in noisy
    assert noisy.rstrip().endswith("load")


def test_comparison_marks_a_noisy_case(rayscale: Rayscale) -> None:
    """The time of the noisy side has the mark; what was noted before stands at the top."""
    output = rayscale("compare", "quiet", "noisy")

    (row,) = lines(output, "ray_blocks", "±")
    assert row.count("^") == 1
    assert row.index("^") > row.index("±")  # the second time, NEW's
    assert "new, noted before: load, other programs used 1.2 of 2 CPUs" in output
    assert MEANING in output
    assert "^" not in rayscale("compare", "quiet", "quiet")


def test_history_marks_the_newest_time(rayscale: Rayscale) -> None:
    """The newest time is marked if it is noisy, and no other case's."""
    output = rayscale("history")

    assert len(lines(output, "^")) == 2
    assert "20.0 ms^" in lines(output, "ray_blocks")[0]
    assert MEANING in output


def test_export_tells_noisy_rounds(rayscale: Rayscale) -> None:
    """Each round says whether its case is noisy."""
    rayscale("export", "noisy", "-o", "table.csv")

    table = pd.read_csv("table.csv")
    assert set(table[table.noisy].implementation) == {"ray_blocks"}


def test_report_marks_tables_and_charts(rayscale: Rayscale) -> None:
    """Tables mark the time, charts name the case, and the machine's part says what was noted."""
    rayscale("report", "noisy", "--format=md", "-o", "report.md", "--charts", "charts")
    text = Path("report.md").read_text(encoding="utf-8")

    assert "20.0 ms^ (n=7)" in text
    assert MEANING in text
    assert "others used up to 1.2 of 2 CPUs" in text
    assert "Noted before: load, other programs used 1.2 of 2 CPUs." in text
    assert "Timed while the machine was noisy (^): loop ray" in text


def test_summary_marks_the_time() -> None:
    """The table after a run marks the time, and says how much others used."""
    info = {
        "problem": "mean",
        "kernel": "loop",
        "implementation": "serial",
        "cpus": 1,
        "size": "small",
        "surroundings": NOISY,
    }
    shown = summary.render([{"extra_info": info, "stats": {"data": [1.0] * 7}}], width=200)

    assert "1.00 s^ (n=7)" in shown
    assert f"{MEANING}, or the host or a quota took them away." in shown
    assert "Here others used up to 1.2 of 2 CPUs." in shown


def test_live_line_counts_noisy_cases() -> None:
    """While a run goes on, the line at its end says how many cases were noisy until now."""
    shown: list[str] = []
    reporter = SimpleNamespace(isatty=True, rewrite=lambda text, **_: shown.append(text))
    manager = SimpleNamespace(get_plugin=lambda _: reporter)
    config: Any = SimpleNamespace(pluginmanager=manager, get_verbosity=lambda: 0)
    noisy, quiet = (
        SimpleNamespace(
            name=name,
            nodeid=name,
            funcargs={"benchmark": SimpleNamespace(extra_info={"surroundings": seen})},
        )
        for name, seen in (("first", NOISY), ("second", None))
    )
    cases: Any = [noisy, quiet]
    line = LiveLine(config, cases, {})
    for case in cases:
        next(line.pytest_runtest_protocol(case))
        line.pytest_runtest_teardown(case)

    assert shown == ["first: 2 left", "second: 2 left, 1 noisy (^)"]
