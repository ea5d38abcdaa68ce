"""The gate from end to end, on made-up projects: what it stops, lets pass, and refuses."""

import re
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from rayscale.gate.request import _seconds, _seed, _share, parse_tolerance
from tests.projects import NOTHING, Run, run_pytest, write

# It stands still but while the project's code is called, and both revisions read the same one.  So
# the verdicts are the same on every machine.  Times are sums of powers of two: nothing is rounded.
CLOCK = {
    "made_clock.py": """
now = 0.0

def read():
    return now

def take(seconds):
    global now
    now += seconds
"""
}
SETTINGS = """
[tool.pytest.ini_options]
pythonpath = [{path}, "../clock"]
"""
WORK = """
from made_clock import take

def work(number=1):
    take(number / 64)
    return number
"""
SLOWER = WORK.replace("number / 64", "number * 5 / 256")
BENCHMARK = """
import made_clock
import pytest
from mylib.code import work

pytestmark = pytest.mark.benchmark(timer=made_clock.read)

def test_work(benchmark):
    assert benchmark(work) == 1
"""
FLAT = {"mylib/__init__.py": "", "mylib/code.py": WORK, "tests/test_speed.py": BENCHMARK}


@dataclass(frozen=True)
class Project:
    """A project in a git repository, with one commit, and pytest called in a folder of it."""

    root: Path
    folder: Path

    def change(self, files: Mapping[str, str]) -> None:
        """Write *files* into the working tree."""
        write(self.folder, files)

    def git(self, *arguments: str) -> str:
        """Call git."""
        who = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
        words = ["git", "-C", str(self.root), *who, *arguments]
        return subprocess.run(words, check=True, capture_output=True, text=True).stdout

    def gate(self, *arguments: str, variables: Mapping[str, str] = NOTHING) -> Run:
        """Compare the working tree with the commit."""
        return run_pytest(
            self.folder,
            "--benchmark-only",
            "--rayscale-against=HEAD",
            f"--junitxml={self.root.parent / 'junit.xml'}",
            *arguments,
            variables=variables,
        )

    @property
    def verdicts(self) -> dict[str, str]:
        """The verdicts of the last gate, by the test's name, as junit has them."""
        cases = ET.parse(self.root.parent / "junit.xml").getroot().iter("testcase")  # noqa: S314 - pytest wrote it
        return {
            str(case.get("name")): next(
                (
                    str(one.get("value"))
                    for one in case.iter("property")
                    if one.get("name") == "verdict"
                ),
                next((one.tag for one in case), "passed"),
            )
            for case in cases
        }


def project(
    folder: Path, files: Mapping[str, str], path: str = '"."', inside: str = "."
) -> Project:
    """Return a project of *files*, in the folder *inside* a repository, whose code is in *path*."""
    write(folder / "clock", CLOCK)
    own = Project(folder / "repository", folder / "repository" / inside)
    settings = SETTINGS.format(path=path)
    if inside != ".":
        settings = settings.replace("../clock", "../../clock")
    write(own.folder, {"pyproject.toml": settings, ".gitignore": "*.pyc\n"} | dict(files))
    own.git("init", "--quiet", "--initial-branch=main")
    own.git("add", "--all")
    own.git("commit", "--quiet", "--message=one")
    return own


def under(prefix: str, files: Mapping[str, str]) -> dict[str, str]:
    """Return *files* in a folder."""
    return {f"{prefix}/{name}": text for name, text in files.items()}


