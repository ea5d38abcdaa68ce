"""What a reader must know of two sets of launches before their times: differences and doubts."""

import math
from collections.abc import Iterator, Mapping, Sequence

from rayscale.saved import yardstick as yardsticks
from rayscale.saved.evidence import Limits
from rayscale.saved.launches import Launch, differences, noted
from rayscale.saved.permutation import enough, least
from rayscale.saved.yardstick import Design
from rayscale.text import count, moment, share

UNLIKE = 2.0  # from here on; at 3, 10 and 5 launches gave up to 4 % of false alarms instead of 1 %


def conditions(old: Sequence[Launch], new: Sequence[Launch], design: Design) -> list[str]:
    """Return what is compared, in lines; what differs in software is among them.

    ValueError if the machines differ and times are to be compared.
    """
    hardware = _differences(old, new, "hardware")
    if hardware and design != "across machines":
        raise ValueError(
            f"OLD and NEW are of different machines ({'; '.join(hardware)}), so their times do not "
            "compare; --across-machines compares speed-ups over serial instead"
        )
    lines = [
        f"{side}: {launches[0].name}, {count(len(launches), 'launch')} from "
        f"{moment(launches[0].when)}, revision {_revisions(launches)}"
        for side, launches in (("old", old), ("new", new))
    ]
    lines += [f"hardware differs: {one}" for one in hardware]
    lines += [
        f"{side}, noted before: {word}, {sentence}"
        for side, launches in (("old", old), ("new", new))
        for word, sentence in noted(launches).items()
    ]
    lines += [f"software differs: {one}" for one in _differences(old, new, "software")]
    lines += [f"garbage collector differs: {one}" for one in _collectors(old, new)]
    return lines + [
        f"left out of {side}: {launch.file}: {one}"
        for side, launches in (("OLD", old), ("NEW", new))
        for launch in launches
        for one in launch.left_out
    ]


def _collectors(old: Sequence[Launch], new: Sequence[Launch]) -> list[str]:
    """Return how the garbage collector was set while cases were timed, if that differs."""
    sides = (
        [
            {"while timing": "on" if case.collects else "off"}
            for launch in side
            for case in launch.medians.values()
            if case.collects is not None
        ]
        for side in (old, new)
    )
    return [values for _, values in differences(*sides).items()]


def _revisions(launches: Sequence[Launch]) -> str:
    return " or ".join(dict.fromkeys(launch.revision for launch in launches))


def _differences(old: Sequence[Launch], new: Sequence[Launch], field: str) -> list[str]:
    sides = ([getattr(launch, field) for launch in side] for side in (old, new))
    return [f"{name} {values}" for name, values in differences(*sides).items()]


def doubts(
    old: Sequence[Launch], new: Sequence[Launch], limits: Limits, design: Design
) -> list[str]:
    """Return what makes every verdict unsure, in sentences."""
    paired = design == "alternating"
    remedy = _remedy(limits.false_alarm, paired=paired)
    found = []
    if min(len(old), len(new)) < 2:
        found.append(
            "one launch shows no spread, so a change cannot be told from the difference between "
            f"two launches; {remedy}"
        )
    elif (best := least(len(old), len(new), paired=paired)) > limits.false_alarm:
        found.append(
            f"{len(new)} against {len(old)} launches reach p = {share(best)} at best, and "
            f"{share(limits.false_alarm)} is asked for; {remedy}"
        )
    if design == "stored" and (moved := yardsticks.control_ratio(old, new)):
        found += _moved(moved, yardsticks.control_changed(old, new), limits)
    return found


def _remedy(level: float, *, paired: bool) -> str:
    """Return how many launches can be told from chance at *level*."""
    needed = enough(level, paired=paired)
    if needed is None:
        return "no number of launches does; give a false-alarm rate of 0.01 % or more"
    return f"make {count(needed, 'launch')} of each, or more"


def _moved(moved: float, changed: Mapping[str, str], limits: Limits) -> list[str]:
    """Return what follows from a control that takes *moved* times as long."""
    if abs(math.log(moved)) <= math.log1p(limits.tolerance):
        return []
    why = (
        f"and {_listed(changed)} differs: whether the machine or NumPy changed cannot be told"
        if changed
        else "so the machine was not as fast as before, and what that did to a case cannot be told"
    )
    return [f"the control, fixed work outside all cases, takes {moved:.3f} times as long, {why}"]


def notes(
    old: Sequence[Launch], new: Sequence[Launch], design: Design, unlikeness: float
) -> Iterator[str]:
    """Return what else a reader must know, in sentences; *unlikeness* as in ``evidence``."""
    if design != "alternating" and unlikeness > UNLIKE:
        yield (
            f"the set with fewer launches spreads {unlikeness:.1f} times as far as the other one, "
            "which can bring up to four times as many false alarms; "
            f"make {max(len(old), len(new))} launches of each"
        )
    changed = yardsticks.control_changed(old, new)
    if design == "stored" and changed and yardsticks.control_ratio(old, new):
        yield (
            f"times are not divided by the control: it is NumPy's work, and {_listed(changed)} "
            "differs"
        )


def _listed(changed: Mapping[str, str]) -> str:
    return ", ".join(f"{field} ({values})" for field, values in changed.items())
