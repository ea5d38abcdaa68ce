"""The cases of a benchmark: what its decorator says, and what the options leave of it."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from _pytest.mark.expression import Expression
from hypothesis import given
from hypothesis import strategies as st

from rayscale.suite.case import Cases, arm_of, cases, of, on_request, value
from rayscale.suite.parameters import Choice, parameters
from rayscale.suite.stage import Stage, in_process, needs, on_ray, unproven, way
from rayscale.suite.ways import Kernel, ray_blocks, ray_per_row, ray_whole, serial

KERNELS = {"loop": np.negative}
SIZES = {"small": (10, 10), "large": (1000, 10), "huge": on_request((10**6, 10))}
advice = "give letters, digits and _, without a hyphen"
WORDS = {"and", "or", "not"}  # pytest's own, in -k


def two_at_once(kernel: Callable[[Any], Any], rows: Any, *, cpus: int, place: Any) -> Any:
    """Stand for a way of running of the user's own."""
    return kernel(rows)


SIZE_OF = {"first": "small", "second": "large", "third": "small"}


def choice(**changes: Any) -> Choice:
    """Return what is chosen on a machine of two CPUs if nothing is said, but *changes*."""
    return Choice(**{"cpus": (1, 2), "sizes": None, "cores": 2, "gated": False} | changes)


def ids(chosen: Cases, **changes: Any) -> list[str]:
    """Return the ids of *chosen* cases."""
    return [str(one.id) for one in parameters(chosen, choice(**changes))]


def marks(chosen: Cases, **changes: Any) -> dict[str, dict[str, tuple[Any, ...]]]:
    """Return, by id, the marks of *chosen* cases, by name, with what they say."""
    return {
        str(one.id): {
            mark.name: (*mark.args, *mark.kwargs.items())
            for mark in (getattr(each, "mark", each) for each in one.marks)
        }
        for one in parameters(chosen, choice(**changes))
    }


def test_cases_are_kernels_by_sizes_by_ways_by_cpus() -> None:
    """Ways of one CPU are there once, and the serial one's id says no count; ids are public."""
    assert ids(cases(KERNELS, sizes={"small": 1, "large": 2})) == [
        "loop-serial-small",
        "loop-ray_whole-cpus1-small",
        "loop-ray_per_row-cpus1-small",
        "loop-ray_per_row-cpus2-small",
        "loop-ray_blocks-cpus1-small",
        "loop-ray_blocks-cpus2-small",
        "loop-serial-large",
        "loop-ray_whole-cpus1-large",
        "loop-ray_per_row-cpus1-large",
        "loop-ray_per_row-cpus2-large",
        "loop-ray_blocks-cpus1-large",
        "loop-ray_blocks-cpus2-large",
    ]


def test_parameters_are_strings_and_integers() -> None:
    """Saved runs keep them as JSON: no function and no value of the user's is among them."""
    (one,) = parameters(cases(KERNELS, sizes={"small": (10, 10)}, ways=[serial]), choice())
    assert one.values == ("loop", "serial", 1, "small")


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({}, ["small", "large"]),
        ({"sizes": ("huge", "small")}, ["small", "huge"]),
        ({"sizes": ("unknown",)}, []),
        ({"gated": True}, ["small"]),
        ({"gated": True, "sizes": ("large",)}, ["large"]),
    ],
)
def test_sizes_are_all_but_those_on_request(changes: dict[str, Any], names: list[str]) -> None:
    """By default all but those on request; what is asked for, in the benchmark's own order.

    A gate takes the first.
    """
    chosen = cases(KERNELS, sizes=SIZES, ways=[serial])
    assert ids(chosen, **changes) == [f"loop-serial-{name}" for name in names]


def test_gate_takes_the_first_size_of_the_benchmark() -> None:
    """Another arm's first size is not the benchmark's: it may take too long for pairs."""
    arms = [cases({name: len}, sizes={size: 1}, ways=[serial]) for name, size in SIZE_OF.items()]
    chosen = arms[0] + arms[1] + arms[2]

    assert ids(chosen, gated=True) == ["first-serial-small", "third-serial-small"]
    assert ids(chosen) == ["first-serial-small", "second-serial-large", "third-serial-small"]