LIBRARY = {"mylib/__init__.py": "", "mylib/code.py": WORK}
TEST = {"test_speed.py": BENCHMARK}
LAYOUTS: Mapping[str, tuple[Mapping[str, str], str, str, str]] = {
    # files, pythonpath, folder in the repository, and where the code is
    "flat": (FLAT, '"."', ".", "mylib/code.py"),
    "src": (under("src", LIBRARY) | under("tests", TEST), '"src"', ".", "src/mylib/code.py"),
    "namespace": (
        {"mylib/code.py": WORK} | under("benchmarks", TEST),
        '"."',
        ".",
        "mylib/code.py",
    ),
    "nested namespace": (
        {"mylib/inner/code.py": WORK}
        | under("tests", {"test_speed.py": BENCHMARK.replace("mylib.code", "mylib.inner.code")}),
        '"."',
        ".",
        "mylib/inner/code.py",
    ),
    "subfolder": (FLAT, '"."', "part", "mylib/code.py"),
    "in the package": (LIBRARY | under("mylib/tests", TEST), '"."', ".", "mylib/code.py"),
    "loose": (LIBRARY | TEST, '"."', ".", "mylib/code.py"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_slower_library_is_stopped_in_any_layout(layout: str, tmp_path: Path) -> None:
    """Code that a benchmark calls is compared wherever it is; nothing in the tree changes."""
    files, path, inside, code = LAYOUTS[layout]
    own = project(tmp_path, files, path, inside)
    own.change({code: SLOWER})
    before = own.git("status", "--porcelain")
    run = own.gate("-p", "no:cacheprovider")
    assert (run.exit_code, own.verdicts) == (1, {"test_work": "slower"})
    assert "25 % slower than HEAD" in run.output
    assert own.git("status", "--porcelain") == before


def test_same_code_passes(tmp_path: Path) -> None:
    """Unchanged code is the same, after one loading."""
    own = project(tmp_path, FLAT)
    run = own.gate()
    assert (run.exit_code, own.verdicts) == (0, {"test_work": "same"})
    assert "loaded once more" not in run.output


INTERFACE = """
import asyncio, json, logging, os, random, subprocess, sys, warnings
from unittest import mock
import made_clock
import pytest
import mylib.code
from mylib.code import work

pytestmark = pytest.mark.benchmark(timer=made_clock.read)

@pytest.fixture(scope="module")
def shared():
    return random.random()

def test_keywords(benchmark):
    assert benchmark(work, number=2) == 2

def test_pedantic(benchmark):
    around = []
    def setup():
        around.append("up")
        return (2,), {}
    def teardown(number):
        around.append("down")
        made_clock.take(8)
    assert benchmark.pedantic(work, setup=setup, teardown=teardown, rounds=3) == 2
    assert around[::2] == ["up"] * (len(around) // 2)
    assert around[1::2] == ["down"] * (len(around) // 2)

def test_iterations(benchmark):
    benchmark.pedantic(work, args=(1,), iterations=4, rounds=2, warmup_rounds=1)

class TestMethods:
    @pytest.mark.parametrize("number", [1, 4])
    def test_parametrised(self, benchmark, number):
        assert benchmark(work, number) == number

def test_stats(benchmark):
    benchmark.extra_info["a"] = 1
    benchmark(work)
    assert benchmark.stats.stats.median in (1 / 64, 5 / 256)

def test_capsys(benchmark, capsys):
    print("said")
    benchmark(work)
    assert capsys.readouterr().out == "said\\n"

def test_capfd(benchmark, capfd):
    os.write(1, b"said")
    benchmark(work)
    assert capfd.readouterr().out == "said"

def test_caplog(benchmark, caplog):
    logging.getLogger("mylib").warning("said")
    benchmark(work)
    assert len(caplog.records) == 1

def test_recwarn(benchmark, recwarn):
    warnings.warn("said")
    benchmark(work)
    assert len(recwarn) == 1

def test_monkeypatch(benchmark, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OURS", str(tmp_path))
    monkeypatch.setattr(json, "dumps", lambda value: str(tmp_path))
    monkeypatch.setitem(json.__dict__, "added", str(tmp_path))
    def here():
        assert str(tmp_path) == os.getcwd() == os.environ["OURS"] == json.dumps(1) == json.added
        return work()
    benchmark(here)
    here()

def test_environment(benchmark, tmp_path):
    os.environ["DIRECT"] = str(tmp_path)
    def here():
        assert os.environ["DIRECT"] == str(tmp_path)
        return work()
    benchmark(here)
    del os.environ["DIRECT"]

def test_monkeypatch_is_undone(benchmark):
    assert json.dumps(1) == "1" and not hasattr(json, "added") and "OURS" not in os.environ
    benchmark(work)

def test_mock(benchmark):
    with mock.patch("json.loads", return_value=mylib.code) as patched:
        def here():
            assert json.loads("1") is mylib.code
            return work()
        benchmark(here)
    assert json.loads("1") == 1

def test_import_in_a_function(benchmark):
    def here():
        import mylib.code
        return mylib.code.work()
    benchmark(here)

def test_child_process(benchmark, tmp_path):
    words = [sys.executable, "-c", "import mylib; print(mylib.__file__)"]
    said = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert said.strip() == mylib.__file__
    benchmark(work)

def test_same_random_numbers(benchmark, shared):
    benchmark(lambda numbers: work(), [random.random(), shared])

def test_unseeded_numbers(benchmark):
    benchmark(lambda numbers: work(), [random.SystemRandom().random()])

def test_in_a_running_loop(benchmark):
    async def here():
        loop = asyncio.get_running_loop()
        def inside():
            assert asyncio.get_running_loop() is loop
            return work()
        return benchmark(inside)
    assert asyncio.run(here()) == 1

def test_weave(benchmark):
    benchmark.weave("mylib.code.work")
    assert mylib.code.work() == 1

@pytest.mark.anyio
async def test_async(benchmark, anyio_backend):
    import anyio
    await anyio.sleep(0)
    assert benchmark(work) == 1
    await anyio.sleep(0)

def test_random_id(benchmark):
    benchmark(work)

@pytest.mark.parametrize("thing", [object()], ids=lambda thing: hex(id(thing)))
def test_address(benchmark, thing):
    benchmark(work)

@pytest.mark.skip(reason="not today")
def test_skipped(benchmark):
    benchmark(work)

def test_without_benchmark():
    assert False
"""


def test_whole_interface_of_pytest_benchmark_is_compared(tmp_path: Path) -> None:
    """Each way to call, each of pytest's fixtures, in both worlds: all are a quarter slower."""
    own = project(tmp_path, FLAT | {"tests/test_speed.py": INTERFACE})
    own.change({"mylib/code.py": SLOWER})
    run = own.gate()
    verdicts = own.verdicts
    assert verdicts.pop("test_skipped") == "skipped"
    assert set(verdicts.values()) == {"slower"}, run.output
    assert {"test_async[asyncio]", "test_async[trio]"} <= verdicts.keys()
    assert run.output.count("its arguments differ between base and head") == 1
    assert run.exit_code == 1


ADDED = WORK + "\ndef added():\n    return work()\n"
NEW = "\ndef test_added(benchmark):\n    benchmark(added)\n"
FIXTURE = """
import pytest
from mylib import later
from mylib.code import added as new

@pytest.fixture
def added():
    assert later
    return new
"""
TRIED = """
try:
    from mylib.code import added
except ImportError:
    from mylib.code import work as added
"""
LATER = {"mylib/code.py": ADDED, "mylib/later.py": "ONE = 1"}
# What the head has: new files, and what it says of the base.
NEWS: Mapping[str, tuple[Mapping[str, str], str]] = {
    "in its own file": (
        {"tests/test_speed.py": f"{BENCHMARK}\nfrom mylib.code import added\n{NEW}"},
        "the base lacks mylib.code.added",
    ),
    "a constant": (
        {
            "tests/test_speed.py": f"{BENCHMARK}\nfrom mylib.later import ONE\nTWO = ONE + 1\n"
            + NEW.replace("(added)", "(lambda: work(TWO))")
        },
        "the base lacks mylib.later",
    ),
    "an argument": (
        {
            "tests/test_speed.py": f"{BENCHMARK}\nfrom mylib.code import added\n"
            + NEW.replace("(added)", "(lambda number: work(), added)")
        },
        "the base lacks mylib.code.added",
    ),
    "a method": (
        {
            "mylib/code.py": f"{ADDED}\nclass Thing:\n    more = staticmethod(work)\n",
            "tests/test_speed.py": BENCHMARK
            + NEW.replace("(added)", "(Thing().more)").replace(
                "\ndef", "from mylib.code import *\n\ndef"
            ),
        },
        "the base lacks Thing",
    ),
    "in conftest.py": (
        {
            "conftest.py": FIXTURE,
            "tests/test_speed.py": BENCHMARK + NEW.replace("benchmark)", "benchmark, added)"),
        },
        "the base lacks mylib.",
    ),
    "in a helper": (
        {
            "tests/helper.py": "from mylib.code import added\nfrom mylib import later\n",
            "tests/test_speed.py": f"{BENCHMARK}\nfrom helper import added\n{NEW}",
        },
        "the base lacks mylib.code.added",
    ),
    "in the test": (
        {
            "tests/test_speed.py": BENCHMARK
            + NEW.replace("    bench", "    from mylib.code import added\n    bench")
        },
        "the base lacks cannot import name 'added'",
    ),
}


@pytest.mark.parametrize("place", NEWS)
def test_what_only_the_head_has_is_new(place: str, tmp_path: Path) -> None:
    """What the base lacks makes the cases that use it new; all others are compared."""
    files, lacking = NEWS[place]
    own = project(tmp_path, FLAT)
    own.change(LATER | dict(files))
    run = own.gate()
    assert own.verdicts == {"test_work": "same", "test_added": "skipped"}, run.output
    assert run.exit_code == 0
    assert f"new: {lacking}" in run.output


def test_import_with_another_way_is_left_alone(tmp_path: Path) -> None:
    """A benchmark that does without what the base lacks is compared."""
    own = project(tmp_path, FLAT)
    own.change(LATER | {"tests/test_speed.py": BENCHMARK + TRIED + NEW})
    assert own.gate().exit_code == 0
    assert own.verdicts == {"test_work": "same", "test_added": "same"}


def test_session_that_cannot_begin_says_why(tmp_path: Path) -> None:
    """A conftest.py that calls what the base lacks ends the gate, in its own words."""
    own = project(tmp_path, FLAT)
    own.change(LATER | {"conftest.py": "from mylib.code import added\nadded()\n"})
    run = own.gate()
    assert run.exit_code == 4
    assert "the base's session failed with 4" in run.output
    assert "MissingError: mylib.code.added" in run.output


def test_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """Pytest's own sentence is all that is shown of a session that refuses its arguments."""
    own = project(tmp_path, FLAT | {"pytest.ini": "[pytest]\nunknown = 1\n"})  # it warns of that
    run = own.gate("tests/test_gone.py")
    assert run.exit_code == 4
    gone = "ERROR: file or directory not found: tests/test_gone.py"
    assert f"session failed with 4:\n{gone}\n" in run.output


def test_base_that_fails_otherwise_is_changed(tmp_path: Path) -> None:
    """It fails the case, unless it is allowed by its name."""
    own = project(tmp_path, FLAT)
    changed = WORK.replace("number=1", "number=1, *, unit=1")
    test = BENCHMARK.replace("benchmark(work)", "benchmark(work, unit=1)")
    own.change({"mylib/code.py": changed, "tests/test_speed.py": test})
    run = own.gate()
    assert run.exit_code == 1
    assert "changed: TypeError" in run.output
    run = own.gate("--rayscale-allow-changed=tests/test_speed.py::test_work")
    assert run.exit_code == 0


def test_base_whose_own_code_lacks_a_package_is_changed(tmp_path: Path) -> None:
    """An import that fails inside the base is not taken for something new in the head."""
    own = project(tmp_path, FLAT | {"mylib/code.py": "import not_installed\n" + WORK})
    own.change({"mylib/code.py": WORK})
    run = own.gate()
    assert run.exit_code == 1
    assert "changed: ModuleNotFoundError: No module named 'not_installed'" in run.output


def test_head_that_fails_fails_with_its_own_words(tmp_path: Path) -> None:
    """A test's own asserts run in the head, too."""
    own = project(tmp_path, FLAT)
    own.change({"mylib/code.py": WORK.replace("return number", "return number + 1")})
    run = own.gate()
    assert run.exit_code == 1
    assert "assert 2 == 1" in run.output


def test_code_that_is_not_the_projects_is_refused(tmp_path: Path) -> None:
    """A benchmark of installed code alone would compare a thing with itself."""
    test = "def test_sum(benchmark):\n    benchmark(sum, [1, 2])\n"
    own = project(tmp_path, FLAT | {"tests/test_speed.py": test})
    run = own.gate()
    assert run.exit_code == 4
    assert "nothing of the project ran: the call runs installed packages" in run.output


def test_installed_copy_is_refused_with_its_place(tmp_path: Path) -> None:
    """A package that is imported from an environment is the same on both sides."""
    own = project(tmp_path, FLAT, '"../env/site-packages"')
    write(tmp_path / "env" / "site-packages", {"mylib/__init__.py": "", "mylib/code.py": WORK})
    run = own.gate(variables={"PYTHONPATH": str(tmp_path / "clock")})
    assert run.exit_code == 4
    assert "env/site-packages/mylib/code.py is an installed copy; 'pip install -e .'" in run.output


@pytest.mark.parametrize("switch", [["-p", "no:benchmark"], []])
def test_gate_without_pytest_benchmark_says_what_to_add(switch: list[str], tmp_path: Path) -> None:
    """Its options would be unknown: one sentence has what makes the command work."""
    own = project(tmp_path, FLAT)
    variables = {} if switch else {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    run = own.gate(*(switch or ["-p", "rayscale.plugin"]), variables=variables)
    assert run.exit_code == 4
    assert "add '-p benchmark' to the command" in run.output


def test_tolerance_that_makes_no_sense_is_refused_before_any_case(tmp_path: Path) -> None:
    """A mark is read when all is collected."""
    marked = "\n@pytest.mark.tolerance('1%')\ndef test_marked(benchmark):\n    benchmark(work)\n"
    own = project(tmp_path, FLAT | {"tests/test_speed.py": BENCHMARK + marked})
    run = own.gate()
    assert (run.exit_code, own.verdicts) == (4, {})
    assert "test_speed.py::test_marked, mark tolerance: 1% is below 2 %" in run.output


def test_slower_that_is_meant_passes(tmp_path: Path) -> None:
    """--allow-slower lets it through, and lists it."""
    own = project(tmp_path, FLAT)
    own.change({"mylib/code.py": SLOWER})
    run = own.gate("--rayscale-allow-slower=tests/test_speed.py::test_work")
    assert (run.exit_code, own.verdicts) == (0, {"test_work": "slower"})
    assert "meant, by --allow-slower" in run.output


def test_benchmark_that_the_head_lacks_is_listed(tmp_path: Path) -> None:
    """It is removed: shown, and failing where that is asked for."""
    own = project(tmp_path, FLAT)
    own.change({"tests/test_speed.py": BENCHMARK.replace("def test_work", "def test_other")})
    run = own.gate()
    assert run.exit_code == 0
    assert "1 same, 1 removed" in run.output
    assert own.gate("--rayscale-removed=fail").exit_code == 1
    alone = own.gate("-k", "test_work")
    assert "1 removed" in alone.output
    assert "chance" not in alone.output  # nothing was compared, and nothing is promised


OVERRULED = {
    "conftest.py": """
def pytest_addoption(parser):
    parser.addoption("--reruns", type=int)
"""
}


def test_settings_in_the_way_are_overruled_and_named(tmp_path: Path) -> None:
    """What a project asks of its usual runs does not keep it from a gate."""
    own = project(tmp_path, FLAT | OVERRULED)
    settings = (own.folder / "pyproject.toml").read_text(encoding="utf-8")
    addopts = 'addopts = ["--benchmark-disable", "--benchmark-autosave", "--reruns=2"]\n'
    own.change({"pyproject.toml": settings + addopts})
    run = own.gate()
    assert (run.exit_code, own.verdicts) == (0, {"test_work": "same"})
    assert "overruled in a gate: --benchmark-disable, --benchmark-autosave, --reruns" in run.output


def test_ctrl_c_ends_both_sessions_and_leaves_nothing(tmp_path: Path) -> None:
    """KeyboardInterrupt in a benchmark is the end, with pytest's code for it."""
    own = project(tmp_path, FLAT)
    own.change({"mylib/code.py": WORK.replace("    take", "    raise KeyboardInterrupt\n    take")})
    run = own.gate(variables={"TMPDIR": str(tmp_path)})
    assert run.exit_code == 2
    assert list(tmp_path.glob("rayscale-gate-*")) == []


def test_first_failure_stops_where_that_is_asked_for(tmp_path: Path) -> None:
    """-x ends the comparison after the first case that fails."""
    more = "\ndef test_more(benchmark):\n    benchmark(work)\n"
    own = project(tmp_path, FLAT | {"tests/test_speed.py": BENCHMARK + more})
    own.change({"mylib/code.py": WORK.replace("return number", "return None")})
    run = own.gate("-x")
    assert run.exit_code == 1
    assert list(own.verdicts) == ["test_work"]


@pytest.mark.parametrize(
    ("parse", "sentence"),
    [
        (lambda: parse_tolerance("--tolerance", "1%"), "--tolerance: 1% is below 2 %"),
        (lambda: parse_tolerance("--tolerance", "5"), '--tolerance: "5" is no share'),
        (lambda: _share("--miss", "1 in 9"), '--miss: "1 in 9" is no share'),
        (lambda: _share("--miss", "100%"), '--miss: "100%" is no share'),
        (lambda: _share("--miss", "150%"), '--miss: "150%" is no share'),
        (lambda: _seconds("--pair-budget", "soon"), '--pair-budget: "soon" is not a time'),
        (lambda: _seconds("--gate-budget", "-1"), '--gate-budget: "-1" is not a time'),
        (lambda: _seed("x"), '--pair-seed: "x" is not a whole number'),
    ],
)
def test_option_that_makes_no_sense_is_named(parse: Callable[[], object], sentence: str) -> None:
    """An option's bad value is named, with what to give."""
    with pytest.raises(pytest.UsageError, match=re.escape(sentence)):
        parse()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--rayscale-against=nowhere"], 'there is no revision "nowhere" here'),
        (["--rayscale-against=HEAD", "--rayscale-gate-summary=/no/where"], "cannot write to"),
        (["--rayscale-tolerance=5%"], "is for a gate"),
    ],
)
def test_request_that_cannot_be_met_ends_with_4(
    arguments: list[str], sentence: str, tmp_path: Path
) -> None:
    """One sentence says why, and nothing is compared."""
    own = project(tmp_path, FLAT)
    run = run_pytest(own.folder, "--benchmark-only", *arguments)
    assert run.exit_code == 4
    assert sentence in run.output
    assert "Traceback" not in run.output


def test_time_that_is_up_compares_nothing_more(tmp_path: Path) -> None:
    """A case for which the session has no time left is not compared; it fails where unsure does."""
    more = "\ndef test_more(benchmark):\n    benchmark(work)\n"
    own = project(tmp_path, FLAT | {"tests/test_speed.py": BENCHMARK + more})
    run = own.gate("--rayscale-gate-budget=1e-9")
    assert run.exit_code == 0
    assert run.output.count("not compared: the session's") >= 1
    assert own.gate("--rayscale-gate-budget=1e-9", "--rayscale-unsure=fail").exit_code == 1
