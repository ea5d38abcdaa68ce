"""Which files are the yardstick: the benchmarks, and all that they read."""

from collections.abc import Collection, Sequence
from fnmatch import fnmatch
from itertools import takewhile
from pathlib import PurePosixPath

# fmt: off
YARDSTICK_FOLDERS = frozenset({
    "test", "tests", "testing",
    "benchmark", "benchmarks", "benchmarking", "bench", "benches", "perf", "performance",
})
CONFIGURATION = frozenset({
    "pytest.ini", ".pytest.ini", "pytest.toml", ".pytest.toml", "pyproject.toml", "tox.ini",
    "setup.cfg",
})
# fmt: on


def is_yardstick(
    path: PurePosixPath,
    patterns: Sequence[str],
    named: Collection[PurePosixPath],
    code: Collection[PurePosixPath] = (),
) -> bool:
    """Tell whether the file *path*, relative to pytest's root, is a part of the yardstick.

    It is if pytest collects it or is configured by it, if the user *named* it, or if it is in a
    folder for tests or benchmarks that is not in *code*.  A link to such a folder counts as one.

    >>> is_yardstick(PurePosixPath("package/tests/data/in.txt"), ["test_*.py"], ())
    True
    >>> is_yardstick(PurePosixPath("package/speed.py"), ["test_*.py"], ())
    False
    >>> is_yardstick(PurePosixPath("test_speed.py"), ["test_*.py"], ())
    True
    """
    return (
        path.name == "conftest.py"
        or str(path) in CONFIGURATION
        or path in named
        or _is_collected(path, patterns)
        or any(
            place.name.lower() in YARDSTICK_FOLDERS and place not in code
            for place in (path, *path.parents)
        )
    )


def code_folders(
    files: Collection[PurePosixPath], patterns: Sequence[str]
) -> frozenset[PurePosixPath]:
    """Return the folders with a name of the yardstick that are the subject's code.

    They are packages inside a package, without a test of their own: ``numpy/testing`` is code,
    ``numpy/tests`` is not.  What an inner folder ``tests`` holds tests the folder around it.
    """
    known = set(files)
    folders = {
        folder
        for file in known
        for folder in file.parents
        if folder.name.lower() in YARDSTICK_FOLDERS
        and {folder / "__init__.py", folder.parent / "__init__.py"} <= known
    }
    tests = (file for file in known if _is_collected(file, patterns))
    return frozenset(folders.difference(*map(_tested, tests)))


def _tested(file: PurePosixPath) -> list[PurePosixPath]:
    """Return the folders that hold the test *file* as theirs, up to one named ``tests``."""
    inner = list(takewhile(lambda place: place.name not in {"test", "tests"}, file.parents))
    return list(file.parents)[: len(inner) + 1]


def _is_collected(path: PurePosixPath, patterns: Sequence[str]) -> bool:
    """Tell whether pytest collects *path*: a pattern with a slash is for the end of its path."""
    return any(
        fnmatch(f"/{path}", f"*/{pattern}") if "/" in pattern else fnmatch(path.name, pattern)
        for pattern in patterns
    )
