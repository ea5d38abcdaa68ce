"""What runs beside a kernel, in whatever process: it notes the kernel's work, and reports it."""

import os
import sys
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from threading import Lock, get_ident
from typing import Any

from rayscale import stacks
from rayscale.suite.code import CodeError
from rayscale.suite.environment import Conditions, conditions, own_node
from rayscale.watching import Trace, by_name, traced

Span = tuple[float, float]  # begin and end, by the clock that all processes of a node share
Warned = tuple[type[Warning], str, str, int]  # category, text, file, line


@dataclass
class Tally:
    """The kernel's calls and the rows in them, in one thread or process, for one case."""

    calls: int = 0
    rows: int = 0
    # Of a Stamped kernel's calls alone, by the node whose clock they are of.
    spans: dict[str, list[Span]] = field(default_factory=dict)
    warnings: list[Warned] = field(default_factory=list)  # of an Overheard kernel's alone
    files: set[str] = field(default_factory=set)  # of a Watched kernel's alone
    imported: set[str] = field(default_factory=set)  # the same


_tallies: defaultdict[tuple[str, int], Tally] = defaultdict(Tally)  # by case and thread
RECENT = 4  # cases whose tallies are kept: two, in pairs, and as many of a way beside each
_one_hears = Lock()
_kept: list[Any] = []  # the object that this process, if it is a worker of Ray's, owns


@dataclass(frozen=True, eq=False)  # two of one case hold different kernels
class Witnessed:
    """A kernel that counts its calls and rows where it runs, in about 0.3 us a call.

    A way of running may give it *more* by name: what stands ready for it in the way's place.
    Rows that are an array are made read-only: serially as in a worker, where large ones are so.
    """

    kernel: Callable[[Any], Any]
    case: str

    def __call__(self, rows: Any, **more: Any) -> Any:
        """Count *rows* and run the kernel on them."""
        __tracebackhide__ = True  # a kernel's failure is about the kernel
        tally = _tallies[self.case, get_ident()]
        if not tally.calls:
            stay()
        tally.calls += 1
        tally.rows += count(rows)
        if _is_array(rows):
            rows.flags.writeable = False
        return self.kernel(rows, **more)


@dataclass(frozen=True, eq=False)
class Stamped:
    """A kernel that notes when each call began and ended; for calls that are not timed."""

    kernel: Callable[[Any], Any]
    case: str

    def __call__(self, rows: Any) -> Any:
        """Run the kernel on *rows* and note when."""
        begun = time.perf_counter()
        result = self.kernel(rows)
        span = begun, time.perf_counter()
        _tallies[self.case, get_ident()].spans.setdefault(own_node(), []).append(span)
        return result


@dataclass(frozen=True, eq=False)
class Overheard:
    """A kernel whose warnings are noted, so that they count alike in whatever process it runs.

    Threads take turns: what is set to hear warnings holds for all of them.
    """

    kernel: Callable[[Any], Any]
    case: str

    def __call__(self, rows: Any, **more: Any) -> Any:
        """Run the kernel on *rows* and note its warnings."""
        __tracebackhide__ = True
        with _one_hears, warnings.catch_warnings(record=True) as heard:
            warnings.simplefilter("always")
            result = self.kernel(rows, **more)
        _tallies[self.case, get_ident()].warnings += (
            (one.category, str(one.message), one.filename, one.lineno) for one in heard
        )
        return result


@dataclass(frozen=True, eq=False)
class Watched:
    """A kernel whose code's files are noted, and what its process has imported: for a gate.

    Of files, those count that the project *owns*.  What the process that made this has imported,
    does not.
    """

    kernel: Callable[[Any], Any]
    case: str
    owns: Callable[[str], bool]
    maker: int = field(default_factory=os.getpid)

    def __call__(self, rows: Any, **more: Any) -> Any:
        """Run the kernel on *rows* and note the files; CodeError where an import finds nothing."""
        __tracebackhide__ = True
        trace = Trace()
        is_elsewhere = os.getpid() != self.maker
        try:
            with traced(trace, self.owns):
                result = self.kernel(rows, **more)
        except ModuleNotFoundError as error:
            if is_elsewhere and trace.imports:
                raise CodeError(by_name(min(trace.imports))) from error
            raise
        tally = _tallies[self.case, get_ident()]
        tally.files |= trace.files
        if is_elsewhere:
            here = (getattr(one, "__file__", None) for one in list(sys.modules.values()))
            loaded = {one for one in here if isinstance(one, str) and self.owns(one)}
            tally.imported |= trace.imports or {f"something imports {one}" for one in loaded}
        return result


def count(rows: Any) -> int:
    """Return how many items *rows* has; 1 where it has no length."""
    return len(rows) if hasattr(rows, "__len__") else 1


def _is_array(rows: Any) -> bool:
    """Tell whether *rows* are NumPy's; a process without it has none, and need not import it."""
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(rows, numpy.ndarray)


@dataclass(frozen=True)
class Answer:
    """What one process reports of itself."""

    conditions: Conditions
    tally: Tally


def answer(case: str, kernels: Sequence[Callable[[Any], Any]], hold: float) -> Answer:
    """Stay busy for *hold* seconds, and report this process's tally of *case*.

    Whoever gets *kernels* has imported, by then, the modules that they are from.  No *case*: a roll
    call, before a case begins; the tallies of those before it are of no use any more.
    """
    stay()
    stacks.offer()
    if not case:
        forget()
    time.sleep(hold)
    return Answer(conditions(), own_tally(case))


def visit(case: str, kernels: Sequence[Callable[[Any], Any]]) -> Iterator[Answer]:
    """Give the ``answer`` at once, for ``barrier.meet``: this process stays until all are there."""
    yield answer(case, kernels, hold=0.0)


def stay() -> None:
    """Keep a worker of Ray's from being ended as idle, and its tallies with it.

    A cluster ends workers beyond its CPUs that have had no task for a second, but none that owns an
    object (Ray 2.60: of 8 such workers on 2 CPUs, 8 were there after 8 s, and 2 of 8 others).
    """
    if not _kept and _is_rays_worker():
        _kept.append(sys.modules["ray"].put(None))


def _is_rays_worker() -> bool:
    """Tell whether this process is a worker of Ray's; asked in public, Ray warns the driver."""
    ray = sys.modules.get("ray")
    return ray is not None and ray._private.worker.global_worker.mode == ray.WORKER_MODE  # noqa: SLF001 - see above


def own_tally(case: str) -> Tally:
    """Return the tally of *case* in this process, in all its threads."""
    return together(by_thread(case).values())


def by_thread(case: str) -> dict[int, Tally]:
    """Return the tallies of *case* in the threads of this process that did some of it."""
    return {thread: tally for (own, thread), tally in list(_tallies.items()) if own == case}


def together(tallies: Iterable[Tally]) -> Tally:
    """Return the sum of *tallies*.

    >>> both = together([Tally(calls=1, rows=3), Tally(calls=2, rows=4)])
    >>> both.calls, both.rows
    (3, 7)
    """
    whole = Tally()
    for tally in tallies:
        whole.calls += tally.calls
        whole.rows += tally.rows
        for node, spans in tally.spans.items():
            whole.spans.setdefault(node, []).extend(spans)
        whole.warnings += tally.warnings
        whole.files |= tally.files
        whole.imported |= tally.imported
    return whole


def forget() -> None:
    """Forget this process's tallies, but for the last few cases': two may be set up at once."""
    cases = list(dict.fromkeys(case for case, _ in _tallies))
    old = set(cases[:-RECENT])
    for key in [one for one in list(_tallies) if one[0] in old]:
        del _tallies[key]
