"""Which files does the code of a call come from?  Each function that is entered names its file."""

import builtins
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import CodeType, FrameType
from typing import Any

TOOL = 4  # one of the numbers of sys.monitoring that no kind of tool has for itself


@contextmanager
def watched(files: set[str]) -> Iterator[None]:
    """Add to *files* the file names of all code that is entered, in any thread, for a while."""
    watch = _by_monitoring if sys.version_info >= (3, 12) else _by_profiling
    with watch(files.add):
        yield


@dataclass
class Trace:
    """What code did: the files that it came from, and what it imported of the project's, where."""

    files: set[str] = field(default_factory=set)
    imports: set[str] = field(default_factory=set)  # such as "FILE, line 3, imports mylib"

    def add(self, other: "Trace") -> None:
        """Take in what *other* has."""
        self.files |= other.files
        self.imports |= other.imports


def by_name(where: str) -> str:
    """Return what is wrong with code that a worker imports, *where*, instead of getting it."""
    return (
        f"in a worker {where}: a gate sends code to workers by value, and a module by its name "
        "would be that of one revision for both; import it at the top of the module"
    )


@contextmanager
def traced(trace: Trace, owns: Callable[[str], bool]) -> Iterator[None]:
    """Add to *trace* the files of the code that is entered, and imports of what the project *owns*.

    A module that cannot be found counts as imported, unless the code goes on without it.
    """
    real = builtins.__import__

    def noting(name: str, *args: Any, **kwargs: Any) -> Any:
        frame = sys._getframe(1)  # noqa: SLF001 - documented, for such uses
        where = f"{frame.f_code.co_filename}, line {frame.f_lineno}, imports {name}"
        try:
            module = real(name, *args, **kwargs)
        except ModuleNotFoundError as error:
            error.add_note(where)
            raise
        file = getattr(sys.modules.get(name, module), "__file__", None)
        if isinstance(file, str) and owns(file):
            trace.imports.add(where)
        return module

    files: set[str] = set()
    builtins.__import__ = noting
    try:
        with watched(files):
            yield
    except ModuleNotFoundError as error:
        trace.imports |= set(getattr(error, "__notes__", ())[:1])
        raise
    finally:
        builtins.__import__ = real
        trace.files |= set(filter(owns, files))


@contextmanager
def _by_monitoring(note: Callable[[str], None]) -> Iterator[None]:
    monitoring = sys.monitoring  # type: ignore[attr-defined,unused-ignore]  # from Python 3.12 on

    def entered(code: CodeType, offset: int) -> Any:
        note(code.co_filename)
        return monitoring.DISABLE

    events = monitoring.events.PY_START | monitoring.events.PY_RESUME
    monitoring.use_tool_id(TOOL, "rayscale")
    try:
        for event in (monitoring.events.PY_START, monitoring.events.PY_RESUME):
            monitoring.register_callback(TOOL, event, entered)
        monitoring.set_events(TOOL, events)
        monitoring.restart_events()
        yield
    finally:
        monitoring.set_events(TOOL, 0)
        monitoring.free_tool_id(TOOL)


@contextmanager
def _by_profiling(note: Callable[[str], None]) -> Iterator[None]:
    """Watch by ``sys.setprofile``; threads that run already are watched from Python 3.12 on."""

    def entered(frame: FrameType, event: str, argument: object) -> None:
        if event == "call":
            note(frame.f_code.co_filename)

    before, threads = sys.getprofile(), threading.getprofile()
    threading.setprofile(entered)
    sys.setprofile(entered)
    try:
        yield
    finally:
        sys.setprofile(before)
        threading.setprofile(threads)
