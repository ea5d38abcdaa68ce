"""The arrows between the rooms: who may import whom."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
OURS = {"kernels", "benchmarks", "rayscale", "tests", "conftest"}
FRAMEWORKS = {"ray", "pytest", "pytest_benchmark"}

# What each room does not import.  kernels names itself by relative imports only, so that two
# copies of it can be loaded under names of their own.
CLOSED = {
    "kernels": OURS,
    "rayscale.analysis": FRAMEWORKS | (OURS - {"rayscale"}) | {"rayscale.session"},
    "rayscale.session": {"benchmarks", "tests", "conftest"},
}


def within(name: str, package: str) -> bool:
    """Tell whether the module *name* is *package* or a part of it."""
    return f"{name}.".startswith(f"{package}.")


def imports(source: str, package: list[str]) -> Iterator[tuple[str, bool]]:
    """Return what a module of *package* imports, and whether it says so relatively."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, False) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) + 1 - node.level] if node.level else []
            module = above + (node.module.split(".") if node.module else [])
            for alias in node.names:  # it may be a module, too
                yield ".".join([*module, alias.name]), node.level > 0


def offences(root: Path, room: str) -> list[str]:
    """Return the imports in *room*, a package below *root*, that are closed to it."""
    return [
        f"{path.relative_to(root)}: {name}"
        for path in sorted(root.joinpath(*room.split(".")).rglob("*.py"))
        for name, relative in imports(
            path.read_text(encoding="utf-8"), list(path.relative_to(root).parent.parts)
        )
        if not (relative and within(name, room))
        and any(within(name, closed) for closed in CLOSED[room])
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


@pytest.mark.parametrize("room", CLOSED)
def test_room_keeps_to_its_arrows(room: str) -> None:
    """No file of a room imports what is closed to it."""
    assert offences(ROOT, room) == []
    assert modules_of(room)  # the room is where it is looked for


@pytest.mark.parametrize(
    ("room", "source", "name"),
    [
        ("kernels", "import rayscale.suite.cluster", "rayscale.suite.cluster"),
        ("kernels", "from kernels.timer import timer", "kernels.timer.timer"),
        ("kernels", "from ..benchmarks import matrix", "benchmarks.matrix"),
        ("kernels", "def late():\n    import conftest", "conftest"),
        ("rayscale.analysis", "import ray.util", "ray.util"),
        ("rayscale.analysis", "from pytest_benchmark import utils", "pytest_benchmark.utils"),
        ("rayscale.analysis", "from rayscale import session", "rayscale.session"),
        ("rayscale.analysis", "from ..session import options", "rayscale.suite.options"),
        ("rayscale.session", "import numpy, benchmarks", "benchmarks"),
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
        ("kernels", "from .timer import timer\nfrom . import moving_average\nimport ray"),
        ("rayscale.analysis", "from rayscale.text import digits\nimport rayon"),
        ("rayscale.session", "from rayscale.analysis import summary\nimport pytest_benchmark"),
    ],
)
def test_open_import_is_no_offence(room: str, source: str, tmp_path: Path) -> None:
    """What a room may import is not reported."""
    folder = tmp_path.joinpath(*room.split("."))
    folder.mkdir(parents=True)
    (folder / "friend.py").write_text(source, encoding="utf-8")
    assert offences(tmp_path, room) == []


def test_session_does_not_load_ray() -> None:
    """Ray reads its environment when it is imported: the session's modules leave that for later."""
    names = loaded(*modules_of("rayscale.session"))
    assert "rayscale.suite.cluster" in names
    assert not names & {"ray", "kernels"}


def test_environment_does_not_load_numpy() -> None:
    """What fixes the threads and settles the options runs before NumPy is there to read them."""
    assert "numpy" not in loaded("rayscale.suite.environment", "rayscale.plugin")


def test_analysis_loads_neither_ray_nor_pytest() -> None:
    """Saved runs can be read where neither Ray nor pytest is installed."""
    names = loaded(*modules_of("rayscale.analysis"))
    assert "rayscale.suite.summary" in names
    assert not names & (FRAMEWORKS | {"kernels", "benchmarks", "rayscale.session"})
