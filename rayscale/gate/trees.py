"""The copies of a project that a gate compares: base and head, with one yardstick.

The subject is the project's own code.  The yardstick is what measures it, the benchmarks with all
that they read; both copies have the head's.  Neither the working tree nor git's index is touched.
"""

import filecmp
import os
import random
import shutil
import stat
import string
import subprocess
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import partial
from importlib.machinery import EXTENSION_SUFFIXES
from itertools import takewhile
from pathlib import Path, PurePosixPath

from rayscale.gate.revisions import Revision, RevisionError, environment

# fmt: off
YARDSTICK_FOLDERS = frozenset({
    "test", "tests", "testing",
    "benchmark", "benchmarks", "benchmarking", "bench", "benches", "perf", "performance",
})
CONFIGURATION = frozenset({
    "pytest.ini", ".pytest.ini", "pytest.toml", ".pytest.toml", "pyproject.toml", "tox.ini",
    "setup.cfg",
})

# What tools leave behind: not copied, unless git tracks it.
LITTER_FOLDERS = frozenset({
    ".git", ".hg", ".venv", ".env", ".tox", ".nox", ".eggs", "node_modules", "site-packages",
    "__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis", ".benchmarks",
    ".idea", ".vscode",
})
LITTER_FILES = (".git", "*.pyc", ".coverage*", "*.log", "*.lcov", "*.swp", "*~", ".DS_Store")
# The same, unless git tracks code right in them: packages are called so, such as `env`.
OUTPUT_FOLDERS = frozenset({"venv", "env", "build", "dist", "htmlcov"})
# fmt: on

EXTENSIONS = (*EXTENSION_SUFFIXES, ".so", ".pyd")
LARGE_NBYTES = 64 * 2**20  # a project's libraries are smaller, its data sets often are not


@dataclass(frozen=True)
class Copies:
    """The copies of a project; names of files are relative to pytest's root folder."""

    base: Path  # pytest's root folder in the copy of the base, with the head's yardstick
    head: Path  # the same of the head
    yardstick: frozenset[str]  # the files whose text is the head's in both
    borrowed: tuple[str, ...]  # what git ignores, and both copies have from the working tree
    compiled: tuple[str, ...]  # built extension modules in the head's copy
    before: Path | None  # the base with its own yardstick, where that differs from the head's


def make(
    root: Path,
    revision: Revision,
    folder: Path,
    draw: random.Random,
    patterns: Sequence[str],
    named: Collection[Path],
) -> Copies:
    """Copy *revision* and the working tree of the project in *root* into the empty *folder*.

    A copy is ``folder/<eight letters from draw>/<root's name>``: paths of one length, as a path's
    length can change how fast code runs.  *patterns* are pytest's ``python_files``, *named* the
    files of the command line.  RevisionError if git, the disk or the revision does not allow it.
    """
    places = [folder.resolve() / name / root.name for name in _names(draw, 3)]
    with _disk_named():
        return _make(root, revision, places, patterns, _relative(named, root))


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


def _make(
    root: Path,
    revision: Revision,
    places: Sequence[Path],
    patterns: Sequence[str],
    named: Collection[PurePosixPath],
) -> Copies:
    """Make the copies at *places*: of the base, of the head, and of the base as it was."""
    base, head, before = places
    of_base, of_head = _check_out(root, revision, base), _files(root)
    code = code_folders({*of_base, *of_head}, patterns)
    counts = partial(is_yardstick, patterns=patterns, named=named, code=code)
    for file in of_head:
        _place(file, root, head)

    old, new = set(filter(counts, of_base)), set(filter(counts, of_head))
    differs = old != new or not all(_is_same(base / file, head / file) for file in new)
    if differs:
        shutil.copytree(base, before, symlinks=True)
        _lay_over(old, new, head, base)

    loans = _loans(root, of_head)
    in_each = [_lend(loans, root, copy) for copy in places if copy.is_dir()]
    borrowed = set.intersection(*in_each[:2])
    lent = {file for name in borrowed for file in loans[name]}
    in_head = {*of_head, *(file for name in in_each[1] for file in loans[name])}
    return Copies(
        base,
        head,
        yardstick=frozenset(map(str, new | set(filter(counts, lent)))),
        borrowed=tuple(sorted(borrowed)),
        compiled=tuple(sorted(str(file) for file in in_head if file.name.endswith(EXTENSIONS))),
        before=before if differs else None,
    )


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


