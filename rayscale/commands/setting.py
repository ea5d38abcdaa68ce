"""Where a project keeps its runs: what pytest's ini file says, or results/."""

import configparser
import tomllib
from pathlib import Path
from typing import Any

import click

from rayscale.quoting import quoted

SETTING = "rayscale_results"
# pytest's files, in the order in which it looks, with the section that holds its settings.
INI = {
    "pytest.ini": "pytest",
    ".pytest.ini": "pytest",
    "tox.ini": "pytest",
    "setup.cfg": "tool:pytest",
}


def results(project: Path) -> Path:
    """Return the folder of runs that the files in *project* name; results if none does.

    >>> results(Path("/nonexistent"))
    PosixPath('results')
    """
    named = [_of_ini(project / file, section) for file, section in INI.items()]
    found = [name for name in (*named, _of_pyproject(project / "pyproject.toml")) if name]
    return Path(found[0]) if found else Path("results")


def _of_ini(file: Path, section: str) -> str | None:
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read(file, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError) as error:
        raise _unreadable(file, error) from error
    return parser.get(section, SETTING, fallback=None)


def _of_pyproject(file: Path) -> str | None:
    if not file.is_file():
        return None
    try:
        settings: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8"))
        pytest: dict[str, Any] = settings.get("tool", {}).get("pytest", {})
        found = pytest.get("ini_options", pytest).get(SETTING)
    except (ValueError, AttributeError) as error:  # no TOML, no UTF-8; or tool is not a table
        raise _unreadable(file, error) from error
    if not isinstance(found, str | None):
        raise click.UsageError(f"{file}: {SETTING} is {quoted(found)}; give a folder's name")
    return found


def _unreadable(file: Path, error: Exception) -> click.UsageError:
    said = str(error).partition("\n")[0]
    return click.UsageError(f"{file} cannot be read ({said}); mend it, or give --results FOLDER")
