"""Which of the base's tests is which of the head's?"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rayscale.gate.half import Test


@dataclass(frozen=True)
class Match:
    """A test of the head, the same of the base, and its number among those of its function."""

    head: Test
    base: Test
    number: int


def numbered(tests: Iterable[Test]) -> list[tuple[Test, int]]:
    """Return *tests* with their numbers among those of one place, from 0 on."""
    seen: Counter[str] = Counter()
    found = []
    for test in tests:
        found.append((test, seen[test.place]))
        seen[test.place] += 1
    return found


def match(base: Sequence[Test], head: Sequence[Test]) -> tuple[list[Match], list[Test], list[Test]]:
    """Return the tests that both have, in the head's order, and those of one of them alone.

    Those of one id are the same.  Of the others, whose ids may hold an address or a random part,
    those of one function are the same by their order, if there are as many.

    >>> def tests(*ids): return [Test(one, one.partition("[")[0], None) for one in ids]
    >>> both, gone, new = match(tests("t[0x7]", "s"), tests("t[0x9]", "r"))
    >>> [(one.base.id, one.head.id) for one in both], gone[0].id, new[0].id
    ([('t[0x7]', 't[0x9]')], 's', 'r')
    """
    pairs = _by_id(base, head)
    taken = {one.id for one in pairs.values()}
    rest = [one for one in base if one.id not in taken]
    pairs |= _by_place(rest, [one for one in head if one.id not in pairs])
    both = [
        Match(test, pairs[test.id], number) for test, number in numbered(head) if test.id in pairs
    ]
    taken = {one.base.id for one in both}
    gone = [one for one in base if one.id not in taken]
    return both, gone, [one for one in head if one.id not in pairs]


def _by_id(base: Sequence[Test], head: Sequence[Test]) -> dict[str, Test]:
    known = {one.id: one for one in base}
    return {one.id: known[one.id] for one in head if one.id in known}


def _by_place(base: Sequence[Test], head: Sequence[Test]) -> dict[str, Test]:
    places: dict[str, tuple[list[Test], list[Test]]] = {}
    for side, tests in enumerate((base, head)):
        for test in tests:
            places.setdefault(test.place, ([], []))[side].append(test)
    return {
        new.id: old
        for olds, news in places.values()
        if len(olds) == len(news)
        for old, new in zip(olds, news, strict=True)
    }
