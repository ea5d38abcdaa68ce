"""The gate: ``--against REV`` compares the tree's kernels with those of a revision, in pairs."""

import os
import random
import secrets
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rayscale.gate import copies, revisions
from rayscale.gate.revisions import Revision
from rayscale.gate.terms import LOADINGS, Terms

if TYPE_CHECKING:
    from rayscale.gate.verdicts import GatedCase

# Below, the layout of a copy in memory, up to 2.9 % of a short call, passes for a slowdown.
LEAST_TOLERANCE, SAFE_TOLERANCE = 0.02, 0.05


@dataclass
class Gate:
    """One session's comparison: what with, on which terms, and what has been seen so far."""

    revision: Revision
    dirty: bool
    folder: Path  # of the copies
    loadings: Sequence[copies.Loading]
    in_base: set[str]
    removed: Sequence[str]
    tolerance: float
    false_alarm: float
    miss: float
    pair_budget: float
    gate_budget: float
    unsure_fails: bool
    allow_removed: bool
    allow_changed: Sequence[str]
    seed: int
    replayed: bool
    coin: random.Random
    tolerances: dict[str, float] = field(default_factory=dict)  # of all compared, by test id
    spent: float = 0.0
    cases: "list[GatedCase]" = field(default_factory=list)
    others: list[tuple[str, str]] = field(default_factory=list)

    @property
    def packages(self) -> list[Path]:
        """The copies of the kernels: what Ray's workers need."""
        return sorted(self.folder.iterdir())

    @property
    def left(self) -> float:
        """Seconds of the session's budget that no case has spent."""
        return max(0.0, self.gate_budget - self.spent)

    def admit(self, items: Iterable[pytest.Item]) -> None:
        """Fix which cases are compared, before the first pair; UsageError for a wrong mark."""
        for item in items:
            mark = item.get_closest_marker("tolerance")
            self.tolerances[item.nodeid] = (
                parse_tolerance(f"{item.name}, mark tolerance", *map(str, mark.args))
                if mark
                else self.tolerance
            )

    def terms(self, nodeid: str) -> Terms:
        """Return a case's share of the promise."""
        return Terms(self.tolerances[nodeid], self.false_alarm / len(self.tolerances), self.miss)

    def missing(self, *functions: str) -> list[str]:
        """Return those of *functions*, such as ``timer.timer``, that the base lacks."""
        return [name for name in functions if name not in self.in_base]

    def promise(self) -> str:
        """Return what the verdicts of this session are worth, in words."""
        from rayscale.gate import verdicts  # SciPy takes a while to import, and loads NumPy

        tolerances = list(self.tolerances.values())
        return verdicts.promise(self.false_alarm, tolerances, self.miss)


GATE = pytest.StashKey[Gate | None]()


def add_to(parser: pytest.Parser) -> None:
    """Declare the gate's options."""
    group = parser.getgroup("rayscale gate", "did my change make it slower?")
    group.addoption(
        "--against",
        metavar="REV",
        help="compare the kernels with those of a git revision, in pairs; 'REV...' is the "
        "commit where it and HEAD parted; nothing after '=' is origin/main... or main..., on "
        "main HEAD~1",
    )
    for option, default, text in (
        ("--tolerance", "5%", "the slowdown that must be caught"),
        ("--false-alarm", "1%", "probability of any false 'slower' in the whole session"),
        ("--miss", "1%", "probability, per case, of missing a slowdown of the tolerance"),
        ("--pair-budget", "30", "seconds for each case"),
        ("--gate-budget", "300", "seconds for the session"),
    ):
        group.addoption(
            option, metavar=default, default=default, help=f"{text} (default: %(default)s)"
        )
    group.addoption(
        "--unsure",
        choices=("pass", "fail"),
        default="pass",
        help="what an undecided case does (default: %(default)s, with a warning)",
    )
    group.addoption(
        "--pair-seed",
        metavar="N",
        help="draw as the session did that printed this seed; the promise needs a random one",
    )
    group.addoption(
        "--allow-removed",
        action="store_true",
        help="let kernels and implementations go that the base has",
    )
    group.addoption(
        "--allow-changed",
        metavar="CASE",
        action="append",
        default=[],
        help="list this case as changed where the base fails or gives another result",
    )
    group.addoption(
        "--gate-summary", metavar="FILE", help="write the table to this file, as Markdown"
    )


