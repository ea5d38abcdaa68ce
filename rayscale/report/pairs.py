"""Would another way do as well?  What was timed in pairs, and what the pairs tell."""

from collections.abc import Iterator, Sequence

from rayscale.measured import MeasuredCase, blocks
from rayscale.report.section import Section
from rayscale.report.tables import Table
from rayscale.suite.gain import Block, gain
from rayscale.suite.sentences import in_pairs, marked, sizes_of
from rayscale.text import duration

NOTE = (
    "In pairs: each round of a way follows, or comes before, a round of the other one, as a coin "
    "says. 'times as fast' is the middle one of the pairs' ratios. Each interval holds by itself: "
    "of 20 ways that do equally well, one may be called faster or slower."
)


def sections(cases: Sequence[MeasuredCase]) -> Iterator[Section]:
    """Return a section for each way that others were timed in pairs with."""
    for other in dict.fromkeys(case.rival.implementation for case in cases if case.rival):
        own = [
            block
            for block in blocks(cases)
            if any(case.rival and case.rival.implementation == other for case in block)
        ]
        yield Section(
            f"Would another way do as well as {other}?",
            (NOTE, *(said for block in own for said in _said(block))),
            tuple(_table(block, other) for block in own),
        )


def _said(block: Block) -> Iterator[str]:
    what = f"{block[0].problem} {sizes_of(block[0])}"
    for kernel in dict.fromkeys(case.kernel for case in block):
        yield from (f"{what}, {one}" for one in in_pairs(kernel, block))


def _table(block: Block, other: str) -> Table:
    """Return the ways that were timed in pairs with the way *other*, and that way."""
    own = [case for case in block if case.rival and case.rival.implementation == other]
    kernels = dict.fromkeys((case.kernel, case.cpus) for case in own)
    rows = [case for case in block if case.implementation == other]
    shown = [
        case
        for kernel, cpus in kernels
        for case in (*rows, *own)
        if (case.kernel, case.cpus) == (kernel, cpus)
    ]
    return Table(
        f"In pairs with {other}: {block[0].problem} {sizes_of(block[0])}",
        (
            *("kernel", "implementation", "CPUs", "median (n)", "speed-up over serial [95 %]"),
            *(f"times as fast as {other} [95 %]", "pairs"),
        ),
        tuple(_pair(case, block) for case in shown),
        words=2,
    )


def _pair(case: MeasuredCase, block: Block) -> tuple[str, ...]:
    over_serial = gain(case, block)
    ratio = case.rival.ratio if case.rival else None
    return (
        *(case.kernel, case.implementation, str(case.cpus)),
        f"{duration(case.median)}{marked(case)} (n={case.n})",
        over_serial.ratio.figure if over_serial else "-",
        *((ratio.figure, str(ratio.n)) if ratio else ("-", "-")),
    )
