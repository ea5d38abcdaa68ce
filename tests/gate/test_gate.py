"""The gate from end to end: what it stops, what it lets pass, what it refuses."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from rayscale.gate.request import _seconds, _seed, _share, parse_tolerance
from tests.projects import Run, at_once, run_pytest, write

# Three kernels, which take 1/64 s a call by a clock of their own.
KERNELS = """
from made_clock import takes

@takes(1 / 64)
def double_sum(rows):
    return [row + row for row in rows]

@takes(1 / 64)
def double_product(rows):
    return [2 * row for row in rows]

@takes(1 / 64)
def double_shift(rows):
    return [row << 1 for row in rows]
"""

# It stands still but while a kernel is called.  So the verdicts are the same on every machine,
# and nobody waits for them.  All times are sums of powers of two: no rounding makes a difference.
MADE_CLOCK = """
import functools

now = 0.0

def read():
    return now

def takes(seconds):
    def timed(kernel):
        @functools.wraps(kernel)
        def run(rows):
            global now
            now += seconds
            return kernel(rows)
        return run
    return timed
"""
CONFTEST = """
import functools
import made_clock

def pytest_collection_finish():
    from rayscale.gate import pairs

    pairs.compare = functools.partial(pairs.compare, clock=made_clock.read)
"""
BENCHMARK = """
import pytest
import rayscale
from mylib.double import double_product, double_shift, double_sum

KERNELS = {"product": double_product, "sum": double_sum, "shift": double_shift}

@rayscale.cases(KERNELS, sizes={"small": 4}, ways=[rayscale.serial, rayscale.ray_whole])
def test_double(measure, size):
    measure(list(range(size)), expected=[2 * number for number in range(size)])
"""
SETTINGS = """
[tool.pytest.ini_options]
pythonpath = [".", "../clock"]
rayscale = true
rayscale_subject = "mylib"
"""


def changed(text: str, *changes: tuple[str, str]) -> str:
    """Return *text* with each of *changes*: what must be in it, once, and what takes its place."""
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def marked(tolerance: str) -> str:
    """Return the benchmark, held to a *tolerance* of its own."""
    mark = f'@pytest.mark.tolerance("{tolerance}")'
    return changed(BENCHMARK, ("def test_double", f"{mark}\ndef test_double"))


# What the folder mylib holds in each revision but the last, oldest first.
OTHER = {"mylib/other.py": "def halve(rows):\n    return [row / 2 for row in rows]\n"}
REVISIONS: Mapping[str, Mapping[str, str]] = {
    "empty": {},
    "other": OTHER,
    "borrower": OTHER | {"mylib/double.py": "import mylib.other\n"},
    "unimportable": {"mylib/double.py": f"import nowhere\n{KERNELS}"},
    "unlike": {
        "mylib/double.py": changed(
            KERNELS,
            ("def double_sum(rows)", "def double_sum(*, rows)"),
            ("return [2 * row", "return [3 * row"),
            ("return [row << 1", "return [row << 2"),
        )
    },
    "older": {"mylib/double.py": changed(KERNELS, ("double_shift", "double_again"))},
}
# What the working tree makes of the last: a quarter slower, twice as fast, and as it was.
EDITED = changed(
    KERNELS,
    ("@takes(1 / 64)\ndef double_sum", "@takes(5 / 256)\ndef double_sum"),
    ("@takes(1 / 64)\ndef double_product", "@takes(1 / 128)\ndef double_product"),
)
# By the real clock, in Ray's workers: far more than Ray takes for a call, on a busy machine too.
SLEEPY = changed(KERNELS, ("return [2 * row", "__import__('time').sleep(0.1)\n    return [2 * row"))


@dataclass(frozen=True)
class Repository:
    """A project in a git repository of its own."""

    root: Path

    @property
    def folder(self) -> Path:
        """Where its copies, and what the runs save, are beside it."""
        return self.root.parent

    def git(self, *arguments: str) -> str:
        """Call git."""
        who = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
        return subprocess.run(
            ["git", *who, *arguments],  # noqa: S607 - the user's git
            cwd=self.root,
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()

    def commit(self, name: str, files: Mapping[str, str]) -> None:
        """Commit the project with *files* as its kernels, and tag it."""
        shutil.rmtree(self.root / "mylib", ignore_errors=True)
        write(self.root, files)
        self.git("add", "--all")
        self.git("commit", "--quiet", f"--message={name}")
        self.git("tag", name)

    def copied(self, name: str, kernels: str) -> Path:
        """Return a copy beside it, called *name*, whose working tree has other *kernels*."""
        copy = shutil.copytree(self.root, self.folder / name)
        return write(copy, {"mylib/double.py": kernels})


@pytest.fixture(scope="module", autouse=True)
def no_other_repository() -> Iterator[None]:
    """Let git know of no other repository, such as that whose hook runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("GIT_")]:
            patch.delenv(name)
        yield


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """Return a project whose last commit is checked out."""
    folder = tmp_path_factory.mktemp("gate")
    write(folder / "clock", {"made_clock.py": MADE_CLOCK})
    files = {
        ".gitignore": "__pycache__/\n",
        "conftest.py": CONFTEST,
        "pyproject.toml": SETTINGS,
        "benchmarks/test_double.py": BENCHMARK,
        "benchmarks/lenient.py": marked("99%"),  # run where they are named
        "benchmarks/strict.py": marked("1%"),
    }
    made = Repository(write(folder / "project", files))
    made.git("init", "--quiet", "--initial-branch=main")
    for name, kernels in REVISIONS.items():
        made.commit(name, kernels)
    made.commit("last", {"mylib/double.py": KERNELS})
    return made


