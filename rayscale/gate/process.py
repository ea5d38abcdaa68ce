"""What of a process belongs to all of it, and must be each world's own.

Two pytest sessions take turns in one process.  What one of them sets for the whole process (the
working directory, a filter of warnings, a patched attribute) is taken away when its turn ends, and
put back when it goes on.  Each part below knows how to ``take`` such state and how to ``put`` it.
What installed packages keep in themselves (caches, registries) is shared.
"""

import asyncio
import contextlib
import gc
import locale
import logging
import os
import random
import signal
import sys
import threading
import time
import unittest.mock
import warnings
import weakref
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import pytest

MISSING = object()
STREAMS = (0, 1, 2)
OF_SYS = (
    *("path", "meta_path", "path_hooks", "argv", "stdin", "stdout", "stderr", "displayhook"),
    *("excepthook", "unraisablehook", "breakpointhook", "dont_write_bytecode"),
)
OF_WARNINGS = ("filters", "showwarning", "_showwarnmsg_impl", "defaultaction", "onceregistry")
SIGNALS = tuple(
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGALRM", "SIGUSR1", "SIGUSR2")
    if hasattr(signal, name)
)


@dataclass(frozen=True)
class Part:
    """A part of a process's state: ``put(take())`` changes nothing."""

    name: str
    take: Callable[[], Any]
    put: Callable[[Any], None]


def _attributes(module: Any, names: Iterable[str]) -> Part:
    """Return the part that some attributes of *module* are; those that it lacks are left alone."""
    own = [name for name in names if hasattr(module, name)]

    def take() -> list[Any]:
        return [getattr(module, name) for name in own]

    def put(values: list[Any]) -> None:
        for name, value in zip(own, values, strict=True):
            if getattr(module, name) is not value:
                setattr(module, name, value)

    return Part(f"attributes of {module.__name__}", take, put)


def _put_warnings(values: list[Any]) -> None:
    _WARNINGS.put(values)
    with warnings.catch_warnings():  # it has Python forget which warnings it need not give again
        pass


_WARNINGS = _attributes(warnings, OF_WARNINGS)


def _take_environment() -> dict[str, str]:
    return dict(os.environ)


def _put_environment(values: dict[str, str]) -> None:
    now = dict(os.environ)
    for name in now.keys() - values.keys():
        del os.environ[name]
    for name, value in values.items():
        if now.get(name) != value:
            os.environ[name] = value
    if now.get("TZ") != values.get("TZ"):
        time.tzset()


def _take_folder() -> int:
    """Return a descriptor of the working directory, which may be gone from where it was."""
    return os.open(".", os.O_RDONLY)


def _put_folder(descriptor: int) -> None:
    os.fchdir(descriptor)
    os.close(descriptor)


def _take_streams() -> list[int]:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError, OSError):  # closed, or not a file
            stream.flush()
    return [os.dup(one) for one in STREAMS]


def _put_streams(kept: list[int]) -> None:
    for own, one in zip(kept, STREAMS, strict=True):
        os.dup2(own, one)
        os.close(own)


def _take_handlers() -> tuple[int, list[Any]]:
    """Return what signals do; loops have them write to a file, which is put aside."""
    return signal.set_wakeup_fd(-1), [signal.getsignal(one) for one in SIGNALS]


def _put_handlers(state: tuple[int, list[Any]]) -> None:
    file, handlers = state
    signal.set_wakeup_fd(file)
    for one, handler in zip(SIGNALS, handlers, strict=True):
        if handler is not None and signal.getsignal(one) is not handler:  # None: not Python's
            signal.signal(one, handler)


def _take_random() -> tuple[Any, Any]:
    numpy = sys.modules.get("numpy.random")
    return random.getstate(), numpy and numpy.get_state()


def _put_random(states: tuple[Any, Any]) -> None:
    own, numpys = states
    random.setstate(own)
    if numpys is not None:
        sys.modules["numpy.random"].set_state(numpys)


