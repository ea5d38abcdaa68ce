"""The answer to 'is it worth Ray?', in sentences, from the figures."""

from collections.abc import Iterator, Sequence

from rayscale.measured import MeasuredCase, largest
from rayscale.report import fastest
from rayscale.suite.gain import Block, cost
from rayscale.suite.sentences import PLACED, chosen, cost_in_words, gained

NOTHING = "This run has no Ray case beside a serial one: it cannot tell whether Ray pays."


def answers(cases: Sequence[MeasuredCase], failed: Sequence[str] = ()) -> Iterator[str]:
    """Return what the largest size of each problem says; *failed* are ids of tests."""
    for block in largest(cases):
        yield from _of_block(block, failed)


def _of_block(block: Block, failed: Sequence[str]) -> Iterator[str]:
    where = _where(block[0])
    compared = False
    for kernel in dict.fromkeys(case.kernel for case in block):
        if said := gained(kernel, block):
            compared = True
            yield f"{where}, {kernel} kernel: {said}."
        if any(case.rival for case in block if case.kernel == kernel):
            yield from _fastest(where, kernel, block, failed)
    if compared:
        yield f"{where}, COST (CPUs to beat one thread): {cost_in_words(cost(block, failed))}."
    yield from chosen(block)


def _fastest(where: str, kernel: str, block: Block, failed: Sequence[str]) -> Iterator[str]:
    """Say which way is fastest, of a kernel whose ways were timed in pairs."""
    if found := fastest.of_kernel(kernel, block, failed):
        yield f"{where}, {kernel} kernel: {fastest.sentence(found)}."


def _where(case: MeasuredCase) -> str:
    """Return the problem and size as the beginning of a sentence."""
    problem = case.problem.replace("_", " ").capitalize()
    shape = "x".join(map(str, case.shape))
    size = ", ".join(filter(None, (case.size, PLACED.get(case.placement))))
    return f"{problem} of {shape} ({size})" if shape else f"{problem}, {size}"
