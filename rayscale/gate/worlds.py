"""A world: what one revision's code finds around it while it runs.

Its modules, its paths and the state of the process are put in place when its turn begins, and taken
away when it ends.  In between, outside, none of either world is there.
"""

import asyncio
import functools
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, Literal

from rayscale.gate import process, relocation
from rayscale.gate.relocation import Places

Side = Literal["base", "head"]
OF_THE_GATE = ("rayscale", "pytest_benchmark")


@dataclass
class World:
    """One revision's code, loaded from *copy*: fresh, while nothing has run in it."""

    side: Side
    copy: Path
    shared: dict[str, ModuleType]  # what both worlds and this process have loaded, by name
    modules: dict[str, ModuleType] = field(default_factory=dict)
    hidden: dict[str, ModuleType | None] = field(
        default_factory=dict
    )  # changed names of shared ones
    _state: list[Any] | None = None
    in_place: ClassVar[Side | Literal[""]] = ""  # the one whose turn it is

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Have this world in place for a while."""
        outside = process.take()
        World.in_place = self.side
        try:
            self._enter()
            try:
                yield
            finally:
                self._leave()
        finally:
            World.in_place = ""
            process.put(outside)

    def _enter(self) -> None:
        for name, module in self.hidden.items():
            _set_module(name, module)
        sys.modules.update(self.modules)
        if self._state is not None:
            process.put(self._state)

    def _leave(self) -> None:
        self._state = process.take()
        new = {name: one for name, one in sys.modules.items() if name not in self.shared}
        # Settled before any is taken away: an inner namespace package asks for the outer one.
        self.modules = {name: one for name, one in new.items() if self._owns(name, one)}
        self.hidden = {
            name: one for name, one in sys.modules.items() if self.shared.get(name, one) is not one
        }
        for name in self.modules:
            del sys.modules[name]
        for name in self.hidden:
            sys.modules[name] = self.shared[name]
        self.shared.update({name: one for name, one in new.items() if name not in self.modules})
        for name in self.shared.keys() - sys.modules.keys():
            self.hidden[name] = None
            sys.modules[name] = self.shared[name]

    def _owns(self, name: str, module: ModuleType) -> bool:
        """Tell whether a module that is new is this world's own: of its copy, or made by its code.

        So is a plug-in of pytest's, which may keep its session's state.  A module without a file
        that belongs to an installed package is that package's.
        """
        if name in plugins():
            return True
        places = _places(module)
        if places:
            return any(Path(one).is_relative_to(self.copy) for one in places)
        top = name.partition(".")[0]
        has_loader = getattr(module, "__spec__", None) is not None
        return not has_loader and (top == name or top not in self.shared)


@functools.cache
def plugins() -> frozenset[str]:
    """Return the modules of pytest's installed plug-ins, but for the gate's own and what it times.

    Those are in both sessions what this process has patched.
    """
    found = {one.module for one in entry_points(group="pytest11")}
    return frozenset(one for one in found if one.partition(".")[0] not in OF_THE_GATE)


def _places(module: ModuleType) -> list[str]:
    """Return a module's file, or the folders of a namespace package."""
    file = getattr(module, "__file__", None)
    if isinstance(file, str):
        return [file]
    try:
        return [str(one) for one in getattr(module, "__path__", ())]
    except Exception:  # noqa: BLE001 - a module may be any object, with a __path__ of its own
        return []


def _set_module(name: str, module: ModuleType | None) -> None:
    if module is None:
        sys.modules.pop(name, None)
    else:
        sys.modules[name] = module


def prepare(world: World, places: Places, entries: list[str], folder: Path) -> None:
    """Set up, in the *world*'s first turn, what differs from the process outside.

    ``sys.path`` becomes *entries*, moved to its copy.  *folder* is the working directory, and the
    file ``log`` beside the copy takes what is printed.
    """
    import os

    os.chdir(folder)
    sys.path = relocation.path(places, world.copy, entries)
    inside = [one for one in sys.path if Path(one).is_relative_to(world.copy)]
    if inside:  # an interpreter that the project starts finds the copy, before any path file
        known = os.environ.get("PYTHONPATH")
        os.environ["PYTHONPATH"] = os.pathsep.join([*inside, *([known] if known else [])])
    sys.meta_path = relocation.finders(places, world.copy, sys.meta_path)
    sys.path_hooks = list(sys.path_hooks)
    sys.argv = list(sys.argv)
    warnings.filters = list(warnings.filters)
    warnings.onceregistry = {}  # type: ignore[attr-defined]  # it is not in the types
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # from Python 3.14 on
        asyncio.set_event_loop_policy(asyncio.DefaultEventLoopPolicy())
    log = os.open(world.copy.parent / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for own, one in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(own, one)
    os.close(log)
    os.close(nothing)
    sys.stdin = open(0, closefd=False, encoding="utf-8")  # noqa: SIM115 - they stay open
    sys.stdout = open(1, "w", closefd=False, encoding="utf-8")  # noqa: SIM115 - they stay
    sys.stderr = open(2, "w", closefd=False, encoding="utf-8")  # noqa: SIM115 - they stay
