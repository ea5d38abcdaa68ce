"""How the base's world bears the head's benchmarks: a name that it lacks fails when it is used.

A new benchmark imports a new function at the top of its file.  In the base that import would fail,
and with it all benchmarks of the file.  So where a file cannot be imported, it is imported once
more with placeholders for what is missing; a test that uses one of them is new.
"""

import builtins
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any, NoReturn

import pytest


class MissingError(Exception):
    """The base lacks what the benchmark uses; the message is its name."""


class Missing(ModuleType):
    """A placeholder for what the base lacks: a function, a class, or a module."""

    def __getattr__(self, name: str) -> "Missing":
        if name.startswith("__"):
            raise AttributeError(name)
        return Missing(f"{self.__name__}.{name}")

    def __call__(self, *_: object, **__: object) -> NoReturn:
        """Say that it is missing."""
        raise MissingError(self.__name__)

    def __mro_entries__(self, _: object) -> NoReturn:
        raise MissingError(self.__name__)

    def __iter__(self) -> NoReturn:
        raise MissingError(self.__name__)


class _Partly(ModuleType):
    """A module as seen by an import of names, some of which it lacks."""

    def __init__(self, module: Any) -> None:
        super().__init__(module.__name__)
        self._module = module

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name, Missing(f"{self.__name__}.{name}"))


def import_again(collector: pytest.Module) -> None:
    """Import the file of *collector*; where that fails, once more with placeholders.

    Where that fails, too, the collector will say why.
    """
    try:
        collector.obj  # noqa: B018 - it is imported
    except (collector.CollectError, MissingError) as error:
        if isinstance(error.__cause__, ImportError):
            with _placeholders():
                try:
                    collector.obj  # noqa: B018 - it is imported
                except (collector.CollectError, MissingError):
                    return
    except BaseException:  # noqa: BLE001 - the collector meets it again, and reports it
        return


@contextmanager
def _placeholders() -> Iterator[None]:
    """Have each import of this thread bear what is missing."""
    real = builtins.__import__

    def bearing(
        name: str,
        globals: Mapping[str, Any] | None = None,  # noqa: A002 - as Python calls it
        locals: Mapping[str, Any] | None = None,  # noqa: A002 - as Python calls it
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> Any:
        try:
            module = real(name, globals, locals, fromlist or (), level)
        except ModuleNotFoundError as error:
            return Missing(error.name or name)
        if fromlist and any(one != "*" and not hasattr(module, one) for one in fromlist):
            return _Partly(module)
        return module

    builtins.__import__ = bearing
    try:
        yield
    finally:
        builtins.__import__ = real


def lacks(error: BaseException | None) -> str | None:
    """Return what the base lacks, if that is what *error* says.

    >>> lacks(MissingError("mylib.new")), lacks(ValueError("new"))
    ('mylib.new', None)
    """
    if isinstance(error, MissingError):
        return str(error)
    if isinstance(error, ImportError):
        return str(error)
    if isinstance(error, AttributeError) and isinstance(error.obj, ModuleType | type):
        return f"{error.obj.__name__}.{error.name}"
    return None
