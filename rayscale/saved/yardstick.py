"""What a case's time is divided by, in each launch, before launches are compared."""

import math
from collections.abc import Sequence
from statistics import median
from typing import Literal

import numpy as np

from rayscale.clocks import counts_waiting
from rayscale.saved.launches import CaseMedian, Launch, differences
from rayscale.saved.permutation import Floats

# How the launches were made: in turn, in an order drawn for each pair; on other days; on other
# machines.
Design = Literal["alternating", "stored", "across machines"]
Yardstick = Literal["nothing", "control", "serial"]

CONTROL_NEEDS = ("numpy", "blas")  # the control is NumPy's work: another version changes it too


def choose(old: Sequence[Launch], new: Sequence[Launch], design: Design) -> Yardstick:
    """Return what times of *old* and *new* are to be divided by.

    The control divides times of other days, where all cases have one and it was the same work.
    """
    if design == "across machines":
        return "serial"
    controlled = all(case.control for launch in (*old, *new) for case in launch.medians.values())
    if design == "stored" and controlled and not control_changed(old, new):
        return "control"
    return "nothing"


def control_changed(old: Sequence[Launch], new: Sequence[Launch]) -> dict[str, str]:
    """Return what differs of the software that the control is made of."""
    found = differences(*([launch.software for launch in side] for side in (old, new)))
    return {field: found[field] for field in CONTROL_NEEDS if field in found}


def control_ratio(old: Sequence[Launch], new: Sequence[Launch]) -> float | None:
    """Return how many times as long the control takes in *new*; None where a side has none."""
    controls = [[launch.control for launch in side if launch.control] for side in (old, new)]
    return median(controls[1]) / median(controls[0]) if all(controls) else None


def is_measured(name: str, launches: Sequence[Launch], yardstick: Yardstick) -> bool:
    """Return whether each launch has what the case *name* is to be divided by."""
    if yardstick != "serial":
        return True
    pairs = [(launch.medians[name], _serial(launch, launch.medians[name])) for launch in launches]
    return all(serial is not None and _is_speed_up(case, serial) for case, serial in pairs)


def _is_speed_up(case: CaseMedian, serial: CaseMedian) -> bool:
    """Tell whether a case over its serial one is a speed-up: by one clock that counts waiting."""
    return serial.id != case.id and serial.timer == case.timer and counts_waiting(case.timer)


def logarithms(launches: Sequence[Launch], ids: Sequence[str], yardstick: Yardstick) -> Floats:
    """Return the logarithms of the medians, (launch, case), in units of the yardstick."""
    return np.array(
        [
            [_logarithm(launch, launch.medians[name], yardstick) for name in ids]
            for launch in launches
        ]
    )


def _logarithm(launch: Launch, case: CaseMedian, yardstick: Yardstick) -> float:
    if yardstick == "nothing":
        return math.log(case.median)
    serial = _serial(launch, case) if yardstick == "serial" else None
    unit = serial.median if serial else case.control
    assert unit is not None  # chosen only where every launch has it
    return math.log(case.median / unit)


def _serial(launch: Launch, case: CaseMedian) -> CaseMedian | None:
    """Return the serial case of *case*'s kernel, problem and size."""
    return next(
        (
            one
            for one in launch.medians.values()
            if one.implementation == "serial" and one.serial == case.serial
        ),
        None,
    )
