"""A benchmark to start from: what is written, and what is refused."""

import ast
from pathlib import Path

import pytest

from rayscale.suite.starter import StarterError, Target, parse, write
from tests import projects


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a project with a package in src/, in which the command is called."""
    files = {"src/made_up_library/smoothing.py": "def smooth(rows): return rows\nLIMIT = 3\n"}
    monkeypatch.chdir(projects.write(tmp_path, files))
    return tmp_path


def test_benchmark_is_written_for_a_function_in_src() -> None:
    """The file imports the function by its name, and has one test that measures it."""
    file = Path("benchmarks", "test_smooth.py")

    write(parse("made_up_library.smoothing:smooth"), file)

    tree = ast.parse(file.read_text(encoding="utf-8"))
    imports = [ast.unparse(one) for one in tree.body if isinstance(one, ast.ImportFrom)]
    tests = [one for one in tree.body if isinstance(one, ast.FunctionDef)]
    assert imports == ["from made_up_library.smoothing import smooth"]
    assert [one.name for one in tests] == ["test_smooth"]
    assert "$" not in file.read_text(encoding="utf-8")


def test_file_that_is_there_is_kept() -> None:
    """A benchmark that the user has is never overwritten."""
    file = Path("mine.py")
    file.write_text("mine")

    with pytest.raises(StarterError, match=r'^"mine.py" is there already; give another with -o'):
        write(Target("made_up_library.smoothing", "smooth"), file)

    assert file.read_text() == "mine"


@pytest.mark.parametrize(
    "text", ["", "smooth", "mylib.smoothing", "mylib:", ":smooth", "my lib:f", "a:b.c", "a..b:c"]
)
def test_what_names_no_function_is_refused(text: str) -> None:
    """The sentence shows how a function is named."""
    with pytest.raises(StarterError) as refused:
        parse(text)

    assert str(refused.value) == (
        f'"{text}" does not name a function; give one such as mylib:smooth'
    )


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        (Target("nowhere", "smooth"), r'^"nowhere" cannot be imported here \(No module named'),
        (Target("made_up_library.smoothing", "rough"), r'^"made_up.*" has no function "rough"$'),
        (Target("made_up_library.smoothing", "LIMIT"), r'^"made_up.*" has no function "LIMIT"$'),
    ],
    ids=["no-module", "no-function", "no-callable"],
)
def test_what_cannot_be_measured_is_refused(target: Target, sentence: str) -> None:
    """Nothing is written where there is nothing to measure."""
    with pytest.raises(StarterError, match=sentence):
        write(target, Path("benchmark.py"))

    assert not Path("benchmark.py").exists()


def test_module_with_an_error_of_syntax_is_named() -> None:
    """A module that Python cannot read is named in a sentence, too."""
    Path("made_up_broken.py").write_text("def smooth(:\n")

    with pytest.raises(StarterError, match=r'^"made_up_broken" cannot be imported here \('):
        write(Target("made_up_broken", "smooth"), Path("benchmark.py"))
