"""A comparison of launches, shown: old, new, change, p, n, as Go's benchstat has it."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from statistics import median
from typing import Any, Literal

from rich import box
from rich.table import Table

from rayscale.saved.comparison import ComparedCase, Comparison
from rayscale.text import count, duration, percent, printed, rate, share
from rayscale.verdict import WORST_FIRST

Format = Literal["text", "markdown", "json"]


def render(comparison: Comparison, heading: Sequence[str], style: Format, width: int) -> str:
    """Return *comparison* under the lines of *heading*, worst case first."""
    if style == "json":
        return _json(comparison, heading)
    footnotes = _footnotes(comparison)
    table = _table(comparison, footnotes, box.MARKDOWN if style == "markdown" else box.SIMPLE)
    lines = [*(f"{mark} {note}" for note, mark in footnotes.items()), *sentences(comparison)]
    gap = "\n\n" if style == "markdown" else "\n"
    return printed(
        gap.join(heading), table, gap.join(lines), width=10_000 if style == "markdown" else width
    )


def sentences(comparison: Comparison) -> list[str]:
    """Return what the comparison promises, and what it could have found."""
    terms = comparison.terms
    of_old, of_new = comparison.launches
    lines = [f"{totals(comparison)}; {count(of_old, 'launch')} against {of_new}."]
    if comparison.missing:
        names = ", ".join(comparison.missing)
        lines.append(f"missing in NEW, or in some launches: {names}")
    if comparison.added:
        lines.append(f"new: {', '.join(comparison.added)}")
    powers = [case.power for case in comparison.cases if case.power is not None]
    if powers:
        worst = min(comparison.cases, key=lambda case: case.power or 0.0)
        lines.append(
            f"At this spread it finds +10 % with probability {rate(median(powers))} in the middle "
            f"case, {rate(min(powers))} in the worst ({worst.label})."
        )
    lines.append(
        f"At most {share(terms.false_alarm)} chance of any false 'slower' among these "
        f"{count(len(comparison.cases), 'case')}, where {_assumed(comparison)}."
    )
    return lines


def _assumed(comparison: Comparison) -> str:
    """Return what the error rate rests on."""
    if comparison.paired:
        return "the order of the launches was drawn at random"
    return {
        "control": "the machine is unchanged but for what the control shows",
        "serial": "the machines differ in nothing that changes one case more than its serial one",
        "nothing": "the machine was as fast as before: not all of these launches have a control",
    }[comparison.yardstick]


def totals(comparison: Comparison) -> str:
    """Return how many cases have each verdict."""
    verdicts = [case.verdict for case in comparison.cases]
    return ", ".join(
        f"{verdicts.count(verdict)} {verdict}" for verdict in WORST_FIRST if verdict in verdicts
    )


def _footnotes(comparison: Comparison) -> dict[str, str]:
    """Return what the cases' doubts are, each with its mark."""
    doubts = dict.fromkeys(case.why for case in comparison.cases if case.why)
    notes = dict.fromkeys([*comparison.notes, *doubts])
    return {note: f"[{number}]" for number, note in enumerate(notes, start=1)}


def _table(comparison: Comparison, footnotes: dict[str, str], style: box.Box) -> Table:
    table = Table(box=style)
    table.add_column("case", no_wrap=True)
    for title in ("old", "new", "new / old [99 %]", "p", "n"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for case in sorted(comparison.cases, key=_rank):
        marks = footnotes.get(case.why, "")
        table.add_row(
            case.label,
            _time(case.old, case.spreads[0]),
            _time(case.new, case.spreads[1]),
            _ratio(case),
            "~" if case.p is None else f"{case.p:.3f}" if case.p >= 0.001 else "<0.001",
            "+".join(map(str, comparison.launches)),
            f"{case.verdict} {marks}".strip(),
        )
    mean = f"{comparison.geometric_mean:.3f}" + 15 * " "
    table.add_row("geometric mean", "", "", mean, "", "", "")
    return table


def _rank(case: ComparedCase) -> tuple[int, float]:
    return WORST_FIRST.index(case.verdict), -case.ratio


def _time(seconds: float, spread: float | None) -> str:
    """Return the median over the launches, with one standard deviation of theirs."""
    return f"{duration(seconds)} ± {'~' if spread is None else percent(spread)}"


def _ratio(case: ComparedCase) -> str:
    if case.interval is None:
        return f"{case.ratio:.3f} ~"
    return f"{case.ratio:.3f} [{case.interval.low:.3f}, {case.interval.high:.3f}]"


def _json(comparison: Comparison, heading: Sequence[str]) -> str:
    """Return all figures; a number that is none, such as an endless interval's end, is null."""
    contents = {"heading": list(heading)} | asdict(comparison)
    contents["geometric_mean"] = comparison.geometric_mean
    return json.dumps(_finite(contents), indent=2) + "\n"


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
