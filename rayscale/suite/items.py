"""What pytest's tests are to the suite: whose cases they run, and what is wrong with them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pytest

from rayscale.suite import placements

if TYPE_CHECKING:
    from rayscale.suite.case import Arm, Case, Cases, Way

PLACEMENT = "rayscale_placement"  # the parameter of cases whose CPUs are placed as the user asks


def is_ours(item: pytest.Item) -> bool:
    """Tell whether *item* is a benchmark of ours: all of them take the session's cluster."""
    return "rayscale_cluster" in getattr(item, "fixturenames", ())


def measures(item: pytest.Item) -> bool:
    """Tell whether *item* runs a case of a kernel."""
    return is_ours(item) and "measure" in item.fixturenames  # type: ignore[attr-defined]  # it has


def has_a_stage(item: pytest.Item) -> bool:
    """Tell whether *item* uses the cluster by a way of running that is set up for it."""
    return measures(item) or "rayscale_probe" in getattr(item, "fixturenames", ())


def nothing(names: tuple[str, ...]) -> Any:
    """Return the parameters of a benchmark that has no case at the sizes asked for."""
    return pytest.param(*[None] * len(names), id="none")


def stands_for_nothing(item: pytest.Item) -> bool:
    """Tell whether *item* has the parameters of ``nothing``."""
    callspec = getattr(item, "callspec", None)
    return is_ours(item) and callspec is not None and callspec.params.get("cpus", 0) is None


def skip(items: Sequence[pytest.Item], reason: str) -> None:
    """Skip *items* with a *reason*."""
    for item in items:
        item.add_marker(pytest.mark.skip(reason=reason))


def cases_of(metafunc: pytest.Metafunc) -> "Cases | None":
    """Return the cases of a test; CollectError where it cannot have what it asks for."""
    from rayscale.suite import case

    chosen, name = case.of(metafunc.function), metafunc.function.__name__
    takes = "measure" in metafunc.fixturenames
    if chosen is None and takes:
        raise pytest.Collector.CollectError(
            f"{name} takes the fixture measure of rayscale and has no @rayscale.cases(...); "
            "decorate it"
        )
    if chosen is not None and not takes:
        raise pytest.Collector.CollectError(
            f"{name} has @rayscale.cases(...) and does not take the fixture measure; have it take "
            "it, and call measure(rows, expected)"
        )
    if chosen is not None and "rayscale_cluster" not in metafunc.fixturenames:
        raise pytest.Collector.CollectError(
            f"{name}: a fixture called measure in this project hides rayscale's; rename it"
        )
    return chosen


def case_of(item: pytest.Item) -> "tuple[Case, Arm]":
    """Return the case that *item* runs, and the arm that has its functions."""
    from rayscale.suite import case

    words = item.callspec.params  # type: ignore[attr-defined]  # a benchmark has cases
    chosen = case.of(item.function)  # type: ignore[attr-defined]  # the same
    assert chosen is not None
    names = words["kernel"], words["implementation"], words["cpus"], words["size"]
    problem = item.originalname.removeprefix("test_")  # type: ignore[attr-defined]  # the same
    placement = words.get(PLACEMENT, placements.ANYHOW)
    return case.Case(problem, *names, placement), case.arm_of(chosen, names[0], names[1], names[3])


def min_rounds(item: pytest.Item) -> int | None:
    """Return the fewest rounds that the benchmark of *item* asks for, if it does."""
    return case_of(item)[1].min_rounds if measures(item) else None


def by_package(items: Sequence[pytest.Item]) -> dict[str, list[pytest.Item]]:
    """Return the packages that the ways of *items* need beside Ray, and who needs each."""
    from rayscale.suite.stage import needs

    found: dict[str, list[pytest.Item]] = {}
    for item in items:
        for package in {one for way in ways_of(item) for one in needs(way).packages}:
            found.setdefault(package, []).append(item)
    return found


def ways_of(item: pytest.Item) -> "list[Way]":
    """Return the ways of *item*, a case or a probe: its own, and one that is in pairs with it."""
    from rayscale.suite import probe

    if measures(item):
        case, arm = case_of(item)
        return [arm.ways[case.implementation], *([arm.beside[1]] if arm.beside else [])]
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    name = parameters.get("implementation")
    return [probe.WAYS[name]] if name in probe.WAYS else []