TIMED = "--benchmark-only"
SERIAL = (TIMED, "-m", "not ray")
SUM = (*SERIAL, "-k=sum")
# Error rates of 1e-300, which some thousand pairs would be needed for: never decided.
NEVER_SURE = tuple(f"--{rate}=0.{299 * '0'}1" for rate in ("false-alarm", "miss"))
UNSURE = ("--against=HEAD", *SUM, "--pair-budget=2", "--pair-seed=7", "--tolerance=3%", *NEVER_SURE)
SPENT = ("--against=HEAD", *SERIAL, "-k=sum or product", "--gate-budget=0.25")
# By the real clock.  At 1 % one run in some hundreds would fail by the chance that is promised.
# The slow case needs 24 pairs, some 3 s; a busy machine has its 40 s, and twice as many again.
# The others pass, decided or not.
REAL = ("--false-alarm=0.001%", "--tolerance=50%", "--pair-budget=40", "--gate-budget=1000")

# What is run, by name: in which folder, with which arguments.
RUNS: dict[str, tuple[str, tuple[str, ...]]] = {
    "workers": ("sleepy", ("--against=HEAD", TIMED, "-k=sum or (product and ray)", *REAL)),
    "none-chosen": ("project", ("--against=other", TIMED, "-k=nowhere")),
    "same": ("project", ("--against=HEAD", *SERIAL, "-k=sum or product")),
    "edited": ("edited", ("--against=HEAD", *SERIAL, "--gate-summary=../own.md")),
    "older": ("project", ("--against=older", *SERIAL)),
    "older-allowed": ("project", ("--against=older", *SERIAL, "--allow-removed")),
    "unimportable": ("project", ("--against=unimportable", *SUM)),
    "unlike": (
        "project",
        ("--against=unlike", *SERIAL, "--allow-changed=double shift serial small"),
    ),
    "no-folder": ("project", ("--against=empty", *SUM)),
    "no-case": ("project", ("--against=other", *SUM)),
    "borrower": ("project", ("--against=borrower", *SUM)),
    "no-revision": ("project", ("--against=nowhere", *SUM)),
    "no-page": ("project", ("--against=HEAD", *SUM, "--gate-summary=nowhere/page.md")),
    "shallow": ("shallow", ("--against=HEAD~1", *SUM)),
    "lenient": ("edited", ("benchmarks/lenient.py", "--against=HEAD", *SUM)),
    "strict": ("edited", ("benchmarks/strict.py", "--against=HEAD", *SUM)),
    "unsure": ("project", UNSURE),
    "unsure-fails": ("project", (*UNSURE, "--unsure=fail")),
    "pair-budget": ("project", ("--against=HEAD", *SUM, "--pair-budget=0.25")),
    "gate-budget": ("project", SPENT),
    "gate-budget-fails": ("project", (*SPENT, "--unsure=fail")),
    "meant": ("edited", ("--against=HEAD", *SUM, "--allow-slower=double sum serial small")),
    "untimed": ("project", ("--against=HEAD",)),
    "no-base": ("project", (*SUM, "--tolerance", "10%")),
}

