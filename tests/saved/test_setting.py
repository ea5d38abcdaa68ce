"""Where the command looks for runs."""

from pathlib import Path

import click
import pytest

from rayscale.commands.setting import results


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("pyproject.toml", '[tool.pytest.ini_options]\nrayscale_results = "bench/runs"\n'),
        ("pyproject.toml", '[tool.pytest]\nrayscale_results = "bench/runs"\n'),
        ("pytest.ini", "[pytest]\nrayscale_results = bench/runs\n"),
        ("tox.ini", "[tox]\nenv_list = a\n[pytest]\nrayscale_results = bench/runs\n"),
        ("setup.cfg", "[tool:pytest]\nrayscale_results = bench/runs\n"),
    ],
)
def test_results_are_where_pytest_puts_them(tmp_path: Path, file: str, text: str) -> None:
    """The folder that pytest's ini file names is where the command looks, too."""
    (tmp_path / file).write_text(text)

    assert results(tmp_path) == Path("bench/runs")


def test_results_have_a_usual_place(tmp_path: Path) -> None:
    """Without the setting the folder is results."""
    (tmp_path / "pyproject.toml").write_text('[tool.pytest.ini_options]\ntestpaths = ["a"]\n')
    (tmp_path / "tox.ini").write_text("[tox]\n")

    assert results(tmp_path) == Path("results")


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("pyproject.toml", "x = [", "cannot be read"),
        ("pyproject.toml", "tool = 3", "cannot be read"),
        ("pyproject.toml", "[tool.pytest.ini_options]\nrayscale_results = 3", 'is "3"; give a'),
        ("pytest.ini", "no section", "cannot be read"),
        ("tox.ini", "[pytest]\nx = 1\nx = 2", "cannot be read"),
        ("setup.cfg", "\udcff", "cannot be read"),
    ],
)
def test_file_that_cannot_be_read_is_named(tmp_path: Path, file: str, text: str, said: str) -> None:
    """A broken file of settings is one sentence, with its name."""
    (tmp_path / file).write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(click.UsageError) as refused:
        results(tmp_path)
    assert str(tmp_path / file) in str(refused.value)
    assert said in str(refused.value)
