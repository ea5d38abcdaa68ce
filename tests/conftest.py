"""What several tests need: a copy of the project to change, saved launches, a heeded Ctrl-C."""

import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rayscale.saved.files import keep
from rayscale.suite.items import is_ours

ROOT = Path(__file__).resolve().parents[1]


def pytest_pycollect_makemodule(module_path: Path) -> None:
    """Let property tests take as long as they do: how fast the machine is, is not their subject.

    It must be said before they are imported.  What CI sets stays.
    """
    # Not above: a timed run loads this file too, and has no packages that only tests need.
    from hypothesis import HealthCheck, settings

    settings.register_profile(
        "unhurried", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
    settings.load_profile("unhurried")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests on the session's Ray cluster first: each other test ends it, for its own use.

    So it starts once, and not once for each file.
    """
    items.sort(key=is_ours, reverse=True)


@pytest.fixture(scope="session", autouse=True)
def sessions_of_their_own() -> Iterator[None]:
    """Have no session that a test starts take itself for one of this session's two processes."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [one for one in os.environ if one.startswith("PYTEST_XDIST_")]:
            patch.delenv(name)
        yield


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


@pytest.fixture
def heeded() -> Iterator[None]:
    """Heed Ctrl-C, for a test: a shell's background job, and all that it starts, ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


Save = Callable[..., Path]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """Return a function that writes a launch into results/, in pytest-benchmark's format."""
    return saver(tmp_path)


@pytest.fixture(scope="module")
def save_once(tmp_path_factory: pytest.TempPathFactory) -> Save:
    """Return the same, for what all tests of a file look at."""
    return saver(tmp_path_factory.mktemp("once"))


def saver(where: Path) -> Save:
    """Return a function that writes a launch into results/ in the folder *where*."""

    def one(
        medians: Mapping[str, float],
        *,
        name: str = "run",
        series: Mapping[str, Any] | None = None,
        folder: str = "here-2cpu-8gib",
        **changes: Any,
    ) -> Path:
        contents = {
            "machine_info": {
                "hardware": {"cpu": folder, "cpus": 2},
                "software": {"python": "3.11.7", "ray": "2.60.0", "numpy": "2.4.6"},
            },
            "commit_info": {"id": "3f2a91c0", "dirty": False},
            "benchmarks": [record(case, seconds) for case, seconds in medians.items()],
            "datetime": "2026-11-24T08:00:00+00:00",
            "version": "5.3.1",
            "rayscale": {
                "format": 1,
                "kind": "launch",
                "failed": [],
                "control": [0.002],
                **({"series": series} if series else {}),
            },
        } | changes
        return keep(where / "results" / folder, name, json.dumps(contents).encode())

    return one


def record(case: str, seconds: float) -> dict[str, Any]:
    """Return the entry of a *case* such as 'loop-ray_blocks-cpus2-small', of seven rounds."""
    kernel, implementation, *cpus, size = case.split("-")
    return {
        "name": f"test_moving_average[{case}]",
        "fullname": f"benchmarks/test_moving_average.py::test_moving_average[{case}]",
        "params": {"kernel": kernel},
        "extra_info": {
            "problem": "moving_average",
            "kernel": kernel,
            "implementation": implementation,
            "cpus": int(cpus[0].removeprefix("cpus")) if cpus else 1,
            "size": size,
        },
        "stats": {
            "min": 0.9 * seconds,
            "median": seconds,
            "rounds": 7,
            "data": [seconds * (0.9 + 0.1 * number / 3) for number in range(7)],
        },
    }


SaveSeries = Callable[..., list[Path]]


@pytest.fixture
def save_series(save: Save) -> SaveSeries:
    """Return a function that saves a series of launches, whose times differ by *spread*."""
    return series_saver(save)


@pytest.fixture(scope="module")
def save_series_once(save_once: Save) -> SaveSeries:
    """Return the same, for what all tests of a file look at."""
    return series_saver(save_once)


def series_saver(save: Save) -> SaveSeries:
    """Return a function that saves a series of launches by *save*."""

    def several(
        medians: Mapping[str, float],
        *,
        launches: int = 10,
        spread: float = 0.01,
        seed: int = 0,
        kind: str = "launches",
        **changes: Any,
    ) -> list[Path]:
        draw = np.random.default_rng(seed)
        noise = np.exp(draw.normal(0, spread, (launches, len(medians))))
        return [
            save(
                {case: medians[case] * factor for case, factor in zip(medians, row, strict=True)},
                series={
                    "id": f"{changes.get('name')}{seed}",
                    "launch": number,
                    "launches": launches,
                    "kind": kind,
                },
                **changes,
            )
            for number, row in enumerate(noise)
        ]

    return several
