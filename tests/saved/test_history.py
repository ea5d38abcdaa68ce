"""Cases over the kept runs: what is newest, and what changed since which baseline."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from rayscale.saved.history import CaseHistory, histories, table
from rayscale.saved.launches import read
from rayscale.text import duration, printed

LOOP, NUMPY = "loop-serial-small", "numpy-serial-small"
SaveSeries = Callable[..., list[Path]]


@pytest.fixture
def four_series(save_series: SaveSeries) -> list[CaseHistory]:
    """Return the histories of four series: two baselines, an older change, a newer one."""
    plan = [
        *(("baseline", 0.01, "f"), ("baseline", 0.03, "a")),
        *(("launches", 0.06, "b"), ("launches", 0.09, "c")),
    ]
    files = [
        file
        for day, (kind, seconds, revision) in enumerate(plan)
        for file in save_series(
            {LOOP: seconds, NUMPY: 4e-5},
            name=revision,
            kind=kind,
            seed=day,
            datetime=f"2026-11-2{day}T08:00:00+00:00",
            commit_info={"id": revision * 40, "dirty": False},
        )
    ]
    return histories([read(file) for file in files])


def test_newest_series_is_compared_with_the_baseline(four_series: list[CaseHistory]) -> None:
    """Of four series the last is the newest; it changed from the second, the newer baseline."""
    loop, numpy = four_series
    assert loop.medians == pytest.approx((0.01, 0.03, 0.06, 0.09), rel=0.02)
    assert loop.revisions == ("fffffff", "aaaaaaa", "bbbbbbb", "ccccccc")
    assert loop.baselines == (True, True, False, False)
    assert loop.change is not None
    assert loop.change.ratio == pytest.approx(3.0, rel=0.02)
    assert loop.change.launches == (10, 10)
    assert loop.change.yardstick == "control"
    assert loop.change.interval is not None
    assert loop.change.interval.low < 3.0 < loop.change.interval.high
    assert numpy.change is not None
    assert numpy.change.ratio == pytest.approx(1.0, rel=0.02)


def test_line_shows_each_figure_under_its_heading(four_series: list[CaseHistory]) -> None:
    """Revision, newest median and change are those of the last series."""
    heading, _, line, *_ = [
        text for text in printed(table(four_series), width=400).splitlines() if text.strip()
    ]
    assert re.split(r"\s{2,}", heading.strip()) == [
        *("case", "machine", "runs", "oldest to newest"),
        *("newest", "revision", "since baseline [99 %]"),
    ]
    at = {name: heading.index(name) for name in ("revision", "since baseline [99 %]")}
    assert line[at["revision"] :].startswith("ccccccc")
    change = line[at["since baseline [99 %]"] :]
    assert change.startswith("+")
    assert change.endswith("(n=10+10), by control")
    figures = slice(heading.index("oldest to newest") + len("oldest to newest"), at["revision"])
    assert heading[figures].strip() == "newest"
    assert line[figures].strip() == duration(four_series[0].medians[-1])


def test_change_is_since_the_newest_baseline(save_series: SaveSeries) -> None:
    """Of two baselines the later one counts: 60 ms and then 90 ms are 50 % more, not 200 %."""
    files = [
        file
        for day, (kind, seconds) in enumerate(
            [("baseline", 0.03), ("baseline", 0.06), ("launches", 0.09)]
        )
        for file in save_series(
            {LOOP: seconds},
            kind=kind,
            seed=day,
            datetime=f"2026-11-2{day}T08:00:00+00:00",
        )
    ]
    (loop,) = histories([read(file) for file in files])
    assert loop.change is not None
    assert loop.change.ratio == pytest.approx(1.5, rel=0.02)


def test_run_alone_has_a_change_without_an_interval(
    save_series: SaveSeries, save: Callable[..., Path]
) -> None:
    """One launch has no spread: the change is shown with ~ and its n, and says what divided it."""
    files = save_series({LOOP: 0.03}, kind="baseline", spread=0.0)
    files.append(save({LOOP: 0.06}, datetime="2026-11-25T08:00:00+00:00"))
    (loop,) = histories([read(file) for file in files])
    assert str(loop.change) == "+100.0 % ~ (n=10+1), by control"


def test_history_without_a_baseline_has_no_change(save: Callable[..., Path]) -> None:
    """Until a baseline exists, the change is a dash."""
    (loop,) = histories([read(save({LOOP: 0.03})), read(save({LOOP: 0.04}))])
    assert loop.change is None
    assert printed(table([loop]), width=400).splitlines()[-2].rstrip().endswith(" -")


def test_case_that_the_baseline_lacks_has_no_change(
    save_series: SaveSeries, save: Callable[..., Path]
) -> None:
    """A case that is newer than the baseline is shown without a change."""
    files = save_series({LOOP: 0.03}, kind="baseline", launches=2)
    files.append(save({NUMPY: 4e-5, LOOP: 0.03}, datetime="2026-11-25T08:00:00+00:00"))
    changes = [case.change is None for case in histories([read(file) for file in files])]
    assert changes == [False, True]
