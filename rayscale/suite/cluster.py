"""The session's Ray cluster, and the proof that a case runs on the CPUs that it names.

Ray is imported inside the functions: a session without a case of Ray's does without it.
"""

import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rayscale import machine
from rayscale.faults import FaultError
from rayscale.suite import barrier, observers, placements, placing, witness
from rayscale.suite.environment import Conditions, own_node
from rayscale.suite.stage import Kernels, Work, WorkError, work
from rayscale.suite.store import Traces
from rayscale.suite.witness import together
from rayscale.text import count

if TYPE_CHECKING:
    from ray.util.placement_group import PlacementGroup

    from rayscale.suite.witness import Answer, Tally

Process = tuple[str, int]  # the id of its node, and its pid: two nodes may have one host name

PATIENCE = 60  # seconds that CPUs, or workers that are there already, are waited for
# Seconds more for each worker: a cold one needs 1 to 3 of a core, and may find few cores.
PATIENCE_EACH = 2
LOOKING = 5  # seconds between two looks whether a cluster still has the CPUs that are waited for
# How often, and after how many seconds, CPUs of one node are asked for again that are to be the
# driver's: Ray grants those that were given back just before after up to a second.  Without, it
# chose another node in one case of three, and a run had no figures of one node to compare with.
LOOKS_AT_HOME, BETWEEN_LOOKS = 4, 0.5
MOST_STARTS = 3  # that fail in a row: each may take half a minute, or more
RECOUNTING = 10  # seconds in which all warm workers are reached; the first count mostly does
AMONG_THE_GRANTED = 4  # counts of the workers on a case's own CPUs, before all are asked


class ClusterError(Exception):
    """The cluster cannot give what a case needs; the message says what, and what to do."""


class GrantError(ClusterError, FaultError):
    """CPUs that the cluster has are not to be had: something keeps them, or has ended."""


class StartError(ClusterError, FaultError):
    """Ray did not start, though nothing was wrong with what it was asked for."""


class LostWorkerError(WorkError, FaultError):
    """A worker process has ended, and what it had seen of the work is gone with it."""


@dataclass
class SessionCluster:
    """The session's cluster: started when a case first needs it, or not at all.

    *start* is a context manager that yields a ``Cluster``.  After ``stop`` the next case that needs
    it starts another one.  If that fails too often, no other case waits for it.
    """

    start: Callable[[], AbstractContextManager["Cluster"]]
    _stack: ExitStack = field(default_factory=ExitStack)
    _running: "Cluster | None" = None
    _failed: int = 0  # starts in a row

    def running(self) -> "Cluster":
        """Return the running cluster; StartError if it does not start, ClusterError ever after."""
        if self._running is None:
            if self._failed == MOST_STARTS:
                raise ClusterError(
                    f"Ray did not start {self._failed} times in a row, and is not started again: "
                    "see above"
                )
            try:
                self._running = self._stack.enter_context(self.start())
            except StartError:
                self._failed += 1
                raise
            self._failed = 0
        return self._running

    @property
    def lost(self) -> str | None:
        """What of the running cluster has ended, in words; None if all is there."""
        return None if self._running is None else self._running.lost

    def demand_fit(self) -> None:
        """Raise FaultError if the running cluster has lost something, or put objects on disk."""
        if self._running is not None and (fault := self.lost or self._running.spilled) is not None:
            raise FaultError(fault)

    def release(self) -> None:
        """Have all CPUs of the cluster free, if it runs, for who uses Ray without ``reserve``."""
        if self._running is not None:
            self._running.release()

    def stop(self) -> None:
        """End the cluster, if it runs: who uses Ray otherwise finds none initialised."""
        self._running = None
        self._stack.close()


