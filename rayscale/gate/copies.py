"""Copies of both revisions of the subject, as packages that one process can hold side by side.

Each loading has a package for the base and one for the head, under names of equal length; which
of the names is whose, and which is imported first, is drawn.  (Loaded in a fixed order, under
names of different length, identical code was off by 0.4 % on average.)  A function of the subject
is found in a copy by its module and its qualified name.
"""

import importlib
import pkgutil
import random
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Any

Function = Callable[..., Any]


@dataclass(frozen=True)
class Loading:
    """One copy of each: the names of their packages, and those in the order of their import."""

    base: str
    head: str
    order: tuple[str, str]


def make(base: Path, head: Path, folder: Path, count: int, draw: random.Random) -> list[Loading]:
    """Copy the snapshots *base* and *head* into packages in *folder*, *count* times each.

    The folder goes to the front of ``sys.path``, which Ray's workers take on.
    """
    names = [f"subject_{number}" for number in range(2 * count)]
    draw.shuffle(names)
    loadings = []
    for own in zip(names[::2], names[1::2], strict=True):
        for name, snapshot in zip(own, (base, head), strict=True):
            shutil.copytree(snapshot, folder / name)
            (folder / name / "__init__.py").touch()
            # Ray ships packages by a hash of their content (2.60): of four that are alike, it
            # unpacks one, under one name.
            (folder / name / "NAME").write_text(name, encoding="utf-8")
        first, second = draw.sample(own, 2)
        loadings.append(Loading(*own, order=(first, second)))
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    return loadings


def load(package: str) -> list[str]:
    """Import *package* and its modules; return their names, in the order of the alphabet."""
    folder = importlib.import_module(package).__path__
    names = [package, *(f"{package}.{module.name}" for module in pkgutil.iter_modules(folder))]
    for name in names:
        importlib.import_module(name)
    return names


def name_in(subject: str, function: Function) -> str | None:
    """Return what a function of the package *subject* is called in it; None if it is not of it.

    >>> import json
    >>> name_in("json", json.decoder.JSONDecoder), name_in("json", len)
    ('decoder.JSONDecoder', None)
    """
    while isinstance(function, partial):
        function = function.func
    module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", "")
    if module is None or not f"{module}.".startswith(f"{subject}."):
        return None
    return f"{module}.{name}".removeprefix(f"{subject}.")


def twin(subject: str, function: Function, package: str) -> Function:
    """Return the copy, in *package*, of a function of *subject*, or of a partial of one."""
    if isinstance(function, partial):
        own = twin(subject, function.func, package)
        return partial(own, *function.args, **function.keywords)
    module = importlib.import_module(package + function.__module__.removeprefix(subject))
    found: Function = attrgetter(function.__qualname__)(module)
    return found