def test_size_is_on_request_in_the_arm_that_says_so() -> None:
    """The same name may be run by default in another arm."""
    chosen = cases({"one": len}, sizes={"large": 1}, ways=[serial]) + cases(
        {"two": len}, sizes={"large": on_request(1)}, ways=[serial]
    )

    assert ids(chosen) == ["one-serial-large"]
    assert ids(chosen, sizes=("large",)) == ["one-serial-large", "two-serial-large"]


def test_value_of_a_size_is_the_users_own() -> None:
    """The test gets the very value that the decorator was given, on request or not."""
    chosen = cases(KERNELS, sizes=SIZES, ways=[serial])
    arm = arm_of(chosen, "loop", "serial", "huge")

    assert value(arm, "huge") == (10**6, 10)
    assert value(arm, "small") is SIZES["small"]
    with pytest.raises(LookupError, match="no case is called loop-serial-tiny"):
        arm_of(chosen, "loop", "serial", "tiny")


def test_cases_are_added() -> None:
    """The sum of cases has those of both, in order, each with its own sizes, ways and counts."""
    chosen = cases(KERNELS, sizes={"small": 1}, ways=[serial]) + cases(
        {"numpy": np.negative}, sizes={"large": 2}, ways=[ray_blocks], cpus=(2, 4)
    )

    assert ids(chosen) == [
        "loop-serial-small",
        "numpy-ray_blocks-cpus2-large",
        "numpy-ray_blocks-cpus4-large",
    ]
    assert value(arm_of(chosen, "numpy", "ray_blocks", "large"), "large") == 2


def test_counts_of_the_benchmark_win_over_the_options() -> None:
    """A benchmark that says its CPU counts has these; those of one CPU stay as they are."""
    chosen = cases(KERNELS, sizes={"small": 1}, ways=[serial, ray_whole, ray_blocks], cpus=(4,))
    assert ids(chosen, cpus=(1, 2, 8)) == [
        "loop-serial-small",
        "loop-ray_whole-cpus1-small",
        "loop-ray_blocks-cpus4-small",
    ]


@pytest.mark.parametrize(
    ("changes", "counts"),
    [
        ({"named": False}, [2]),
        ({"named": False, "cpus": (1, 2, 4)}, [2, 4]),
        ({"named": False, "cpus": (1,)}, [1]),  # there are no others
        ({"cpus": (1, 2)}, [1, 2]),  # as --cpus says
    ],
)
def test_several_cpus_leave_one_out_unless_it_is_named(
    changes: dict[str, Any], counts: list[int]
) -> None:
    """Ways that need several CPUs to gain are spared one by default; --cpus brings it."""
    chosen = cases(KERNELS, sizes={"small": 1}, ways=[serial, ray_blocks], cpus="several")
    names = ["loop-serial-small", *(f"loop-ray_blocks-cpus{count}-small" for count in counts)]
    assert ids(chosen, **changes) == names


PAIRED = {"small": 1, "large": 2}


def paired(**changes: Any) -> Cases:
    """Return cases that are timed in pairs with Ray's tasks, with *changes*."""
    further: dict[str, Any] = {
        "sizes": PAIRED,
        "ways": [ray_per_row, two_at_once],
        "beside": ray_blocks,
    }
    return cases(KERNELS, **further | changes)


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({}, ["large-2"]),  # the last size, on the most CPUs
        ({"cpus": (1, 2, 16)}, ["large-2"]),  # that are there
        ({"cpus": (16,)}, ["large-16"]),
        ({"sizes": ("small",)}, []),
        ({"ways": True}, ["small-1", "small-2", "large-1", "large-2"]),
        ({"ways": True, "sizes": ("small",), "cpus": (2,)}, ["small-2"]),
        ({"gated": True}, []),
        ({"gated": True, "ways": True}, ["small-1", "small-2"]),
    ],
)
def test_ways_in_pairs_run_at_little_unless_all_are_wanted(
    changes: dict[str, Any], names: list[str]
) -> None:
    """By default at the last size on the most CPUs, and in a gate not at all."""
    found = [one for one in ids(paired(), **changes) if "two_at_once" in one]
    wanted = [name.partition("-") for name in names]
    assert found == [f"loop-two_at_once-cpus{cpus}-{size}" for size, _, cpus in wanted]


