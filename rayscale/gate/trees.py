"""The copies of a project that a gate compares: base and head, with one yardstick.

The subject is the project's own code.  The yardstick is what measures it, the benchmarks with all
that they read; both copies have the head's.  Neither the working tree nor git's index is touched.
"""

import filecmp
import os
import random
import shutil
import string
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

from rayscale.gate import git, listing, loans
from rayscale.gate.listing import EXTENSIONS
from rayscale.gate.revisions import Revision, RevisionError
from rayscale.gate.yardstick import code_folders, is_yardstick


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


def _make(
    root: Path,
    revision: Revision,
    places: Sequence[Path],
    patterns: Sequence[str],
    named: Collection[PurePosixPath],
) -> Copies:
    """Make the copies at *places*: of the base, of the head, and of the base as it was."""
    base, head, before = places
    of_base, of_head = _check_out(root, revision, base), listing.files(root)
    code = code_folders({*of_base, *of_head}, patterns)
    counts = partial(is_yardstick, patterns=patterns, named=named, code=code)
    for file in of_head:
        _place(file, root, head)

    old, new = set(filter(counts, of_base)), set(filter(counts, of_head))
    differs = old != new or not all(_is_same(base / file, head / file) for file in new)
    if differs:
        shutil.copytree(base, before, symlinks=True)
        _lay_over(old, new, head, base)

    own = loans.found(root, of_head)
    in_each = [_lend(own, root, copy) for copy in places if copy.is_dir()]
    borrowed = set.intersection(*in_each[:2])
    lent = {file for name in borrowed for file in own[name]}
    in_head = {*of_head, *(file for name in in_each[1] for file in own[name])}
    return Copies(
        base,
        head,
        yardstick=frozenset(map(str, new | set(filter(counts, lent)))),
        borrowed=tuple(sorted(borrowed)),
        compiled=tuple(sorted(str(file) for file in in_head if file.name.endswith(EXTENSIONS))),
        before=before if differs else None,
    )


def _check_out(root: Path, revision: Revision, copy: Path) -> list[PurePosixPath]:
    """Write what *revision* has in *root* to *copy*, as a checkout would, and return its files.

    The index and the working tree are git's for this call alone; so filters follow the attributes
    of the revision.
    """
    prefix = git.line(root, "rev-parse", "--show-prefix")
    copy.parent.mkdir(parents=True)
    with tempfile.TemporaryDirectory(prefix="rayscale-", dir=copy.parent) as own:
        tree = Path(own, "tree")
        inside = tree / prefix
        inside.mkdir(parents=True)
        places = {
            "GIT_DIR": git.line(root, "rev-parse", "--absolute-git-dir"),
            "GIT_WORK_TREE": str(tree),
            "GIT_INDEX_FILE": str(Path(own, "index")),
        }
        git.answer(inside, "read-tree", revision.sha, places=places)
        names = git.names(inside, "ls-files", "-z", places=places)
        if prefix and not names:
            raise RevisionError(
                f"{revision} has no folder {prefix}; compare with a revision that has one"
            )
        git.answer(inside, "checkout-index", "--all", places=places)
        _demand_all(inside, places, revision)
        inside.rename(copy)
    return listing.present(copy, names)


def _demand_all(inside: Path, places: Mapping[str, str], revision: Revision) -> None:
    """Raise RevisionError if a checkout lacks a file: half a revision is not compared."""
    missing = git.names(inside, "ls-files", "-z", "--deleted", places=places)
    if missing:
        raise RevisionError(
            f"git wrote {revision} without {missing[0]}; a partial clone gets it with 'git fetch "
            "--refetch'"
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


def _lend(own: Mapping[str, Iterable[PurePosixPath]], root: Path, copy: Path) -> set[str]:
    """Copy *own* loans from *root* into *copy* where it has nothing, and return which it took."""
    taken = {name for name in own if _is_free(copy, PurePosixPath(name))}
    for name in taken:
        for file in own[name]:
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
