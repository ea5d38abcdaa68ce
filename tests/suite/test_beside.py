"""Ways timed in pairs: each round of one beside one of the other, in an order of a coin's."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from rayscale.measured import MeasuredCase
from rayscale.suite.actors import ray_actors
from rayscale.suite.beside import Pairs, compared, rounds
from rayscale.suite.case import Case, Way, cases
from rayscale.suite.check import ResultError
from rayscale.suite.code import code_of
from rayscale.suite.items import cpus_needed
from rayscale.suite.measure import Measure, Subject
from rayscale.suite.pools import thread_pool
from rayscale.suite.stage import Stage, Work, WorkError, in_process, way
from rayscale.suite.timing import Rounds, Timing
from rayscale.suite.ways import ray_blocks, serial
from tests.projects import QUICK, Run, run_pytest, write

REPLAYS = 2000


@dataclass
class Machine:
    """Two ways of running on a machine of a clock of its own, whose speed may wander."""

    slowness: Iterator[float]  # of each call in turn
    now: float = 0.0
    called: list[str] = field(default_factory=list)

    def call(self, name: str, seconds: float) -> Callable[[], float]:
        """Return a call that takes so many *seconds* times the machine's slowness."""

        def take() -> float:
            start = self.now
            self.called.append(name)
            self.now += seconds * float(next(self.slowness))
            return self.now - start

        return take

    def clock(self) -> float:
        """Return the time."""
        return self.now


def timed(
    machine: Machine, seed: int, number: int, own: float, other: float
) -> tuple[list[float], list[float]]:
    """Return the seconds of *number* pairs, called as pytest-benchmark calls its setup."""
    call = machine.call("own", own)
    pairs = Pairs(machine.call("other", other), machine.clock, random.Random(seed))
    seconds = []
    for _ in range(number):
        pairs.before()
        seconds.append(call())
    pairs.end()
    return seconds, pairs.seconds


def test_calls_of_a_pair_follow_each_other() -> None:
    """Each pair has both ways, back to back; its two seconds are those of that pair."""
    machine = Machine(slowness=map(float, count(1)))  # so a call's seconds are its place
    own, other = timed(machine, seed=1, number=100, own=1.0, other=1.0)

    pairs = [set(machine.called[place : place + 2]) for place in range(0, 200, 2)]
    assert pairs == [{"own", "other"}] * 100
    places = [sorted(pair) for pair in zip(own, other, strict=True)]
    assert places == [[float(place), float(place + 1)] for place in range(1, 201, 2)]


def test_order_of_a_pair_is_a_fresh_coin() -> None:
    """Either way is the first in about half of the pairs, whatever was the order before."""
    machine = Machine(slowness=iter([1.0] * 4000))
    timed(machine, seed=2, number=2000, own=1.0, other=1.0)

    first = np.array(machine.called[::2]) == "own"
    # Four standard errors of 2000 fair coins, and of the 1000 pairs that follow a given order.
    assert abs(first.mean() - 0.5) < 4 * 0.5 / 2000**0.5
    assert abs(first[1:][first[:-1]].mean() - 0.5) < 4 * 0.5 / 900**0.5