def test_sizes_of_ways_in_pairs_on_request_all_run() -> None:
    """Who names sizes wants each of them; those that need no request stay the last one."""
    chosen = paired(sizes={"one": on_request(1), **PAIRED, "huge": on_request(3)}, ways=[serial])
    assert ids(chosen) == ["loop-serial-large"]
    asked = ids(chosen, sizes=("one", "small", "large", "huge"))
    assert asked == ["loop-serial-one", "loop-serial-large", "loop-serial-huge"]


def test_ways_in_pairs_are_marked() -> None:
    """They can be chosen; one that needs Ray for the other way's sake is one of Ray's."""
    chosen = paired(ways=[two_at_once]) + paired(
        sizes={"huge": 3}, ways=[two_at_once], beside=serial
    )
    assert marks(chosen) == {
        "loop-two_at_once-cpus2-large": {"ray": (), "ways": ()},
        "loop-two_at_once-cpus2-huge": {"ways": ()},
    }


def test_marks_say_what_a_case_needs() -> None:
    """Ray's cases have Ray's mark; tolerance and rounds go with the case."""
    chosen = cases(
        KERNELS, sizes={"small": 1}, ways=[serial, ray_blocks], min_rounds=3, tolerance="10%"
    )
    own = {"tolerance": ("10%",)}

    assert arm_of(chosen, "loop", "serial", "small").min_rounds == 3
    assert marks(chosen, cpus=(1, 4)) == {
        "loop-serial-small": own,
        "loop-ray_blocks-cpus1-small": {"ray": (), **own},
        "loop-ray_blocks-cpus4-small": {"ray": (), "oversubscribed": (), **own},
    }


def test_naps_are_never_oversubscribed() -> None:
    """Kernels that wait need no core of their own: more CPUs than there are are fair."""
    chosen = cases(KERNELS, sizes={"small": 1}, ways=[ray_blocks], waits=True)
    assert marks(chosen, cpus=(4,)) == {"loop-ray_blocks-cpus4-small": {"ray": ()}}


def test_kernels_may_be_partials_and_other_callables() -> None:
    """Whatever can be called is a kernel, and its name in the id is the one that it was given."""

    class Doubling:
        def __call__(self, rows: Any) -> Any:
            return 2 * rows

    kernels: dict[str, Kernel] = {
        "partial": partial(np.add, 1),
        "object": Doubling(),
        "anonymous": lambda rows: rows,
    }
    chosen = cases(kernels, sizes={"small": 1}, ways=[serial])

    assert ids(chosen) == [f"{name}-serial-small" for name in kernels]


def power(rows: Any, exponent: float) -> Any:
    """Return the rows to a power; the exponent is bound by the benchmark."""
    return rows**exponent


def test_kernels_may_have_further_arguments() -> None:
    """What the test binds may be required: a type checker accepts it, as the decorator does."""
    ways = [serial, ray_blocks]  # of unlike signatures, which a type checker accepts, too
    chosen = cases({"power": power}, sizes={"small": 1}, ways=ways, cpus=(2,))

    assert ids(chosen) == ["power-serial-small", "power-ray_blocks-cpus2-small"]


def test_ways_may_be_of_the_users_own() -> None:
    """A plain function is a way at each count, under its own name, with no CPU count proven."""
    chosen = cases(KERNELS, sizes={"small": 1}, ways=[two_at_once])

    assert list(marks(chosen).items()) == [
        ("loop-two_at_once-cpus1-small", {}),
        ("loop-two_at_once-cpus2-small", {}),
    ]
    assert needs(two_at_once).set_up is unproven


def test_way_of_rays_has_rays_mark() -> None:
    """A way that says that it runs on Ray is chosen by -m ray, also where arguments are bound."""
    eight = {"eight": partial(ray_blocks, blocks=8)}

    @on_ray(cpus=(2,))
    def mine(kernel: Callable[[Any], Any], rows: Any, *, cpus: int, place: Any) -> Any:
        return kernel(rows)

    chosen = cases(KERNELS, sizes={"small": 1}, ways=eight) + cases(
        KERNELS, sizes={"small": 1}, ways=[mine]
    )

    assert marks(chosen, cpus=(1,)) == {
        "loop-eight-cpus1-small": {"ray": ()},
        "loop-mine-cpus2-small": {"ray": ()},
    }


