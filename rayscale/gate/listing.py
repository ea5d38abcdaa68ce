"""Which files of a folder are the project's: what git tracks there, or would add."""

from collections.abc import Iterable
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path, PurePosixPath

from rayscale.gate import git

# fmt: off
# What tools leave behind: not the project's, unless git tracks it.
LITTER_FOLDERS = frozenset({
    ".git", ".hg", ".venv", ".env", ".tox", ".nox", ".eggs", "node_modules", "site-packages",
    "__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis", ".benchmarks",
    ".idea", ".vscode",
})
# fmt: on
EXTENSIONS = (*EXTENSION_SUFFIXES, ".so", ".pyd")


def files(folder: Path) -> list[PurePosixPath]:
    """Return the files in *folder* that git tracks or would add, as they stand."""
    tracked = [name for _, name in index(folder)]
    new = (name for name in untracked(folder) if not is_litter(folder, PurePosixPath(name)))
    return present(folder, [*tracked, *(name for name in new if not name.endswith(EXTENSIONS))])


def index(folder: Path) -> list[tuple[str, str]]:
    """Return what git tracks in *folder*: the mode and the name."""
    entries = git.names(folder, "ls-files", "-z", "--stage")
    return [(entry.split(" ", 1)[0], entry.split("\t", 1)[1]) for entry in entries]


def untracked(folder: Path) -> list[str]:
    """Return what git would add in *folder*; a repository inside it ends with a slash."""
    return git.names(folder, "ls-files", "-z", "--others", "--exclude-standard")


def present(folder: Path, names: Iterable[str]) -> list[PurePosixPath]:
    """Return which of *names* are files or links in *folder*, and not reached through a link."""
    files = sorted({PurePosixPath(name) for name in names})
    folders = {parent for file in files for parent in file.parents[:-1]}
    links = {parent for parent in folders if (folder / parent).is_symlink()}
    return [
        file
        for file in files
        if (folder / file).is_symlink() or (folder / file).is_file()
        if links.isdisjoint(file.parents)
    ]


def is_litter(root: Path, path: PurePosixPath) -> bool:
    """Tell whether *path* is a folder of a tool or a virtual environment, or in one."""
    return any(
        place.name in LITTER_FOLDERS or (root / place / "pyvenv.cfg").exists()
        for place in (path, *path.parents[:-1])
    )