def settle(config: pytest.Config) -> Gate | None:
    """Return what --against asks for, None without it; UsageError where it cannot be done."""
    name = config.getoption("--against")
    if name is None:
        return None
    if not config.getoption("--benchmark-only"):
        raise pytest.UsageError("--against times what it compares: give --benchmark-only, too")
    tolerance = parse_tolerance("--tolerance", config.getoption("--tolerance"))
    _prove_writable(config.getoption("--gate-summary"))
    shares = {
        option: _share(option, config.getoption(option)) for option in ("--false-alarm", "--miss")
    }
    seconds = {
        option: _seconds(option, config.getoption(option))
        for option in ("--pair-budget", "--gate-budget")
    }
    seed = _seed(config.getoption("--pair-seed"))
    # Not for the coins of the pairs alone: names and orders of import are drawn from it, too.
    coin = random.Random(seed)
    try:
        name = name or revisions.usual_base(config.rootpath)
        revision = revisions.resolve(config.rootpath, name)
        base, head, folder = _snapshots(config, revision)
        loadings = copies.make(base, head, folder, LOADINGS, coin)
        in_base = revisions.public_functions(base)
        removed = sorted(in_base - revisions.public_functions(head))
    except revisions.RevisionError as error:
        raise pytest.UsageError(f"--against {name}: {error}") from error
    return Gate(
        revision=revision,
        dirty=revisions.is_dirty(config.rootpath),
        folder=folder,
        loadings=loadings,
        in_base=in_base,
        removed=removed,
        tolerance=tolerance,
        false_alarm=shares["--false-alarm"],
        miss=shares["--miss"],
        pair_budget=seconds["--pair-budget"],
        gate_budget=seconds["--gate-budget"],
        unsure_fails=config.getoption("--unsure") == "fail",
        allow_removed=config.getoption("--allow-removed"),
        allow_changed=config.getoption("--allow-changed"),
        seed=seed,
        replayed=config.getoption("--pair-seed") is not None,
        coin=coin,
    )


def parse_tolerance(where: str, text: str = "") -> float:
    """Return a tolerance as a share; UsageError, which says *where*, below 2 %.

    >>> parse_tolerance("--tolerance", "5%")
    0.05
    """
    tolerance = _share(where, text)
    if tolerance < LEAST_TOLERANCE:
        raise pytest.UsageError(
            f"{where}: {text} is below 2 %; where a copy of the code lies in memory already "
            "changes short calls by so much, so nothing so small can be laid to a change"
        )
    return tolerance


def report(gate: Gate, width: int) -> str:
    """Return the table, the promise, and how to replay the session."""
    from rayscale.gate import verdicts

    table = verdicts.summary(gate.cases, gate.others, gate.promise(), width=width)
    warnings = "".join(f"warning: {warning}\n" for warning in _warnings(gate))
    return f"{table}{warnings}against {gate.revision}; --pair-seed {gate.seed} replays the draws\n"


def _warnings(gate: Gate) -> Iterator[str]:
    unsure = [case for case in gate.cases if case.verdict == "unsure"]
    if unsure and not gate.unsure_fails:
        yield (
            f"{len(unsure)} unsure, and passed: a larger --pair-budget decides more, "
            "--unsure=fail lets none pass"
        )
    if min(gate.tolerances.values()) < SAFE_TOLERANCE:
        yield (
            f"a tolerance below {SAFE_TOLERANCE:.0%} may take where a copy of the code lies in "
            "memory for a slowdown: up to 2.9 % of a short call were seen"
        )
    if gate.replayed:
        yield "the draws were replayed: the promise holds for a random seed alone"


def write_markdown(gate: Gate, file: str | None) -> None:
    """Write the table to *file*, and append it to the page that CI shows, where there is one."""
    from rayscale.gate import verdicts

    text = verdicts.markdown(gate.cases, gate.others, gate.promise())
    if file:
        Path(file).write_text(text, encoding="utf-8")
    if page := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(page).open("a", encoding="utf-8") as out:
            out.write(text)


def _snapshots(config: pytest.Config, revision: Revision) -> tuple[Path, Path, Path]:
    """Write both snapshots into a folder of this session; return them, and where copies may go."""
    own = tempfile.TemporaryDirectory(prefix="rayscale-gate-")
    config.add_cleanup(own.cleanup)
    folder = Path(own.name)
    base, head = folder / "base", folder / "head"
    revisions.snapshot_base(config.rootpath, revision, base)
    revisions.snapshot_head(config.rootpath, head)
    for snapshot, whose in ((base, str(revision)), (head, "the working tree")):
        if borrowed := revisions.borrowed_imports(snapshot, config.rootpath):
            raise revisions.RevisionError(
                f"kernels/{borrowed[0]} in {whose}, so it would run the working tree's code and "
                "not its own; import inside kernels/ relatively"
            )
    (folder / "copies").mkdir()
    return base, head, folder / "copies"


def _prove_writable(file: str | None) -> None:
    """Raise UsageError now, and not after all is measured, if *file* cannot be written."""
    if file is None:
        return
    try:
        Path(file).open("a", encoding="utf-8").close()
    except OSError as error:
        raise pytest.UsageError(
            f'--gate-summary: cannot write to "{file}" ({error.strerror}); give a file in a '
            "folder that exists"
        ) from error


def _share(option: str, text: str) -> float:
    """Return a share given in per cent, or as a fraction below 1."""
    from rayscale.text import parse_share  # it loads NumPy

    try:
        return parse_share(text)
    except ValueError as error:
        raise pytest.UsageError(f"{option}: {error}") from error


def _seconds(option: str, text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise pytest.UsageError(f'{option}: "{text}" is no time; give seconds, above 0')
    return seconds


def _seed(text: str | None) -> int:
    if text is None:
        return secrets.randbits(64)
    if not text.isdecimal():
        raise pytest.UsageError(f'--pair-seed: "{text}" is no whole number; give a printed seed')
    return int(text)