BEFORE = "what was on the page before\n"


@pytest.fixture(scope="module")
def running(repository: Repository) -> Iterator[dict[str, Future[Run]]]:
    """Run them, some at the same time; what no test waits for any more is not begun."""
    repository.copied("edited", EDITED)
    (repository.copied("sleepy", SLEEPY) / "conftest.py").unlink()
    source = repository.root.as_uri()
    repository.git("clone", "--quiet", "--depth=1", source, str(repository.folder / "shallow"))

    def gate(name: str) -> Run:
        project, arguments = RUNS[name]
        storage = write(repository.folder / "results" / name, {"page.md": BEFORE})
        return run_pytest(
            repository.folder / project,
            *arguments,
            storage=storage,
            variables={"GITHUB_STEP_SUMMARY": str(storage / "page.md"), "COLUMNS": "200"},
        )

    with at_once({name: partial(gate, name) for name in RUNS}) as running:
        yield running


Ran = Callable[[str], Run]


@pytest.fixture
def ran(running: dict[str, Future[Run]]) -> Ran:
    """Return a function that returns the run of a name, once it has ended."""
    return lambda name: running[name].result()


def gates(run: Run) -> dict[str, Any]:
    """Return what was saved of each case, by its kernel."""
    return {name.split("-")[0]: one["extra_info"]["gate"] for name, one in run.cases.items()}


def test_same_code_passes(ran: Ran, repository: Repository) -> None:
    """The same code twice is the same; what was seen is shown and saved, apart from all runs."""
    run = ran("same")
    sha = repository.git("rev-parse", "HEAD")
    (file,) = run.saved

    assert run.exit_code == 0, run.output
    assert re.search(rf"= head against HEAD \({sha[:7]}\) =", run.output)
    assert "At most 1 % chance of any false alarm among these 2 cases." in run.output
    assert "what Ray gained" not in run.output
    assert file.parts[-3] == "gates"
    for gate in gates(run).values():
        assert gate["verdict"] == "same"
        assert gate["base_sha"] == sha
        assert gate["dirty"] is False
        assert gate["false_alarm"] == pytest.approx(0.01 / 2)  # shared by both
        assert f"--pair-seed {gate['seed']} replays the draws" in run.output
        assert sum(len(loading) for loading in gate["raw_pairs"]) == sum(gate["pairs"]) == 11


def test_slower_kernel_fails(ran: Ran) -> None:
    """A kernel that the tree makes slower fails its case in one sentence, and no other."""
    run = ran("edited")
    sentence = (
        r"^double sum serial small: 25 % slower than HEAD \([0-9a-f]{7}\), "
        r"99 % interval 25 to 25 %, \d+ \+ \d+ pairs$"
    )

    assert run.exit_code == 1, run.output
    assert re.search(sentence, run.output, flags=re.MULTILINE)
    assert "Traceback" not in run.output
    assert "1 failed, 2 passed" in run.output, run.output
    verdicts = {kernel: gate["verdict"] for kernel, gate in gates(run).items()}
    assert verdicts == {"sum": "slower", "product": "faster", "shift": "same"}
    assert [gate["dirty"] for gate in gates(run).values()] == [True] * 3


def test_table_is_written_where_it_is_asked_for(ran: Ran, repository: Repository) -> None:
    """--gate-summary names a file for the table; the page that CI shows gets it at its end."""
    ran("edited")
    own = (repository.folder / "own.md").read_text()
    page = (repository.folder / "results" / "edited" / "page.md").read_text()

    assert re.search(r"\| double sum serial small .*\| slower", own)
    assert page == BEFORE + own


