"""What RLlib adds to a step, and which part of a training iteration more runners make faster."""

from collections.abc import Iterator, Sequence

from rayscale.measured import Timing
from rayscale.ratio import Ratio
from rayscale.report.section import Section
from rayscale.report.subject import RllibTiming
from rayscale.report.tables import Table
from rayscale.suite.sentences import compared
from rayscale.text import count, duration

RLLIB = "RLlib"
DRIVER = "the driver alone"  # RLlib without env runners, which all others are compared with
WHOLE = {"iteration": "the whole"}  # what its parts are parts of
NOTE = (
    "Without env runners RLlib steps the environment in the driver. With some, each does its share "
    "of the steps in a process and on a CPU of its own. 'Times as fast': as RLlib in the driver."
)


def _of(timings: Sequence[RllibTiming], question: str) -> list[RllibTiming]:
    return sorted(
        (one for one in timings if one.did.rllib == question),
        key=lambda one: (one.did.by == RLLIB, one.did.by, one.did.runners),
    )


def _alone(timings: Sequence[RllibTiming]) -> RllibTiming | None:
    """Return RLlib's timing without env runners."""
    return next((one for one in timings if one.did.by == RLLIB and not one.did.runners), None)


def section(timings: Sequence[RllibTiming]) -> Section:
    """Return what a step costs, and what the parts of a training iteration take."""
    return Section("RLlib", (NOTE, *sentences(timings)), tuple(_tables(timings)))


def _tables(timings: Sequence[RllibTiming]) -> Iterator[Table]:
    """Return the seconds of a step, and those of the parts of an iteration."""
    if sampling := _of(timings, "sampling"):
        yield _steps(sampling)
    if training := [one for one in _of(timings, "training") if one.did.parts]:
        yield _iteration(training)


def _steps(sampling: Sequence[RllibTiming]) -> Table:
    alone = _alone(sampling)
    return Table(
        "What a step costs",
        ("stepped by", "env runners", "steps", "call (n)", "a step", "times as fast [95 %]"),
        tuple(
            (
                *(one.did.by, str(one.did.runners), f"{one.did.steps:,}"),
                f"{duration(one.median)} (n={one.n})",
                duration(one.median / one.did.steps),
                _figure(alone, one, alone.did.steps / one.did.steps) if alone else "-",
            )
            for one in sampling
        ),
    )


def _figure(alone: Timing | None, one: Timing, fewer: float = 1.0) -> str:
    """Return how many times as fast as *alone* a timing is, which has *fewer* steps by a factor."""
    ratio = None if one is alone else _ratio(alone, one)
    return ratio.efficiency(fewer).figure if ratio else "-"


def _ratio(alone: Timing | None, one: Timing) -> Ratio | None:
    """Return how many times as fast as *alone* a timing is; None where either took no time."""
    if alone is None or min(*alone.seconds, *one.seconds) <= 0:
        return None
    return Ratio.of(alone, one)


def _iteration(training: Sequence[RllibTiming]) -> Table:
    rows = []
    for part in dict.fromkeys(part for one in training for part in one.did.parts):
        own = {one.did.runners: _part(one, part) for one in training if one.did.parts.get(part)}
        for runners, timing in own.items():
            time = f"{duration(timing.median)} (n={timing.n})"
            rows.append((part, str(runners), time, _figure(own.get(0), timing)))
    return Table(
        f"The parts of a training iteration of {training[0].did.steps:,} steps",
        ("part", "env runners", "time (n)", "times as fast [95 %]"),
        tuple(rows),
    )


def _part(one: RllibTiming, part: str) -> Timing:
    seconds = one.did.parts[part]
    return Timing(part, seconds, len(seconds))


def sentences(timings: Sequence[RllibTiming]) -> Iterator[str]:
    """Return what RLlib adds to a step, and what its runners make faster."""
    yield from _by_hand(_of(timings, "sampling"))
    yield from _runners(_of(timings, "sampling"))
    yield from _faster_parts(_of(timings, "training"))


def _by_hand(sampling: Sequence[RllibTiming]) -> Iterator[str]:
    """Compare RLlib without env runners with the same number of steps in a loop of one's own."""
    alone = _alone(sampling)
    for one in sampling:
        if alone and one.did.by != RLLIB and one.did.steps == alone.did.steps:
            step = duration(alone.median / alone.did.steps)
            said = compared(Ratio.of(one, alone), f"a loop of one's own with {one.did.by}")
            yield f"RLlib, in the driver alone, needs {step} for a step and {said}."


def _runners(sampling: Sequence[RllibTiming]) -> Iterator[str]:
    """Compare sampling by the most env runners with RLlib in the driver."""
    alone, most = _alone(sampling), _most(sampling)
    if alone and most and most.did.steps == alone.did.steps:
        runners = count(most.did.runners, "env runner")
        yield f"RLlib's sampling by {runners} {compared(Ratio.of(alone, most), DRIVER)}."


def _faster_parts(training: Sequence[RllibTiming]) -> Iterator[str]:
    """Say which parts of an iteration the most env runners make faster, or slower."""
    alone, most = _alone(training), _most(training)
    if not alone or not most:
        return
    said = [
        f"{WHOLE.get(part, part)} {compared(ratio, DRIVER)}"
        for part in most.did.parts
        if alone.did.parts.get(part) and (ratio := _ratio(_part(alone, part), _part(most, part)))
    ]
    if said:
        runners = count(most.did.runners, "env runner")
        yield f"Of a training iteration by RLlib with {runners}, {'; '.join(said)}."


def _most(timings: Sequence[RllibTiming]) -> RllibTiming | None:
    """Return RLlib's timing with the most env runners, if it has any."""
    own = [one for one in timings if one.did.by == RLLIB and one.did.runners]
    return max(own, key=lambda one: one.did.runners, default=None)
