"""The copies of base and head that a gate compares, of real repositories of many shapes."""

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path, PurePosixPath

import pytest

from rayscale.gate import loans, revisions
from rayscale.gate.revisions import Revision, RevisionError
from rayscale.gate.trees import Copies, make
from rayscale.gate.yardstick import code_folders, is_yardstick

PATTERNS = ("test_*.py", "*_test.py")  # pytest's own
OWN = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}


@dataclass(frozen=True)
class Project:
    """A project in a git repository, and the folder for its copies."""

    root: Path
    folder: Path

    def git(self, *arguments: str) -> str:
        """Return what git answers in the project."""
        who = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "protocol.file.allow=always")
        return subprocess.run(
            ["git", *who, *arguments],  # noqa: S607 - the user's git
            cwd=self.root,
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()

    def put(self, files: Mapping[str, str]) -> None:
        """Write texts to files, by their names."""
        for name, text in files.items():
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            (self.root / name).write_text(text)

    def commit(self, files: Mapping[str, str]) -> None:
        """Write and commit files, with all that is new."""
        self.put(files)
        self.git("add", "--all", ":/")
        self.git("commit", "--quiet", "--message=a")

    def compare(
        self, base: str = "HEAD", named: Sequence[str] = (), patterns: Sequence[str] = PATTERNS
    ) -> Copies:
        """Return the copies of *base* and of the tree as it stands."""
        revision = Revision(base, self.git("rev-parse", base))
        files = [self.root / name for name in named]
        return make(self.root, revision, self.folder, random.Random(1), patterns, files)


Start = Callable[[str], Project]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    """Return how to start a project, in a folder of a new repository."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    for name, value in OWN.items():
        monkeypatch.setenv(name, value)

    def start(folder: str) -> Project:
        project = Project(tmp_path / "repository" / folder, tmp_path / "copies")
        project.root.mkdir(parents=True)
        project.folder.mkdir()
        top = str(tmp_path / "repository")
        project.git("init", "--quiet", "--initial-branch=main", top)
        return project

    return start


@pytest.fixture
def project(start: Start) -> Project:
    """Return a project at the top of its repository, without a commit."""
    return start(".")


def texts(folder: Path) -> dict[str, str]:
    """Return the text of each file in *folder*, or where a link leads to."""
    return {
        file.relative_to(folder).as_posix(): f"-> {file.readlink()}"
        if file.is_symlink()
        else file.read_text()
        for file in sorted(folder.rglob("*"))
        if file.is_symlink() or not file.is_dir()
    }


def state(project: Project) -> list[tuple[str, int, int]]:
    """Return each file of a project, with .git, its size and when it was written."""
    files = sorted(project.root.rglob("*"))
    return [(str(file), file.lstat().st_size, file.lstat().st_mtime_ns) for file in files]


@pytest.mark.parametrize("package", ["package", "src/package"], ids=["flat", "src"])
def test_subject_is_each_sides_own_and_yardstick_the_heads(project: Project, package: str) -> None:
    """The package is of its revision; benchmarks, their helpers and settings are the head's."""
    code, test, helper = f"{package}/speed.py", "tests/test_speed.py", "tests/data/sizes.txt"
    project.commit({code: "old", test: "old", helper: "old", "pyproject.toml": "old"})
    project.put({code: "new", test: "new", helper: "new", "pyproject.toml": "new"})

    copies = project.compare()

    assert texts(copies.head) == dict.fromkeys([code, "pyproject.toml", helper, test], "new")
    assert texts(copies.base) == texts(copies.head) | {code: "old"}
    assert copies.yardstick == {"pyproject.toml", helper, test}


def test_root_may_be_in_a_folder_of_the_repository(start: Start) -> None:
    """Of a repository with several projects, the one of pytest's root is copied."""
    project = start("projects/one")
    project.commit({"../two/code.py": "", "code.py": "old"})
    project.put({"code.py": "new"})

    copies = project.compare()

    assert texts(copies.base) == {"code.py": "old"}
    assert texts(copies.head) == {"code.py": "new"}
    assert copies.base.name == copies.head.name == "one"


def test_benchmarks_in_a_package_are_the_heads(project: Project) -> None:
    """A folder of tests inside the package is laid over, and the package around it is not."""
    inner = ["package/Benchmarks/__init__.py", "package/Benchmarks/deep/test_a.py"]
    files = ["package/__init__.py", *inner]
    project.commit(dict.fromkeys(files, "old"))
    project.put(dict.fromkeys(files, "new"))

    copies = project.compare()

    assert copies.yardstick == set(inner)
    assert texts(copies.base) == dict.fromkeys(inner, "new") | {"package/__init__.py": "old"}


def test_code_that_is_called_testing_is_the_subject(project: Project) -> None:
    """As in NumPy, a package ``testing`` is code, and its own ``tests`` are not."""
    code = ["numpy/__init__.py", "numpy/testing/__init__.py", "numpy/testing/tools.py"]
    tests = ["numpy/testing/tests/__init__.py", "numpy/testing/tests/test_tools.py"]
    project.commit(dict.fromkeys([*code, *tests], "old"))
    project.put(dict.fromkeys([*code, *tests], "new"))

    copies = project.compare()

    assert copies.yardstick == set(tests)
    assert texts(copies.base) == dict.fromkeys(code, "old") | dict.fromkeys(tests, "new")


@pytest.mark.parametrize(
    ("files", "folders"),
    [
        pytest.param(["a/__init__.py", "a/perf/__init__.py"], {"a/perf"}, id="package"),
        pytest.param(["perf/__init__.py"], set(), id="at-the-root"),
        pytest.param(["a/__init__.py", "a/perf/b.py"], set(), id="no-package"),
        pytest.param(
            ["a/__init__.py", "a/perf/__init__.py", "a/perf/x/test_b.py"], set(), id="with-a-test"
        ),
        pytest.param(
            ["a/__init__.py", "a/tests/__init__.py", "a/tests/tests/test_b.py"],
            {"a/tests"},
            id="astropy",
        ),
    ],
)
def test_code_folders_are_packages_without_tests(files: list[str], folders: set[str]) -> None:
    """A folder named for tests is code if it is a package in a package and has no test."""
    found = code_folders([PurePosixPath(file) for file in files], PATTERNS)

    assert found == {PurePosixPath(folder) for folder in folders}


@pytest.mark.parametrize(
    ("path", "patterns", "counts"),
    [
        ("conftest.py", [], True),
        ("package/conftest.py", [], True),
        ("tox.ini", [], True),
        ("package/tox.ini", [], False),
        ("check_speed.py", ["check_*.py"], True),
        ("speed/a.py", ["speed/*.py"], True),
        ("deep/speed/a.py", ["speed/*.py"], True),
        ("godspeed/a.py", ["speed/*.py"], False),
        ("package/attest/a.py", PATTERNS, False),
        ("package/TEST/a.py", PATTERNS, True),
        ("tests", PATTERNS, True),  # a link to a folder
        ("named.py", PATTERNS, True),
        ("package/named.py", PATTERNS, False),
    ],
)
def test_yardstick_is_what_pytest_reads(path: str, patterns: Sequence[str], counts: bool) -> None:
    """Patterns, folders, settings in the root and files that the user named make a yardstick."""
    assert is_yardstick(PurePosixPath(path), patterns, [PurePosixPath("named.py")]) is counts


def test_loose_tests_are_laid_over_and_modules_beside_them_not(project: Project) -> None:
    """In a root without folders, modules stay the base's; a file that the user named does not."""
    files = ["code.py", "race.py", "test_code.py"]
    project.commit(dict.fromkeys(files, "old"))
    project.put(dict.fromkeys(files, "new"))

    copies = project.compare(named=["race.py", "../elsewhere.py"])

    assert texts(copies.base) == {"code.py": "old", "race.py": "new", "test_code.py": "new"}
    assert copies.yardstick == {"race.py", "test_code.py"}


def test_yardstick_that_the_head_lacks_is_removed(project: Project) -> None:
    """A benchmark that the head deleted does not run at the base, nor is its folder left."""
    project.commit({"code.py": "", "tests/old/test_a.py": "", "tests/test_b.py": ""})
    shutil.rmtree(project.root / "tests" / "old")

    copies = project.compare()

    assert set(texts(copies.base)) == {"code.py", "tests/test_b.py"}
    assert not (copies.base / "tests" / "old").exists()
    assert copies.before is not None
    assert "tests/old/test_a.py" in texts(copies.before)


def test_base_without_benchmarks_gets_the_heads(project: Project) -> None:
    """The benchmark may be new, and not be known to git yet."""
    project.commit({"code.py": "old"})
    project.put({"code.py": "new", "tests/test_a.py": "a"})

    copies = project.compare()

    assert texts(copies.base) == {"code.py": "old", "tests/test_a.py": "a"}
    assert copies.before is not None
    assert texts(copies.before) == {"code.py": "old"}


def test_head_is_the_tree_as_it_stands(project: Project) -> None:
    """Files that are changed, staged or new are copied, those deleted are not."""
    project.commit({"changed.py": "old", "staged.py": "old", "deleted.py": "old"})
    project.put({"changed.py": "new", "staged.py": "new", "untracked.py": "new"})
    project.git("add", "staged.py")
    (project.root / "deleted.py").unlink()

    copies = project.compare()

    assert texts(copies.head) == dict.fromkeys(["changed.py", "staged.py", "untracked.py"], "new")
    assert texts(copies.base) == dict.fromkeys(["changed.py", "staged.py", "deleted.py"], "old")


def test_before_is_there_only_where_the_yardstick_differs(project: Project) -> None:
    """The base as it was is another copy only where its benchmarks are others."""
    project.commit({"code.py": "old", "test_a.py": "a"})
    project.put({"code.py": "new"})

    assert project.compare().before is None
    assert len(list(project.folder.iterdir())) == 2


def test_before_is_the_base_as_it_was(project: Project) -> None:
    """It has its own yardstick, and what is borrowed."""
    project.commit({"pkg/code.py": "old", "test_a.py": "old", ".gitignore": "_version.py"})
    project.put({"pkg/code.py": "new", "test_a.py": "new", "pkg/_version.py": "1"})

    before = project.compare().before

    assert before is not None
    assert texts(before) == {
        ".gitignore": "_version.py",
        "pkg/_version.py": "1",
        "pkg/code.py": "old",
        "test_a.py": "old",
    }


def test_names_of_copies_have_one_length(project: Project) -> None:
    """The length of a path can change the time that code takes; no name says which side it is."""
    project.commit({"test_a.py": "old"})
    project.put({"test_a.py": "new"})

    copies = project.compare()

    assert copies.before is not None
    names = [copy.parent.name for copy in (copies.base, copies.head, copies.before)]
    assert sorted(path.name for path in project.folder.iterdir()) == sorted(names)
    assert len(set(names)) == 3
    assert all(len(name) == 8 and name.isascii() and name.islower() for name in names)
    assert all(len(list(path.iterdir())) == 1 for path in project.folder.iterdir())
    assert copies.base.parent.parent == project.folder


def test_generated_files_are_borrowed_and_named(project: Project) -> None:
    """What git ignores and an import needs is in both copies: versions, metadata, data, builds."""
    built = f"pkg/fast{EXTENSION_SUFFIXES[0]}"
    needed = ["made.py", "models/a.bin", "pkg/_version.py", built, "pkg/data/deep/a.bin"]
    metadata = ["src/other.egg-info/PKG-INFO", "top.egg-info/PKG-INFO"]
    ignored = [*needed, *metadata]
    lines = "\n".join([*(f"/{name}" for name in needed), "*.egg-info"])
    project.commit({"pkg/__init__.py": "", "src/own/__init__.py": "", ".gitignore": lines})
    project.put(dict.fromkeys(ignored, "made"))

    copies = project.compare()

    assert copies.borrowed == tuple(sorted(ignored))
    assert texts(copies.base) == texts(copies.head)
    assert dict.fromkeys(ignored, "made").items() <= texts(copies.base).items()
    assert copies.compiled == (built,)


def test_rubbish_is_not_borrowed(project: Project) -> None:
    """Environments, caches, logs and the root's own rubbish stay where they are."""
    rubbish = [
        *("own/pyvenv.cfg", "own/lib/a.py", ".venv/lib/b.py", "build/lib/c.py", "pkg/build/d.py"),
        *("pkg/__pycache__/a.pyc", ".mypy_cache/a.json", "pkg/a.log", "notes.txt", ".coverage"),
        *("pkg/data/node_modules/a.js", "src/lone/a.so"),
    ]
    lines = "*.txt *.log *.pyc .coverage build .venv .mypy_cache data src/lone"
    project.commit({"pkg/__init__.py": "", ".gitignore": lines.replace(" ", "\n")})
    project.put({"own/.gitignore": "*", "src/new/a.py": ""} | dict.fromkeys(rubbish, "x"))

    copies = project.compare()

    assert copies.borrowed == ()
    assert set(texts(copies.head)) == {".gitignore", "pkg/__init__.py", "src/new/a.py"}


def test_untracked_environment_is_not_copied(project: Project) -> None:
    """An environment that nobody told git to ignore is not the project's code."""
    project.commit({"code.py": ""})
    project.put({"own/pyvenv.cfg": "", "own/lib/a.py": "", "__pycache__/a.pyc": "", "env/a.py": ""})

    assert set(texts(project.compare().head)) == {"code.py", "env/a.py"}


def test_package_may_be_called_like_an_output(project: Project) -> None:
    """Where git tracks code in a folder ``build`` or ``env``, what it ignores there is borrowed."""
    project.commit({"src/build/__init__.py": "", ".gitignore": "_version.py\nlib"})
    project.put({"src/build/_version.py": "1", "src/build/lib/a.py": ""})

    assert project.compare().borrowed == ("src/build/_version.py", "src/build/lib/a.py")


def test_large_files_are_not_borrowed(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """A large file is left out, and a folder at the root that is large in all."""
    monkeypatch.setattr(loans, "LARGE_NBYTES", 100)
    project.commit({"pkg/__init__.py": "", ".gitignore": "*.bin"})
    project.put({"pkg/even.bin": "x" * 100, "pkg/large.bin": "x" * 101})
    project.put({"few/a.bin": "x" * 99, "many/a.bin": "x" * 50, "many/b.bin": "x" * 50})

    assert project.compare().borrowed == ("few/a.bin", "pkg/even.bin")


def test_base_keeps_what_the_head_ignores(project: Project) -> None:
    """A file that the head took out of git is the base's own there, and so is not borrowed."""
    project.commit({"pkg/__init__.py": "", "pkg/_version.py": "old"})
    project.git("rm", "--quiet", "pkg/_version.py")
    project.put({"pkg/_version.py": "new", "pkg/__init__.py": "", ".gitignore": "_version.py"})

    copies = project.compare()

    assert copies.borrowed == ()
    assert texts(copies.base)["pkg/_version.py"] == "old"
    assert texts(copies.head)["pkg/_version.py"] == "new"


def test_ignored_yardstick_is_the_heads_in_both(project: Project) -> None:
    """A data file beside the tests that git ignores now counts as yardstick."""
    project.commit({"tests/test_a.py": "", "tests/sizes.txt": "old"})
    project.git("rm", "--quiet", "tests/sizes.txt")
    project.put({"tests/sizes.txt": "new", ".gitignore": "sizes.txt"})

    copies = project.compare()

    assert texts(copies.base)["tests/sizes.txt"] == "new"
    assert copies.yardstick == {"tests/test_a.py", "tests/sizes.txt"}


def test_compiled_modules_that_git_tracks_are_named(project: Project) -> None:
    """A built module is named wherever it is from; a library of another name is not one."""
    project.commit({"pkg/a.so": "", "pkg/b.pyd": "", "pkg/libc.so.1": "", "pkg/d.py": ""})

    assert project.compare().compiled == ("pkg/a.so", "pkg/b.pyd")


def test_submodule_is_borrowed_whole(project: Project, tmp_path: Path) -> None:
    """Both copies have a submodule as it stands in the tree, with what it ignores itself."""
    other = Project(tmp_path / "other", tmp_path)
    other.root.mkdir()
    other.git("init", "--quiet")
    other.commit({"lib/code.py": "old", ".gitignore": "_version.py"})
    project.commit({"code.py": ""})
    project.git("submodule", "--quiet", "add", str(other.root), "vendor/other")
    project.commit({})
    project.put({"vendor/other/lib/code.py": "new", "vendor/other/lib/_version.py": "1"})

    copies = project.compare()

    inside = {".gitignore": "_version.py", "lib/_version.py": "1", "lib/code.py": "new"}
    assert copies.borrowed == ("vendor/other/",)
    assert texts(copies.base / "vendor" / "other") == inside
    assert texts(copies.head / "vendor" / "other") == inside


def test_base_keeps_a_folder_that_became_a_submodule(project: Project, tmp_path: Path) -> None:
    """A folder that was the base's own is not mixed with the submodule that replaced it."""
    other = Project(tmp_path / "other", tmp_path)
    other.root.mkdir()
    other.git("init", "--quiet")
    other.commit({"new.py": ""})
    project.commit({"vendor/old.py": ""})
    project.git("rm", "--quiet", "-r", "vendor")
    project.git("submodule", "--quiet", "add", str(other.root), "vendor")

    copies = project.compare()

    assert copies.borrowed == ()
    assert set(texts(copies.base / "vendor")) == {"old.py"}
    assert set(texts(copies.head / "vendor")) == {"new.py"}


def test_links_stay_links(project: Project) -> None:
    """A link is copied as a link, to a file, to a folder or to nothing."""
    project.put({"code.py": "x", "data/a.txt": "a"})
    for name, target in {"file": "code.py", "folder": "data", "nothing": "missing"}.items():
        (project.root / name).symlink_to(target)
    project.commit({})

    copies = project.compare()

    links = {"file": "-> code.py", "folder": "-> data", "nothing": "-> missing"}
    assert texts(copies.head) == links | {"code.py": "x", "data/a.txt": "a"}
    assert texts(copies.base) == texts(copies.head)


@pytest.mark.parametrize("folder", ["tests", "speed"])
def test_link_of_the_base_is_not_written_through(
    project: Project, tmp_path: Path, folder: str
) -> None:
    """Where the head has a folder of tests and the base a link, what that leads to stays."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "test_a.py").write_text("outside")
    (project.root / folder).symlink_to(tmp_path / "outside")
    project.commit({"code.py": ""})
    (project.root / folder).unlink()
    project.put({f"{folder}/test_a.py": "inside"})

    copies = project.compare()

    assert texts(tmp_path / "outside") == {"test_a.py": "outside"}
    assert texts(copies.base) == {"code.py": "", f"{folder}/test_a.py": "inside"}


def test_link_of_the_head_to_its_tests_is_laid_over(project: Project, tmp_path: Path) -> None:
    """Where the base has a folder of tests and the head a link, both copies have the link."""
    project.commit({"code.py": "", "tests/test_a.py": "inside"})
    shutil.rmtree(project.root / "tests")
    (project.root / "tests").symlink_to(tmp_path)

    copies = project.compare()

    assert texts(copies.base) == texts(copies.head) == {"code.py": "", "tests": f"-> {tmp_path}"}


def test_tracked_file_behind_a_link_is_deleted(project: Project) -> None:
    """A folder that the tree has replaced with a link to another is copied as that link."""
    project.commit({"pkg/code.py": "old", "other/code.py": "other"})
    shutil.rmtree(project.root / "pkg")
    (project.root / "pkg").symlink_to("other")

    assert texts(project.compare().head) == {"pkg": "-> other", "other/code.py": "other"}


def test_odd_names_are_copied(project: Project) -> None:
    """Names with a line's end, a tab, a quote, or bytes that are not UTF-8 are names of files."""
    names = [b"a\nb.py", b'tests/"c\td".txt', b"caf\xe9.py", "ü.py".encode(), b" e .py", b"-f.py"]
    (project.root / "tests").mkdir()
    for name in names:
        (project.root / os.fsdecode(name)).write_text("old")
    project.commit({})
    for name in names:
        (project.root / os.fsdecode(name)).write_text("new")

    copies = project.compare()

    odd = os.fsdecode(names[1])
    assert copies.yardstick == {odd}
    assert texts(copies.head) == {os.fsdecode(name): "new" for name in names}
    assert texts(copies.base) == {os.fsdecode(name): "old" for name in names} | {odd: "new"}


def test_odd_names_are_copied_in_the_plain_locale(project: Project) -> None:
    """The same holds in a process whose locale is C."""
    name = os.fsdecode(b"caf\xe9\n.py")
    project.commit({name: "x"})
    code = (
        "import random, sys; from pathlib import Path; from rayscale.gate.trees import *\n"
        "sha, root, folder = sys.argv[1:]\n"
        "make(Path(root), Revision('HEAD', sha), Path(folder), random.Random(1), ['*.py'], [])"
    )
    sha = project.git("rev-parse", "HEAD")
    subprocess.run(
        [sys.executable, "-X", "utf8=0", "-c", code, sha, project.root, project.folder],
        env=os.environ | {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"},
        cwd=Path(__file__).parents[2],
        check=True,
    )

    assert [path.name for path in project.folder.rglob("*.py")] == [name, name]


def test_what_a_hook_sets_is_not_heeded(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a hook of another repository, git's variables are of that one."""
    project.commit({"code.py": "x"})
    sha = project.git("rev-parse", "HEAD")
    for name in revisions.HOOK_VARIABLES:
        monkeypatch.setenv(name, str(tmp_path / "wrong"))

    copies = make(
        project.root, Revision("HEAD", sha), project.folder, random.Random(1), PATTERNS, []
    )

    assert texts(copies.base) == texts(copies.head) == {"code.py": "x"}
    assert not (tmp_path / "wrong").exists()


def test_hook_variables_are_those_that_git_names() -> None:
    """All that git counts as of one repository are left out, except for configuration."""
    named = subprocess.run(
        ["git", "rev-parse", "--local-env-vars"],  # noqa: S607 - the user's git
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()

    unheeded = {name for name in named if not name.startswith("GIT_CONFIG")}
    assert unheeded <= revisions.HOOK_VARIABLES


def test_tree_and_index_are_not_touched(project: Project) -> None:
    """Nothing of the tree or of .git is written, though the index is stale."""
    project.commit({"code.py": "old", "tests/test_a.py": "old", ".gitignore": "made.py"})
    project.git("config", "core.splitIndex", "true")  # git would write a part of any index to .git
    project.put({"code.py": "new", "tests/test_a.py": "new", "made.py": "", "new.py": ""})
    os.utime(project.root / ".gitignore", (1, 1))
    before, status = state(project), "M code.py\n M tests/test_a.py\n?? new.py"

    project.compare()

    assert state(project) == before
    assert project.git("status", "--porcelain") == status


def test_filters_follow_the_attributes_of_the_base(start: Start) -> None:
    """Lines end as the base's own attributes ask, also where they are above pytest's root."""
    project = start("project")
    project.commit({"../.gitattributes": "*.txt text eol=crlf\n", "a.txt": "a\n"})
    project.put({"../.gitattributes": "*.txt text eol=lf\n"})

    copies = project.compare()

    assert (copies.base / "a.txt").read_bytes() == b"a\r\n"
    assert (copies.head / "a.txt").read_bytes() == b"a\n"


def test_sparse_checkout_has_a_whole_base(project: Project) -> None:
    """The base's code is written whole; the head is what the tree has."""
    project.commit({"one/code.py": "", "two/code.py": ""})
    project.git("sparse-checkout", "set", "one")

    copies = project.compare()

    assert set(texts(copies.base)) == {"one/code.py", "two/code.py"}
    assert set(texts(copies.head)) == {"one/code.py"}


def test_worktree_is_copied(project: Project, tmp_path: Path) -> None:
    """A second working tree of the repository is a project as well."""
    project.commit({"code.py": "old"})
    project.git("worktree", "add", "--quiet", str(tmp_path / "second"))
    second = Project(tmp_path / "second", project.folder)
    second.put({"code.py": "new"})

    copies = second.compare()

    assert texts(copies.base) == {"code.py": "old"}
    assert texts(copies.head)["code.py"] == "new"


@pytest.mark.parametrize("folder", ["pkg", "data"])
def test_pipes_are_not_borrowed(project: Project, folder: str) -> None:
    """What cannot be copied is left out, where git ignores it."""
    project.commit({"pkg/__init__.py": "", ".gitignore": "made*"})
    project.put({f"{folder}/made.txt": ""})
    os.mkfifo(project.root / folder / "made.pipe")

    assert project.compare().borrowed == (f"{folder}/made.txt",)


def test_missing_git_is_named(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without git there is nothing to copy from."""
    monkeypatch.setenv("PATH", "")

    assert refusal(project) == "git is not installed, and --against reads a revision from it"


def test_folder_outside_git_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project that is in no repository has no past."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    for name in ("root", "copies"):
        (tmp_path / name).mkdir()

    said = refusal(Project(tmp_path / "root", tmp_path / "copies"))
    assert (
        said == f"{tmp_path / 'root'} is in no git repository; --against compares with one's past"
    )


def test_repository_of_another_user_is_named_with_gits_advice(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Git's own advice is repeated, as only the user can trust another user's repository."""
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")

    assert refusal(project) == (
        f"git reports dubious ownership of {project.root}; its advice is: "
        f"git config --global --add safe.directory {project.root}"
    )


def test_damaged_clone_is_named_with_gits_reason(project: Project) -> None:
    """Where an object is missing, git's last line says which."""
    project.commit({"code.py": "x"})
    blob = project.git("rev-parse", "HEAD:code.py")
    (project.root / ".git" / "objects" / blob[:2] / blob[2:]).unlink()

    said = refusal(project, project.git("rev-parse", "HEAD"))
    assert said.startswith("git checkout-index failed: error: ")
    assert blob in said
    assert "\n" not in said


def test_base_without_the_root_is_refused(start: Start) -> None:
    """A project that is newer than the base cannot be compared with it."""
    project = start("project")
    project.commit({"../code.py": ""})
    project.put({"code.py": ""})

    sha = project.git("rev-parse", "HEAD")

    assert refusal(project, sha) == (
        f"main ({sha[:7]}) has no folder project/; compare with a revision that has one"
    )


def test_full_disk_is_named(project: Project) -> None:
    """Where a copy cannot be written, the disk's reason is in the message."""
    project.commit({"code.py": ""})
    project.folder.rmdir()
    project.folder.write_text("")

    said = refusal(project, project.git("rev-parse", "HEAD"))
    assert said.startswith("base and head could not be copied: ")


def refusal(project: Project, sha: str = "0" * 40) -> str:
    """Return why copies cannot be made."""
    with pytest.raises(RevisionError) as raised:
        make(project.root, Revision("main", sha), project.folder, random.Random(1), PATTERNS, [])
    return str(raised.value)
