"""Which launches a name means: of this machine, the newest, complete."""

from collections.abc import Callable
from pathlib import Path

import pytest

from rayscale.saved.choice import ChoiceError, choose, subject
from rayscale.saved.launches import Launch

CASES = {"loop-serial-small": 0.03}
HERE, THERE = "here-2cpu-8gib", "there-8cpu-8gib"
SaveSeries = Callable[..., list[Path]]


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Return the folder of runs that ``save`` writes into."""
    return tmp_path / "results"


def names(launches: list[Launch] | tuple[Launch, ...]) -> list[str]:
    """Return the machine's folder and the file's name of each launch."""
    return [f"{launch.folder}/{Path(launch.file).name}" for launch in launches]


def kept(files: list[Path]) -> list[str]:
    """Return the same of files."""
    return [f"{file.parent.name}/{file.name}" for file in files]


@pytest.mark.parametrize("machine", [HERE, THERE])
def test_baseline_is_that_of_this_machine(
    save_series: SaveSeries, results: Path, machine: str
) -> None:
    """Two machines have a baseline: the one of the machine that asks counts, not the newer one."""
    files = {
        folder: save_series(CASES, name="v1", kind="baseline", seed=seed, folder=folder)
        for seed, folder in enumerate((HERE, THERE))
    }
    assert names(choose("baseline", results, lambda: machine)) == kept(files[machine])
    with pytest.raises(ChoiceError, match=f"for other machines alone: {HERE}, {THERE}"):
        choose("baseline", results, lambda: "nowhere-1cpu-1gib")


def test_only_machine_that_has_it_is_taken(save_series: SaveSeries, results: Path) -> None:
    """A name that one machine alone has means that one, wherever it is asked for."""
    files = save_series(CASES, name="v1", folder=THERE)
    assert names(choose("v1", results, lambda: HERE)) == kept(files)


def test_newest_broken_file_of_the_name_is_the_one_that_is_named(
    save_series: SaveSeries, save: Callable[..., Path], results: Path
) -> None:
    """Files of other names that cannot be read do not matter, and older ones are not named."""
    save_series(CASES, name="v1", launches=2)
    save_series(CASES, name="old-v1", launches=1)[0].write_text("{")
    assert len(choose("v1", results, lambda: HERE)) == 2

    for _ in range(2):
        broken = save(CASES, name="v1")
        broken.write_text("{")
    with pytest.raises(ChoiceError, match=f"{broken.name}: not JSON, or cut off.*; mend or remove"):
        choose("v1", results, lambda: HERE)


def test_name_that_is_not_kept_lists_those_that_are(save_series: SaveSeries, results: Path) -> None:
    """What is kept is listed, each name once; an empty folder has nothing."""
    with pytest.raises(ChoiceError, match="which has: nothing"):
        choose("v2", results, lambda: HERE)
    save_series(CASES, name="v1", launches=2)
    save_series(CASES, name="v0", launches=1)
    with pytest.raises(ChoiceError, match=r"which has: v1, v0$"):
        choose("v2", results, lambda: HERE)


def test_report_on_one_named_run_keeps_its_history(
    save: Callable[..., Path], results: Path
) -> None:
    """One run by name is reported, with all runs of its machine as its history."""
    first, second = save(CASES, name="first"), save(CASES, name="second")
    chosen = subject("first", results, lambda: HERE)
    assert names(chosen.newest) == kept([first])
    assert names(chosen.history) == kept([first, second])


def test_report_without_a_name_mixes_no_machines(save: Callable[..., Path], results: Path) -> None:
    """The newest run is reported, and the history is of its machine alone."""
    save(CASES, folder=HERE, datetime="2026-11-24T08:00:00+00:00")
    newest = save(CASES, folder=THERE, datetime="2026-11-25T08:00:00+00:00")
    chosen = subject(None, results, lambda: HERE)
    assert names(chosen.newest) == kept([newest])
    assert names(chosen.history) == kept([newest])


def test_several_matches_are_the_history(save: Callable[..., Path], results: Path) -> None:
    """Of several files the newest is reported, and the others are its history, and no more."""
    save(CASES, name="other")
    days = [f"2026-11-2{day}T08:00:00+00:00" for day in (5, 6)]
    files = [save(CASES, name="run", datetime=day) for day in days]
    chosen = subject(str(results / HERE / "*_run.json"), results, lambda: HERE)
    assert names(chosen.newest) == kept(files[1:])
    assert names(chosen.history) == kept(files)
