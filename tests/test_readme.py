"""What the README and docs/ show: the examples run, and what is named is there."""

import doctest
import re
import shlex
import sys
from collections.abc import Iterator
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest

from rayscale.commands.group import COMMANDS, rayscale
from rayscale.report import contents, page, subject
from rayscale.saved.choice import choose
from tests.projects import QUICK, run_pytest, write

ROOT = Path(__file__).resolve().parents[1]
MANUAL = ("README.md", *(f"docs/{file.name}" for file in sorted((ROOT / "docs").glob("*.md"))))
PAGES = (*MANUAL, "CONTRIBUTING.md", "CHANGELOG.md", "results/README.md")

# What docs/report.md shows of the report on the committed baseline; the README has the chart.
BASELINE = ROOT / "results" / "amd-epyc-2cpu-24gib"
TABLE = "moving_average small (100 x 100)"
CHART = "speed-up-moving_average-loop-small"
MARKS = "<!-- report: begin -->\n", "<!-- report: end -->\n"

# Options that the manual names of other programs: Ray's, pytest-benchmark's, Slurm's, hostname.
OF_OTHERS = {
    *("--head", "--port", "--address", "--node-ip-address", "--num-cpus", "--min-nodes"),
    *("--generate", "--help", "--storage", "--columns", "--cov"),
    *("--nodes", "--tasks-per-node", "--cpus-per-task", "--exclusive", "--time", "--ntasks"),
    "--ip-address",
}


def text_of(name: str) -> str:
    """Return the text of a page."""
    return (ROOT / name).read_text(encoding="utf-8")


def files_shown(text: str) -> dict[str, str]:
    """Return the blocks that begin with the name of a file, by that name."""
    return dict(re.findall(r"```\w+\n# (\S+\.\w+)\n(.*?)```", text, flags=re.DOTALL))


def commands(text: str) -> Iterator[list[str]]:
    """Return the words of each command in the blocks of shell lines, without the comments."""
    for block in re.findall(r"```sh\n(.*?)```", text, flags=re.DOTALL):
        for line in block.splitlines():
            for command in line.split(" && "):
                yield shlex.split(command, comments=True)


def code(text: str) -> str:
    """Return all that stands in blocks of code or between backquotes."""
    blocks = re.findall(r"```.*?```", text, flags=re.DOTALL)
    rest = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    return "\n".join([*blocks, *re.findall(r"`[^`]+`", rest)])


def headings(text: str) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    found = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\s-]", "", title.lower()).replace(" ", "-") for title in found}


def test_readme_example_runs_in_a_fresh_folder(tmp_path: Path) -> None:
    """The three files and a command that is shown beside them are a whole project."""
    readme = text_of("README.md")
    write(tmp_path, files_shown(readme))
    (shown,) = [words for words in commands(readme) if "--sizes" in words]
    done = run_pytest(tmp_path, *shown[1:], QUICK)

    assert shown[0] == "pytest"
    assert done.exit_code == 0, done.output
    assert "6 passed" in done.output  # 2 kernels x (serial, blocks on 1 CPU, blocks on 2)
    assert "ewma small (100 x 100)" in done.output
    assert "COST: " in done.output
    assert set(done.cases) >= {"loop-serial-small", "numpy-ray_blocks-cpus2-small"}


