"""A comparison of launches, shown: old, new, ratio, p, n, and what it promises."""

import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from statistics import median
from typing import Any, Literal

from rich import box
from rich.table import Table

from rayscale.inert import markdown
from rayscale.saved.comparison import ComparedCase, Comparison
from rayscale.saved.yardstick import Yardstick
from rayscale.surroundings.during import NOISY
from rayscale.text import count, duration, percent, printed, rate, share
from rayscale.verdict import CONFIDENCE, WORST_FIRST

Format = Literal["text", "markdown", "json"]

RATIO: dict[Yardstick, str] = {
    "nothing": "new / old",
    "control": "by control",
    "serial": "by serial",
}
MEANING: dict[Yardstick, str] = {
    "nothing": "",
    "control": "Times are as measured. 'by control' is new / old of times divided by the control, "
    "fixed work timed around each case: what slows both down cancels.",
    "serial": "Times are as measured. 'by serial' is new / old of times divided by the serial case "
    "of the same kernel: above 1, the speed-up got smaller.",
}


def render(comparison: Comparison, heading: Sequence[str], style: Format, width: int) -> str:
    """Return *comparison* under the lines of *heading*, worst case first."""
    if style == "json":
        return _json(comparison, heading)
    above = [*heading, *filter(None, [MEANING[comparison.yardstick]])]
    below = sentences(comparison)
    if style == "text":
        return printed(*above, _table(comparison, box.SIMPLE, str), *below, width=width)
    table = _table(comparison, box.MARKDOWN, markdown)
    parts = ("\n\n".join(map(markdown, lines)) for lines in (above, below))
    return printed(next(parts), table, next(parts), width=10_000)


def sentences(comparison: Comparison) -> list[str]:
    """Return what was found, what is left out, what could be found, and what is promised."""
    return [
        f"{totals(comparison)}; {_sizes(comparison)}.",
        *(f"Every verdict is unsure: {doubt}." for doubt in comparison.doubts),
        *(f"{note[0].upper()}{note[1:]}." for note in comparison.notes),
        *_noise(comparison),
        *_left_out(comparison),
        *_power(comparison),
        *_promise(comparison),
    ]


def totals(comparison: Comparison) -> str:
    """Return how many cases have each verdict."""
    verdicts = [case.verdict for case in comparison.cases]
    return ", ".join(
        f"{verdicts.count(verdict)} {verdict}" for verdict in WORST_FIRST if verdict in verdicts
    )


def _sizes(comparison: Comparison) -> str:
    old, new = comparison.launches
    return f"{count(old, 'old launch')} against {new} new"


def _noise(comparison: Comparison) -> Iterator[str]:
    noisy = [case for case in comparison.cases if any(case.noisy)]
    if noisy:
        most = max(max(case.noisy) for case in noisy)
        cases = count(len(noisy), "case")
        yield f"{NOISY} So it was for {cases}, in up to {count(most, 'launch')} of a side."


def _left_out(comparison: Comparison) -> Iterator[str]:
    if comparison.missing:
        names = ", ".join(comparison.missing)
        yield f"Missing in NEW or in one of the launches, so not compared: {names}."
    if comparison.unlike:
        names = ", ".join(comparison.unlike)
        yield f"Timed by different clocks, so not compared: {names}."
    if comparison.added:
        yield f"New, so there is nothing to compare with: {', '.join(comparison.added)}."


def _power(comparison: Comparison) -> Iterator[str]:
    """Return what could be found at the spread that was seen."""
    powers = {case.label: case.power for case in comparison.cases if case.power is not None}
    if powers:
        worst = min(powers, key=lambda label: powers[label])
        yield (
            "At this spread a case that takes 10 % longer is called slower with probability "
            f"{rate(median(powers.values()))} in the middle case, {rate(powers[worst])} in the "
            f"worst ({worst})."
        )


def _promise(comparison: Comparison) -> Iterator[str]:
    """Return the error rates, and what they rest on; nothing is promised where all is unsure."""
    if comparison.doubts:
        return
    limits = comparison.limits
    yield (
        f"At most {share(limits.false_alarm)} chance of any false 'slower' among these "
        f"{count(len(comparison.cases), 'case')}, {_assumed(comparison)}."
    )
    yield (
        f"'same': a slowdown of {share(limits.tolerance)} is ruled out, with at most "
        f"{share(limits.miss)} chance of error per case. 'unsure': it is neither shown nor ruled "
        "out."
    )


def _assumed(comparison: Comparison) -> str:
    """Return what the error rate rests on."""
    if comparison.design == "alternating":
        return "for the order of each two launches was drawn at random"
    rest = {
        "control": "if the machine changed in nothing but what the control shows",
        "serial": "if the machines differ in nothing that changes a case more than its serial one",
        "nothing": "if the machine was as fast as before: nothing here shows whether it was",
    }[comparison.yardstick]
    return f"{rest}, and if launches are independent and spread alike"


def _table(comparison: Comparison, style: box.Box, said: Callable[[str], str]) -> Table:
    table = Table(box=style)
    table.add_column("case", no_wrap=True)
    ratio = f"{RATIO[comparison.yardstick]} [{percent(CONFIDENCE)}]"
    for title in ("old", "new", ratio, "p", "n"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for case in sorted(comparison.cases, key=_rank):
        table.add_row(
            said(case.label),
            _time(case.old, case.noisy[0], case.spreads[0]),
            _time(case.new, case.noisy[1], case.spreads[1]),
            said(_ratio(case)),
            "~" if case.p is None else f"{case.p:.3f}" if case.p >= 0.001 else "<0.001",
            "+".join(map(str, comparison.launches)),
            case.verdict,
        )
    mean = f"{comparison.geometric_mean:.3f}" + 15 * " "
    table.add_row("geometric mean", "", "", mean, "", "", "")
    return table


def _rank(case: ComparedCase) -> tuple[int, float]:
    return WORST_FIRST.index(case.verdict), -case.ratio


def _time(seconds: float, noisy: int, spread: float | None) -> str:
    """Return the median over the launches, with one standard deviation of theirs."""
    mark = "^" if noisy else ""
    return f"{duration(seconds)}{mark} ± {'~' if spread is None else percent(spread)}"


def _ratio(case: ComparedCase) -> str:
    if case.interval is None:
        return f"{case.ratio:.3f} ~"
    return f"{case.ratio:.3f} [{case.interval.low:.3f}, {case.interval.high:.3f}]"


def _json(comparison: Comparison, heading: Sequence[str]) -> str:
    """Return all figures; one that is not finite, such as the end of an open interval, is null."""
    contents = {"heading": list(heading)} | asdict(comparison)
    contents["geometric_mean"] = comparison.geometric_mean
    return json.dumps(_finite(contents), indent=2) + "\n"


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
