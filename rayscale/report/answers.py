"""The answer to 'is it worth Ray?', in sentences, from the figures."""

from collections.abc import Iterator, Sequence

from rayscale.measured import MeasuredCase, blocks
from rayscale.suite.gain import Block, cost
from rayscale.suite.sentences import chosen, cost_in_words, gained

NOTHING = "This run has no Ray case beside a serial one: it cannot tell whether Ray pays."


def answers(cases: Sequence[MeasuredCase], failed: Sequence[str] = ()) -> Iterator[str]:
    """Return what the largest size of each problem says; *failed* are ids of tests."""
    for block in _largest(cases):
        yield from _of_block(block, failed)


def _largest(cases: Sequence[MeasuredCase]) -> Iterator[Block]:
    """Return, for each problem, the block whose longest case takes longest."""
    by_problem: dict[str, list[Block]] = {}
    for (problem, _), block in blocks(cases).items():
        by_problem.setdefault(problem, []).append(block)
    for own in by_problem.values():
        yield max(own, key=lambda block: max(case.median for case in block))


def _of_block(block: Block, failed: Sequence[str]) -> Iterator[str]:
    where = _where(block[0])
    compared = False
    for kernel in dict.fromkeys(case.kernel for case in block):
        if said := gained(kernel, block):
            compared = True
            yield f"{where}, {kernel} kernel: {said}."
    if compared:
        yield f"{where}, COST (CPUs to beat one thread): {cost_in_words(cost(block, failed))}."
    yield from chosen(block)


def _where(case: MeasuredCase) -> str:
    """Return the problem and size as the beginning of a sentence."""
    problem = case.problem.replace("_", " ").capitalize()
    shape = "x".join(map(str, case.shape))
    return f"{problem} of {shape} ({case.size})" if shape else f"{problem}, {case.size}"