@pytest.fixture
def mylib(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have the README's module be importable, for this test alone."""
    write(tmp_path, files_shown(text_of("README.md")))
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    for name in ("mylib", "mylib.smoothing"):
        sys.modules.pop(name, None)


@pytest.mark.usefixtures("mylib")
def test_blocks_of_the_manual_run() -> None:
    """The Python of docs/suite.md is a file of tests, and its ways give what serial gives."""
    blocks = re.findall(r"```python\n(?!>>>)(.*?)```", text_of("docs/suite.md"), flags=re.DOTALL)
    shown: dict[str, Any] = {"__name__": "shown"}
    exec("\n".join(blocks), shown)  # noqa: S102 - that is what the page is for
    rows, ewma, pool = np.ones((5, 3)), shown["ewma_numpy"], shown["warm_pool"]

    np.testing.assert_array_equal(shown["in_threads"](ewma, rows, cpus=2), ewma(rows))
    with pool(None, 2, []) as stage:
        warm = shown["in_warm_threads"](ewma, rows, cpus=2, place=stage.place)
    np.testing.assert_array_equal(warm, ewma(rows))
    assert sum(map(shown["total"], shown["columns"](rows, 2))) == shown["total"](rows)
    assert {"test_ewma", "test_digests", "test_total", "test_ways"} <= shown.keys()


def test_prompt_sessions_show_what_python_answers() -> None:
    """A session at a Python prompt is a doctest."""
    results = [doctest.testfile(str(ROOT / name), module_relative=False) for name in MANUAL]

    assert sum(one.failed for one in results) == 0
    assert sum(one.attempted for one in results) > 0


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_to_what_exists(name: str) -> None:
    """Files, and headings in pages, that a page links to are there."""
    links = re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", text_of(name))
    for file, anchor in links:
        target = (ROOT / name).parent / file if file else ROOT / name
        assert target.exists(), file
        if anchor:
            assert anchor in headings(target.read_text(encoding="utf-8")), f"{file}#{anchor}"


@pytest.mark.parametrize("name", PAGES)
def test_commands_exist(name: str) -> None:
    """Every ``rayscale`` command that is named is one, and every tox environment."""
    text = code(text_of(name))
    named = set(re.findall(r"(?<![\w/.-])rayscale (?:--results \S+ )?([a-z]+)\b", text))
    tox = ConfigParser(interpolation=None)
    tox.read(ROOT / "tox.ini")
    environments = ",".join(re.findall(r"tox run -e ([\w,]+)", text))

    assert named <= {*COMMANDS, "import"}  # `from rayscale import ...`
    for environment in filter(None, environments.split(",")):
        assert f"testenv:{environment}" in tox


@pytest.mark.parametrize("name", MANUAL)
def test_rayscale_lines_are_understood(name: str) -> None:
    """A line that starts with ``rayscale`` has arguments and options that the command takes."""
    for words in commands(text_of(name)):
        if words[:1] == ["rayscale"]:
            command = rayscale.get_command(click.Context(rayscale), words[1])
            assert command is not None
            command.make_context(words[1], words[2:])  # UsageError if it does not take them


@pytest.mark.parametrize("name", MANUAL)
def test_options_exist(name: str, pytestconfig: pytest.Config) -> None:
    """Every option that is named is one of pytest here, or of a ``rayscale`` command."""
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*[a-z]\b", code(text_of(name))))
    context = click.Context(rayscale)
    ours = [rayscale, *(rayscale.get_command(context, one) for one in COMMANDS)]
    clicks = {option for one in ours if one for param in one.params for option in param.opts}
    unknown = {
        option for option in named - clicks - OF_OTHERS if not is_pytests(option, pytestconfig)
    }

    assert not unknown


def is_pytests(option: str, config: pytest.Config) -> bool:
    """Tell whether pytest takes *option*, under its own name or as a short one of ours."""
    destination = option.removeprefix("--").replace("-", "_")
    return any(is_declared(one, config) for one in (destination, f"rayscale_{destination}"))


def is_declared(destination: str, config: pytest.Config) -> bool:
    """Tell whether pytest keeps an option under the name *destination*."""
    try:
        config.getoption(destination)
    except ValueError:  # pytest's answer to a name that nobody declared
        return False
    return True


def test_baselines_report_is_as_shown(request: pytest.FixtureRequest) -> None:
    """One table and one chart, as the command makes them; ``--force-regen`` renews both."""
    launches = choose(str(BASELINE / "*_baseline.json"), ROOT / "results", here=str)
    report = contents.contents(subject.read(launches), launches)
    (table,) = [t for s in report.sections for t in s.tables if t.title == TABLE]
    (chart,) = [c for s in report.sections for c in s.charts if c.name == CHART]
    picture = ROOT / "results" / f"{CHART}.svg"
    link = f"![{chart.title}](../results/{picture.name})"
    shown = f"{page.markdown_table(table)}\n{link}\n\n{chart.caption}\n"
    before, _, rest = text_of("docs/report.md").partition(MARKS[0])
    old, _, after = rest.partition(MARKS[1])
    if request.config.getoption("--force-regen"):
        renewed = f"{before}{MARKS[0]}{shown}{MARKS[1]}{after}"
        (ROOT / "docs" / "report.md").write_text(renewed, encoding="utf-8")
        picture.write_text(page.alone(chart), encoding="utf-8")

    assert old == shown
    assert picture.read_text(encoding="utf-8") == page.alone(chart)
    assert f"![{chart.title}](results/{picture.name})" in text_of("README.md")