def test_slower_kernel_fails_in_rays_workers(ran: Ran) -> None:
    """A slowdown in what the workers run fails the Ray case, and no other."""
    run = ran("workers")

    assert run.exit_code == 1, run.output
    assert "double product ray_whole cpus1 small: " in run.output
    assert "1 failed, 2 passed" in run.output, run.output
    assert gates(run)["product"]["head"] >= 0.1


def test_new_kernel_is_listed(ran: Ran) -> None:
    """A kernel that the base lacks is new: not compared, not failed, not counted."""
    run = ran("older-allowed")

    assert run.exit_code == 0, run.output
    assert "2 passed, 1 skipped" in run.output
    assert re.search(r"double shift serial small .* new$", run.output, flags=re.MULTILINE)
    assert "among these 2 cases." in run.output


def test_removed_kernel_fails_unless_allowed(ran: Ran) -> None:
    """A public function that is gone fails the gate; --allow-removed lists it all the same."""
    for name, code in (("older", 1), ("older-allowed", 0)):
        run = ran(name)
        assert run.exit_code == code, run.output
        assert re.search(r"double\.double_again .* removed$", run.output, flags=re.MULTILINE)


@pytest.mark.parametrize(
    ("name", "kernel", "sentence"),
    [
        ("unimportable", "sum", "cannot be imported (ModuleNotFoundError: "),
        ("unlike", "sum", "raises TypeError: "),
        ("unlike", "product", "gives another result ("),
    ],
    ids=["import", "signature", "result"],
)
def test_base_that_cannot_be_compared_fails(
    ran: Ran, name: str, kernel: str, sentence: str
) -> None:
    """A base that does not import, take the call or give the result is an error that says so."""
    run = ran(name)
    case = f"double {kernel} serial small"

    assert run.exit_code == 1, run.output
    assert re.search(
        rf"^{case}: {name} \([0-9a-f]{{7}}\) {re.escape(sentence)}.*; "
        rf'--allow-changed="{case}" lets it pass$',
        run.output,
        flags=re.MULTILINE,
    )


def test_base_that_cannot_be_compared_passes_if_allowed(ran: Ran) -> None:
    """What --allow-changed names is listed with the reason, and does not fail."""
    run = ran("unlike")

    assert "2 failed, 1 passed" in run.output
    assert re.search(r"double shift serial small .* changed: unlike \(.*another result", run.output)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("no-revision", 'there is no revision "nowhere" here'),
        ("borrower", "mylib/double.py:1 imports mylib.other in borrower"),
        ("no-folder", "has no folder mylib/"),
        ("no-case", "has none of the 1 cases chosen; choose others with -k"),
        ("no-page", 'cannot write to "nowhere/page.md"'),
        ("shallow", "fetch-depth: 0"),
        ("strict", "test_double[sum-serial-small], mark tolerance: 1% is below 2 %"),
        ("untimed", "give --benchmark-only, too"),
        ("no-base", "--tolerance is for a gate; give --against=REV, too, or leave it out"),
    ],
)
def test_gate_that_cannot_be_is_a_usage_error(ran: Ran, name: str, sentence: str) -> None:
    """What makes the comparison impossible ends it with one line and exit code 4."""
    run = ran(name)

    assert run.exit_code == 4, run.output
    assert sentence in run.output
    assert len([line for line in run.output.splitlines() if "ERROR" in line]) == 1
    assert "Traceback" not in run.output


def test_nothing_chosen_is_nothing_compared(ran: Ran) -> None:
    """Where no case is chosen there is no table, whatever the base has and the head lacks."""
    run = ran("none-chosen")

    assert run.exit_code == 5, run.output
    assert "removed" not in run.output
    assert "Traceback" not in run.output


def test_mark_sets_the_tolerance_of_its_benchmark(ran: Ran) -> None:
    """A marked benchmark is held to its own tolerance: 25 % slower is inside 99 %."""
    run = ran("lenient")

    assert run.exit_code == 0, run.output
    assert gates(run)["sum"]["tolerance"] == 0.99
    assert "same: 25 % slower, inside the tolerance" in run.output
    assert "Code slower by 99 % or more" in run.output