def test_ratio_does_not_feel_a_machine_that_slows_down() -> None:
    """Rounds that take ever longer say nothing of the ways; the ratio of each pair does."""
    machine = Machine(slowness=(1.01 ** (call // 2) for call in count()))
    own, other = timed(machine, seed=3, number=50, own=2.0, other=3.0)
    found = compared("theirs", own, other)

    assert max(own) / min(own) > 1.5
    assert [found[one] for one in ("ratio", "low", "high")] == pytest.approx([1.5] * 3)


def test_ratio_says_how_many_times_as_fast_as_the_other() -> None:
    """Half the time is twice as fast; the middle pair counts, and not the ratio of the middles."""
    own, other = [1.0, 2.0, 4.0, 1.0, 1.0, 1.0, 1.0], [2.0, 4.0, 8.0, 3.0, 1.0, 2.0, 5.0]

    assert compared("theirs", own, other) == {
        "implementation": "theirs",
        "median": 3.0,
        "ratio": 2.0,  # of 2, 2, 2, 3, 1, 2, 5
        "low": 1.0,
        "high": 5.0,
        "n": 7,
    }


def test_ratio_of_few_pairs_has_no_interval() -> None:
    """All of five pairs miss the median with 2 / 2**5: 6 %; of six with 3 %."""
    assert compared("theirs", [1.0] * 5, [2.0] * 5)["low"] is None
    assert compared("theirs", [1.0] * 6, [2.0] * 6)["low"] == 2.0


def test_round_without_its_pair_is_an_error() -> None:
    """One that the other lacks shifts all pairs; one more of the other is a profiler's."""
    with pytest.raises(ValueError, match="zip"):
        compared("theirs", [1.0] * 7, [2.0] * 6)
    assert compared("theirs", [1.0] * 7, [2.0] * 8)["n"] == 7


@pytest.mark.parametrize("number", [7, 30])
@pytest.mark.parametrize("truth", [1.0, 1.03])
def test_interval_holds_the_ratio(number: int, truth: float) -> None:
    """In 95 % of seeded runs or more, though the machine wanders more than the ways differ."""
    draw = np.random.default_rng(4)
    held = 0
    for run in range(REPLAYS):
        wander = np.exp(np.cumsum(draw.normal(0, 0.05, number))).repeat(2)
        noise = np.exp(draw.normal(0, 0.02, 2 * number) + draw.exponential(0.02, 2 * number))
        machine = Machine(slowness=iter(wander * noise))
        found = compared("theirs", *timed(machine, run, number, own=1.0, other=truth))
        held += found["low"] <= truth <= found["high"]
    error = (0.95 * 0.05 / REPLAYS) ** 0.5  # 0.5 %
    assert held / REPLAYS >= 0.95 - 2 * error


def test_pairs_tell_what_rounds_one_after_the_other_cannot() -> None:
    """Of ways that differ by 3 %, on a machine that wanders by more, pairs name the faster one."""
    draw = np.random.default_rng(5)
    wander = np.exp(np.cumsum(draw.normal(0, 0.05, 40))).repeat(2)
    own, other = timed(Machine(iter(wander)), seed=6, number=40, own=1.0, other=1.03)
    saved = {"problem": "p", "kernel": "k", "cpus": 2, "size": "s"}
    ours = MeasuredCase.from_record(
        {
            "extra_info": {
                **saved,
                "implementation": "ours",
                "beside": compared("theirs", own, other),
            },
            "stats": {"data": own},
        }
    )

    assert ours.beside is not None
    assert ours.beside.ratio.interval == pytest.approx((1.03, 1.03))
    assert ours.interval is None or ours.interval.high / ours.interval.low > 1.03


def test_saved_cases_without_pairs_have_none() -> None:
    """Runs that were saved before there were pairs can be read."""
    words = {"problem": "p", "kernel": "k", "implementation": "i", "cpus": 2, "size": "s"}
    assert MeasuredCase.from_record({"extra_info": words, "stats": {"data": [1.0]}}).beside is None


def test_pairs_are_as_many_as_time_allows() -> None:
    """Seven of long calls, more of short ones, and no more than tell more."""
    assert rounds(fewest=7, seconds=2.6, most_seconds=1.0) == 7
    assert rounds(fewest=7, seconds=0.02, most_seconds=1.0) == 50
    assert rounds(fewest=7, seconds=1e-5, most_seconds=1.0) == 1000


def lengths(texts: list[str]) -> list[int]:
    """Return the length of each of *texts*."""
    return [len(text) for text in texts]


@pytest.mark.parametrize(
    ("way", "other", "needed"),
    [
        ("ray_actors", ray_blocks, 8),  # each has four of its own
        ("thread_pool", ray_blocks, 4),
        ("ray_actors", serial, 4),
        ("thread_pool", serial, 0),
        ("ray_actors", None, 4),
    ],
)
def test_two_ways_on_ray_need_cpus_of_their_own(way: str, other: Way | None, needed: int) -> None:
    """The session's cluster is started with as many: else one of two waits for the other."""
    ways = [ray_actors, thread_pool]
    test: Any = cases({"lengths": lengths}, sizes={"small": 3}, ways=ways, beside=other)(
        lambda: None
    )
    words = {"kernel": "lengths", "implementation": way, "cpus": 4, "size": "small"}
    item: Any = SimpleNamespace(
        fixturenames=["rayscale_cluster", "measure"],
        callspec=SimpleNamespace(params=words),
        function=test,
        originalname="test_lengths",
    )
    assert cpus_needed(item) == needed


@dataclass
class Benchmark:
    """A fixture of pytest-benchmark's, as far as it is used here."""

    enabled: bool = True
    extra_info: dict[str, Any] = field(default_factory=dict)
    stats: Any = None

    def __call__(self, call: Callable[[], Any]) -> None:
        """Call once, and time nothing."""
        assert not self.enabled
        call()

    def pedantic(self, call: Callable[[], Any], setup: Callable[[], None], rounds: int) -> None:
        """Call *setup* and *call* so many times."""
        for _ in range(rounds):
            setup()
            call()
        self.stats = SimpleNamespace(stats=SimpleNamespace(data=[1.0] * rounds))

    @staticmethod
    def _timer() -> float:
        return next(SECONDS)


SECONDS = map(float, count())  # what the clock says


def timing(benchmark: Benchmark, *, calibrated: bool = False) -> Timing:
    """Return what times a case for as good as no time: seven rounds, if there is no more to it."""
    within = Rounds(fewest=7, max_time=1e-9, calibrated=calibrated)
    return Timing(benchmark, within, oversubscribed=False, set_late=False)  # type: ignore[arg-type]  # see there


def ask(other: Way, answer: Timing) -> None:
    """Ask for the negatives of three numbers, serially, in pairs with another way."""
    case, code = (
        Case("made_up", "mine", "serial", 1, "small", ""),
        code_of(np.negative, "mine", HERE),
    )
    subject = Subject(case, np.negative, serial, NO_CLUSTER, code, ("theirs", other))
    Measure(subject, answer)(np.arange(3), expected=-np.arange(3))


HERE = Path(__file__)
NO_CLUSTER: Any = None  # nothing here runs on Ray


@way(in_process, cpus=(1,))
def wrong(kernel: Any, rows: Any, *, cpus: int, place: Any) -> Any:
    """Give another result."""
    return kernel(rows) + 1


@contextmanager
def unseen(cluster: Any, cpus: int, kernels: Any) -> Iterator[Stage]:
    """Have nobody see the work."""

    def account(case: str, rows: int) -> Work:
        raise WorkError(f"nobody saw {rows} rows")

    yield Stage(None, (), account)


@way(unseen, cpus=(1,))
def elsewhere(kernel: Any, rows: Any, *, cpus: int, place: Any) -> Any:
    """Work for all that is known on any number of CPUs."""
    return kernel(rows)


@pytest.mark.parametrize("enabled", [True, False], ids=["timed", "untimed"])
def test_result_of_the_other_way_is_checked(enabled: bool) -> None:
    """A comparison with a way that computes something else is none, timed or not."""
    with pytest.raises(ResultError, match="right on all rows at once and wrong in pieces"):
        ask(wrong, timing(Benchmark(enabled)))


@pytest.mark.parametrize("enabled", [True, False], ids=["timed", "untimed"])
def test_cpu_count_of_the_other_way_is_proven(enabled: bool) -> None:
    """All rows of all calls of the other way must have been seen where it says: 3 each."""
    calls = 8 if enabled else 1  # the check, and a round in each of seven pairs
    with pytest.raises(WorkError, match=f"nobody saw {3 * calls} rows"):
        ask(elsewhere, timing(Benchmark(enabled)))


@pytest.mark.parametrize(
    ("calibrated", "further"),
    [(False, 1), (True, 2)],  # the check alone; where a warm-up is asked for, a pair before all
)
def test_pairs_of_long_calls_are_the_fewest(calibrated: bool, further: int) -> None:
    """Calls that fill the time of a case get seven pairs, also where a warm-up is asked for."""
    benchmark, called = Benchmark(), []

    @way(in_process, cpus=(1,))
    def counting(kernel: Any, rows: Any, *, cpus: int, place: Any) -> Any:
        called.append(1)
        return kernel(rows)

    ask(counting, timing(benchmark, calibrated=calibrated))

    assert len(called) == 7 + further
    assert benchmark.extra_info["beside"]["implementation"] == "theirs"
    assert benchmark.extra_info["beside"]["n"] == 7
    assert benchmark.extra_info["implementation"] == "serial"


# A kernel of the test file beside Ray's tasks: by Ray, in processes and in threads.
PROJECT = """
import rayscale
from rayscale import process_pool, ray_actors, ray_blocks, thread_pool

def lengths(texts):
    return [len(text) for text in texts]

SIZES = {"tiny": 3, "small": 8}
WAYS = [ray_actors, process_pool, thread_pool]

@rayscale.cases({"lengths": lengths}, sizes=SIZES, ways=WAYS, beside=ray_blocks, cpus=(1, 2))
def test_lengths(measure, size):
    measure(["a" * number for number in range(size)], expected=list(range(size)))
"""


@pytest.fixture(scope="module")
def peers(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return a timed run of them."""
    project = write(tmp_path_factory.mktemp("peers"), {"test_lengths.py": PROJECT})
    return run_pytest(project, "--benchmark-only", QUICK)


def test_ways_are_timed_in_pairs(peers: Run) -> None:
    """Each runs beside Ray's tasks, on the most CPUs, at the last of the sizes."""
    assert peers.exit_code == 0, peers.output
    named = ("ray_actors", "process_pool", "thread_pool")
    assert list(peers.cases) == [f"lengths-{name}-cpus2-small" for name in named]
    for name, saved in zip(named, peers.cases.values(), strict=True):
        info = saved["extra_info"]
        assert info["implementation"] == name
        assert info["cpus_proven"]
        assert info["workers"] == (0 if name == "thread_pool" else 2)
        beside = info["beside"]
        assert (beside["implementation"], beside["n"]) == ("ray_blocks", 7)
        assert 0 < beside["low"] <= beside["ratio"] <= beside["high"]
        assert len(saved["stats"]["data"]) == 7


def test_summary_says_how_ways_did_in_pairs(peers: Run) -> None:
    """The run ends with a table of them, and with a sentence."""
    assert "In pairs with ray_blocks" in peers.output
    words = " ".join(peers.output.split())
    assert "lengths on 2 CPUs, in pairs with ray_blocks: ray_actors" in words
