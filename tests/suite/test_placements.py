"""Placements of CPUs on nodes: on how many they are, checked against all ways to place them."""

from collections.abc import Iterator
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from rayscale.suite.placements import PACK, SPREAD, nodes_wanted, strategy


def placed(cpus: int, totals: list[int]) -> Iterator[int]:
    """Return on how many nodes the CPUs are, of each way to take them from nodes that have them."""
    for taken in product(*(range(total + 1) for total in totals)):
        if sum(taken) == cpus:
            yield sum(one > 0 for one in taken)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=4), st.integers(1, 12))
def test_placements_are_the_fewest_nodes_and_the_most(totals: list[int], cpus: int) -> None:
    """Of all ways to place so many CPUs on such nodes."""
    ways = [*placed(cpus, totals)]
    if ways:
        assert nodes_wanted(PACK, cpus, totals) == min(ways)
        assert nodes_wanted(SPREAD, cpus, totals) == max(ways)


def test_strict_words_only_where_they_can_be_met() -> None:
    """Ray waits for ever for what a cluster can never do: 3 CPUs of nodes of 2 are on two."""
    assert [strategy(PACK, cpus, [2, 2]) for cpus in (1, 2, 3)] == ["STRICT_PACK"] * 2 + ["PACK"]
    spread = ["STRICT_SPREAD"] * 2 + ["SPREAD"]
    assert [strategy(SPREAD, cpus, [2, 2, 0]) for cpus in (1, 2, 3)] == spread
