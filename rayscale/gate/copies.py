"""Copies of both revisions' kernels, as packages that one process can hold side by side.

Each loading has a package for the base and one for the head, under names of equal length; which
of the names is whose, and which is imported first, is drawn.  (Loaded in a fixed order, under
names of different length, identical code was off by 0.4 % on average.)
"""

import importlib
import os
import pkgutil
import random
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Loading:
    """One copy of each: the names of their packages, and those in the order of their import."""

    base: str
    head: str
    order: tuple[str, str]

    def modules(self) -> tuple[str, ...]:
        """Return the modules of both packages, in the order in which every process imports them."""
        return tuple(name for package in self.order for name in load(package))


def make(base: Path, head: Path, folder: Path, count: int, draw: random.Random) -> list[Loading]:
    """Copy the snapshots *base* and *head* into packages in *folder*, *count* times each.

    The folder goes to the front of ``sys.path``, and of the ``PYTHONPATH`` that Ray's workers
    start with.
    """
    names = [f"kernels_{number}" for number in range(2 * count)]
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
    path = os.environ.get("PYTHONPATH", "")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(folder), path]).strip(os.pathsep)
    importlib.invalidate_caches()
    return loadings


def load(package: str) -> list[str]:
    """Import *package* and its modules; return their names, in the order of the alphabet."""
    folder = importlib.import_module(package).__path__
    names = [package, *(f"{package}.{module.name}" for module in pkgutil.iter_modules(folder))]
    for name in names:
        importlib.import_module(name)
    return names
