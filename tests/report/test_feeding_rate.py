"""How many CPUs one driver feeds: rates, and where one task per row gains no more."""

from collections.abc import Sequence

import pytest

from rayscale.measured import MeasuredCase
from rayscale.report.feeding_rate import limits, rates, section, sentences
from rayscale.report.subject import ProbeTiming

CLOSE = 0.001  # the spread of made-up rounds, as a share


def rounds(seconds: float, spread: float = CLOSE) -> tuple[float, ...]:
    """Return seven rounds around *seconds*."""
    return tuple(seconds * (1 + spread * place) for place in range(-3, 4))


def empty(cpus: int, tasks: int, seconds: float) -> ProbeTiming:
    """Return a probe of empty tasks."""
    return ProbeTiming("empty_tasks", rounds(seconds), 7, "ray_per_row", cpus, tasks, 0, None)


def nap(way: str, cpus: int, seconds: float, length: float) -> ProbeTiming:
    """Return a probe of two tasks for each CPU that sleep."""
    return ProbeTiming("nap_length", rounds(seconds), 7, way, cpus, 2 * cpus, 0, length)


def case(way: str, cpus: int, seconds: float, spread: float = CLOSE) -> MeasuredCase:
    """Return a case of 200 naps."""
    return MeasuredCase(
        problem="naps",
        kernel="nap",
        implementation=way,
        cpus=cpus,
        size="many",
        shape=(200,),
        seconds=rounds(seconds, spread),
    )


def per_row(*seconds: tuple[int, float], spread: float = CLOSE) -> list[MeasuredCase]:
    """Return cases of one task per row on some CPUs, and the serial one: 20 ms a row."""
    return [case("serial", 1, 4.0), *(case("ray_per_row", *one, spread) for one in seconds)]


def test_rate_is_of_the_most_tasks() -> None:
    """A call of one task tells of the call; of 300 in 0.15 s, 2,000 a second were fed."""
    (one, many) = rates([empty(64, 1, 0.01), empty(64, 300, 0.15), empty(1, 300, 0.1)])

    assert [(rate.cpus, rate.tasks) for rate in (one, many)] == [(1, 300), (64, 300)]
    assert [rate.value for rate in (one, many)] == pytest.approx([3000, 2000])
    assert many.interval is not None
    assert many.interval.low < 2000 < many.interval.high


@pytest.mark.parametrize(
    ("measured", "last", "beyond"),
    [
        ([(1, 4.0), (16, 0.3), (64, 0.15), (256, 0.15)], 64, [256]),
        ([(1, 4.0), (16, 0.15), (64, 0.15), (256, 0.2)], 16, [64, 256]),
        ([(256, 0.2), (1, 4.0), (16, 0.15), (64, 0.15)], 16, [64, 256]),  # in any order
    ],
)
def test_gain_ends_at_the_last_count_that_is_faster(
    measured: Sequence[tuple[int, float]], last: int, beyond: list[int]
) -> None:
    """More CPUs than that are as fast, or slower."""
    (limit,) = limits(per_row(*measured))

    assert (limit.last.cpus, [one.cpus for one in limit.beyond]) == (last, beyond)
    assert limit.is_certain


def test_gain_that_goes_on_has_no_end() -> None:
    """Where the most CPUs are fastest, or there are few counts, nothing is said."""
    assert list(limits(per_row((1, 4.0), (16, 0.3), (64, 0.1)))) == []
    assert list(limits(per_row((1, 4.0), (16, 4.0)))) == []


def test_oversubscribed_cases_say_nothing_of_the_driver() -> None:
    """They are slow for want of cores."""
    import msgspec

    cases = per_row((1, 4.0), (2, 2.0), (64, 2.0))
    busy = msgspec.structs.replace(cases[-1], oversubscribed=True)

    assert len(list(limits(cases))) == 1
    assert list(limits([*cases[:-1], busy])) == []


def test_sentences_say_what_one_driver_can_do() -> None:
    """The rate, how long a nap must last, and how many CPUs rows of one length keep busy.

    Naps of 10 ms reach 25 % on 64 CPUs, and naps of 100 ms 80 %.  At 2,000 tasks a second, rows of
    20 ms keep 40 CPUs busy.
    """
    probes = [empty(1, 300, 0.1), empty(64, 300, 0.15)]
    for length, share in ((0.01, 0.25), (0.1, 0.8)):
        probes.append(nap("serial", 1, 2 * length, length))
        probes.append(nap("ray_per_row", 64, 2 * length / share, length))
    cases = per_row((1, 4.0), (16, 0.3), (64, 0.15), (256, 0.15))
    fed, slept, limited = sentences(probes, cases)

    assert fed == (
        "One driver feeds so many empty tasks a second: 3,000 [2,991, 3,009] (n=7) on 1 CPU, 2,000 "
        "[1,994, 2,006] (n=7) on 64 CPUs."
    )
    assert slept.startswith("A task that sleeps must last ")
    assert slept.endswith("(n=7) on 64 CPUs for half of what the CPUs can give.")
    assert limited == (
        "naps many, nap, one task per row: gains nothing from more than 64 CPUs (on 256 it is "
        "about as fast as on 64, 1.00x [0.99, 1.01] (n=7)). At 2,000 tasks a second, as on 64 "
        "CPUs, rows of this length keep 40 CPUs busy."
    )


def test_gain_that_cannot_be_told_is_not_denied() -> None:
    """Rounds that are wide apart carry no end of a gain."""
    (said,) = sentences([], per_row((1, 4.0), (16, 0.15), (64, 0.15), spread=0.2))

    assert "one task per row: may gain beyond 16 CPUs (on 64 it cannot be told from on 16" in said


def test_section_has_a_row_for_each_count() -> None:
    """With the naps' length where there were naps; without empty tasks there is no section."""
    probes = [empty(1, 300, 0.1), empty(64, 300, 0.15)]
    naps = [nap("serial", 1, 0.2, 0.1), nap("ray_per_row", 64, 0.21, 0.1)]
    (table,) = section([*probes, *naps], []).tables

    assert [row[0] for row in table.rows] == ["1", "64"]
    assert [row[-1] for row in table.rows] == ["-", "at most 100 ms"]
    assert section(naps, []).tables == ()