@dataclass
class Cluster:
    """A running cluster, and all its processes that are known and warm.

    *in_turns*: two cases are set up at a time, of which one works: both have the same CPUs.
    *is_shared*: somebody else has started it, and it may have several nodes.
    *placement*: how the CPUs of the next case are placed on these.
    *demand_cpus* waits for CPUs that it may get; ClusterError if it does not.
    *ask_lost* returns what of it has ended, in words; None while all is there.
    *ask_traces* returns what tells of objects on disk; None where that cannot be seen.
    """

    cpus: int
    in_turns: bool = False
    is_shared: bool = False
    demand_cpus: Callable[..., None] = lambda *_: None
    ask_lost: Callable[[], str | None] = lambda: None
    ask_traces: Callable[[], Traces | None] = lambda: None
    placement: str = placements.ANYHOW
    workers: dict[Process, Conditions] = field(default_factory=dict)
    hardware: dict[str, dict[str, Any]] = field(default_factory=dict)  # of nodes that were asked
    _before: Traces | None = None  # when CPUs were set aside last
    _taken: int = 0  # CPUs of the groups that cases have
    _nodes: "dict[PlacementGroup, placing.Nodes]" = field(default_factory=dict)
    _placements: "dict[PlacementGroup, str]" = field(default_factory=dict)
    _spare: "list[PlacementGroup]" = field(default_factory=list)  # groups that no case has
    _in_use: "list[PlacementGroup]" = field(default_factory=list)

    @property
    def lost(self) -> str | None:
        """What of it has ended, in words; None if all is there."""
        return self.ask_lost() or self._lost_node()

    def _lost_node(self) -> str | None:
        """Return that a node has left on which CPUs were set aside, in words; None if none has."""
        used = {node for nodes in self._nodes.values() for node in nodes}
        is_whole = not used or used <= set(placing.alive())
        return None if is_whole else "a node of the Ray cluster died, or left it"

    @property
    def spilled(self) -> str | None:
        """That objects were put on disk since CPUs were set aside, in words; None if not."""
        before, now = self._before, self.ask_traces()
        if before is None or now is None or not before.show_use(now):
            return None
        return (
            "Ray's object store was too small, and Ray put objects on disk; a smaller size may fit"
        )

    @contextmanager
    def grant(self, cpus: int) -> Iterator["PlacementGroup"]:
        """Set *cpus* CPUs aside for a while: tasks run on these, at most one on each.

        ClusterError if they do not become free.
        """
        self.release()
        self._before = self.ask_traces()
        group = self._set_aside(cpus)
        try:
            yield group
        finally:
            self._give_back(group)

    @contextmanager
    def reserve(self, cpus: int) -> Iterator["PlacementGroup"]:
        """Set *cpus* CPUs aside for a case, as ``grant`` does; the next case may have them at once.

        Ray grants CPUs that were given back just before only after up to a second.  So they stay
        set aside until a case needs others, or ``release`` is called: before that, tasks outside
        must not be waited for.
        """
        if self.in_turns and (others := [one for one in self._in_use if self._fits(one, cpus)]):
            yield others[0]
            return
        self._before = self.ask_traces()
        group = self._find(cpus)
        self._taken += cpus
        self._in_use.append(group)
        try:
            yield group
        except BaseException:  # something may still run there
            self._give_back(group)
            raise
        else:
            self._spare.append(group)
        finally:
            self._taken -= cpus
            self._in_use.remove(group)

    def _find(self, cpus: int) -> "PlacementGroup":
        """Return a group of *cpus* CPUs that is spare, or a new one."""
        for group in self._spare:
            if self._fits(group, cpus):
                self._spare.remove(group)
                return group
        needed = self._taken + sum(group.bundle_count for group in self._spare) + cpus
        if needed > self.cpus or self.placement != placements.ANYHOW:
            self.release()  # a placement may need the very CPUs, though others are free
        return self._set_aside(cpus)

    def _fits(self, group: "PlacementGroup", cpus: int) -> bool:
        """Tell whether *group* has *cpus* CPUs that are placed as the next case's are to be."""
        return group.bundle_count == cpus and self._placements.get(group) == self.placement

    def release(self) -> None:
        """Give back the CPUs that are set aside and that no case has."""
        while self._spare:
            self._give_back(self._spare.pop())

    def _give_back(self, group: "PlacementGroup") -> None:
        """Give back the CPUs of *group*; one that has ended would keep us waiting."""
        from ray.util.placement_group import remove_placement_group

        self._nodes.pop(group, None)
        self._placements.pop(group, None)
        if self.ask_lost() is None:
            remove_placement_group(group)

    def _set_aside(self, cpus: int) -> "PlacementGroup":
        """Return a placement group of *cpus* CPUs; GrantError if they do not become free."""
        self._demand_no_loss()
        self.demand_cpus(cpus)
        by_node, here = placing.cpus_by_node(), own_node()
        how = placements.strategy(self.placement, cpus, [*by_node.values()])
        on_one = self.is_shared and how == placements.ON_ONE_NODE
        home = here if on_one and by_node.get(here, 0) >= cpus else None
        group = self._ask_for(cpus, how, home)
        for _ in range(LOOKS_AT_HOME):
            if home is None or set(placing.nodes_of(group)) <= {home}:
                break
            self._give_back(group)
            self.release()
            time.sleep(BETWEEN_LOOKS)
            group = self._ask_for(cpus, how, home)
        self._placements[group] = self.placement
        if self.is_shared:
            self._nodes[group] = placing.nodes_of(group)
        return group

    def _ask_for(self, cpus: int, how: str, home: str | None) -> "PlacementGroup":
        """Return a new placement group, whose CPUs are free, on the node *home* if Ray can."""
        from ray.util.placement_group import placement_group

        # Private in Ray 2.60; it is for the strategy that has all CPUs on one node.
        group: PlacementGroup = placement_group(
            [{"CPU": 1}] * cpus, strategy=how, _soft_target_node_id=home
        )
        try:
            self._wait_for(group)
        except ClusterError:
            self._give_back(group)
            raise
        return group

    def _wait_for(self, group: "PlacementGroup") -> None:
        """Wait until the CPUs of *group* are set aside; ClusterError if they are not.

        A node that has just been lost still counts when they are asked for.
        """
        cpus, deadline = group.bundle_count, time.monotonic() + PATIENCE
        while not group.wait(min(PATIENCE, LOOKING)):
            self.demand_cpus(cpus)
            if time.monotonic() > deadline:
                raise GrantError(
                    f"{cpus} CPUs were not free within {PATIENCE} s; "
                    "wait until the cluster's other work is done, or ask for fewer with --cpus"
                )

    def demand_placement(self, workers: Sequence[Conditions]) -> None:
        """Raise GrantError unless a case's *workers* are on as many nodes as its placement says."""
        if self.placement == placements.ANYHOW:
            return
        cpus, nodes = len(workers), len({worker.node for worker in workers})
        wanted = placements.nodes_wanted(self.placement, cpus, [*placing.cpus_by_node().values()])
        if nodes != wanted:
            raise GrantError(
                f"{count(cpus, 'CPU')} of this case are on {count(nodes, 'node')}, and "
                f'"{self.placement}" has them on {wanted}; wait until the cluster\'s other work is '
                "done, or leave --placement out"
            )

    def on_nodes(self, workers: Sequence[Conditions]) -> list[dict[str, Any]]:
        """Return what a run saves of each node that *workers* are on; nothing of the only one."""
        if not self.is_shared or len(placing.alive()) < 2:
            return []
        self._ask_hardware({worker.node for worker in workers})
        return observers.on_nodes(workers, self.hardware)

    def whole(self) -> dict[str, Any]:
        """Return the hardware of all nodes together, of the CPUs that Ray has there."""
        self._ask_hardware(placing.alive())
        cpus = placing.cpus_by_node()
        nodes = [self.hardware[one] | {"cpus": cpus[one]} for one in cpus if one in self.hardware]
        return machine.together(nodes)

    def cores(self) -> int:
        """Return how many of the cluster's CPUs are cores that its nodes' programs may use."""
        self._ask_hardware(placing.alive())
        cpus = placing.cpus_by_node().items()
        return sum(min(own, self.hardware.get(node, {}).get("cpus", own)) for node, own in cpus)

    def _ask_hardware(self, nodes: Iterable[str]) -> None:
        missing = set(nodes) - self.hardware.keys()
        self.hardware |= observers.hardware_on(missing, PATIENCE)

    def _demand_no_loss(self) -> None:
        """Raise GrantError if the cluster has ended: who asks it waits forever (Ray 2.60)."""
        if (lost := self.lost) is not None:
            raise GrantError(lost)

    def call_roll(
        self, cpus: int, group: "PlacementGroup | None" = None, kernels: Kernels = ()
    ) -> list[Conditions]:
        """Return the conditions of *cpus* processes that worked at once, one on each CPU.

        Each of them then has *kernels*.  ClusterError if fewer answer: then the case's CPU count is
        not in force.
        """
        where = placing.on_granted(group, self._nodes_of(group), cpus)
        answers = self._ask("", where, cpus_each=1, kernels=kernels)
        if len(answers) < cpus:
            raise GrantError(
                f"{len(answers)} of {cpus} worker processes answered within {patience(cpus)} s; "
                "the CPU count is not in force"
            )
        return [answer.conditions for answer in answers.values()]

    def account(self, case: str, rows: int, group: "PlacementGroup | None" = None) -> Work:
        """Return how *case* was worked on, in which *rows* rows went through the kernel.

        Those are asked first that work on the CPUs of *group*, for to ask more than there are CPUs
        makes Ray start further processes, and a cluster of others ends idle ones after a second.
        On a busy machine Ray may start an extra worker before a finished one reports back (seen
        with three busy loops on two cores): those are looked for, too, and counted as late.
        WorkError if not all rows are found: then a process that worked is gone.
        """
        deadline = time.monotonic() + RECOUNTING
        warm, nodes = dict(self.workers), self._nodes_of(group)
        tallies: dict[Process, Tally] = {}
        for attempt in itertools.count():
            if group is not None and attempt < AMONG_THE_GRANTED:
                where, cpus_each = placing.on_granted(group, nodes, group.bundle_count), 1
            else:  # beyond those known, in case there are more
                known = [node for node, _ in self.workers]
                where, cpus_each = placing.on_all_workers(nodes, known, min(attempt, 1)), 0
            answers = self._ask(case, where, cpus_each)
            tallies |= {process: answer.tally for process, answer in answers.items()}
            seen = sum(tally.rows for tally in tallies.values())
            if seen == rows or time.monotonic() > deadline:
                break
        if seen != rows:
            if lost := [worker for who, worker in warm.items() if who not in tallies]:
                raise LostWorkerError(_gone(lost))
            raise WorkError(
                f"{rows} rows went through the kernel, but Ray's {len(tallies)} worker processes "
                f"saw {seen} of them; other processes did the rest"
            )
        late = sum(tally.rows > 0 for who, tally in tallies.items() if who not in warm)
        return work(together(tallies.values()), late)

    def _nodes_of(self, group: "PlacementGroup | None") -> placing.Nodes:
        """Return the node of each CPU of *group*; none where the cluster has one node."""
        return placing.ONE if group is None else self._nodes.get(group, placing.ONE)

    def _ask(
        self,
        case: str,
        where: Sequence[Any],
        cpus_each: int,
        kernels: Kernels = (),
    ) -> dict[Process, "Answer"]:
        """Return the answers of the processes that work *where* Ray is asked to have them work.

        Of all at once, each another one; of fewer, if not all come in time.
        """
        self._demand_no_loss()
        words, limit = (case, kernels), patience(len(where))
        given = barrier.meet(witness.visit, words, where, cpus_each, limit)
        answers = {answer.conditions.process: answer for answer in given}
        # Whoever answers is warm from here on.
        self.workers |= {process: answer.conditions for process, answer in answers.items()}
        return answers


def _gone(workers: Iterable[Conditions]) -> str:
    """Return that *workers* have ended, in words."""
    names = ", ".join(sorted(f"process {one.pid} on {one.host}" for one in workers))
    return f"a worker of Ray's ended, and with it what it had done ({names})"


def patience(processes: int) -> int:
    """Return how many seconds so many *processes* have to be there, and to answer.

    >>> patience(2), patience(256)
    (64, 572)
    """
    return PATIENCE + PATIENCE_EACH * processes
