"""The answer to 'is it worth Ray?', in sentences, from the figures."""

from collections.abc import Iterator, Mapping, Sequence

from rayscale.intervals import speed_up
from rayscale.measured import MeasuredCase, blocks
from rayscale.report.scaling import Granularity
from rayscale.report.subject import Subject
from rayscale.report.tables import ratio_of, seconds_of
from rayscale.suite.gain import Gain, fastest, gain
from rayscale.suite.laws import Cost, LawError
from rayscale.text import count, duration

SAID = {
    "ray_blocks": "cutting into blocks",
    "ray_per_row": "one task per row",
    "ray_whole": "one task for all",
}
NEAR = 1.05  # a ratio nearer to 1 is no gain that anybody would look for
Block = Sequence[MeasuredCase]


def answers(
    subject: Subject, lines: Sequence[Granularity], costs: Mapping[int, Cost | LawError]
) -> tuple[str, ...]:
    """Return the sentences, the most important first."""
    sentences = [sentence for block in _largest(subject.cases) for sentence in _of_block(block)]
    sentences += _granularity(lines)
    sentences += _cost(costs)
    if not sentences:
        sentences = [
            "This run has no Ray case beside a serial one: whether Ray pays, it cannot tell."
        ]
    return tuple(sentences)


def _largest(cases: Sequence[MeasuredCase]) -> Iterator[Block]:
    """Return, for each problem, the block whose longest case takes longest."""
    by_problem: dict[str, list[Block]] = {}
    for (problem, _), block in blocks(cases).items():
        by_problem.setdefault(problem, []).append(block)
    for own in by_problem.values():
        yield max(own, key=lambda block: max(case.median for case in block))


def _of_block(block: Block) -> Iterator[str]:
    where = _subject(block)
    best: list[MeasuredCase] = []
    for kernel in dict.fromkeys(case.kernel for case in block):
        gains = _best_gains(kernel, block)
        if not gains:
            continue
        best.append(min((one.case for one in gains), key=lambda case: case.median))
        ways = "; ".join(_way(one, first=one is gains[0]) for one in gains)
        yield f"{where}, {kernel} kernel: {ways}."
    single = fastest([case for case in block if case.is_serial])
    slower = [case for case in best if single and case.kernel != single.kernel]
    parallel = fastest(slower)
    if single and parallel and parallel.median > single.median:
        ends = parallel.interval, single.interval
        bounds = speed_up(ends[0], ends[1]) if ends[0] and ends[1] else None
        times = ratio_of(parallel.median / single.median, bounds)
        yield (
            f"The {single.kernel} kernel on one CPU takes {duration(single.median)} and is "
            f"{times} as fast as the best that Ray makes of the {parallel.kernel} kernel: choose "
            "the kernel first, then cut."
        )


def _subject(block: Block) -> str:
    first = block[0]
    shape = "x".join(map(str, first.shape))
    return f"{first.problem.replace('_', ' ').capitalize()} of {shape or first.size} ({first.size})"


def _best_gains(kernel: str, block: Block) -> list[Gain]:
    """Return each implementation's gain at its most CPUs that the machine has, the best first."""
    own = [case for case in block if case.kernel == kernel and not case.is_serial]
    fair = [case for case in own if not case.oversubscribed] or own
    most = {case.implementation: case for case in sorted(fair, key=lambda case: case.cpus)}
    gains = [one for case in most.values() if (one := gain(case, block))]
    return sorted(gains, key=lambda one: -one.ratio)


def _way(over_serial: Gain, *, first: bool) -> str:
    case, ratio = over_serial.case, over_serial.ratio
    low, high = over_serial.interval or (ratio / NEAR, ratio * NEAR)
    way = SAID.get(case.implementation, case.implementation)
    where = f"{way} on {count(case.cpus, 'CPU')}"
    shown = ratio_of(ratio, over_serial.interval)
    if low <= 1 <= high:
        alike = 1 / NEAR <= ratio <= NEAR
        return f"{where} {'changes nothing' if alike else 'cannot be told from serial'}, {shown}"
    if ratio > 1:
        return f"{where} is {shown} as fast as serial" if first else f"{where} {shown}"
    return f"{where} loses, {shown}"


def _granularity(lines: Sequence[Granularity]) -> Iterator[str]:
    if lines:
        said = ", ".join(f"{line} on {count(line.cpus, 'CPU')}" for line in lines)
        yield f"A task must last {said} for Ray to make half of what the CPUs can give: METG(50 %)."


def _cost(costs: Mapping[int, Cost | LawError]) -> Iterator[str]:
    known = {cpus: cost for cpus, cost in costs.items() if isinstance(cost, Cost)}
    if known:
        cpus, cost = max(known.items())
        yield (
            f"On {count(cpus, 'CPU')}, each task costs {seconds_of(cost.task)} of Ray's own, and "
            f"each MiB that is moved {seconds_of(cost.byte, 2**20)}."
        )
