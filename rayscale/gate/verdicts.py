"""What the gate says: from pairs to a verdict, a sentence and a table per session."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from rich import box
from rich.table import Table

from rayscale.gate.pairs import Loading, all_pairs
from rayscale.gate.sequential import shows
from rayscale.gate.terms import CONFIRMED, Terms
from rayscale.inert import markdown as markdown_text
from rayscale.intervals import Interval
from rayscale.text import count, duration, printed, share
from rayscale.verdict import CONFIDENCE, WORST_FIRST, Verdict

TIME_WAS_UP = "time was up on the next"


@dataclass(frozen=True)
class GatedCase:
    """A case, compared: medians in seconds, ratios head / base, what each loading's test said."""

    name: str
    base: float
    head: float
    ratio: float
    interval: Interval  # of the median ratio, 99 %
    tests: tuple[str, ...]
    pairs: tuple[int, ...]
    tolerance: float
    meant: bool = False  # --allow-slower names it
    notes: tuple[str, ...] = ()

    @property
    def is_clear(self) -> bool:
        """Whether the interval lies below half the tolerance: so far a layout does not reach."""
        return self.interval.high < 1 + self.tolerance / 2

    @property
    def is_suspected(self) -> bool:
        """Whether one loading has seen too much to leave it at that."""
        if self.tests == ("not slower",):
            return not self.is_clear
        return set(self.tests) == {"slower"} and len(self.tests) < CONFIRMED

    @property
    def verdict(self) -> Verdict:
        """Slower if four loadings, and all pairs together, said so; same if one clearly, or two.

        So what is shown beside the verdict agrees with it.
        """
        if self.tests == ("slower",) * CONFIRMED:
            return "slower" if shows(self.ratio, self.interval, self.tolerance) else "unsure"
        one = self.tests == ("not slower",) and self.is_clear
        if one or self.tests == ("not slower", "not slower"):
            return "faster" if self.interval.high < 1 else "same"
        return "unsure"

    @property
    def remark(self) -> str:
        """Return what the verdict alone does not say."""
        own = self._remark()
        return "; ".join([*([own] if own else []), *self.notes])

    def _remark(self) -> str:
        if self.verdict == "slower" and self.meant:
            return "meant, by --allow-slower"
        if self.verdict == "unsure":
            if len(self.tests) > 1:
                return self._disagreement()
            if math.isinf(self.interval.high):
                return "no slowdown is ruled out yet"
            return f"a slowdown of {_by(max(self.interval.high, 1))} or more is ruled out"
        if self.verdict == "same" and self.interval.low > 1:
            return f"{_by(self.ratio)} slower, inside the tolerance"
        return ""

    def _disagreement(self) -> str:
        """Return what keeps a case unsure that several loadings have seen, by what these said."""
        *before, last = self.tests
        if before == ["not slower"]:
            other = {"slower": "slower on the other", "undecided": TIME_WAS_UP}
            return f"not slower on one loading of the code; {other[last]}"
        slower = count(self.tests.count("slower"), "loading")
        if last == "slower" and len(self.tests) == CONFIRMED:
            return f"slower on all {slower} of the code, but not in all pairs together"
        why = {"not slower": "not slower on the next", "undecided": TIME_WAS_UP}
        return f"slower on {slower} of the code; {why.get(last, 'the next one did not come')}"

    def sentence(self, base: str) -> str:
        """Return the verdict "slower" than *base* in one sentence."""
        low, high = (f"{(bound - 1) * 100:.0f}" for bound in self.interval)
        pairs = " + ".join(str(number) for number in self.pairs)
        return (
            f"{self.name}: {_by(self.ratio)} slower than {base}, "
            f"99 % interval {low} to {high} %, {pairs} pairs"
        )


def gated(name: str, terms: Terms, loadings: Sequence[Loading]) -> GatedCase:
    """Return a case as its *loadings* show it: all pairs together, and each one's own test."""
    every = all_pairs(terms, loadings)
    pairs = [pair for one in loadings for pair in one.pairs]
    return GatedCase(
        name=name,
        base=median([pair.base for pair in pairs]) if pairs else math.nan,
        head=median([pair.head for pair in pairs]) if pairs else math.nan,
        ratio=every.ratio,
        interval=every.interval(CONFIDENCE),
        tests=tuple(one.test(terms).verdict for one in loadings),
        pairs=tuple(len(one.pairs) for one in loadings),
        tolerance=terms.tolerance,
        notes=() if pairs else (f"it needs {duration(loadings[0].needed)} or more",),
    )


