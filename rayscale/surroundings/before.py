"""What the user should know of the machine before anything is timed: a sentence for each."""

from collections.abc import Iterator

from rayscale import machine
from rayscale.surroundings import cgroups, interpreter, power
from rayscale.surroundings.counters import Reading
from rayscale.surroundings.during import TAKEN
from rayscale.surroundings.watch import between
from rayscale.text import count, digits, duration, share

MIB = 2**20
SWAPPED = MIB  # from which on it is worth a line: a page or two move at any time


def findings(before: Reading, after: Reading, fair: int, unfair: int) -> dict[str, str]:
    """Return what is notable, a sentence for each word; of others, from *before* to *after*.

    The cases need so many CPUs: the *fair* ones, and the *unfair*, oversubscribed ones, 0 if there
    are none.
    """
    return dict(
        [
            *_of_others(before, after, fair),
            *_of_cpus(unfair, machine.usable_cpus(), cgroups.quota()),
            *_of_swap(before, after),
            *interpreter.noted(),
            *power.noted(),
        ]
    )


def _of_others(before: Reading, after: Reading, needed: int) -> Iterator[tuple[str, str]]:
    seen = between(before, after, needed)
    if seen is None:
        return
    lately = f"in the last {duration(seen.seconds)}"
    cpus = count(seen.cpus, "CPU")
    if seen.is_crowded:
        yield "load", f"other programs used {seen.outside:.1f} of {cpus} {lately}"
    if seen.stolen > TAKEN * seen.cpus:
        taken = share(seen.stolen / seen.cpus)
        yield "steal", f"the host of this machine took {taken} of the time of {cpus} {lately}"
    if seen.held_back > TAKEN * seen.cpus:
        taken = share(seen.held_back / seen.cpus)
        yield "throttling", f"a quota held back {taken} of the time of {cpus} {lately}"


def _of_cpus(wanted: int, usable: int, quota: float | None) -> Iterator[tuple[str, str]]:
    """Say that cases ask for more CPUs than are *usable*, and what limits them."""
    if wanted <= usable:
        return
    bound = len(machine.affinity())
    limits = [f"a quota of {digits(quota)}"] if quota is not None and int(quota) <= usable else []
    if bound == usable < machine.all_cpus():
        limits.append(f"bound to {bound} of {machine.all_cpus()}")
    why = f" ({', '.join(limits)})" if limits else ""
    yield "CPUs", f"cases ask for {wanted} CPUs, and this process may use {usable}{why}"


def _of_swap(before: Reading, after: Reading) -> Iterator[tuple[str, str]]:
    moved = after.swap_moved - before.swap_moved
    said = []
    if moved >= SWAPPED:
        said.append(f"the machine moved {moved / MIB:.0f} MiB to or from its swap space")
    if after.swapped >= SWAPPED:
        said.append(f"{after.swapped / MIB:.0f} MiB of this process are in the swap space")
    if said:
        yield "swap", " and ".join(said)
