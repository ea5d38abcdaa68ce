"""A case that is set up: equal results, warnings and proofs in every arm."""

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any
from uuid import uuid4

import numpy as np
import pytest

from rayscale.suite.case import Case, Way
from rayscale.suite.check import Expectation
from rayscale.suite.cluster import SessionCluster
from rayscale.suite.code import code_of
from rayscale.suite.measure import Measure, Question, Subject
from rayscale.suite.stage import Stage, Work, WorkError, needs, way
from rayscale.suite.trial import Trial
from rayscale.suite.ways import Kernel, ray_blocks, ray_per_row, ray_whole, serial

pytestmark = pytest.mark.ray(cpus=2)

WAYS = (serial, ray_whole, ray_per_row, ray_blocks)
two_ways = pytest.mark.parametrize("run", [serial, ray_blocks], ids=lambda run: run.__name__)
each_way = pytest.mark.parametrize("run", WAYS, ids=lambda run: run.__name__)

Asking = Callable[..., list[Work | None]]


def lengths(texts: list[str]) -> list[int]:
    """Return the length of each of *texts*."""
    return [len(text) for text in texts]


def scaled(rows: Any, factor: float) -> Any:
    """Return *factor* times the rows."""
    return factor * rows


def warning(rows: Any) -> Any:
    """Warn, and return the rows."""
    warnings.warn("this kernel is old", FutureWarning, stacklevel=1)
    return rows


def squares(numbers: range) -> int:
    """Return the sum of the squares of *numbers*."""
    return sum(number**2 for number in numbers)


def into_ranges(numbers: range, number: int) -> list[range]:
    """Cut *numbers* into every number-th one."""
    return [numbers[first::number] for first in range(number)]


@pytest.fixture
def ask(request: pytest.FixtureRequest, rayscale_cluster: SessionCluster) -> Asking:
    """Return a function that checks a kernel, run one way, and accounts for the work."""

    def ask(run: Way, kernel: Kernel, rows: Any, expected: Any, **further: Any) -> Any:
        seen: list[Work | None] = []
        cpus = (needs(run).cpus or (2,))[0]
        case = Case("made_up", "mine", "way", cpus, "small", "")
        code = code_of(kernel, "mine", request.path)

        def answer(question: Question) -> None:
            with question.set_up([question.kernel]) as trial:
                call, _ = trial.check(question.kernel, question.expectation, uuid4().hex)
                seen.append(trial.account([call]))

        Measure(Subject(case, kernel, run, rayscale_cluster, code), answer)(
            rows, expected, **further
        )
        return seen

    return ask


@each_way
def test_list_is_cut_like_rows(ask: Asking, run: Way) -> None:
    """Items need not be numbers: a list of anything is cut, and its results are joined."""
    (work,) = ask(run, lengths, ["a", "bb", "", "dddd"], [1, 2, 0, 4])

    assert work is not None
    assert work.calls == {serial: 1, ray_whole: 1, ray_per_row: 4, ray_blocks: 2}[run]


@each_way
def test_benchmark_says_how_its_input_is_cut(ask: Asking, run: Way) -> None:
    """Pieces of the benchmark's own are put together in its own way, and all are accounted for."""
    expected = 285  # of 0 to 9
    (work,) = ask(run, squares, range(10), expected, split=into_ranges, join=sum)

    assert work is not None


@two_ways
def test_further_arguments_are_bound(ask: Asking, run: Way) -> None:
    """What is bound reaches the kernel in every arm; the tolerances are the benchmark's."""
    rows = np.arange(6.0).reshape(3, 2)

    ask(run, scaled, rows, 3 * rows + 0.01, bound={"factor": 3}, atol=0.02)
    ask(run, partial(scaled, factor=2), rows, 2.001 * rows, rtol=0.01)


@each_way
def test_timed_kernel_is_not_the_one_whose_warnings_are_heard(
    run: Way, rayscale_cluster: SessionCluster
) -> None:
    """Only the checked call is listened to; what is timed is the kernel itself."""

    def heard(rows: Any) -> Any:
        return np.full(len(rows), warnings.filters[0][0] == "always")

    cpus = (needs(run).cpus or (2,))[0]
    with needs(run).set_up(rayscale_cluster, cpus, [heard]) as stage:
        trial = Trial(Case("made_up", "mine", "way", cpus, "small", ""), run, np.zeros(2), stage)
        _, checked = trial.check(heard, Expectation(np.array([True, True])), "one case")
        timed = trial.call(heard, "one case")()

    assert checked.tolist() == [True, True]
    assert timed.tolist() == [False, False]


@each_way
def test_warnings_count_alike(ask: Asking, run: Way) -> None:
    """A warning of a kernel is one of the test's, wherever the kernel ran: here it is an error."""
    with pytest.raises(FutureWarning, match="this kernel is old"):
        ask(run, warning, np.arange(4), np.arange(4))


@two_ways
def test_warnings_are_filtered_as_the_tests_are(ask: Asking, run: Way) -> None:
    """Where the project shows such warnings, they name the kernel's own line, and pass."""
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        ask(run, warning, np.arange(1), np.arange(1))

    ours = [one for one in heard if one.category is FutureWarning]
    assert [(str(one.message), one.filename) for one in ours] == [("this kernel is old", __file__)]


@pytest.mark.parametrize("run", [ray_whole, ray_blocks], ids=lambda run: run.__name__)
def test_functions_of_the_test_file_reach_workers(ask: Asking, run: Way) -> None:
    """A kernel of the test file, with what it needs there, runs in other processes."""
    driver = os.getpid()

    def elsewhere(texts: list[str]) -> list[int]:
        assert os.getpid() != driver
        return lengths(texts)

    ask(run, elsewhere, ["a", "bb"], [1, 2])


def in_two_processes_for_all_we_know(kernel: Kernel, rows: Any, *, cpus: int, place: Any) -> Any:
    """Run *kernel*, and prove nothing."""
    return kernel(rows)


def test_plain_function_proves_no_cpu_count(ask: Asking) -> None:
    """A way of the user's own that says nothing of its processes has no account."""
    assert ask(in_two_processes_for_all_we_know, np.negative, np.arange(3), -np.arange(3)) == [None]


def test_place_is_what_the_way_has_set_up(ask: Asking) -> None:
    """A way's own context manager runs around the case, and gives the way its place."""
    events = []

    @contextmanager
    def set_up(cluster: SessionCluster, cpus: int, kernels: Any) -> Iterator[Stage]:
        events.append(f"begin {cpus}")
        yield Stage("a pool", (), None)
        events.append("end")

    @way(set_up, cpus=(3,))
    def pooled(kernel: Kernel, rows: Any, *, cpus: int, place: Any) -> Any:
        events.append(f"{place} of {cpus}")
        return kernel(rows)

    ask(pooled, np.negative, np.arange(3), -np.arange(3))

    assert events == ["begin 3", "a pool of 3", "end"]


def test_work_elsewhere_is_no_proof(ask: Asking) -> None:
    """A way that says that it works in this process, and calls the kernel on less, is an error."""

    @way(needs(serial).set_up, cpus=(1,))
    def cheating(kernel: Kernel, rows: Any, *, cpus: int, place: Any) -> Any:
        return np.concatenate([kernel(rows[:1]), -rows[1:]])

    with pytest.raises(WorkError, match=r"^3 rows were to go .* this process saw 1; a way"):
        ask(cheating, np.negative, np.arange(3), -np.arange(3))