def _check_out(root: Path, revision: Revision, copy: Path) -> list[PurePosixPath]:
    """Write what *revision* has in *root* to *copy*, as a checkout would, and return its files.

    The index and the working tree are git's for this call alone; so filters follow the attributes
    of the revision.
    """
    prefix = _line(root, "rev-parse", "--show-prefix")
    copy.parent.mkdir(parents=True)
    with tempfile.TemporaryDirectory(prefix="rayscale-", dir=copy.parent) as own:
        tree = Path(own, "tree")
        inside = tree / prefix
        inside.mkdir(parents=True)
        places = {
            "GIT_DIR": _line(root, "rev-parse", "--absolute-git-dir"),
            "GIT_WORK_TREE": str(tree),
            "GIT_INDEX_FILE": str(Path(own, "index")),
        }
        _git(inside, "read-tree", revision.sha, places=places)
        names = _split(_git(inside, "ls-files", "-z", places=places))
        if prefix and not names:
            raise RevisionError(
                f"{revision} has no folder {prefix}; compare with a revision that has one"
            )
        _git(inside, "checkout-index", "--all", places=places)
        _demand_all(inside, places, revision)
        inside.rename(copy)
    return _present(copy, names)


def _demand_all(inside: Path, places: Mapping[str, str], revision: Revision) -> None:
    """Raise RevisionError if a checkout lacks a file: half a revision is not compared."""
    missing = _split(_git(inside, "ls-files", "-z", "--deleted", places=places))
    if missing:
        raise RevisionError(
            f"git wrote {revision} without {missing[0]}; a partial clone gets it with 'git fetch "
            "--refetch'"
        )


def _files(folder: Path) -> list[PurePosixPath]:
    """Return the files in *folder* that git tracks or would add, as they stand."""
    tracked = [name for _, name in _index(folder)]
    new = (name for name in _untracked(folder) if not _is_litter(folder, PurePosixPath(name)))
    return _present(folder, [*tracked, *(name for name in new if not name.endswith(EXTENSIONS))])


def _index(folder: Path) -> list[tuple[str, str]]:
    """Return what git tracks in *folder*: the mode and the name."""
    entries = _split(_git(folder, "ls-files", "-z", "--stage"))
    return [(entry.split(" ", 1)[0], entry.split("\t", 1)[1]) for entry in entries]


def _untracked(folder: Path) -> list[str]:
    """Return what git would add in *folder*; a repository inside it ends with a slash."""
    return _split(_git(folder, "ls-files", "-z", "--others", "--exclude-standard"))


def _present(folder: Path, names: Iterable[str]) -> list[PurePosixPath]:
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


def _loans(root: Path, files: Collection[PurePosixPath]) -> dict[str, list[PurePosixPath]]:
    """Return what copies borrow from *root*, where git has *files*: a name, and its files.

    A submodule is borrowed whole; its name ends with a slash.
    """
    modules = {PurePosixPath(name) for mode, name in _index(root) if mode == "160000"}
    inside = {module: _contents(root / module) for module in modules}
    return {str(file): [file] for file in _ignored(root, files)} | {
        f"{module}/": [module / file for file in found] for module, found in inside.items() if found
    }


def _contents(module: Path) -> list[PurePosixPath]:
    """Return the files of a submodule, if it is there, with what it borrows itself."""
    if not (module / ".git").exists():
        return []
    files = _files(module)
    return [*files, *(file for loan in _loans(module, files).values() for file in loan)]


def _ignored(root: Path, files: Collection[PurePosixPath]) -> list[PurePosixPath]:
    """Return the files that git ignores in *root* and that its code may need.

    They are in or below a folder with one of git's *files*, or say what is installed.
    """
    ignored = ("--others", "--ignored", "--exclude-standard", "--directory")
    built = (name for name in _untracked(root) if name.endswith(EXTENSIONS))  # it has no revision
    names = {*_split(_git(root, "ls-files", "-z", *ignored)), *_repositories(root), *built}
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


def _repositories(root: Path) -> list[str]:
    """Return the repositories in *root* that are not submodules: git sees one entry in each."""
    return [name for name in _untracked(root) if name.endswith("/")]


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
    found, nbytes = [], 0
    for file in files:
        nbytes += (root / file).lstat().st_size
        if nbytes >= LARGE_NBYTES:
            return []
        found.append(file)
    return _small(root, found)


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
    if _is_litter(root, entry) or any(folder.name in OUTPUT_FOLDERS for folder in folders):
        return
    if any(fnmatch(entry.name, pattern) for pattern in LITTER_FILES):
        return
    if not (root / entry).is_dir() or (root / entry).is_symlink():
        yield entry
    elif entry.name not in OUTPUT_FOLDERS and os.access(root / entry, os.R_OK | os.X_OK):
        for inner in sorted((root / entry).iterdir()):
            yield from _expanded(root, entry / inner.name, code)


def _is_litter(root: Path, path: PurePosixPath) -> bool:
    """Tell whether *path* is a folder of a tool or a virtual environment, or in one."""
    return any(
        place.name in LITTER_FOLDERS or (root / place / "pyvenv.cfg").exists()
        for place in (path, *path.parents[:-1])
    )


def _lay_over(
    old: Collection[PurePosixPath], new: Collection[PurePosixPath], head: Path, base: Path
) -> None:
    """Give the copy *base* the *new* yardstick, of the copy *head*, in the place of the *old*."""
    for file in set(old) - set(new):
        (base / file).unlink()
        _drop_empty(base, file)
    for file in new:
        _place(file, head, base)


