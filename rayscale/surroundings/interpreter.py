"""What slows this Python down, or makes it another one than users have."""

import os
import sys
import sysconfig
import tracemalloc
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any

PRELOADED = ("LD_PRELOAD", "DYLD_INSERT_LIBRARIES")  # of Linux, of macOS
TOOLS = range(6)  # the numbers that sys.monitoring gives


def noted(environment: Mapping[str, str] = os.environ) -> Iterator[tuple[str, str]]:
    """Return each thing that is unusual, as a word and a sentence."""
    yield from _build()
    yield from _memory(environment)
    if watchers := sorted(set(_watchers())):
        yield "tracing", f"{' and '.join(watchers)} watches what this Python does, call by call"


def _build() -> Iterator[tuple[str, str]]:
    if hasattr(sys, "gettotalrefcount"):
        yield "debug build", "this Python is a debug build, which is several times as slow"
    if sys.flags.dev_mode:
        yield "dev mode", "Python's development mode checks what it does (-X dev)"
    if "-fsanitize" in (sysconfig.get_config_var("CFLAGS") or ""):
        yield "sanitizer", "this Python is built with a sanitizer (-fsanitize), which slows it down"
    if not getattr(sys, "_is_gil_enabled", lambda: True)():  # it is there from 3.13 on
        slower = "this Python runs without its global lock, so serial code may take longer"
        yield "free-threaded", slower


def _memory(environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    if allocator := environment.get("PYTHONMALLOC"):
        yield "allocator", f"PYTHONMALLOC={allocator} replaces Python's allocator"
    for name in PRELOADED:
        if files := environment.get(name, "").replace(":", " ").split():
            names = ", ".join(PurePath(file).name for file in files)
            yield "preloaded", f"{name} loads {names} into every process, before its own libraries"
    if tracemalloc.is_tracing():
        yield (
            "tracemalloc",
            "tracemalloc notes each piece of memory that is taken: it costs time",
        )


def _watchers() -> Iterator[str]:
    """Return what is told of each call or line: coverage, a debugger, a profiler."""
    for each in (sys.gettrace(), sys.getprofile()):
        if each is not None:
            yield _module(each)
    monitoring: Any = getattr(sys, "monitoring", None)  # it is there from 3.12 on
    if monitoring is not None:
        yield from (name for tool in TOOLS if (name := monitoring.get_tool(tool)))


def _module(watcher: Any) -> str:
    """Return where a function or an object is from: coverage, pydevd, cProfile."""
    owner = getattr(watcher, "__self__", watcher)  # of a method
    name = getattr(owner, "__module__", None)
    return str(name if isinstance(name, str) else type(owner).__module__).partition(".")[0]
