"""How workers get a kernel: by import where they can, else by value."""

import importlib.util
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from rayscale.suite.code import CodeError, code_of, packages
from rayscale.suite.stage import RAYS_PICKLER
from tests.projects import write

KERNELS = """
from functools import partial

def function(rows): return rows
def adding(number, rows): return rows + number
class Adder:
    def __call__(self, rows): return rows
    def method(self, rows): return rows
def make():
    def inner(rows): return rows
    return inner
anonymous = lambda rows: rows
instance = Adder()
"""


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """Return a function that loads a file as a module of its name, from a folder on the path."""
    write(
        tmp_path,
        {
            f"{name}.py": KERNELS
            for name in ("mylib/smoothing", "mylib/__init__", "single", "test_mine", "conftest")
        },
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    known = dict(sys.modules)
    monkeypatch.setattr(sys, "modules", {**known})  # what is loaded is forgotten afterwards

    def load(name: str) -> ModuleType:
        monkeypatch.delitem(sys.modules, name, raising=False)
        return importlib.import_module(name)

    return load


def route(kernel: Callable[[Any], Any], test_file: Path = Path("elsewhere.py")) -> tuple[str, str]:
    """Return the route of *kernel*, and the module whose functions are sent by value."""
    code = code_of(kernel, "mine", test_file)
    return code.route, "".join(one.__name__ for one in code.by_value)


@pytest.mark.parametrize("name", ["mylib.smoothing", "mylib", "single"])
def test_kernel_of_a_module_is_imported(load: Callable[[str], ModuleType], name: str) -> None:
    """A function, a partial of one or of that, a callable object, a method: workers import them."""
    module = load(name)
    adding = partial(module.adding, 1)

    for kernel in (module.function, adding, partial(adding), module.instance):
        assert route(kernel) == ("import", "")
    assert route(module.instance.method) == ("import", "")


def test_kernel_of_a_library_is_imported() -> None:
    """What is installed, or built in, is found by its name."""
    for kernel in (np.negative, np.linalg.norm, len, sorted, partial(np.add, 1)):
        assert route(kernel) == ("import", "")


def test_kernel_without_a_name_is_sent(load: Callable[[str], ModuleType]) -> None:
    """A lambda or a closure cannot be imported: it goes by value, and its module by import."""
    module = load("mylib.smoothing")

    for kernel in (module.anonymous, module.make(), partial(module.make())):
        assert route(kernel) == ("value", "")


@pytest.mark.parametrize("name", ["test_mine", "conftest"])
def test_kernel_of_the_tests_is_sent(
    load: Callable[[str], ModuleType], tmp_path: Path, name: str
) -> None:
    """What only the test file or a conftest.py has goes by value, with what it uses there.

    A worker that imported them would run the tests' set-up, if it found them at all.
    """
    module = load(name)

    for kernel in (module.function, partial(module.adding, 1), module.instance, module.anonymous):
        assert route(kernel, tmp_path / "test_mine.py") == ("value", name)


def test_kernel_that_workers_would_not_find_is_sent(tmp_path: Path) -> None:
    """A module under a name by which nobody else finds it goes by value (--import-mode=importlib).

    So does one whose name finds another file.
    """
    write(tmp_path, {"hidden.py": KERNELS, "elsewhere/json.py": KERNELS})
    for name, file in (("hidden", "hidden.py"), ("json", "elsewhere/json.py")):
        spec = importlib.util.spec_from_file_location(name, tmp_path / file)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(sys.modules, name, module)
            assert route(module.function) == ("value", name)


@pytest.mark.parametrize("sent", [True, False], ids=["by-value", "by-import"])
def test_kernel_that_cannot_be_sent_is_one_sentence(sent: bool, tmp_path: Path) -> None:
    """A kernel that holds a lock or an open file is named, before a task fails at length."""
    lock = threading.Lock()
    kernel = partial(lambda rows, held: (rows, held), held=lock) if sent else partial(np.add, lock)
    code = code_of(kernel, "mine", Path(__file__) if sent else tmp_path)

    with pytest.raises(CodeError) as refused, code.reachable(RAYS_PICKLER):
        pass

    assert str(refused.value) == (
        "the kernel mine cannot be sent to Ray's workers (cannot pickle '_thread.lock' object); "
        "have it hold nothing that cannot be pickled, such as a lock or an open file"
    )


def test_sending_by_value_ends_with_the_case(
    load: Callable[[str], ModuleType], tmp_path: Path
) -> None:
    """While a case runs, all functions of its test file go by value; then none, as before."""
    from ray import cloudpickle

    code = code_of(load("test_mine").function, "mine", tmp_path / "test_mine.py")
    before = cloudpickle.list_registry_pickle_by_value()
    with code.reachable(RAYS_PICKLER):
        assert "test_mine" in cloudpickle.list_registry_pickle_by_value()
    assert cloudpickle.list_registry_pickle_by_value() == before


def test_packages_are_the_tops_of_what_kernels_are_from(
    load: Callable[[str], ModuleType], tmp_path: Path
) -> None:
    """A cluster of others gets whole packages, single modules, and rayscale; nothing compiled."""
    deep, single = load("mylib.smoothing"), load("single")
    kernels = [deep.function, partial(deep.adding, 1), single.instance, np.negative, len]

    found = packages(kernels)

    assert set(found) == {
        str(tmp_path / "mylib"),
        str(tmp_path / "single.py"),
        str(Path(__file__).parents[2] / "rayscale"),
    }
