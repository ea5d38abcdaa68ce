"""What the network costs: the same calls with CPUs on other nodes, beside the driver's own node."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rayscale.intervals import Interval
from rayscale.report.subject import ProbeTiming
from rayscale.report.tables import Table
from rayscale.report.tariff import TASKS
from rayscale.text import count, digits, duration
from rayscale.where import Where

MB = 1e6  # bytes: the unit in which networks are sold, and not a MiB
NOTE = (
    "Each line compares the same overhead cases, those of the most tasks and of the most bytes, "
    "with CPUs on other nodes and with as many on the driver's node. Tasks that move bytes are "
    "bound to the CPUs in turn, so it is known which bytes cross the network. A speed is of these, "
    "over what the call takes longer: the network's, with all that Ray does for it. Tasks that are "
    "not bound may cross it less: where it is slow Ray gives the driver's own node more of them. "
    "1 Gbit/s is 125 MB/s."
)


@dataclass(frozen=True)
class More:
    """How many seconds a call takes more than the same one on the driver's node."""

    seconds: float
    interval: Interval | None  # 95 %; None where there are too few rounds
    tasks: int
    nbytes: int  # that cross the network; 0 where that is not known
    n: int

    @property
    def per_task(self) -> str:
        """What a task takes more, in words."""
        value = duration(self.seconds / self.tasks)
        if self.interval is None:
            return f"{value} ~"
        low, high = (duration(bound / self.tasks) for bound in self.interval)
        return f"{value} [{low}, {high}]"

    @property
    def speed(self) -> str:
        """At how many bytes a second they cross the network, in words."""
        if not self.nbytes:
            return "-"
        if self.interval is None:
            return f"{megabytes(self.nbytes / self.seconds)} ~" if self.seconds > 0 else "~"
        low, high = self.interval
        if low > 0:
            ends = (digits(self.nbytes / bound / MB) for bound in (high, low))
            return f"{megabytes(self.nbytes / self.seconds)} [{', '.join(ends)}]"
        if high > 0:
            return f"more than {megabytes(self.nbytes / high)}"
        return "no slower than there"


def megabytes(a_second: float) -> str:
    """Return bytes *a_second* in words.

    >>> megabytes(12_500_000)
    '12.5 MB/s'
    """
    return f"{digits(a_second / MB)} MB/s"


@dataclass(frozen=True)
class Network:
    """What calls take more because some of their CPUs, or all, are on other nodes."""

    cpus: int
    where: Where
    empty: More | None  # None: nothing to compare with was measured
    given: More | None
    taken: More | None

    @property
    def on(self) -> str:
        """On which CPUs, in words."""
        return f"{count(self.cpus, 'CPU')} {self.where.label}"


def networks(probes: Sequence[ProbeTiming]) -> list[Network]:
    """Return what the network costs for each number of CPUs that were on other nodes."""
    rays = [one for one in probes if one.implementation == TASKS and one.tasks]
    far = sorted({(one.cpus, one.where) for one in rays if one.where.away})
    return [_network(cpus, where, rays) for cpus, where in far]


def _network(cpus: int, where: Where, rays: Sequence[ProbeTiming]) -> Network:
    own = [one for one in rays if (one.cpus, one.where) == (cpus, where)]
    near = [one for one in rays if one.cpus == cpus and one.where.nodes and not one.where.away]
    near.sort(key=lambda one: one.where.placement != where.placement)  # the same one first
    names = "empty_tasks", "bytes_in", "bytes_out"
    return Network(cpus, where, *(_more(name, near, own) for name in names))


def _more(name: str, near: Sequence[ProbeTiming], far: Sequence[ProbeTiming]) -> More | None:
    """Return what the largest of the probes of a *name* that both sides have takes more."""
    there = {(one.tasks, one.bytes_moved): one for one in reversed(near) if one.name == name}
    both = [one for one in far if one.name == name and (one.tasks, one.bytes_moved) in there]
    if not both:
        return None
    largest = max(both, key=lambda one: (one.tasks, one.bytes_moved))
    other = there[largest.tasks, largest.bytes_moved]
    interval = None
    if largest.interval and other.interval:
        low = largest.interval.low - other.interval.high
        interval = Interval(low, largest.interval.high - other.interval.low)
    return More(
        largest.median - other.median,
        interval,
        largest.tasks,
        largest.bytes_away or 0,
        min(largest.n, other.n),
    )


def sentences(found: Sequence[Network]) -> Iterator[str]:
    """Return what the network costs on the most CPUs of each place, or that it is not known."""
    most = {one.where.kind: one.cpus for one in found}  # those with the most CPUs come last
    for one in (each for each in found if each.cpus == most[each.where.kind]):
        known = [said for said in (_empty(one), _moved(one)) if said]
        if known:
            yield f"On {one.on}, beside as many on the driver's node: {'; '.join(known)}."
        else:
            yield (
                f"What the network costs on {one.on} cannot be told: no overhead case had as many "
                "CPUs on the driver's node."
            )


def _empty(one: Network) -> str:
    if one.empty is None:
        return ""
    figure = f"{one.empty.per_task} more (n={one.empty.n})"
    if one.empty.interval is None or one.empty.interval.low <= 0 <= one.empty.interval.high:
        return f"whether an empty task takes longer cannot be told, {figure}"
    return f"an empty task takes {figure}"


def _moved(one: Network) -> str:
    if not (one.given and one.taken and one.given.nbytes and one.taken.nbytes):
        return ""
    n = min(one.given.n, one.taken.n)
    return f"bytes cross the network at {one.given.speed} in, {one.taken.speed} out (n={n})"


def table(found: Sequence[Network]) -> Table:
    """Return what the network costs, a line for each number of CPUs and place of them."""
    return Table(
        "What the network costs, beside as many CPUs on the driver's node",
        (
            *("CPUs", "where", "CPUs on each node", "an empty task, more [95 %]"),
            *("bytes in [95 %]", "bytes out [95 %]", "n"),
        ),
        tuple(_row(one) for one in found),
        words=3,
    )


def _row(one: Network) -> tuple[str, ...]:
    each = [more for more in (one.empty, one.given, one.taken) if more]
    return (
        *(str(one.cpus), one.where.label, "+".join(map(str, one.where.nodes))),
        one.empty.per_task if one.empty else "-",
        one.given.speed if one.given else "-",
        one.taken.speed if one.taken else "-",
        str(min(more.n for more in each)) if each else "-",
    )
