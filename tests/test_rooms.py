"""The arrows between the rooms: who may import whom."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import rayscale

ROOT = Path(__file__).resolve().parents[1]
PROJECT = {"kernels", "benchmarks", "tests", "conftest"}  # this repository's, in no wheel
FRAMEWORKS = {"ray", "pytest", "_pytest", "pytest_benchmark"}
HEAVY = {"numpy", "scipy", "ray", "rich", "cpuinfo", "pandas", "matplotlib"}

# Who ties the rooms together: to pytest, and to the terminal.
HOOKS = {"plugin", "measuring", "keeping", "resuming", "gating"}
TERMINAL = {"commands", "__main__"}
TIES = {f"rayscale.{one}" for one in HOOKS | TERMINAL}
ROOMS = {f"rayscale.{one}" for one in ("suite", "gate", "saved", "report")}
SUITES_NUMBERS = {f"rayscale.suite.{one}" for one in ("gain", "laws", "crossing", "sentences")}
PUBLIC = {f"rayscale.{one}" for one in (*rayscale.PUBLIC, "session_cluster", "overhead", "trials")}

# What each room does not import, and what of that it may after all.
CLOSED = {
    "kernels": PROJECT - {"kernels"} | {"rayscale"},
    "benchmarks": {"rayscale", "tests", "conftest"},
    "rayscale.suite": PROJECT | TIES | ROOMS - {"rayscale.suite"},
    "rayscale.gate": PROJECT | TIES | ROOMS - {"rayscale.gate"},
    "rayscale.saved": PROJECT | TIES | ROOMS - {"rayscale.saved"},
    "rayscale.report": PROJECT | TIES | {"rayscale.suite", "rayscale.gate"} | FRAMEWORKS,
    "rayscale": PROJECT,
}
OPEN = {"benchmarks": PUBLIC, "rayscale.report": SUITES_NUMBERS}

# What decides: from numbers to a verdict, an interval, a law.
DECIDES = (
    *("rayscale.intervals", "rayscale.ratio", "rayscale.verdict"),
    *("rayscale.gate.sequential", "rayscale.gate.verdicts", "rayscale.saved.permutation"),
    *("rayscale.suite.laws", "rayscale.suite.gain", "rayscale.suite.crossing"),
)

# What this repository calls its kernels and its sizes.
NAMES = {
    *("kernels", "moving_average", "rollout", "timer"),
    *("gymnasium", "loop", "vector_sync", "cumsum", "bottleneck", "small", "article", "large"),
}


def within(name: str, package: str) -> bool:
    """Tell whether the module *name* is *package* or a part of it."""
    return f"{name}.".startswith(f"{package}.")


def imports(source: str, package: list[str]) -> Iterator[str]:
    """Return what a module of *package* imports."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) + 1 - node.level] if node.level else []
            module = above + (node.module.split(".") if node.module else [])
            for alias in node.names:  # it may be a module, too
                yield ".".join([*module, alias.name])


def files(root: Path, room: str) -> list[Path]:
    """Return the Python files of *room*, a package below *root*."""
    return sorted(root.joinpath(*room.split(".")).rglob("*.py"))


def offences(root: Path, room: str) -> list[str]:
    """Return the imports in *room*, a package below *root*, that are closed to it."""
    return [
        f"{path.relative_to(root)}: {name}"
        for path in files(root, room)
        for name in imports(
            path.read_text(encoding="utf-8"), list(path.relative_to(root).parent.parts)
        )
        if any(within(name, closed) for closed in CLOSED[room])
        and not any(within(name, allowed) for allowed in OPEN.get(room, ()))
    ]


def loaded(*modules: str) -> set[str]:
    """Return the names of all modules that a fresh Python has loaded after importing *modules*."""
    code = f"import sys, {', '.join(modules)}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def modules_of(package: str) -> list[str]:
    """Return the names of the modules of *package*."""
    return [
        f"{package}.{path.stem}" for path in ROOT.joinpath(*package.split(".")).glob("[!_]*.py")
    ]


def strings(source: str) -> Iterator[str]:
    """Return the strings of a module, those of its docstrings left out."""
    tree = ast.parse(source)
    said = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said:
            yield node.value


@pytest.mark.parametrize("room", CLOSED)
def test_room_keeps_to_its_arrows(room: str) -> None:
    """No file of a room imports what is closed to it."""
    assert offences(ROOT, room) == []
    assert modules_of(room)  # the room is where it is looked for


