"""The revision that a gate compares with: found, or refused in one sentence."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from rayscale.gate.revisions import RevisionError, is_dirty, resolve, usual_base
from tests.projects import git_in

Git = Callable[..., str]


@pytest.fixture
def git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Git:
    """Return how to call git in a new repository, ``tmp_path/repository``."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    repository = tmp_path / "repository"
    repository.mkdir()

    def call(*arguments: str) -> str:
        return git_in(repository, *arguments)

    call("init", "--quiet", "--initial-branch=main")
    return call


@pytest.fixture
def project(git: Git, tmp_path: Path) -> Path:
    """Return a project in a folder of the repository, with two commits and a branch beside."""
    root = tmp_path / "repository" / "project"
    write(root, "VERSION = 1\n")
    git("add", ".")
    git("commit", "--quiet", "--message=one")
    git("branch", "side")
    write(root, "VERSION = 2\n")
    git("commit", "--quiet", "--all", "--message=two")
    return root


def write(root: Path, text: str, file: str = "timer.py") -> None:
    """Write a file of the project's kernels."""
    (root / "kernels").mkdir(parents=True, exist_ok=True)
    (root / "kernels" / file).write_text(text)


@pytest.mark.parametrize(
    ("name", "commit"),
    [("HEAD", "HEAD"), ("side", "side"), ("HEAD~1", "side"), ("side...", "side"), ("...", "HEAD")],
)
def test_revision_is_what_git_says(git: Git, project: Path, name: str, commit: str) -> None:
    """A branch, a relative revision, a merge base: each is the commit that git has for it."""
    revision = resolve(project, name)

    assert revision.sha == git("rev-parse", commit)
    assert str(revision) == f"{name} ({revision.sha[:7]})"


def test_merge_base_is_where_the_branches_parted(git: Git, project: Path) -> None:
    """REV... leaves out what REV got since, as ``git diff REV...`` does."""
    parted = git("rev-parse", "side")
    git("checkout", "--quiet", "side")
    git("commit", "--quiet", "--allow-empty", "--message=three")
    git("checkout", "--quiet", "main")

    assert resolve(project, "side...").sha == parted
    assert resolve(project, "side").sha == git("rev-parse", "side") != parted


def test_usual_base_is_where_the_branch_left_main(git: Git, project: Path, tmp_path: Path) -> None:
    """On main it is the commit before; on a branch main, or the origin's where there is one."""
    assert usual_base(project) == "HEAD~1"

    git("checkout", "--quiet", "-b", "change")
    assert usual_base(project) == "main..."

    git("checkout", "--quiet", "main")
    git("clone", "--quiet", "--branch=main", project.parent.as_uri(), str(tmp_path / "clone"))
    git("-C", str(tmp_path / "clone"), "checkout", "--quiet", "-b", "other")
    assert usual_base(tmp_path / "clone" / "project") == "origin/main..."


@pytest.mark.parametrize("name", ["nowhere", "nowhere...", "--all", "HEAD:kernels"])
def test_unknown_revision_is_named(project: Path, name: str) -> None:
    """What is no revision is named, with what to give instead."""
    with pytest.raises(
        RevisionError, match=r'no revision "[^"]+" here; fetch it, or give a branch'
    ):
        resolve(project, name)


def test_shallow_clone_is_told_to_fetch_more(git: Git, project: Path, tmp_path: Path) -> None:
    """A commit that a shallow clone cut off is asked for by its remedy."""
    source = project.parent.as_uri()
    git("clone", "--quiet", "--depth=1", source, str(tmp_path / "shallow"))

    with pytest.raises(RevisionError, match="fetch-depth: 0"):
        resolve(tmp_path / "shallow" / "project", "HEAD~1")


def test_strangers_have_no_merge_base(git: Git, project: Path) -> None:
    """Histories without a common commit have nothing to be compared from."""
    git("checkout", "--quiet", "--orphan", "stranger")
    git("commit", "--quiet", "--message=other")

    with pytest.raises(RevisionError, match='"main" and HEAD have no common ancestor'):
        resolve(project, "main...")


def test_folder_outside_git_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project that is in no repository has no past."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(RevisionError, match="is not in a git repository"):
        resolve(tmp_path, "HEAD")


def test_missing_git_is_named(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without git there is no revision to read."""
    monkeypatch.setenv("PATH", "")
    with pytest.raises(RevisionError, match="git is not installed"):
        resolve(project, "HEAD")


def test_tree_is_dirty_by_what_is_new_or_changed(git: Git, project: Path) -> None:
    """A clean tree is not dirty; a new file makes it so."""
    assert not is_dirty(project)
    write(project, "", file="fresh.py")
    assert is_dirty(project)
