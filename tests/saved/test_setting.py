"""Where the command looks for runs."""

from pathlib import Path

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