def cpus_needed(item: pytest.Item) -> int:
    """Return how many CPUs of Ray's *item* needs: its parameter's, or its mark's.

    Two ways on Ray that are timed in pairs have CPUs of their own, though one works at a time.
    """
    from rayscale.suite.stage import needs

    if measures(item):
        return case_of(item)[0].cpus * sum(needs(way).ray for way in ways_of(item))
    mark = item.get_closest_marker("ray")
    parameters = getattr(item, "callspec", None)
    own = {"cpus": 1, **mark.kwargs, **(parameters.params if parameters else {})} if mark else {}
    return int(own.get("cpus", 0))


def mark_oversubscribed(items: Sequence[pytest.Item], cores: int) -> None:
    """Mark those of *items* that run on more CPUs of a cluster than it has *cores*."""
    for item in items:
        if cpus_needed(item) and not (measures(item) and case_of(item)[1].waits):
            own = item.callspec.params if hasattr(item, "callspec") else {}
            if own.get("cpus", 0) > cores:
                item.add_marker(pytest.mark.oversubscribed)


def imported(items: Sequence[pytest.Item]) -> list[str]:
    """Return the modules that workers import for *items*: those of their kernels, or the probes'.

    What comes to them by value, as the functions of a test file do, is not among them.
    """
    from rayscale.suite.code import code_of, module_of

    found = {"rayscale.suite.amounts" for item in items if not measures(item)}
    for item in filter(measures, items):
        case, arm = case_of(item)
        kernel = arm.kernels[case.kernel]
        if code_of(kernel, case.kernel, item.path).route == "import":
            found.add(module_of(kernel))
    return sorted(found)


def needing(item: pytest.Item) -> str:
    """Return what *item* is called where its CPUs are more than there are."""
    beside = case_of(item)[1].beside if measures(item) else None
    if beside is None:
        return item.name
    return f"{item.name}, timed in pairs with {beside[0]} (-m 'not ways' leaves such cases out),"


def demand_own_fixtures(
    request: pytest.FixtureRequest, cluster: object, case: "Case", arm: "Arm"
) -> None:
    """Fail, in one sentence, where a fixture of the project's hides one of ours."""
    from rayscale.suite.case import value
    from rayscale.suite.cluster import SessionCluster

    hidden = []
    if not isinstance(cluster, SessionCluster):
        hidden.append("rayscale_cluster")
    if request.getfixturevalue("size") is not value(arm, case.size):
        hidden.append("size")
    if hidden:
        disown_benchmark(request.getfixturevalue("benchmark"))
        pytest.fail(
            f"a fixture called {hidden[0]} in this project hides rayscale's; rename it",
            pytrace=False,
        )


def disown_benchmark(benchmark: Any) -> None:
    """Have pytest-benchmark not say that it was not used, where something else failed."""
    benchmark.skipped = True


def disable_benchmark(item: pytest.Item) -> None:
    """Have pytest-benchmark call once, and time nothing, in *item*."""
    benchmark = getattr(item, "funcargs", {}).get("benchmark")
    if benchmark is not None:
        benchmark.disabled = True


def demand_a_call(item: pytest.Item) -> None:
    """Fail, in one sentence, a benchmark that has not called measure."""
    measure = item.funcargs["measure"]  # type: ignore[attr-defined]  # it has fixtures
    if not measure.was_called:
        pytest.fail(
            f"{item.name} measured nothing; have it call measure(rows, expected)", pytrace=False
        )


def is_a_sentence(error: BaseException) -> bool:
    """Tell whether *error* says by itself what is wrong, so that no frames need be shown."""
    from rayscale.faults import FaultError
    from rayscale.guard import LimitError
    from rayscale.suite.attempts import FaultsError
    from rayscale.suite.check import ResultError
    from rayscale.suite.cluster import ClusterError
    from rayscale.suite.code import CodeError
    from rayscale.suite.rows import RowsError
    from rayscale.suite.stage import WorkError

    of_cases = ResultError | ClusterError | CodeError | RowsError | WorkError
    return isinstance(error, of_cases | FaultError | FaultsError | LimitError)
