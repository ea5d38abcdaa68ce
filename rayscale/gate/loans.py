"""What both copies borrow from the working tree: files that git ignores and the code may need."""

import os
import stat
from collections.abc import Collection, Iterable, Iterator
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

from rayscale.gate import git, listing
from rayscale.gate.listing import EXTENSIONS

LITTER_FILES = (".git", "*.pyc", ".coverage*", "*.log", "*.lcov", "*.swp", "*~", ".DS_Store")
# The same, unless git tracks code right in them: packages are called so, such as `env`.
OUTPUT_FOLDERS = frozenset({"venv", "env", "build", "dist", "htmlcov"})
LARGE_NBYTES = 64 * 2**20  # a project's libraries are smaller, its data sets often are not


def found(root: Path, files: Collection[PurePosixPath]) -> dict[str, list[PurePosixPath]]:
    """Return what copies borrow from *root*, where git has *files*: a name, and its files.

    A submodule is borrowed whole; its name ends with a slash.
    """
    modules = {PurePosixPath(name) for mode, name in listing.index(root) if mode == "160000"}
    inside = {module: _contents(root / module) for module in modules}
    return {str(file): [file] for file in _ignored(root, files)} | {
        f"{module}/": [module / file for file in own] for module, own in inside.items() if own
    }


def _contents(module: Path) -> list[PurePosixPath]:
    """Return the files of a submodule, if it is there, with what it borrows itself."""
    if not (module / ".git").exists():
        return []
    files = listing.files(module)
    return [*files, *(file for loan in found(module, files).values() for file in loan)]


def _ignored(root: Path, files: Collection[PurePosixPath]) -> list[PurePosixPath]:
    """Return the files that git ignores in *root* and that its code may need.

    They are in or below a folder with one of git's *files*, or say what is installed.
    """
    ignored = ("--others", "--ignored", "--exclude-standard", "--directory")
    # Built code has no revision; of a repository that is no submodule, git sees one entry.
    ownerless = (one for one in listing.untracked(root) if one.endswith(("/", *EXTENSIONS)))
    names = {*git.names(root, "ls-files", "-z", *ignored), *ownerless}
    entries = {PurePosixPath(name) for name in names}
    # Git names a folder whose files are all ignored, and may name those files again.
    topmost = (entry for entry in entries if entries.isdisjoint(entry.parents))
    holders = {file.parent for file in files} - {PurePosixPath()}
    code = {file.parent for file in files if file.suffix == ".py"}
    return sorted(
        file
        for entry in topmost
        for file in _needed(root, entry, _expanded(root, entry, code), holders)
    )


def _needed(
    root: Path,
    entry: PurePosixPath,
    files: Iterable[PurePosixPath],
    holders: Collection[PurePosixPath],
) -> list[PurePosixPath]:
    """Return which *files* of the ignored *entry* are borrowed.

    Below *holders* all are.  The root holds everyone's rubbish: modules and small folders are.
    """
    if any(folder in holders for folder in entry.parents):
        return _small(root, files)
    if len(entry.parts) > 1 or entry.name.endswith(".egg-info"):
        return _small(root, filter(_is_metadata, files))
    if (root / entry).is_dir() and not (root / entry).is_symlink():
        return _small_in_all(root, files)
    return _small(root, (file for file in files if file.name.endswith((".py", *EXTENSIONS))))


def _is_metadata(file: PurePosixPath) -> bool:
    """Tell whether *file* says what is installed: it is in a folder ``*.egg-info``."""
    return any(folder.name.endswith(".egg-info") for folder in file.parents)


def _small(root: Path, files: Iterable[PurePosixPath]) -> list[PurePosixPath]:
    """Return the *files* that are not large, and can be read."""
    return [
        file
        for file in files
        if (root / file).lstat().st_size <= LARGE_NBYTES and _is_readable(root / file)
    ]


def _small_in_all(root: Path, files: Iterable[PurePosixPath]) -> list[PurePosixPath]:
    """Return the *files* of a folder, none where they are large in all; it stops reading then."""
    own, nbytes = [], 0
    for file in files:
        nbytes += (root / file).lstat().st_size
        if nbytes >= LARGE_NBYTES:
            return []
        own.append(file)
    return _small(root, own)


def _is_readable(file: Path) -> bool:
    """Tell whether *file* is a link, or a regular file that the user may read: not a pipe."""
    mode = file.lstat().st_mode
    return stat.S_ISLNK(mode) or (stat.S_ISREG(mode) and os.access(file, os.R_OK))


def _expanded(
    root: Path, entry: PurePosixPath, code: Collection[PurePosixPath]
) -> Iterator[PurePosixPath]:
    """Yield the files of an ignored file or folder, without what tools write.

    A folder with a name such as `build` that holds *code* is a package.
    """
    folders = [folder for folder in entry.parents if folder not in code]
    if listing.is_litter(root, entry) or any(folder.name in OUTPUT_FOLDERS for folder in folders):
        return
    if any(fnmatch(entry.name, pattern) for pattern in LITTER_FILES):
        return
    if not (root / entry).is_dir() or (root / entry).is_symlink():
        yield entry
    elif entry.name not in OUTPUT_FOLDERS and os.access(root / entry, os.R_OK | os.X_OK):
        for inner in sorted((root / entry).iterdir()):
            yield from _expanded(root, entry / inner.name, code)
