"""Which git revision is compared with: what the user calls it, or the usual base of a change."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rayscale.quoting import quoted

USUAL = ("main", "master", "trunk", "develop")  # a default branch, where nothing says which it is
# fmt: off
# What git sets for a hook: `git rev-parse --local-env-vars`, without the names for configuration.
# Those are the user's as often, and hold `safe.directory` in CI.
HOOK_VARIABLES = frozenset({
    "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_COMMON_DIR", "GIT_DIR", "GIT_GRAFT_FILE",
    "GIT_IMPLICIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_INTERNAL_SUPER_PREFIX",
    "GIT_NO_REPLACE_OBJECTS", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX", "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE", "GIT_WORK_TREE",
})
# fmt: on


class RevisionError(Exception):
    """The revision cannot be compared with; the message says why, and what to do."""


@dataclass(frozen=True)
class Revision:
    """A git revision: what the user called it, and its commit."""

    name: str
    sha: str

    def __str__(self) -> str:
        """Return both, such as ``main (3f2a91c)``."""
        return f"{self.name} ({self.sha[:7]})"


def usual_base(root: Path) -> str:
    """Return what a change is usually compared with: where it left the default branch.

    On the default branch itself, what was before.
    """
    here = _git(root, "rev-parse", "--abbrev-ref", "HEAD")
    branch = _default_branch(root)
    if here == branch.removeprefix("origin/"):
        return "HEAD~1"
    return f"{branch}..."


def _default_branch(root: Path) -> str:
    """Return the default branch: the origin's, if it is known, else one of a usual name."""
    head = _git(root, "symbolic-ref", "--quiet", "refs/remotes/origin/HEAD")
    if head is not None:
        return head.removeprefix("refs/remotes/")
    for place, prefix in (("refs/remotes/origin/", "origin/"), ("refs/heads/", "")):
        for name in USUAL:
            if _git(root, "rev-parse", "--verify", "--quiet", f"{place}{name}"):
                return f"{prefix}{name}"
    return USUAL[0]


def resolve(root: Path, name: str) -> Revision:
    """Return the revision that *name* means in the repository of *root*.

    A branch, a tag, a commit, ``HEAD~3``; with three dots after it, the commit
    where it and HEAD parted, as in ``git diff``.  RevisionError if git, the repository,
    the revision or the common ancestor is not there.
    """
    if shutil.which("git") is None:
        raise RevisionError("git is not installed, and --against reads a revision from it")
    _demand_a_repository(root)
    commit = name.removesuffix("...") or "HEAD"
    if "\0" in commit:  # no program can be asked for it
        raise RevisionError(f"there is no revision {quoted(commit)} here; {_advice(root)}")
    if _git(root, "rev-parse", "--verify", "--quiet", "HEAD") is None:
        raise RevisionError("this repository has no commit yet; make one to compare with")
    sha = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", commit + "^{commit}")
    if sha is None:
        raise RevisionError(f"there is no revision {quoted(commit)} here; {_advice(root)}")
    return Revision(name, _parting(root, commit, sha) if name.endswith("...") else sha)


def _parting(root: Path, commit: str, sha: str) -> str:
    """Return where *commit*, whose name is *sha*, and HEAD parted.

    RevisionError if they never did, or if a shallow clone cannot tell: git then answers with an
    older commit, which both have, for the newer one that was cut off.
    """
    parted = _git(root, "merge-base", sha, "HEAD")
    if parted is None:
        advice = _advice(root)
        raise RevisionError(f"{quoted(commit)} and HEAD have no common ancestor here; {advice}")
    since = _git(root, "rev-list", sha, "HEAD", f"^{parted}") or ""
    if not _cut_off(root).isdisjoint(since.split()):
        raise RevisionError(
            f"where {quoted(commit)} and HEAD parted cannot be told here; {_advice(root)}"
        )
    return parted


def _cut_off(root: Path) -> frozenset[str]:
    """Return the commits whose parents a shallow clone lacks."""
    place = _git(root, "rev-parse", "--git-path", "shallow")
    file = root / place if place else None
    return frozenset(file.read_text("ascii").split()) if file and file.is_file() else frozenset()


def _demand_a_repository(root: Path) -> None:
    done = _run(root, "rev-parse", "--git-dir")
    if done.returncode == 0:
        return
    if "dubious ownership" in done.stderr:
        raise RevisionError(
            f"git does not trust {root}, which belongs to another user; "
            f"'git config --global --add safe.directory {root}' has it do so"
        )
    raise RevisionError(f"{root} is not in a git repository; --against compares with one's past")


def _advice(root: Path) -> str:
    """Return what to do about a commit that is not there."""
    if _git(root, "rev-parse", "--is-shallow-repository") == "true":
        return (
            "this clone is shallow: fetch the whole history ('fetch-depth: 0' in "
            "actions/checkout, or 'git fetch --unshallow')"
        )
    return "fetch it, or give a branch, a tag, a commit or HEAD~1"


@contextmanager
def without_hooks_variables() -> Iterator[None]:
    """Have git, whoever calls it, see the repository of the working directory for a while."""
    before = {name: os.environ.pop(name) for name in HOOK_VARIABLES & os.environ.keys()}
    try:
        yield
    finally:
        os.environ.update(before)


def environment() -> dict[str, str]:
    """Return the environment for git: this one, without another repository's settings."""
    own = {name: value for name, value in os.environ.items() if name not in HOOK_VARIABLES}
    return own | {"GIT_OPTIONAL_LOCKS": "0"}


def _git(folder: Path, *arguments: str) -> str | None:
    """Return what git answers in *folder*, None if it refuses."""
    done = _run(folder, *arguments)
    return done.stdout.strip() if done.returncode == 0 else None


def _run(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["git", "-C", folder, *arguments],  # noqa: S607 - the user's git
        env=environment(),
        capture_output=True,
        encoding="utf-8",
        errors="surrogateescape",
        check=False,
    )


def is_dirty(root: Path) -> bool:
    """Tell whether the tree at *root* differs from the last commit, new files included."""
    return bool(_git(root, "status", "--porcelain", "--", "."))