def _drop_empty(copy: Path, file: PurePosixPath) -> None:
    """Remove the folders of *file* that are empty: Python would import them."""
    for folder in file.parents[:-1]:
        if any((copy / folder).iterdir()):
            break
        (copy / folder).rmdir()


def _place(file: PurePosixPath, source: Path, copy: Path) -> None:
    """Copy *file* from *source* into *copy*, and remove what is in its way there.

    It never writes through a link, which may lead into the working tree.
    """
    target = copy / file
    for folder in reversed(file.parents[:-1]):
        if (copy / folder).is_symlink() or (copy / folder).is_file():
            (copy / folder).unlink()
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target)
    target.unlink(missing_ok=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source / file, target, follow_symlinks=False)


def _lend(loans: Mapping[str, Iterable[PurePosixPath]], root: Path, copy: Path) -> set[str]:
    """Copy *loans* from *root* into *copy* where it has nothing, and return which it took."""
    taken = {name for name in loans if _is_free(copy, PurePosixPath(name))}
    for name in taken:
        for file in loans[name]:
            _place(file, root, copy)
    return taken


def _is_free(copy: Path, path: PurePosixPath) -> bool:
    """Tell whether *copy* has nothing at *path*, or an empty folder, and folders above it."""
    above = [copy / folder for folder in path.parents[:-1]]
    if any(folder.is_symlink() or folder.is_file() for folder in above):
        return False
    place = copy / path
    if place.is_dir() and not place.is_symlink():
        return not any(place.iterdir())
    return not os.path.lexists(place)


def _is_same(one: Path, other: Path) -> bool:
    """Tell whether two files have the same bytes, or two links the same target."""
    if one.is_symlink() or other.is_symlink():
        return one.is_symlink() and other.is_symlink() and one.readlink() == other.readlink()
    return filecmp.cmp(one, other, shallow=False)


def _names(draw: random.Random, count: int) -> list[str]:
    """Draw *count* names of copies, no two the same."""
    names: list[str] = []
    while len(names) < count:
        name = "".join(draw.choices(string.ascii_lowercase, k=8))
        names += [name] if name not in names else []
    return names


def _relative(files: Iterable[Path], root: Path) -> frozenset[PurePosixPath]:
    """Return *files* relative to *root*, without those elsewhere; links to files stay links."""
    top = root.resolve()
    real = (file.parent.resolve() / file.name for file in files)
    return frozenset(
        PurePosixPath(file.relative_to(top).as_posix()) for file in real if file.is_relative_to(top)
    )


@contextmanager
def _disk_named() -> Iterator[None]:
    """Say that copying failed, where the disk or the rights of a file are the reason."""
    try:
        yield
    except OSError as error:
        raise RevisionError(f"base and head could not be copied: {error}") from error


def _line(folder: Path, *arguments: str) -> str:
    """Return the one name that git answers; it may contain any character."""
    return os.fsdecode(_git(folder, *arguments)).removesuffix("\n")


def _split(answer: bytes) -> list[str]:
    """Return the names in an answer of git with ``-z``."""
    return [os.fsdecode(name) for name in answer.split(b"\0") if name]


def _git(folder: Path, *arguments: str, places: Mapping[str, str] | None = None) -> bytes:
    """Return what git answers in *folder*; RevisionError if it refuses.

    It has no other *places* than the folder's, whatever a hook has set, and writes none of them: no
    index is refreshed, and no watcher of files starts.
    """
    if shutil.which("git") is None:
        raise RevisionError("git is not installed, and --against reads a revision from it")
    own = {"LC_ALL": "C"}  # English, as _refusal reads it
    done = subprocess.run(
        ["git", "-c", "core.fsmonitor=", *arguments],  # noqa: S607 - the user's git
        cwd=folder,
        env=environment() | own | dict(places or {}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    if done.returncode != 0:
        raise RevisionError(_refusal(folder, arguments[0], os.fsdecode(done.stderr)))
    return done.stdout


def _refusal(folder: Path, verb: str, said: str) -> str:
    """Return in one sentence why git refused to do *verb* in *folder*, from what it *said*."""
    lines = [line.strip() for line in said.splitlines() if line.strip()] or ["it gives no reason"]
    if "dubious ownership" in said or "unsafe repository" in said:
        advice = [line for line in lines if line.startswith("git config")] or lines[-1:]
        return f"git reports dubious ownership of {folder}; its advice is: {advice[0]}"
    if "not a git repository" in said:
        return f"{folder} is in no git repository; --against compares with one's past"
    if "promisor remote" in said:
        return (
            "this clone is partial, and what it lacks cannot be fetched "
            f"({lines[-1]}); fetch it where the remote can be reached: 'git fetch --refetch'"
        )
    return f"git {verb} failed: {lines[-1]}"
