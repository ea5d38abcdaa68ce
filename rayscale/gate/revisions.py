"""What a gate compares: snapshots of the subject's folder, of a git revision and of the tree.

Neither touches the working tree or git's index.
"""

import ast
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


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
    """Return what a change is usually compared with: where it left main; on main, what was before.

    origin/main... if there is one, else main...; HEAD~1 where main is checked out.
    """
    if _git(root, "rev-parse", "--abbrev-ref", "HEAD") == "main":
        return "HEAD~1"
    has_origin = _git(root, "rev-parse", "--verify", "--quiet", "refs/remotes/origin/main")
    return "origin/main..." if has_origin else "main..."


def resolve(root: Path, name: str) -> Revision:
    """Return the revision that *name* means in the repository of *root*.

    A branch, a tag, a commit, ``HEAD~3``; with three dots after it, the commit
    where it and HEAD parted, as in ``git diff``.  RevisionError if git, the repository,
    the revision or the common ancestor is not there.
    """
    if shutil.which("git") is None:
        raise RevisionError("git is not installed, and --against reads a revision from it")
    if _git(root, "rev-parse", "--git-dir") is None:
        raise RevisionError(f"{root} is in no git repository; --against compares with one's past")
    commit = name.removesuffix("...") or "HEAD"
    sha = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", commit + "^{commit}")
    if sha is None:
        raise RevisionError(f'there is no revision "{commit}" here; {_advice(root)}')
    if name.endswith("..."):
        sha = _git(root, "merge-base", sha, "HEAD")
        if sha is None:
            advice = _advice(root)
            raise RevisionError(f'"{commit}" and HEAD have no common ancestor here; {advice}')
    return Revision(name, sha)


def is_dirty(root: Path, subject: str) -> bool:
    """Tell whether *subject*, in *root*, differs from the last commit, new files included."""
    return bool(_git(root, "status", "--porcelain", "--", subject))


def snapshot_base(root: Path, subject: str, revision: Revision, folder: Path) -> None:
    """Write the folder *subject* of *revision* to *folder*, as a checkout would.

    RevisionError if the revision has no such folder.
    """
    tree = _git(root, "rev-parse", "--verify", "--quiet", f"{revision.sha}:./{subject}")
    if tree is None:
        raise RevisionError(
            f"{revision} has no folder {subject}/; compare with a revision that has one"
        )
    top = Path(_git(root, "rev-parse", "--show-toplevel") or root)
    with tempfile.TemporaryDirectory(prefix="rayscale-") as own:
        index = os.path.join(own, "index")  # noqa: PTH118 - it goes into an environment
        _git(root, "read-tree", tree, index=index)
        _git(top, "checkout-index", "--all", f"--prefix={folder}{os.sep}", index=index)
    if not folder.is_dir():
        raise RevisionError(f"git could not write {subject}/ of {revision} to {folder}")


def snapshot_head(root: Path, subject: str, folder: Path) -> None:
    """Copy the folder *subject* in *root* to *folder*, as it stands."""
    shutil.copytree(root / subject, folder, ignore=shutil.ignore_patterns("__pycache__"))


def borrowed_imports(snapshot: Path, root: Path) -> list[str]:
    """Return the imports in *snapshot* that reach out of it, into the working tree at *root*.

    They would run the tree's code in the place of the snapshot's own.  Each with its place:
    ``moving_average.py:3 imports kernels.timer``.
    """
    ours = {path.stem for path in root.glob("*.py")}
    ours |= {path.name for path in root.iterdir() if path.is_dir()}
    return [
        f"{path.relative_to(snapshot)}:{line} imports {name}"
        for path in sorted(snapshot.rglob("*.py"))
        for name, line in _imports(path, depth=len(path.relative_to(snapshot).parts))
        if name.startswith(".") or name.split(".")[0] in ours
    ]


def public_functions(snapshot: Path) -> set[str]:
    """Return the public functions of the modules in *snapshot*, such as ``timer.timer``."""
    return {
        f"{path.stem}.{node.name}"
        for path in snapshot.glob("[!_]*.py")
        for node in _parse(path).body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    }


def _imports(path: Path, depth: int) -> Iterator[tuple[str, int]]:
    """Return what the file at *path* imports from outside its package, and the lines.

    *depth* is the number of dots that stay inside the package.  A relative import that leaves it
    begins with its dots.  A name in a string, for ``importlib``, counts.
    """
    for node in ast.walk(_parse(path)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not 0 < node.level <= depth:
            yield "." * node.level + (node.module or ""), node.lineno
        elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in (
            "import_module",
            "__import__",
        ):
            named = [one.value for one in node.args[:1] if isinstance(one, ast.Constant)]
            names = [name for name in named if isinstance(name, str)]
            yield from ((name, node.lineno) for name in names if not name.startswith("."))


def _parse(path: Path) -> ast.Module:
    try:
        return ast.parse(path.read_bytes(), filename=path.name)
    except SyntaxError as error:
        raise RevisionError(f"{path.name} cannot be imported: {error}") from error


def _advice(root: Path) -> str:
    """Return what to do about a commit that is not there."""
    if _git(root, "rev-parse", "--is-shallow-repository") == "true":
        return (
            "this clone is shallow: fetch the whole history ('fetch-depth: 0' in "
            "actions/checkout, or 'git fetch --unshallow')"
        )
    return "fetch it, or give a branch, a tag, a commit or HEAD~1"


def _git(folder: Path, *arguments: str, index: str | None = None) -> str | None:
    """Return what git answers in *folder*, None if it refuses; with an *index* of its own."""
    own = {"GIT_INDEX_FILE": index} if index else {}
    done = subprocess.run(
        ["git", "-C", folder, *arguments],  # noqa: S607 - the user's git
        env=os.environ | {"GIT_OPTIONAL_LOCKS": "0"} | own,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() if done.returncode == 0 else None
