"""What others did while a case was timed, and whether its times are to be doubted for it."""

from collections.abc import Iterator, Sequence

import msgspec

from rayscale.text import share

NOISY = (
    "^ noisy: while it was timed, other programs used CPUs that it needed, or the host or a quota "
    "took them away. It may take less time on a quiet machine."
)

# CPUs.  Measured on two virtual CPUs beside busy programs, of niceness 0 and 19 alike: medians of
# seven rounds of a loop, 80 ms each, over those where others used less.  In two processes (n=13
# below 0.1, quartiles 0.90 and 1.22): 1.14 [1.11, 1.21] (n=6) from 0.1 CPUs on, 1.20 (n=9) from 0.2
# on, 2.0 (n=23) at 1.  In one process (n=39 below 0.9, quartiles 0.87 and 1.16): 1.12 [0.91, 1.17]
# (n=33) at 1, 1.31 (n=7) from 1.1 on.
MUCH = 0.1
TAKEN = 0.05  # of the case's CPU time, stolen or held back: it takes so much longer, at least


class Surroundings(msgspec.Struct, frozen=True):
    """What a run saves of the time in which a case was timed."""

    seconds: float  # from the first round to the last
    cpus: int  # that this process may run on
    needed: int  # of these, by the case
    outside: float | None = None  # CPUs that other programs used, on average
    stolen: float = 0.0  # CPUs that the host of a virtual machine took, on average
    held_back: float = 0.0  # CPUs that a quota held back, on average
    preempted: int = 0  # how often another program took the CPU of one of our processes

    @property
    def is_noisy(self) -> bool:
        """Whether others used, or took, so much that the times may be too long for it."""
        return self.is_crowded or self.taken > TAKEN

    @property
    def taken(self) -> float:
        """The share of the case's CPU time that was stolen or held back."""
        return (self.stolen + self.held_back) / max(1, self.needed)

    @property
    def is_crowded(self) -> bool:
        """Whether others used much, and the case's own CPUs were not left to it."""
        left = self.cpus - self.needed
        return self.outside is not None and self.outside > max(MUCH, left - MUCH)


def worst(seen: Sequence[Surroundings]) -> str:
    """Return the most that others used and took in any of *seen*, in words.

    >>> worst([Surroundings(1.0, cpus=2, needed=2, outside=1.4, stolen=0.2)])
    "others used up to 1.4 of 2 CPUs, and up to 10 % of a case's CPU time was stolen or held back"
    """
    said = []
    used = max(seen, key=lambda one: one.outside or 0.0)
    if used.outside:
        said.append(f"others used up to {used.outside:.1f} of {used.cpus} CPUs")
    if (taken := max(one.taken for one in seen)) > TAKEN:
        said.append(f"up to {share(taken)} of a case's CPU time was stolen or held back")
    return ", and ".join(said)


def beside_pairs(lost: float, spent: float, outside: float, cpus: int) -> Iterator[str]:
    """Say what was high while pairs were taken for *spent* seconds on a machine of *cpus* CPUs.

    *lost* are the seconds of all CPUs that were stolen or held back, *outside* the CPUs that others
    used on average.

    >>> list(beside_pairs(2.0, 10.0, 1.4, cpus=2))
    ['10 % of the CPU time stolen or held back', 'others used 1.4 of 2 CPUs']
    """
    if lost > TAKEN * spent * cpus:
        yield f"{share(lost / (spent * cpus))} of the CPU time stolen or held back"
    if outside > max(MUCH, cpus - 1 - MUCH):
        yield f"others used {outside:.1f} of {cpus} CPUs"
