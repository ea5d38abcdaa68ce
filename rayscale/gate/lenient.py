"""How the base's world bears the head's benchmarks: a name that it lacks fails when it is used.

A new benchmark imports a new function at the top of its file, or of its conftest.py.  In the base
that import would fail, and with it all benchmarks of the file.  So what benchmarks import and the
base lacks is replaced by placeholders; a test that uses one of them is new.
"""

import ast
import builtins
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn


class MissingError(Exception):
    """The base lacks what the benchmark uses; the message is its name."""


class Missing(ModuleType):
    """A placeholder for what the base lacks: a function, a class, a module, a value."""

    def __getattr__(self, name: str) -> "Missing":
        if name.startswith("__"):
            raise AttributeError(name)
        return Missing(f"{self.__name__}.{name}")


def _refuse(self: Missing, *_: object, **__: object) -> NoReturn:
    """Say that it is missing."""
    raise MissingError(self.__name__)


def _pass_on(self: Missing, *_: object) -> Missing:
    """Return what a file computes at its top from what is missing: it is missing, too."""
    if not isinstance(getattr(builtins.__import__, "__self__", None), Bearing):
        raise MissingError(self.__name__)  # all files are imported
    return self


# What a placeholder is used for, and cannot be; and what files compute at their top.
for _use in (
    *("call", "mro_entries", "instancecheck", "subclasscheck", "enter", "exit", "await", "iter"),
    *("len", "contains", "bool", "index", "int", "float", "complex", "lt", "le", "gt", "ge"),
):
    setattr(Missing, f"__{_use}__", _refuse)
for _use in ("add", "sub", "mul", "matmul", "truediv", "floordiv", "mod", "pow", "and", "or"):
    setattr(Missing, f"__{_use}__", _pass_on)
    setattr(Missing, f"__r{_use}__", _pass_on)
for _use in ("getitem", "neg", "pos", "invert"):
    setattr(Missing, f"__{_use}__", _pass_on)


class _Partly(ModuleType):
    """A module as seen by an import of names, some of which it lacks."""

    def __init__(self, module: Any) -> None:
        super().__init__(module.__name__)
        self._module = module

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name, Missing(f"{self.__name__}.{name}"))


@dataclass(frozen=True)
class Bearing:
    """Has the imports of *files* bear what is missing, while they are collected.

    An import in a ``try`` has a way of its own to go on, and is left alone.
    """

    files: frozenset[str]
    real: Callable[..., Any] = builtins.__import__

    def begin(self) -> None:
        """Have imports go through this, if there are files."""
        if self.files:
            builtins.__import__ = self._import

    def end(self) -> None:
        """Have imports go as they did before."""
        builtins.__import__ = self.real

    def _import(
        self,
        name: str,
        globals: Mapping[str, Any] | None = None,  # noqa: A002 - as Python calls it
        locals: Mapping[str, Any] | None = None,  # noqa: A002 - as Python calls it
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> Any:
        file, line = (globals or {}).get("__file__"), sys._getframe(1).f_lineno  # noqa: SLF001 - documented
        names = [one for one in fromlist or () if one != "*"]
        try:
            module = self.real(name, globals, locals, fromlist or (), level)
        except ModuleNotFoundError as error:
            asked = f"{name}.".startswith(f"{error.name}.") or level
            if file not in self.files or _is_tried(file, line) or not asked:
                raise  # or what is asked for is there, and lacks something itself
            return Missing(error.name or name)
        if file in self.files and not all(hasattr(module, one) for one in names):
            return module if _is_tried(file, line) else _Partly(module)
        return module


def _is_tried(file: str, line: int) -> bool:
    """Tell whether the *line* of a file of code is in a ``try`` that has handlers."""
    with suppress(OSError, SyntaxError, ValueError):
        tree = ast.parse(Path(file).read_bytes())
        tries = (one for one in ast.walk(tree) if isinstance(one, ast.Try) and one.handlers)
        bodies = [part for one in tries for part in one.body]
        return any(one.lineno <= line <= (one.end_lineno or one.lineno) for one in bodies)
    return False


def lacks(error: BaseException | None, files: Collection[str] = ()) -> str | None:
    """Return what the base lacks, if that is what *error* says.

    A name, or an attribute, is lacking where code of one of *files*, the benchmarks', asks for it.

    >>> lacks(MissingError("mylib.new")), lacks(ValueError("new"))
    ('mylib.new', None)
    """
    if isinstance(error, MissingError):
        return str(error)
    if isinstance(error, ImportError) and _raised_in(error) in files:
        return str(error)
    if isinstance(error, AttributeError) and isinstance(error.obj, ModuleType | type):
        return f"{error.obj.__name__}.{error.name}"
    if isinstance(error, AttributeError) and _raised_in(error) in files:
        return f"{type(error.obj).__name__}.{error.name}"
    if isinstance(error, NameError) and _raised_in(error) in files:
        return error.name
    return None


def _raised_in(error: BaseException) -> str:
    """Return the file of the code that raised *error*; what Python imports with is not asked."""
    trace, file = error.__traceback__, ""
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        file = file if name.startswith("<frozen importlib") else name
        trace = trace.tb_next
    return file


def held(values: Iterable[Any]) -> str | None:
    """Return the name of a placeholder among *values*, if there is one."""
    return next((one.__name__ for one in values if isinstance(one, Missing)), None)
