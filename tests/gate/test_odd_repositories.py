"""Repositories that are not plain: what a gate compares there, or refuses in one sentence."""

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from rayscale.gate import git as asking
from rayscale.gate import trees
from rayscale.gate.revisions import HOOK_VARIABLES, RevisionError, resolve, without_hooks_variables
from tests.projects import git_in, run_pytest, write

Git = Callable[..., str]

CODE = {
    "pytest.ini": "[pytest]\npythonpath = .\n",
    "mylib.py": "def work():\n    return 1\n",
    "test_speed.py": "from mylib import work\n\ndef test_work(benchmark):\n    benchmark(work)\n",
}


@pytest.fixture
def git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Git:
    """Return how to call git in a folder, the new repository ``tmp_path/project`` by default."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)

    def call(*arguments: str, folder: Path = tmp_path / "project") -> str:
        return git_in(folder, *arguments)

    (tmp_path / "project").mkdir()
    call("init", "--quiet", "--initial-branch=main")
    return call


@pytest.fixture
def project(git: Git, tmp_path: Path) -> Path:
    """Return a project with two commits."""
    root = write(tmp_path / "project", CODE)
    commit(git, "one")
    write(root, {"mylib.py": "def work():\n    return 2\n"})
    commit(git, "two")
    return root


def commit(git: Git, message: str) -> None:
    """Commit all that is there."""
    git("add", "--all")
    git("commit", "--quiet", "--allow-empty", f"--message={message}")


def copied(root: Path, name: str, folder: Path) -> trees.Copies:
    """Copy a revision and the working tree, as a gate does."""
    folder.mkdir()
    return trees.make(root, resolve(root, name), folder, random.Random(1), ["test_*.py"], [])


def test_repository_without_a_commit_is_named(git: Git, tmp_path: Path) -> None:
    """What has no commit has nothing to compare with."""
    write(tmp_path / "project", CODE)
    with pytest.raises(RevisionError, match="has no commit yet; make one"):
        resolve(tmp_path / "project", "HEAD")


@pytest.mark.parametrize("name", ["no\0where", "\x1b[31mred", "a\nb", "\udcff", "²", "@{", "^"])
def test_hostile_revision_is_named_on_one_line(project: Path, name: str) -> None:
    """No character that a terminal obeys gets through."""
    with pytest.raises(RevisionError, match="there is no revision") as refused:
        resolve(project, name)
    assert str(refused.value).isprintable()


@pytest.mark.parametrize("depth", [3, 4])
def test_shallow_clone_does_not_take_an_older_commit_for_the_parting(
    git: Git, project: Path, tmp_path: Path, depth: int
) -> None:
    """Where the merge that hides the parting is cut off, git would name an older commit."""
    git("checkout", "--quiet", "-b", "change")
    commit(git, "parting")
    parted = git("rev-parse", "HEAD")
    git("checkout", "--quiet", "-b", "detour")  # main gets the parting by two commits more
    commit(git, "detour")
    commit(git, "detour again")
    git("checkout", "--quiet", "change")
    commit(git, "change")
    git("checkout", "--quiet", "main")
    commit(git, "main")
    git("merge", "--quiet", "--no-ff", "--message=merge", "detour")
    git("branch", "--quiet", "-D", "detour")
    git("checkout", "--quiet", "change")
    words = ("clone", "--quiet", "--no-single-branch", f"--depth={depth}", project.as_uri())
    git(*words, str(tmp_path / "clone"), folder=tmp_path)

    if depth == 4:
        assert resolve(tmp_path / "clone", "origin/main...").sha == parted
        return
    older = git("merge-base", "origin/main", "HEAD", folder=tmp_path / "clone")
    assert older == git("rev-parse", f"{parted}~1")
    with pytest.raises(RevisionError, match=r"parted cannot be told here.*fetch-depth: 0"):
        resolve(tmp_path / "clone", "origin/main...")


def test_partial_clone_without_its_remote_is_refused(
    git: Git, project: Path, tmp_path: Path
) -> None:
    """A base that cannot be fetched is not half compared."""
    git("config", "uploadpack.allowFilter", "true")
    clone, source = tmp_path / "clone", project.as_uri()
    git("clone", "--quiet", "--filter=blob:none", source, str(clone), folder=tmp_path)
    project.rename(tmp_path / "gone")
    with pytest.raises(RevisionError, match=r"this clone is partial.*'git fetch --refetch'"):
        copied(clone, "HEAD~1", tmp_path / "copies")


def test_checkout_that_lacks_a_file_is_refused(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where git reports no error, and a file is missing, nothing is compared."""
    real = asking.answer

    def forgetful(folder: Path, *arguments: str, **places: object) -> bytes:
        answer = real(folder, *arguments, **places)  # type: ignore[arg-type]  # handed through
        if arguments[0] == "checkout-index":
            (folder / "mylib.py").unlink()
        return answer

    monkeypatch.setattr(asking, "answer", forgetful)
    with pytest.raises(RevisionError, match=r"without mylib\.py"):
        copied(project, "HEAD~1", tmp_path / "copies")