@pytest.mark.parametrize(
    ("room", "source", "name"),
    [
        ("kernels", "import rayscale.suite.cluster", "rayscale.suite.cluster"),
        ("kernels", "from ..benchmarks import matrix", "benchmarks.matrix"),
        ("kernels", "def late():\n    import conftest", "conftest"),
        ("benchmarks", "from rayscale.suite import case", "rayscale.suite.case"),
        ("benchmarks", "from rayscale import measuring", "rayscale.measuring"),
        ("rayscale.report", "import ray.util", "ray.util"),
        ("rayscale.report", "from pytest_benchmark import utils", "pytest_benchmark.utils"),
        ("rayscale.report", "from rayscale.suite.ways import serial", "rayscale.suite.ways.serial"),
        ("rayscale.saved", "from rayscale import suite", "rayscale.suite"),
        ("rayscale.saved", "from ..gate import verdicts", "rayscale.gate.verdicts"),
        (
            "rayscale.gate",
            "def late():\n  from rayscale.suite import ways",
            "rayscale.suite.ways",
        ),
        ("rayscale.suite", "from rayscale.plugin import activate", "rayscale.plugin.activate"),
        ("rayscale.suite", "import numpy, benchmarks", "benchmarks"),
        ("rayscale", "import kernels.timer", "kernels.timer"),
    ],
)
def test_closed_import_is_found(room: str, source: str, name: str, tmp_path: Path) -> None:
    """An import that is closed to a room is found, however and wherever it is written."""
    folder = tmp_path.joinpath(*room.split("."))
    folder.mkdir(parents=True)
    (folder / "offender.py").write_text(source, encoding="utf-8")
    place = (folder / "offender.py").relative_to(tmp_path)
    assert offences(tmp_path, room) == [f"{place}: {name}"]


@pytest.mark.parametrize(
    ("room", "source"),
    [
        ("kernels", "from .timer import timer\nfrom kernels import moving_average\nimport ray"),
        ("benchmarks", "from rayscale import cases, serial\nfrom rayscale.overhead import test_x"),
        ("rayscale.report", "from rayscale.text import digits\nfrom rayscale.suite import laws"),
        ("rayscale.saved", "from rayscale.intervals import Interval\nimport pytest_benchmark"),
        ("rayscale.suite", "from rayscale.suite import gain\nfrom . import laws"),
    ],
)
def test_open_import_is_no_offence(room: str, source: str, tmp_path: Path) -> None:
    """What a room may import is not reported."""
    folder = tmp_path.joinpath(*room.split("."))
    folder.mkdir(parents=True)
    (folder / "friend.py").write_text(source, encoding="utf-8")
    assert offences(tmp_path, room) == []


def test_instrument_does_not_know_its_first_user() -> None:
    """Nothing in rayscale names this repository's kernels or sizes: other projects have others."""
    found = [
        (str(path.relative_to(ROOT)), one)
        for path in files(ROOT, "rayscale")
        for one in strings(path.read_text(encoding="utf-8"))
        if one in NAMES
    ]
    assert found == []


def test_hooks_are_in_the_files_that_tie_rooms_to_pytest() -> None:
    """What pytest calls is found in few files; the live line, and half a gate, are plug-ins."""
    hooking = {
        path.relative_to(ROOT / "rayscale").as_posix()
        for path in files(ROOT, "rayscale")
        if "    def pytest_" in (text := path.read_text(encoding="utf-8"))
        or "\ndef pytest_" in text
    }
    assert hooking == {*(f"{one}.py" for one in HOOKS), "suite/live.py", "gate/half.py"}


def test_command_line_is_in_the_files_that_tie_rooms_to_the_terminal() -> None:
    """No room reads arguments of the command rayscale."""
    reading = {
        path.relative_to(ROOT / "rayscale").parts[0].removesuffix(".py")
        for path in files(ROOT, "rayscale")
        if any(
            within(name, "click")
            for name in imports(path.read_text(encoding="utf-8"), ["rayscale"])
        )
    }
    assert reading == TERMINAL


def test_plugin_loads_little() -> None:
    """Every pytest session of the environment loads it: what is slow to import is not among it."""
    names = loaded("rayscale", "rayscale.plugin")
    assert "rayscale.plugin" in names
    assert not names & HEAVY


def test_measuring_loads_no_numpy_before_threads_are_fixed() -> None:
    """What fixes the threads and settles the options runs before NumPy is there to read them."""
    names = loaded("rayscale.plugin", "rayscale.measuring", "rayscale.suite.environment")
    assert not names & {"numpy", "ray"}


def test_suite_does_not_load_ray() -> None:
    """Ray reads its environment when it is imported: the suite's modules leave that for later."""
    names = loaded(*modules_of("rayscale.suite"))
    assert "rayscale.suite.cluster" in names
    assert not names & {"ray", "kernels"}


def test_workers_load_no_numpy_before_their_rows_do() -> None:
    """Without it a worker takes a sixth less memory; rows may be lists."""
    names = loaded("rayscale.suite.witness")
    assert "rayscale.suite.witness" in names
    assert not names & {"numpy", "pytest", "ray"}


def test_what_decides_loads_neither_ray_nor_pytest() -> None:
    """Verdicts, intervals and laws are arithmetic; they can be checked without a test run."""
    names = loaded(*DECIDES)
    assert names >= set(DECIDES)
    assert not names & FRAMEWORKS


def test_saved_runs_are_read_without_ray_and_pytest() -> None:
    """Runs can be listed, compared and reported on where neither Ray nor pytest is installed."""
    names = loaded(
        "rayscale.__main__", *modules_of("rayscale.saved"), *modules_of("rayscale.report")
    )
    assert "rayscale.saved.comparison" in names
    assert not names & (FRAMEWORKS | PROJECT)
