"""Which files does the code of a call come from?  Each function that is entered names its file."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CodeType, FrameType
from typing import Any

TOOL = 4  # one of the numbers of sys.monitoring that no kind of tool has for itself


@contextmanager
def watched(files: set[str]) -> Iterator[None]:
    """Add to *files* the file names of all code that is entered, in any thread, for a while."""
    watch = _by_monitoring if sys.version_info >= (3, 12) else _by_profiling
    with watch(files.add):
        yield


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
