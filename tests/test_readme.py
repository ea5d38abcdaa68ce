"""The README's examples do what it says."""

import doctest
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from rayscale.report import contents, page, subject
from rayscale.saved import store

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")

# What the README shows of the report on the committed baseline.
BASELINE = ROOT / "results" / "amd-epyc-2cpu-24gib"
TABLE = "moving_average small (100 x 100)"
CHART = "speed-up-moving_average-loop-small"
MARKS = "<!-- report: begin -->\n", "<!-- report: end -->\n"


def files_shown() -> dict[str, str]:
    """Return the README's Python blocks that begin with the name of a file, by that name."""
    return dict(re.findall(r"```python\n# (\S+\.py)\n(.*?)```", README, flags=re.DOTALL))


@pytest.fixture
def project(tmp_path: Path, copy_project: Callable[[Path], Path]) -> Path:
    """Return a copy of the project, without its results and tests."""
    (tmp_path / "tests").mkdir()
    return copy_project(tmp_path)


def test_readme_own_function_runs_every_way(project: Path) -> None:
    """The four steps, followed to the letter, give a benchmark whose results agree."""
    for name, text in files_shown().items():
        if name == "benchmarks/matrix.py":
            matrix = (project / name).read_text(encoding="utf-8")
            text = matrix.replace("MATRIX = {\n", f"MATRIX = {{\n{text}", 1)  # noqa: PLW2901
        (project / name).write_text(text, encoding="utf-8")
    command = README.split("**4. Run it:**")[1].split("```sh\npytest ")[1].split("\n")[0]
    quick = ["--benchmark-max-time=0.01", "--benchmark-min-rounds=1", "--cpus=1,2"]

    done = subprocess.run(
        [sys.executable, "-m", "pytest", *command.split(), *quick],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "12 passed" in done.stdout  # 2 kernels x (serial, whole, 2 counts of 2 others)
    assert "running_maximum small (100 x 100)" in done.stdout
    assert "COST: " in done.stdout


def test_readme_prompt_shows_what_python_answers() -> None:
    """The session at a Python prompt is a doctest."""
    failures, tried = doctest.testfile(str(ROOT / "README.md"), module_relative=False)

    assert failures == 0
    assert tried > 0


def test_readme_shows_the_baselines_report(request: pytest.FixtureRequest) -> None:
    """One table and one chart, as the command makes them; ``--force-regen`` renews both."""
    launches = store.choose(str(BASELINE / "*_baseline.json"), ROOT / "results", here=str)
    report = contents.contents(subject.read(launches), launches)
    (table,) = [t for s in report.sections for t in s.tables if t.title == TABLE]
    (chart,) = [c for s in report.sections for c in s.charts if c.name == CHART]
    picture = ROOT / "results" / f"{CHART}.svg"
    link = f"![{chart.title}](results/{picture.name})"
    shown = f"{page.markdown_table(table)}\n{link}\n\n{chart.caption}\n"
    before, _, rest = README.partition(MARKS[0])
    old, _, after = rest.partition(MARKS[1])
    if request.config.getoption("--force-regen"):
        renewed = f"{before}{MARKS[0]}{shown}{MARKS[1]}{after}"
        (ROOT / "README.md").write_text(renewed, encoding="utf-8")
        picture.write_text(page.alone(chart), encoding="utf-8")

    assert old == shown
    assert picture.read_text(encoding="utf-8") == page.alone(chart)
