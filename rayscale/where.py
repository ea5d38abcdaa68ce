"""Where a case's CPUs were in a cluster: on the driver's node, on other nodes, or on both."""

from typing import Literal, NamedTuple

Kind = Literal["", "on the driver's node", "on another node", "on other nodes", "across nodes"]

HOW = {"pack": "packed ", "spread": "spread "}  # before the kind


class Where(NamedTuple):
    """Where CPUs were; ANYWHERE on a single machine, and in runs that do not say it."""

    placement: str = ""  # that was asked for, where they were on several: "pack" or "spread"
    nodes: tuple[int, ...] = ()  # how many CPUs were on each, in falling order
    away: int = 0  # how many of the CPUs were on another node than the driver

    @property
    def kind(self) -> Kind:
        """On which side of the network they were, seen from the driver.

        >>> Where("spread", (1, 1), 1).kind, Where("", (2,), 2).kind, Where().kind
        ('across nodes', 'on another node', '')
        """
        if not self.nodes:
            return ""
        if not self.away:
            return "on the driver's node"
        if self.away < sum(self.nodes):
            return "across nodes"
        return "on other nodes" if len(self.nodes) > 1 else "on another node"

    @property
    def key(self) -> tuple[str, Kind]:
        """What is alike in CPUs of any number whose figures may stand in one line."""
        return self.placement, self.kind

    @property
    def label(self) -> str:
        """Return it in words, to come after a number of CPUs; nothing if it is not known.

        >>> Where("spread", (1, 1), 1).label, Where("", (2,), 0).label
        ('spread across nodes', "on the driver's node")
        """
        return f"{HOW.get(self.placement, '')}{self.kind}" if self.kind else ""

    @property
    def share(self) -> float:
        """The share of the CPUs that were on another node than the driver; 0 if not known."""
        return self.away / max(1, sum(self.nodes))


ANYWHERE = Where()
