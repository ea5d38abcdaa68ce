"""What was gained over serial: decided here once, for the summary and the report alike."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rayscale.measured import MeasuredCase
from rayscale.ratio import Ratio

Block = Sequence[MeasuredCase]  # the cases of one problem and size


@dataclass(frozen=True)
class Gain:
    """How many times as fast as the serial case of the same kernel a case ran."""

    case: MeasuredCase
    ratio: Ratio
    alone: float  # seconds, serially

    @property
    def efficiency(self) -> Ratio:
        """Speed-up per CPU: 1 is all that the CPUs can give."""
        return self.ratio.efficiency(self.case.cpus)


@dataclass(frozen=True)
class WayGain:
    """What a way of running gains on the most CPUs that the process has for it."""

    most: Gain
    fewer: Gain | None  # on fewer CPUs, where that is certainly faster still


def gain(case: MeasuredCase, block: Block) -> Gain | None:
    """Return the gain of *case* over its kernel run serially; None where that was not timed.

    Where the two were timed in pairs, the pairs tell: they meet the same speed of the machine.
    Else it is over the serial case in *block*.
    """
    if case.beside and case.beside.is_serial:
        return Gain(case, case.beside.ratio, case.beside.median)
    serial = next((one for one in block if one.is_serial and one.kernel == case.kernel), None)
    return Gain(case, Ratio.of(serial, case), serial.median) if serial else None


def over(serial: MeasuredCase, case: MeasuredCase) -> Ratio:
    """Return how many times as fast as a *serial* case a *case* ran.

    Of the same kernel, pairs of the two tell where there are any: else the COST could contradict
    the gain.
    """
    if case.kernel == serial.kernel and case.beside and case.beside.is_serial:
        return case.beside.ratio
    return Ratio.of(serial, case)


def gains(kernel: str, block: Block) -> list[WayGain]:
    """Return what each way of running *kernel* gains, the largest ratio first.

    The count is the largest that is not oversubscribed, and not the one that happened to be
    fastest: a choice by the figures would favour luck.
    """
    fair = [case for case in fair_parallel(block) if case.kernel == kernel]
    ways = dict.fromkeys(case.implementation for case in fair)
    found = [_way_gain([one for one in fair if one.implementation == way], block) for way in ways]
    return sorted((one for one in found if one), key=lambda one: -one.most.ratio.value)


def _way_gain(cases: Block, block: Block) -> WayGain | None:
    """Return the gain at the most CPUs of *cases*, all of one way; None without a serial case."""
    most = max(cases, key=lambda case: case.cpus)
    faster = [one for one in cases if Ratio.of(most, one).answer == "faster"]
    over_serial, best = gain(most, block), fastest(faster)
    return WayGain(over_serial, gain(best, block) if best else None) if over_serial else None


def fair_parallel(block: Block) -> list[MeasuredCase]:
    """Return the cases that are not serial, without those that had too few CPUs."""
    return [case for case in block if not case.is_serial and not case.oversubscribed]


def fastest(cases: Block) -> MeasuredCase | None:
    """Return the case with the smallest median."""
    return min(cases, key=lambda case: case.median, default=None)


@dataclass(frozen=True)
class KernelChoice:
    """A kernel that is faster on one CPU than the other kernels in parallel."""

    single: MeasuredCase
    rival: MeasuredCase  # of those, the one with the smallest median
    ratio: Ratio  # how many times as fast as the rival *single* is


def kernel_choice(block: Block) -> KernelChoice | None:
    """Return the fastest kernel on one CPU, if all other ways of other kernels are slower."""
    single = fastest([case for case in block if case.is_serial])
    others = [case for case in fair_parallel(block) if single and case.kernel != single.kernel]
    rival = fastest(others)
    if not single or not rival:
        return None
    if any(Ratio.of(case, single).answer != "faster" for case in others):
        return None
    return KernelChoice(single, rival, Ratio.of(rival, single))


@dataclass(frozen=True)
class Cost:
    """The fewest CPUs on which a parallel case beats the fastest kernel on one CPU; or why none."""

    single: MeasuredCase | None  # the fastest serial case
    parallel: tuple[MeasuredCase, ...]  # what may beat it: not oversubscribed
    enough: MeasuredCase | None  # the one that does, on the fewest CPUs
    unsure: tuple[MeasuredCase, ...]  # that may do so as well, on fewer CPUs
    failed: tuple[str, ...]  # tests that failed, and could have done so


def cost(block: Block, failed: Sequence[str] = ()) -> Cost:
    """Return what must be paid in CPUs to beat a single thread, by Ray or another way.

    A case beats it where its ratio over *each* serial case is "faster": the serial case with the
    smallest median need not be the fastest one.  *failed* are ids of tests.

    Source: McSherry, Isard & Murray, "Scalability! But at what COST?", HotOS 2015: the
    configuration that outperforms a single thread.
    """
    serial = [case for case in block if case.is_serial]
    parallel = fair_parallel(block)
    better = [case for case in parallel if serial and _beats(case, serial)]
    enough = min(better, key=lambda case: (case.cpus, case.median), default=None)
    fewer = [case for case in parallel if enough is None or case.cpus < enough.cpus]
    unsure = [case for case in fewer if serial and _may_beat(case, serial)]
    hidden = [name for name in failed if _could_change(name, block, enough)]
    return Cost(fastest(serial), tuple(parallel), enough, tuple(unsure), tuple(hidden))


def _beats(case: MeasuredCase, serial: Block) -> bool:
    return all(over(one, case).answer == "faster" for one in serial)


def _may_beat(case: MeasuredCase, serial: Block) -> bool:
    """Tell whether *case* may be faster than all of *serial*: none of them rules it out."""
    return all(over(one, case).answer in {"faster", "cannot be told"} for one in serial)


def _could_change(name: str, block: Block, enough: MeasuredCase | None) -> bool:
    """Tell whether the test called *name* could have been in *block*, and changed its COST."""
    cpus = re.search(r"cpus(\d+)", name.partition("[")[2])
    if enough and cpus and int(cpus[1]) > enough.cpus:
        return False
    return any(alike(name, case) for case in block)


def alike(name: str, case: MeasuredCase) -> bool:
    """Tell whether the test called *name* is of the function and the size of *case*."""
    if not case.id:  # then nothing speaks against it
        return True
    sized = case.id.endswith(f"{case.size}]")
    same_size = not sized or name.endswith(f"{case.size}]")
    return same_size and name.partition("[")[0] == case.id.partition("[")[0]
