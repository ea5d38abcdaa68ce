"""What several tests need: a copy of the project that they may change."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def copy_project() -> Callable[[Path], Path]:
    """Return a function that copies the project, without results and tests, into a folder."""

    def copy(folder: Path) -> Path:
        for room in ("kernels", "benchmarks", "rayscale"):
            shutil.copytree(ROOT / room, folder / room)
        for file in ("conftest.py", "pyproject.toml"):
            shutil.copy(ROOT / file, folder)
        return folder

    return copy