def summary(
    cases: Sequence[GatedCase], others: Sequence[tuple[str, str]], promise: str, *, width: int
) -> str:
    """Return the table of *cases*, worst first, and of the *others*: names with what they are."""
    below = [totals(cases, others), *([promise] if promise else [])]
    return printed(_table(cases, others, box.SIMPLE), *below, width=width)


def markdown(cases: Sequence[GatedCase], others: Sequence[tuple[str, str]], promise: str) -> str:
    """Return the same as Markdown."""
    table = _table(cases, others, box.MARKDOWN)
    below = [totals(cases, others), *(["", promise] if promise else [])]
    text = printed(table, "", *below, width=10_000)
    return f"## Performance gate\n\n{text}"


def totals(cases: Sequence[GatedCase], others: Sequence[tuple[str, str]]) -> str:
    """Return how many cases have each verdict.

    >>> totals([], [("timer.nap", "new"), ("timer.doze", "new")])
    '2 new'
    """
    verdicts = [*(case.verdict for case in cases), *(kind.split(":")[0] for _, kind in others)]
    kinds = sorted(set(verdicts), key=_rank)
    return ", ".join(f"{verdicts.count(kind)} {kind}" for kind in kinds)


def promise(false_alarm: float, tolerances: Sequence[float], miss: float) -> str:
    """Return, in words, what the gate promises for cases of these *tolerances*.

    >>> print(promise(0.01, 24 * [0.05], 0.01))
    At most 1 % chance of any false alarm among these 24 cases. Code slower by 5 % or more in every
    call is called not slower with at most 1 % chance per case. Medians are compared: rare slow
    calls, and work left behind for later, are not seen.
    """
    number = len(tolerances)
    where = "in this case" if number == 1 else f"among these {count(number, 'case')}"
    slowdown = " or ".join(map(share, sorted(set(tolerances))))
    if len(set(tolerances)) > 1:
        slowdown = f"its case's tolerance, {slowdown},"
    return (
        f"At most {share(false_alarm)} chance of any false alarm {where}. "
        f"Code slower by {slowdown} or more in every\ncall is "
        f"called not slower with at most {share(miss)} chance per case. Medians are compared: "
        "rare slow\ncalls, and work left behind for later, are not seen."
    )


def _table(cases: Sequence[GatedCase], others: Sequence[tuple[str, str]], style: box.Box) -> Table:
    table, said_as = Table(box=style), markdown_text if style is box.MARKDOWN else str
    table.add_column("case", no_wrap=True)
    for heading in ("base", "head", "head / base [99 %]", "pairs"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("verdict")
    for case in sorted(cases, key=_worst_first):
        said = f"{case.verdict}: {case.remark}" if case.remark else case.verdict
        table.add_row(said_as(case.name), *_numbers(case), said_as(said))
    for name, kind in others:
        table.add_row(said_as(name), *["-"] * 4, said_as(kind))
    return table


def _worst_first(case: GatedCase) -> tuple[int, float]:
    return WORST_FIRST.index(case.verdict), -case.ratio if any(case.pairs) else 0.0


def _numbers(case: GatedCase) -> tuple[str, str, str, str]:
    """Return the cells of a case between its name and its verdict."""
    if not any(case.pairs):
        return "-", "-", "-", "0"
    low, high = (f"{bound:.3f}" for bound in case.interval)
    ratio = f"{case.ratio:.3f} [{low}, {high}]"
    pairs = "+".join(str(number) for number in case.pairs)  # a table has little room
    return duration(case.base), duration(case.head), ratio, pairs


def _rank(kind: str) -> int:
    return (*WORST_FIRST, kind).index(kind)


def _by(ratio: float) -> str:
    """Return by how much a *ratio* differs from 1, in per cent."""
    percent = abs(ratio - 1) * 100
    return f"{percent:.0f} %" if percent >= 9.95 else f"{percent:.1f} %"
