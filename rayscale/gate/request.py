"""The gate: ``--against REV`` compares the tree's code with that of a revision, in pairs."""

import os
import random
import secrets
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
    subject: str  # the package that is compared, by its name in imports
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
    allow_slower: Sequence[str]
    seed: int
    replayed: bool
    coin: random.Random
    tolerances: dict[str, float] = field(default_factory=dict)  # of all compared, by test id
    spent: float = 0.0
    cases: "list[GatedCase]" = field(default_factory=list)
    others: list[tuple[str, str]] = field(default_factory=list)

    @property
    def packages(self) -> list[Path]:
        """The copies of the subject: what Ray's workers need."""
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

    def missing(self, function: Callable[..., Any]) -> str | None:
        """Return the name of a *function* of the subject that the base lacks, None if it has it."""
        name = copies.name_in(self.subject, function)
        return name if name is not None and name not in self.in_base else None

    def promise(self) -> str:
        """Return what the verdicts of this session are worth, in words."""
        from rayscale.gate import verdicts  # SciPy takes a while to import, and loads NumPy

        tolerances = list(self.tolerances.values())
        return verdicts.promise(self.false_alarm, tolerances, self.miss)


def admit(gate: Gate, kernels: Mapping[pytest.Item, Callable[..., Any]]) -> None:
    """Fix which cases are compared; UsageError where none is, or a kernel is not of the subject.

    Where no case is chosen nothing is compared, and nothing is told to have been removed.
    """
    if not kernels:
        return
    for item, kernel in kernels.items():
        if copies.name_in(gate.subject, kernel) is None:
            raise pytest.UsageError(
                f"--against: the kernel of {item.name} is not defined in {gate.subject}/, so both "
                "revisions would run the same code; leave it out with -k"
            )
    common = [item for item, kernel in kernels.items() if not gate.missing(kernel)]
    if not common:
        raise pytest.UsageError(
            f"--against {gate.revision.name}: {gate.revision} has none of the "
            f"{len(kernels)} cases chosen; choose others with -k, or a revision that has them"
        )
    gate.admit(common)
    gate.others += [(name, "removed") for name in gate.removed]


def settle(config: pytest.Config) -> Gate:
    """Return what --against asks for; UsageError where it cannot be done."""
    name = config.getoption("rayscale_against")
    if not config.getoption("benchmark_only", default=False):
        raise pytest.UsageError("--against times what it compares: give --benchmark-only, too")
    subject = config.getini("rayscale_subject")
    if not subject:
        raise pytest.UsageError(
            "--against: the setting rayscale_subject in pytest's ini file does not say which "
            "folder's code is to be compared"
        )
    tolerance = parse_tolerance("--tolerance", config.getoption("rayscale_tolerance"))
    _prove_writable(config.getoption("rayscale_gate_summary"))
    shares = {
        option: _share(option, config.getoption(_destination(option)))
        for option in ("--false-alarm", "--miss")
    }
    seconds = {
        option: _seconds(option, config.getoption(_destination(option)))
        for option in ("--pair-budget", "--gate-budget")
    }
    seed = _seed(config.getoption("rayscale_pair_seed"))
    # Not for the coins of the pairs alone: names and orders of import are drawn from it, too.
    coin = random.Random(seed)
    try:
        name = name or revisions.usual_base(config.rootpath)
        revision = revisions.resolve(config.rootpath, name)
        base, head, folder = _snapshots(config, revision, subject)
        loadings = copies.make(base, head, folder, LOADINGS, coin)
        in_base = revisions.public_functions(base)
        removed = sorted(in_base - revisions.public_functions(head))
    except revisions.RevisionError as error:
        raise pytest.UsageError(f"--against {name}: {error}") from error
    return Gate(
        revision=revision,
        dirty=revisions.is_dirty(config.rootpath, subject),
        subject=subject,
        folder=folder,
        loadings=loadings,
        in_base=in_base,
        removed=removed,
        tolerance=tolerance,
        false_alarm=shares["--false-alarm"],
        miss=shares["--miss"],
        pair_budget=seconds["--pair-budget"],
        gate_budget=seconds["--gate-budget"],
        unsure_fails=config.getoption("rayscale_unsure") == "fail",
        allow_removed=config.getoption("rayscale_allow_removed"),
        allow_changed=config.getoption("rayscale_allow_changed"),
        allow_slower=config.getoption("rayscale_allow_slower"),
        seed=seed,
        replayed=config.getoption("rayscale_pair_seed") is not None,
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
    late = sum(kind.startswith("not compared") for _, kind in gate.others)
    if late and not gate.unsure_fails:
        yield (
            f"{late} not compared: a larger --gate-budget has time for them, --unsure=fail lets "
            "none pass"
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


def _snapshots(config: pytest.Config, revision: Revision, subject: str) -> tuple[Path, Path, Path]:
    """Write both snapshots into a folder of this session; return them, and where copies may go."""
    own = tempfile.TemporaryDirectory(prefix="rayscale-gate-")
    config.add_cleanup(own.cleanup)
    folder = Path(own.name)
    base, head = folder / "base", folder / "head"
    revisions.snapshot_base(config.rootpath, subject, revision, base)
    revisions.snapshot_head(config.rootpath, subject, head)
    for snapshot, whose in ((base, str(revision)), (head, "the working tree")):
        if borrowed := revisions.borrowed_imports(snapshot, config.rootpath):
            raise revisions.RevisionError(
                f"{subject}/{borrowed[0]} in {whose}, so it would run the working tree's code and "
                f"not its own; import inside {subject}/ relatively"
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


def _destination(option: str) -> str:
    """Return the name under which pytest keeps an *option*."""
    return f"rayscale_{option.lstrip('-').replace('-', '_')}"


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