def test_hooks_variables_name_no_other_repository(
    git: Git, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a hook of another repository, the project's own revision is found and copied."""
    other = write(tmp_path / "other", {"other.py": ""})
    git("init", "--quiet", "--initial-branch=main", folder=other)
    expected = git("rev-parse", "HEAD~1")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / ".git" / "index"))

    assert resolve(project, "HEAD~1").sha == expected
    copies = copied(project, "HEAD~1", tmp_path / "copies")
    assert "return 1" in (copies.base / "mylib.py").read_text()
    with without_hooks_variables():
        assert not HOOK_VARIABLES & os.environ.keys()
    assert os.environ["GIT_DIR"] == str(other / ".git")


@pytest.mark.parametrize("name", ["line\nbreak.py", "café.py", "b\udcff.py", " ", "-x", '"q".py'])
def test_names_of_files_are_any(git: Git, project: Path, tmp_path: Path, name: str) -> None:
    """Whatever a file is called, tracked or new, the copies have it."""
    git("config", "core.quotepath", "true")
    try:
        (project / name).write_text("old")
    except (OSError, UnicodeError):
        pytest.skip("this file system has no such names")
    commit(git, "named")
    (project / f"{name}2").write_text("new")
    copies = copied(project, "HEAD", tmp_path / "copies")
    assert (copies.base / name).read_text() == (copies.head / name).read_text() == "old"
    assert (copies.head / f"{name}2").read_text() == "new"


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("core.fsmonitor", "false"),
        ("core.autocrlf", "true"),
        ("alias.ls-files", "log"),
        ("core.worktree", ".."),
        ("status.showUntrackedFiles", "no"),
        ("core.excludesFile", "/dev/null"),
    ],
)
def test_settings_of_git_do_not_change_what_is_compared(
    git: Git, project: Path, tmp_path: Path, setting: str, value: str
) -> None:
    """Each revision is copied whole, whatever the user has set."""
    git("config", setting, value)
    copies = copied(project, "HEAD~1", tmp_path / "copies")
    for copy, number in ((copies.base, 1), (copies.head, 2)):
        assert (copy / "mylib.py").read_text() == f"def work():\n    return {number}\n"


def test_filter_that_fails_is_named(git: Git, project: Path, tmp_path: Path) -> None:
    """A file that a filter such as LFS cannot give is not compared by its pointer."""
    write(project, {".gitattributes": "*.bin filter=x\n", "a.bin": "pointer"})
    git("config", "filter.x.required", "true")
    git("config", "filter.x.clean", "cat")
    commit(git, "filtered")
    git("config", "filter.x.smudge", "false")
    with pytest.raises(RevisionError, match=r"git checkout-index failed: .*a\.bin"):
        copied(project, "HEAD", tmp_path / "copies")


def test_bare_repository_has_no_tree_to_compare(git: Git, project: Path, tmp_path: Path) -> None:
    """Where there is no working tree there is no head."""
    git("clone", "--quiet", "--bare", str(project), str(tmp_path / "bare"))
    with pytest.raises(RevisionError, match="work tree"):
        copied(tmp_path / "bare", "HEAD", tmp_path / "copies")


def test_worktree_is_compared_with_its_own_branch(git: Git, project: Path, tmp_path: Path) -> None:
    """A second working tree of a repository has a HEAD of its own."""
    git("worktree", "add", "--quiet", "-b", "side", str(tmp_path / "side"), "HEAD~1")
    assert resolve(tmp_path / "side", "HEAD").sha == git("rev-parse", "HEAD~1")
    copies = copied(tmp_path / "side", "main", tmp_path / "copies")
    assert "return 2" in (copies.base / "mylib.py").read_text()
    assert "return 1" in (copies.head / "mylib.py").read_text()


def test_gate_is_called_from_elsewhere(git: Git, project: Path, tmp_path: Path) -> None:
    """From another folder, with a path, both copies are compared, and not the tree with itself."""
    for number in (1000, 3000):
        write(project, {"mylib.py": f"def work():\n    return sum(range({number}))\n"})
        git("commit", "--quiet", "--all", f"--message={number}")
    (tmp_path / "elsewhere").mkdir()
    against = ("--benchmark-only", "--rayscale-against=HEAD~1", "--rayscale-pair-budget=20")
    ended = run_pytest(tmp_path / "elsewhere", *against, "../project/test_speed.py")
    assert ended.exit_code == 1
    assert "slower" in ended.output
    assert "of another copy" not in ended.output


def test_tests_outside_the_project_are_refused(project: Path, tmp_path: Path) -> None:
    """What is outside the root has one revision."""
    write(tmp_path / "other", {"test_other.py": CODE["test_speed.py"]})
    against = ("--benchmark-only", "--rayscale-against=HEAD", "--rootdir=.")
    ended = run_pytest(project, *against, "../other")
    assert ended.exit_code == 4
    assert 'and "../other" is not; call pytest in the project' in ended.output
    assert "Traceback" not in ended.output
