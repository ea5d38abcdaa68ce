"""Every command on runs that were changed at random, as ``tools/fuzz.py`` does it for minutes."""

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tools import fuzz
from tools.mutations import changed, written

ROOT = Path(__file__).resolve().parents[2]


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
@example(seed=25)  # a name of 3,000 characters in a legend left no room for the chart
def test_commands_refuse_what_they_cannot_read(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is in a file: nothing is raised, no warning comes, no character acts."""
    runs = fuzz.starts(ROOT / "results")
    with monkeypatch.context() as here:
        here.chdir(tmp_path)
        fuzz.example(seed, runs, fuzz.COMMANDS)


def test_runs_are_changed_in_many_ways(save: Callable[..., Path]) -> None:
    """The fuzzer makes files of many kinds, and the same ones of the same seed."""
    (run, _) = fuzz.starts(ROOT / "results")
    files = [written(changed(run, draw), draw) for draw in map(Random, range(30))]
    assert len(set(files)) > 20
    again = Random(7)
    assert written(changed(run, again), again) == files[7]


def test_failure_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that raises is told, with the seed."""
    runs = fuzz.starts(ROOT / "results")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("rayscale.commands.runs.name_left_out", lambda _: 1 / 0)
    with pytest.raises(AssertionError, match="seed 3: runs"):
        fuzz.example(3, runs, fuzz.COMMANDS)
