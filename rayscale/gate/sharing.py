"""What both worlds share of Ray: one cluster, and workers that get either one's code by value.

The second ``ray.init`` joins the first one's cluster, and the last ``ray.shutdown`` ends it.  A
worker that found the project's code by its name would run one revision for both, so each function
and class of a copy travels by value, and so do the modules that they use.

Parts of Ray (2.60) and of cloudpickle (3.1) that are not public are replaced here, as they are
imported; tests of a project that uses Ray by itself fail when they change.
"""

import functools
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from rayscale.watching import Trace, traced

PICKLERS = ("cloudpickle.cloudpickle", "ray.cloudpickle.cloudpickle")


@dataclass
class Members:
    """Who uses the cluster that ``ray.init`` has begun: sides, by what *now* says."""

    now: Callable[[], str]
    joined: set[str] = field(default_factory=set)
    context: Any = None  # what ``ray.init`` returned

    def init(self, ray: Any, real: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Begin a cluster, or join the other side's."""
        side = self.now()
        if ray.is_initialized() and self.joined and side not in self.joined:
            self.joined.add(side)
            return self.context
        self.context = real(*args, **kwargs)
        self.joined.add(side)
        return self.context

    def shutdown(self, real: Callable[..., None], *args: Any, **kwargs: Any) -> None:
        """Leave the cluster; it ends where nobody is left."""
        self.joined.discard(self.now())
        if not self.joined:
            real(*args, **kwargs)


class OnImport:
    """A finder that has some modules changed right after they are imported."""

    def __init__(self, changes: Mapping[str, Callable[[Any], None]]) -> None:
        self.changes = dict(changes)

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return what the other finders find, with a loader that changes the module."""
        change = self.changes.pop(name, None)
        if change is None:
            return None
        specs = (one.find_spec(name, path, target) for one in sys.meta_path if one is not self)
        spec = next((one for one in specs if one is not None), None)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def executed(module: ModuleType) -> None:
                execute(module)
                change(module)

            spec.loader.exec_module = executed  # type: ignore[method-assign]  # of this one loader
        return spec


def share(now: Callable[[], str], owns: Callable[[str], bool]) -> None:
    """Have this process, which is a gate's own, share Ray from its import on.

    *now* returns the side whose turn it is; what the project *owns* travels by value.
    """
    members = Members(now)
    by_value = functools.partial(_send_by_value, owns=owns)
    changes: dict[str, Callable[[Any], None]] = {"ray": functools.partial(_join, members=members)}
    changes |= dict.fromkeys(PICKLERS, by_value)
    for name in changes.keys() & sys.modules.keys():
        changes.pop(name)(sys.modules[name])
    sys.meta_path.insert(0, OnImport(changes))


def _join(ray: Any, members: Members) -> None:
    for name, method in (
        ("init", functools.partial(members.init, ray)),
        ("shutdown", members.shutdown),
    ):
        real = getattr(ray, name)
        setattr(ray, name, functools.wraps(real)(functools.partial(method, real)))


def _send_by_value(pickler: Any, owns: Callable[[str], bool]) -> None:
    known = pickler._is_registered_pickle_by_value  # noqa: SLF001 - see above

    def is_by_value(module: ModuleType) -> bool:
        file = getattr(module, "__file__", None)
        return bool(known(module)) or (isinstance(file, str) and owns(file))

    pickler._is_registered_pickle_by_value = is_by_value  # noqa: SLF001 - see above


@contextmanager
def tasks_watched(trace: Trace, owns: Callable[[str], bool]) -> Iterator[None]:
    """Add to *trace* what Ray's tasks do that are begun for a while; methods of actors are not."""
    module: Any = sys.modules.get("ray.remote_function")
    if module is None:
        yield
        return
    kind = module.RemoteFunction
    collectors: list[Any] = []
    submit = kind._remote  # noqa: SLF001 - see above

    def submit_watched(self: Any, *args: Any, **kwargs: Any) -> Any:
        import ray

        if inspect.isgeneratorfunction(self._function):
            return submit(self, *args, **kwargs)
        if not collectors:
            collectors.append(ray.remote(num_cpus=0)(_Collector).remote())
        own = ray.remote(_watching(self._function, owns, collectors[0]))
        return submit(own, *args, **kwargs)

    kind._remote = submit_watched  # noqa: SLF001 - see above
    try:
        yield
        kind._remote = submit  # noqa: SLF001 - see above
        for one in collectors:
            trace.add(sys.modules["ray"].get(one.seen.remote()))
    finally:
        kind._remote = submit  # noqa: SLF001 - see above
        for one in collectors:
            sys.modules["ray"].kill(one)


class _Collector:
    """An actor to which workers report what they have seen."""

    def __init__(self) -> None:
        self.trace = Trace()

    def add(self, trace: Trace) -> None:
        self.trace.add(trace)

    def seen(self) -> Trace:
        return self.trace


def _watching(
    function: Callable[..., Any], owns: Callable[[str], bool], collector: Any
) -> Callable[..., Any]:
    """Return *function*, which reports to *collector* what it has run and imported."""

    @functools.wraps(function)
    def watching(*args: Any, **kwargs: Any) -> Any:
        import ray

        trace = Trace()
        try:
            with traced(trace, owns):
                return function(*args, **kwargs)
        finally:
            ray.get(collector.add.remote(trace))

    return watching
