"""How workers get a kernel: by import where they can, else by value."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

Kernel = Callable[[Any], Any]
Route = Literal["import", "value", "shipped"]

BY_VALUE, BY_NAME = "cloudpickle", "pickle"


def pools_pickler() -> str:
    """Return the module that sends code to the processes of a pool: cloudpickle, if it is there."""
    return BY_NAME if find_spec(BY_VALUE) is None else BY_VALUE


class CodeError(Exception):
    """A kernel cannot reach other processes; the message says why, and what to do."""


@dataclass(frozen=True)
class Code:
    """How workers get a kernel: *route*, and the modules whose functions are sent by value."""

    kernel: Kernel
    name: str
    route: Route
    by_value: tuple[ModuleType, ...]

    @contextmanager
    def reachable(self, pickler: str, whom: str = "Ray's workers") -> Iterator[None]:
        """Have *pickler* send the code by value to *whom* for a while, if that is its route.

        It is the name of cloudpickle, or of a copy: each has a list of its own of what it sends so.
        CodeError if the kernel cannot be sent: a task would fail in many more words.
        """
        if pickler == BY_NAME and self.route == "value":
            raise CodeError(
                f"the kernel {self.name} of a test file cannot be sent to {whom} by pickle; "
                "pip install cloudpickle, or move the kernel to a module"
            )
        sending = import_module(pickler)
        # Two cases may be set up at once: the one that registers a module ends it.
        known = sending.list_registry_pickle_by_value() if self.by_value else ()
        ours = [one for one in self.by_value if one.__name__ not in known]
        for module in ours:
            sending.register_pickle_by_value(module)
        try:
            self._prove_it_travels(sending, whom)
            yield
        finally:
            for module in ours:
                sending.unregister_pickle_by_value(module)

    def _prove_it_travels(self, sending: ModuleType, whom: str) -> None:
        try:
            sending.dumps(self.kernel)
        except Exception as error:
            raise CodeError(
                f"the kernel {self.name} cannot be sent to {whom} ({error}); have it hold "
                "nothing that cannot be pickled, such as a lock or an open file"
            ) from error


def code_of(kernel: Kernel, name: str, test_file: Path) -> Code:
    """Return how workers get *kernel*, of a benchmark in *test_file*.

    By import, if it is from a module that is found under its name, and that is neither the test
    file nor a conftest.py; else by value, with what it needs.
    """
    function = plain(kernel)
    named = function if hasattr(function, "__qualname__") else type(function)
    module = sys.modules.get(getattr(named, "__module__", None) or "")
    if module is None:
        return Code(kernel, name, "import", ())
    file = Path(getattr(module, "__file__", None) or "")
    if file.name == "conftest.py" or file == test_file or not _is_found(module):
        return Code(kernel, name, "value", (module,))
    is_local = "<" in getattr(named, "__qualname__", "")  # a lambda, or made in a function
    return Code(kernel, name, "value" if is_local else "import", ())


def plain(kernel: Kernel) -> Kernel:
    """Return the function in a partial, or in a partial of one."""
    while isinstance(kernel, partial):
        kernel = kernel.func
    return kernel


def module_of(kernel: Kernel) -> str:
    """Return the name of the module that *kernel* is from, or that its class is from."""
    function = plain(kernel)
    return getattr(function, "__module__", None) or type(function).__module__


def _is_found(module: ModuleType) -> bool:
    """Tell whether another process with the same path would import this very file by its name."""
    if module.__name__ == "__main__":
        return False
    if getattr(module, "__file__", None) is None:
        return True  # built in
    found = _origin(module.__name__)
    return found is not None and Path(found) == Path(str(module.__file__))


def _origin(name: str) -> str | None:
    """Return the file that *name* would be imported from, package by package."""
    path: Any = None
    origin = None
    for depth in range(1, name.count(".") + 2):
        prefix = ".".join(name.split(".")[:depth])
        specs = (finder.find_spec(prefix, path) for finder in sys.meta_path)
        spec = next((one for one in specs if one is not None), None)
        if spec is None:
            return None
        path, origin = spec.submodule_search_locations, spec.origin
    return origin


def packages(kernels: Sequence[Kernel]) -> list[str]:
    """Return the files and folders that a cluster which others started needs, to import *kernels*.

    rayscale itself, and of each kernel the package, or the module, at the top of its name; not what
    holds compiled code, such as NumPy: that must be installed there.
    """
    tops = {_top(kernel) for kernel in kernels} | {Path(__file__).parents[1]}
    return sorted(str(one) for one in tops if one is not None and not _is_compiled(one))


def _top(kernel: Kernel) -> Path | None:
    """Return the folder of the package, or the file of the module, that *kernel* is from."""
    module = sys.modules.get(module_of(kernel).partition(".")[0])
    file = getattr(module, "__file__", None)
    if file is not None:
        path = Path(file)
        return path.parent if path.name == "__init__.py" else path
    folders = list(getattr(module, "__path__", ()))  # a namespace package has no file
    return Path(folders[0]) if folders else None


def _is_compiled(path: Path) -> bool:
    return (path.suffix != ".py" and any(path.rglob("*.so"))) or path.suffix == ".so"
