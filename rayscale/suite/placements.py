"""How a case's CPUs are placed on the nodes of a cluster: packed on few, or spread over many."""

from collections.abc import Sequence

PACK, SPREAD = "pack", "spread"
PLACEMENTS = (PACK, SPREAD)
ANYHOW = ""  # not asked for: Ray packs them as well as it can
ON_ONE_NODE = "STRICT_PACK"  # Ray's word


def nodes_wanted(placement: str, cpus: int, totals: Sequence[int]) -> int:
    """Return on how many nodes *cpus* CPUs are: packed on the fewest, spread over the most.

    *totals* has the number of CPUs of each node of the cluster.

    >>> nodes_wanted("pack", 3, [2, 2, 1]), nodes_wanted("spread", 3, [2, 2, 1])
    (2, 3)
    """
    if placement == SPREAD:
        return min(cpus, sum(total > 0 for total in totals))
    left, wanted = cpus, 0
    for total in sorted(totals, reverse=True):
        if left <= 0:
            break
        left, wanted = left - total, wanted + 1
    return wanted


def strategy(placement: str, cpus: int, totals: Sequence[int]) -> str:
    """Return the word that has Ray place *cpus* CPUs so.

    Where it can be done on one node, or one CPU on each, Ray's strict words wait until it can be.

    >>> strategy("pack", 2, [2, 2]), strategy("pack", 3, [2, 2]), strategy("spread", 2, [2, 2])
    ('STRICT_PACK', 'PACK', 'STRICT_SPREAD')
    >>> strategy("", 1, [2, 2]), strategy("", 2, [2, 2])
    ('STRICT_PACK', 'PACK')
    """
    wanted = nodes_wanted(placement, cpus, totals)
    if placement == SPREAD:
        return "STRICT_SPREAD" if wanted == cpus else "SPREAD"
    return ON_ONE_NODE if wanted == 1 and (placement == PACK or cpus == 1) else "PACK"
