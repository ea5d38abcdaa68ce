"""What is found about a problem and size, in words: the same in the summary and in the report."""

from collections.abc import Iterator

from rayscale.measured import MeasuredCase
from rayscale.ratio import MARGIN, Ratio
from rayscale.suite.gain import Block, Cost, WayGain, gains, kernel_choice, over
from rayscale.surroundings.during import NOISY, worst
from rayscale.text import count, duration, share

MARKS_NOTE = (
    f"'about as fast': the whole interval is within {share(MARGIN)} of 1. 'cannot be told': the "
    "interval holds 1, or there are too few timings for an interval ('~')."
)
OVERSUBSCRIBED = "* oversubscribed: more CPUs than this process may use; no sentence counts it."
SET_LATE = (
    "Set late: NumPy had been imported when threads and allocator were fixed. 'rayscale = true' in "
    "pytest's ini file fixes them before."
)
PAIRED = (
    "In pairs with serial: each round follows, or comes before, a serial one, as a coin says. A "
    "speed-up is then the middle one of the pairs' ratios, and not the ratio of the medians."
)
PLACED = {"pack": "packed on few nodes", "spread": "spread over many nodes"}
OTHERS = 1.0  # a load that differs by more: one node had another program, the other one had none
NAMED = 5  # noisy cases in one caption
NOT_PROVEN = "? CPU count not proven: the run did not see that so many CPUs did the work."


def compared(ratio: Ratio, other: str) -> str:
    """Return a *ratio* over *other* as the end of a sentence, after what was measured.

    >>> compared(Ratio(0.5, None, n=3), "serial")
    'has too few timings to be compared with serial, 0.50x ~ (n=3)'
    """
    if ratio.interval is None:
        return f"has too few timings to be compared with {other}, {ratio}"
    return {
        "faster": f"is {ratio} as fast as {other}",
        "slower": f"takes {ratio.inverse} as long as {other}",
        "about as fast": f"is about as fast as {other}, {ratio}",
        "cannot be told": f"cannot be told from {other}, {ratio}",
    }[ratio.answer]


def gained(kernel: str, block: Block) -> str:
    """Return what each way of running *kernel* gains; nothing if none can be compared.

    Those that were timed in pairs with another one are left to ``in_pairs``.
    """
    alone = (one for one in gains(kernel, block) if one.most.case.rival is None)
    return "; ".join(_way(one) for one in alone)


def _way(way: WayGain) -> str:
    said = f"{way.most.case.way} {compared(way.most.ratio, 'serial')}"
    if way.fewer is None:
        return said
    fewer = f"on {count(way.fewer.case.cpus, 'CPU')} it is {way.fewer.ratio} as fast"
    return f"{said} (fewer CPUs are faster: {fewer})"


def in_pairs(kernel: str, block: Block) -> Iterator[str]:
    """Say how ways of running *kernel* did beside the one that they were timed in pairs with."""
    paired: dict[str, list[str]] = {}
    for case in block:
        if case.kernel == kernel and case.rival is not None:
            other = case.rival.implementation
            where = f"{kernel} on {count(case.cpus, 'CPU')}, in pairs with {other}"
            said = f"{case.implementation} {compared(case.rival.ratio, other)}"
            paired.setdefault(where, []).append(said)
    yield from (f"{where}: {'; '.join(said)}." for where, said in paired.items())


def chosen(block: Block) -> Iterator[str]:
    """Say that another kernel gains more than CPUs do, if it is certain."""
    if choice := kernel_choice(block):
        yield (
            f"The {choice.single.kernel} kernel on one CPU takes {duration(choice.single.median)} "
            "and is faster than every parallel case of the other kernels: it is "
            f"{choice.ratio} as fast as {choice.rival.name}, which took least. "
            "Choose the kernel first, then cut."
        )


def cost_in_words(cost: Cost) -> str:
    """Return the COST: how many CPUs it takes to beat a single thread, or why it is not known."""
    if cost.single is None:
        return "- (no serial case was measured)"
    if not cost.parallel:
        return "- (no parallel case on CPUs that this process may use was measured)"
    if cost.failed:
        return f"cannot be told ({count(len(cost.failed), 'case')} failed)"
    if cost.enough is None:
        return _none(cost, cost.single)
    needed = count(cost.enough.cpus, "CPU")
    if cost.unsure:
        needed = f"at most {needed}, on fewer it cannot be told"
    return f"{needed} ({_against(cost.enough, cost.single)})"