def test_way_that_proves_its_cpus_says_how() -> None:
    """What a way's own context manager sets up is what its place is."""

    @way(in_process, cpus=(1,))
    def mine(kernel: Callable[[Any], Any], rows: Any, *, cpus: int, place: Any) -> Any:
        return kernel(rows)

    assert ids(cases(KERNELS, sizes={"small": 1}, ways=[mine])) == ["loop-mine-small"]
    assert needs(mine).set_up is in_process
    assert not needs(mine).ray
    assert Stage(None, (), None).account is None


def test_decorated_test_is_the_same_function() -> None:
    """The decorator leaves the test as it is, and says which cases it has; others have none."""

    def test() -> None:
        """Do nothing."""

    chosen = cases(KERNELS, sizes={"small": 1})

    assert chosen(test) is test
    assert of(test) is chosen
    assert of(len) is None


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (
            lambda: cases({"my-loop": len}, sizes={"small": 1}),
            f'"my-loop" is not good as the name of a kernel; {advice}',
        ),
        (
            lambda: cases(KERNELS, sizes={"10 MB": 1}),
            f'"10 MB" is not good as the name of a size; {advice}',
        ),
        (
            lambda: cases(KERNELS, sizes={100: 1}),  # type: ignore[dict-item]  # the mistake
            f'"100" is not good as the name of a size; {advice}',
        ),
        (
            lambda: cases({}, sizes={"small": 1}),
            "there is no kernel to run; give a mapping of names to values",
        ),
        (
            lambda: cases(KERNELS, sizes={"small": 1}, ways=[]),
            "there is no way to run; give a mapping of names to values",
        ),
        (
            lambda: cases(KERNELS, sizes=[10]),  # type: ignore[arg-type]  # the mistake
            "[10] are not sizes with names; give a mapping of names to values",
        ),
        (
            lambda: cases({"loop": "loop"}, sizes={"small": 1}),  # type: ignore[dict-item]  # it too
            "\"loop\" is 'loop', which cannot be called; give a function",
        ),
        (
            lambda: paired(beside=ray_blocks.__name__),
            "beside= is 'ray_blocks'; give a way of running, a function with a name",
        ),
        (
            lambda: cases(KERNELS, sizes={"small": 1}, cpus=(2, 0)),
            "cpus= has 0; give whole numbers, at least 1",
        ),
        (
            lambda: cases(KERNELS, sizes={"small": 1}, ways=[serial, serial]),
            "two ways are called serial; give the ways as a mapping: ways={name: function}",
        ),
        (
            lambda: ids(
                cases(KERNELS, sizes={"small": 1}, ways=[serial])
                + cases(KERNELS, sizes={"small": 2}, ways=[serial])
            ),
            "two cases are called loop-serial-small; give their kernels or ways other names",
        ),
    ],
    ids=lambda made: "" if callable(made) else made.split(";")[0].replace('"', ""),
)
def test_mistake_is_one_sentence(make: Callable[[], Any], sentence: str) -> None:
    """What a decorator cannot mean is refused, in one sentence that says what to give."""
    with pytest.raises((ValueError, TypeError)) as refused:
        make()

    assert str(refused.value) == sentence


def test_way_without_a_name_is_refused() -> None:
    """A partial has no name of its own: the sentence says how to give one."""
    with pytest.raises(ValueError, match=r"has no name; .* ways={name: function}"):
        cases(KERNELS, sizes={"small": 1}, ways=[partial(ray_per_row)])


def test_second_decorator_is_refused() -> None:
    """Otherwise one of the two would be lost: they are joined by a plus."""

    @cases(KERNELS, sizes={"small": 1})
    def test() -> None:
        """Do nothing."""

    with pytest.raises(ValueError, match=r"^test has two rayscale.cases .*: cases.* \+ cases"):
        cases(KERNELS, sizes={"small": 1})(test)


@given(name=st.from_regex(r"\w[\w.+:]{0,9}", fullmatch=True).filter(lambda one: one not in WORDS))
def test_names_can_be_selected(name: str) -> None:
    """Whatever is good as a name can be written in -k as it is."""
    (only,) = ids(cases({name: len}, sizes={"small": 1}, ways=[serial]))

    assert only == f"{name}-serial-small"
    assert Expression.compile(name).evaluate(lambda word, /, **_: word in only)