def test_unsure_passes_with_a_warning_or_fails_on_request(ran: Ran) -> None:
    """What time ends before it is certain is unsure: said, and a failure where none is wanted."""
    passed, failed = ran("unsure"), ran("unsure-fails")

    assert passed.exit_code == 0, passed.output
    assert re.search(r"sum serial small .* unsure: ", passed.output)
    assert "warning: 1 unsure, and passed: a larger --pair-budget decides more" in passed.output
    assert failed.exit_code == 1, failed.output
    assert re.search(r"^double sum serial small: unsure, ", failed.output, re.MULTILINE)


def test_doubtful_wishes_are_warned_of(ran: Ran) -> None:
    """A tolerance that a copy's layout can reach, and draws that are no longer random."""
    output = ran("unsure").output

    assert "warning: a tolerance below 5%" in output
    assert "warning: the draws were replayed" in output


def test_same_seed_draws_the_same_orders(ran: Ran) -> None:
    """--pair-seed replays which of base and head was called first, pair by pair."""
    orders = [
        [pair["head_first"] for pair in gates(ran(name))["sum"]["raw_pairs"][0]]
        for name in ("unsure", "unsure-fails")
    ]
    assert orders[0] == orders[1]
    assert len(orders[0]) == 64  # 2 s of pairs of 2 / 64 s
    assert set(orders[0]) == {True, False}


def test_budget_of_a_case_that_is_spent_is_unsure(ran: Ran) -> None:
    """Eight pairs decide nothing: the case passes, and says what more time would bring."""
    run = ran("pair-budget")

    assert run.exit_code == 0, run.output
    assert re.search(r"sum serial small .* 8 +unsure: no slowdown is ruled out yet", run.output)
    assert "warning: 1 unsure, and passed: a larger --pair-budget decides more" in run.output


def test_budget_of_the_session_that_is_spent_compares_nothing_more(ran: Ran) -> None:
    """The cases after that are skipped and named; they fail where nothing may be left open."""
    passed, failed = ran("gate-budget"), ran("gate-budget-fails")

    left_out = "not compared: the session's 250 ms are spent"
    assert passed.exit_code == 0, passed.output
    assert "1 passed, 1 skipped" in passed.output
    assert re.search(rf"sum serial small .* {left_out}$", passed.output, re.MULTILINE)
    assert "warning: 1 not compared: a larger --gate-budget has time for them" in passed.output
    assert failed.exit_code == 1, failed.output
    assert f"sum serial small: {left_out}; give a larger --gate-budget" in failed.output


def test_slower_case_that_is_meant_passes(ran: Ran) -> None:
    """It is listed as slower, with the reason, and does not fail."""
    run = ran("meant")

    assert run.exit_code == 0, run.output
    assert re.search(r"sum serial small .* slower: meant, by --allow-slower", run.output)
    assert "1 slower" in run.output


@pytest.mark.parametrize(
    ("parse", "sentence"),
    [
        (lambda: parse_tolerance("--tolerance", "1%"), "--tolerance: 1% is below 2 %"),
        (
            lambda: parse_tolerance("--tolerance", "5"),
            '--tolerance: "5" is no share',
        ),
        (lambda: _share("--miss", "1 in 9"), '--miss: "1 in 9" is no share'),
        (lambda: _share("--miss", "100%"), '--miss: "100%" is no share'),
        (lambda: _share("--miss", "150%"), '--miss: "150%" is no share'),
        (lambda: _seconds("--pair-budget", "soon"), '--pair-budget: "soon" is no time'),
        (lambda: _seconds("--gate-budget", "-1"), '--gate-budget: "-1" is no time'),
        (lambda: _seed("x"), '--pair-seed: "x" is no whole number'),
    ],
)
def test_option_that_makes_no_sense_is_named(parse: Callable[[], object], sentence: str) -> None:
    """An option's bad value is named, with what to give."""
    with pytest.raises(pytest.UsageError, match=re.escape(sentence)):
        parse()