def _none(cost: Cost, single: MeasuredCase) -> str:
    """Return why no case beats *single*, or that it cannot be told."""
    nearest = min(cost.unsure or cost.parallel, key=lambda case: case.median)
    if cost.unsure:
        return f"cannot be told ({_against(nearest, single)})"
    up_to = f"on up to {count(max(case.cpus for case in cost.parallel), 'CPU')}"
    never = all(over(single, case).answer == "slower" for case in cost.parallel)
    return f"{'never' if never else 'none is faster'}, {up_to} ({_against(nearest, single)})"


def _against(case: MeasuredCase, single: MeasuredCase) -> str:
    times = f"{duration(case.median)} against {duration(single.median)}"
    return f"{case.name} {compared(over(single, case), single.name)}; {times}"


def marked(case: MeasuredCase) -> str:
    """Return the marks of a case's time in a table; ``footnotes`` says what they mean."""
    marks = {
        "*": case.oversubscribed,
        "?": not case.cpus_proven,
        "!": bool(case.correlation),
        "^": case.is_noisy,
    }
    return "".join(mark for mark, holds in marks.items() if holds)


def noise(cases: Block) -> str:
    """Return which of *cases* are noisy, as the end of a chart's caption; nothing if none is."""
    noisy = [case for case in cases if case.is_noisy]
    if not noisy:
        return ""
    shown = ", ".join(dict.fromkeys(case.name for case in noisy[:NAMED]))
    more = f" and {len(noisy) - NAMED} more" if len(noisy) > NAMED else ""
    return f" Timed while the machine was noisy (^): {shown}{more}."


def footnotes(block: Block) -> Iterator[str]:
    """Return what a reader of the table must know: marks, and conditions that were not equal."""
    if any(case.oversubscribed for case in block):
        yield OVERSUBSCRIBED
    if not all(case.cpus_proven for case in block):
        yield NOT_PROVEN
    if most := max((case.correlation or 0.0 for case in block), default=0.0):
        yield (
            f"! rounds that follow one another are correlated (up to {most:.1f}): the interval is "
            "widened, as for fewer rounds."
        )
    if noisy := [case.surroundings for case in block if case.surroundings and case.is_noisy]:
        yield f"{NOISY} Here {worst(noisy)}."
    if any(case.beside and case.beside.is_serial for case in block):
        yield PAIRED
    serial = {case.niceness for case in block if case.is_serial}
    parallel = {case.niceness for case in block if not case.is_serial}
    if serial and parallel and serial != parallel:
        yield f"Unequal: serial cases ran at niceness {_all(serial)}, others at {_all(parallel)}."
    yield from unequal_nodes(block)
    if any(case.set_late for case in block):
        yield SET_LATE
    if (process := block[0].process) > 1:
        yield f"Timed by process {process} of this run, which was interrupted before."


def unequal_nodes(block: Block) -> Iterator[str]:
    """Say in what the nodes differ on which the cases of *block* ran."""
    nodes = [one for case in block for one in case.on_nodes]
    fields = {
        "processors": {one.cpu for one in nodes},
        "niceness": {str(one.niceness) for one in nodes},
        "BLAS threads": {str(one.blas_threads) for one in nodes},
        "allocators": {one.allocator for one in nodes},
    }
    for field, values in fields.items():
        if len(values) > 1:
            yield f"Unequal among nodes: {field}: {', '.join(sorted(values))}."
    loads = [[one.load for one in case.on_nodes] for case in block if case.on_nodes]
    most = max(loads, key=lambda own: max(own) - min(own), default=[0.0])
    if max(most) - min(most) > OTHERS:
        yield f"Unequal among nodes: load before a case, {min(most):.1f} to {max(most):.1f}."


def _all(numbers: set[int]) -> str:
    return " and ".join(str(number) for number in sorted(numbers))


def sizes_of(case: MeasuredCase) -> str:
    """Return the size of the data in words: its shape, and what it is called."""
    shape = " x ".join(str(length) for length in case.shape)
    placed = f", {PLACED[case.placement]}" if case.placement in PLACED else ""
    return (f"{case.size} ({shape})" if shape else case.size) + placed