def _loggers() -> list[logging.Logger]:
    known = list(logging.root.manager.loggerDict.values())
    return [logging.root, *(one for one in known if isinstance(one, logging.Logger))]


def _take_logging() -> tuple[int, list[tuple[Any, ...]]]:
    kept = [
        (one, one.level, one.handlers[:], one.filters[:], one.propagate, one.disabled)
        for one in _loggers()
    ]
    return logging.root.manager.disable, kept


def _put_logging(state: tuple[int, list[tuple[Any, ...]]]) -> None:
    disable, kept = state
    if logging.root.manager.disable != disable:
        logging.disable(disable)
    for logger, level, handlers, filters, propagate, disabled in kept:
        if logger.level != level:
            logger.setLevel(level)
        logger.handlers[:] = handlers
        logger.filters[:] = filters
        logger.propagate, logger.disabled = propagate, disabled


def _put_locale(name: str) -> None:
    if locale.setlocale(locale.LC_ALL) != name:
        locale.setlocale(locale.LC_ALL, name)


def _take_collector() -> tuple[bool, tuple[int, int, int], list[Any]]:
    return gc.isenabled(), gc.get_threshold(), gc.callbacks[:]


def _put_collector(state: tuple[bool, tuple[int, int, int], list[Any]]) -> None:
    enabled, threshold, callbacks = state
    (gc.enable if enabled else gc.disable)()
    gc.set_threshold(*threshold)
    gc.callbacks[:] = callbacks


def _take_loop() -> tuple[Any, Any, Any]:
    """Return asyncio's running loop, its policy with the thread's loop, and a loop's hooks."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # from Python 3.14 on
        policy = asyncio.get_event_loop_policy()
    return asyncio._get_running_loop(), policy, sys.get_asyncgen_hooks()  # noqa: SLF001 - for who runs loops: there is no other


def _put_loop(state: tuple[Any, Any, Any]) -> None:
    running, policy, hooks = state
    asyncio._set_running_loop(running)  # noqa: SLF001 - see above
    sys.set_asyncgen_hooks(*hooks)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        asyncio.set_event_loop_policy(policy)


def _take_trio() -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Return what Trio, and sniffio, know of the run that this thread is in; they forget it."""
    taken = []
    for module, name in (
        ("trio._core._run", "GLOBAL_RUN_CONTEXT"),
        ("sniffio._impl", "thread_local"),
    ):
        if (found := getattr(sys.modules.get(module), name, None)) is not None:
            own = vars(found)
            taken.append((own, dict(own)))
            own.clear()
    return taken


