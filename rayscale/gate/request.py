"""What ``--against`` asks for: a revision, and on which terms."""

import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from rayscale.gate import revisions
from rayscale.gate.revisions import Revision
from rayscale.quoting import plain, quoted
from rayscale.seconds import parse_seconds
from rayscale.writable import why_no_file

# Below, the layout of a copy in memory, up to 2.9 % of a short call, passes for a slowdown.
LEAST_TOLERANCE, SAFE_TOLERANCE = 0.02, 0.05
PAGE = "GITHUB_STEP_SUMMARY"  # names the file that CI shows as a page
SEEDS = 2**64  # what is drawn, and printed


@dataclass(frozen=True)
class Request:
    """One session's request."""

    revision: Revision
    tolerance: float
    false_alarm: float
    miss: float
    pair_budget: float
    gate_budget: float
    unsure_fails: bool
    removed_fails: bool
    allow_changed: Sequence[str]
    allow_slower: Sequence[str]
    seed: int
    replayed: bool
    summary: Path | None
    page: Path | None  # what CI shows


def settle(config: pytest.Config) -> Request:
    """Return what is asked for; UsageError where it cannot be done."""
    name = config.getoption("rayscale_against")
    if not config.getoption("benchmark_only", default=False):
        raise pytest.UsageError("--against times what it compares: give --benchmark-only, too")
    summary = config.getoption("rayscale_gate_summary")
    page = os.environ.get(PAGE) or None
    seed = config.getoption("rayscale_pair_seed")
    terms = {
        "tolerance": parse_tolerance("--tolerance", config.getoption("rayscale_tolerance")),
        "false_alarm": _share("--false-alarm", config.getoption("rayscale_false_alarm")),
        "miss": _share("--miss", config.getoption("rayscale_miss")),
        "pair_budget": _seconds("--pair-budget", config.getoption("rayscale_pair_budget")),
        "gate_budget": _seconds("--gate-budget", config.getoption("rayscale_gate_budget")),
    }
    own_seed = _seed(seed)
    try:
        name = name or revisions.usual_base(config.rootpath)
        revision = revisions.resolve(config.rootpath, name)
    except revisions.RevisionError as error:
        raise pytest.UsageError(plain(f"--against {name}: {error}")) from error
    _prove_writable("--gate-summary", summary, "give a file in a folder that exists")
    _prove_writable(PAGE, page, "unset this variable, or have it name a file")
    return Request(
        revision=revision,
        **terms,
        unsure_fails=config.getoption("rayscale_unsure") == "fail",
        removed_fails=config.getoption("rayscale_removed") == "fail",
        allow_changed=config.getoption("rayscale_allow_changed"),
        allow_slower=config.getoption("rayscale_allow_slower"),
        seed=own_seed,
        replayed=seed is not None,
        summary=Path(summary) if summary else None,
        page=Path(page) if page else None,
    )


def parse_tolerance(where: str, text: str = "") -> float:
    """Return a tolerance as a share; UsageError, which says *where*, below 2 %.

    >>> parse_tolerance("--tolerance", "5%")
    0.05
    """
    tolerance = _share(where, text)
    if tolerance < LEAST_TOLERANCE:
        raise pytest.UsageError(
            f"{where}: {plain(text)} is below 2 %; where a copy of the code lies in memory already "
            "changes short calls by so much, so such a small difference cannot be attributed to a "
            "change"
        )
    return tolerance


def _prove_writable(where: str, file: str | None, advice: str) -> None:
    """Raise UsageError now, and not after all is measured, if *file* cannot be written."""
    if file is not None and (why := why_no_file(Path(file))):
        raise pytest.UsageError(f"{where}: cannot write to {quoted(file)} ({why}); {advice}")


def _share(option: str, text: str) -> float:
    """Return a share given in per cent, or as a fraction below 1."""
    from rayscale.text import parse_share  # it loads NumPy

    try:
        return parse_share(text)
    except ValueError as error:
        raise pytest.UsageError(f"{option}: {error}") from error


def _seconds(option: str, text: str) -> float:
    try:
        return parse_seconds(text)
    except ValueError as error:
        raise pytest.UsageError(f"{option}: {error}") from error


def _seed(text: str | None) -> int:
    if text is None:
        return secrets.randbits(64)
    known = text.isascii() and text.isdecimal() and len(text) <= len(str(SEEDS))
    if not known or int(text) >= SEEDS:
        raise pytest.UsageError(
            f"--pair-seed: {quoted(text)} is not a whole number of 64 bits; give a printed seed"
        )
    return int(text)