def _put_trio(taken: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    for own, values in taken:
        own.clear()
        own.update(values)


def _take_limits() -> tuple[int, float]:
    return sys.getrecursionlimit(), sys.getswitchinterval()


def _put_limits(limits: tuple[int, float]) -> None:
    sys.setrecursionlimit(limits[0])
    sys.setswitchinterval(limits[1])


# Patches that tests have in force: pytest's, and those of unittest.mock, oldest first.
_monkeys: "weakref.WeakSet[pytest.MonkeyPatch]" = weakref.WeakSet()
_mocks: list[Any] = []
Undone = tuple[
    Callable[..., None], Callable[..., None], Any, Any, Any
]  # set, delete, of, name, was


def _kept_for_nothing() -> Any:
    """Return what pytest's MonkeyPatch keeps of an attribute that was not there before."""
    probe, patch = Exception(), pytest.MonkeyPatch()
    patch.setattr(probe, "anything", 1, raising=False)
    kept = patch._setattr[0][2]  # noqa: SLF001 - there is no other way
    patch.undo()
    return kept


NOT_SET = _kept_for_nothing()


def watch_patches() -> None:
    """Have this module know of each patch; to be called once, in a process of a gate's own."""
    patching: Any = unittest.mock._patch  # noqa: SLF001 - what mock.patch makes
    monkey: Any = pytest.MonkeyPatch
    make, enter, leave = monkey.__init__, patching.__enter__, patching.__exit__

    def made(self: pytest.MonkeyPatch) -> None:
        make(self)
        _monkeys.add(self)

    def entered(self: Any) -> Any:
        value = enter(self)
        _mocks.append(self)
        return value

    def left(self: Any, *error: Any) -> Any:
        if self in _mocks:
            _mocks.remove(self)
        return leave(self, *error)

    monkey.__init__, patching.__enter__, patching.__exit__ = made, entered, left


def _take_patches() -> tuple[list[Any], list[Any], list[Undone]]:
    """Undo all patches, the newest first; return what does them again."""
    monkeys, mocks = list(_monkeys), _mocks[:]
    undone: list[Undone] = []
    for mock in reversed(mocks):
        _undo(undone, setattr, delattr, mock.target, mock.attribute, _original(mock))
    for monkey in monkeys:
        for target, name, old in reversed(monkey._setattr):  # noqa: SLF001 - there is no other way
            _undo(undone, setattr, delattr, target, name, old)
        for items, key, old in reversed(monkey._setitem):  # noqa: SLF001 - there is no other way
            _undo(undone, _set_item, _delete_item, items, key, old)
    _monkeys.clear()
    _mocks.clear()
    return monkeys, mocks, undone


def _original(mock: Any) -> Any:
    return mock.temp_original if mock.is_local else MISSING


def _undo(
    undone: list[Undone],
    put: Callable[..., None],
    delete: Callable[..., None],
    target: Any,
    name: Any,
    old: Any,
) -> None:
    own = vars(target) if put is setattr and hasattr(target, "__dict__") else target
    now = own.get(name, MISSING) if hasattr(own, "get") else getattr(target, name, MISSING)
    undone.append((put, delete, target, name, now))
    _restore(put, delete, target, name, old)


def _restore(
    put: Callable[..., None], delete: Callable[..., None], target: Any, name: Any, value: Any
) -> None:
    if value is MISSING or value is NOT_SET:
        with contextlib.suppress(AttributeError, KeyError):
            delete(target, name)
    else:
        put(target, name, value)


def _set_item(items: Any, key: Any, value: Any) -> None:
    items[key] = value


def _delete_item(items: Any, key: Any) -> None:
    del items[key]


def _put_patches(state: tuple[list[Any], list[Any], list[Undone]]) -> None:
    monkeys, mocks, undone = state
    for put, delete, target, name, value in reversed(undone):
        _restore(put, delete, target, name, value)
    _monkeys.update(monkeys)
    _mocks.extend(mocks)


# In the order in which a turn ends.  Patches first: what they changed may be a part of its own.
PARTS = (
    Part("patches", _take_patches, _put_patches),
    Part("streams", _take_streams, _put_streams),
    _attributes(sys, OF_SYS),
    _attributes(threading, ("excepthook",)),
    Part("warnings", _WARNINGS.take, _put_warnings),
    Part("environment", _take_environment, _put_environment),
    Part("working directory", _take_folder, _put_folder),
    Part("signal handlers", _take_handlers, _put_handlers),
    Part("random numbers", _take_random, _put_random),
    Part("logging", _take_logging, _put_logging),
    Part("locale", lambda: locale.setlocale(locale.LC_ALL), _put_locale),
    Part("garbage collector", _take_collector, _put_collector),
    Part("event loop", _take_loop, _put_loop),
    Part("Trio's run", _take_trio, _put_trio),
    Part("limits", _take_limits, _put_limits),
)


def take() -> list[Any]:
    """Return this process's state, and leave it as it is but for patches, which are undone."""
    return [part.take() for part in PARTS]


def put(state: list[Any]) -> None:
    """Give this process the *state* that ``take`` returned; it can be put once."""
    for part, own in reversed(list(zip(PARTS, state, strict=True))):
        part.put(own)
