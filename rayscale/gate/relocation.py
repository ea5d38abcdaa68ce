"""Where a world's imports come from: its copy, wherever the working tree would be imported from.

The tree is reached by entries of ``sys.path`` (a source folder, a path file of an editable
install) or by finders of ``sys.meta_path`` (other editable installs).  Both are turned to the copy.
"""

import os
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.machinery import BuiltinImporter, FrozenImporter, ModuleSpec, PathFinder
from importlib.util import spec_from_file_location
from pathlib import Path
from typing import Any

OF_PYTHON = (BuiltinImporter, FrozenImporter, PathFinder)
OURS = Path(__file__).resolve().parents[1]  # the package rayscale: it is in no world
OF_SOURCES = (".py",)


@dataclass(frozen=True)
class Places:
    """Where the working tree is, and what in it is no part of the project: environments, rayscale.

    All are folders with symbolic links resolved.
    """

    tree: Path
    foreign: tuple[Path, ...] = field(default_factory=lambda: environments())  # noqa: PLW0108 - it is defined below

    def within(self, file: str | Path) -> Path | None:
        """Return *file* relative to the tree; None if it is not the project's."""
        path = Path(os.path.normpath(file))  # a path may leave the tree by "..", and be outside
        for one in (path, path.resolve()):
            if one.is_relative_to(self.tree) and not self._is_foreign(one):
                return one.relative_to(self.tree)
        return None

    def _is_foreign(self, path: Path) -> bool:
        return (
            any(path.is_relative_to(one) for one in self.foreign) or "site-packages" in path.parts
        )

    def moved(self, file: str, copy: Path) -> str:
        """Return what *file* is called in *copy*; unchanged if it is not the project's."""
        relative = self.within(file) if file else None
        return file if relative is None else str(copy / relative)


@dataclass(frozen=True)
class Owned:
    """Tells whether a file is the project's, in whatever process: of a *copy*, or of the tree."""

    places: Places
    copies: tuple[Path, ...]

    def __call__(self, file: str) -> bool:
        """Tell whether *file* is the project's; what is no path, such as ``<string>``, is not."""
        path = Path(file)
        if not path.is_absolute():
            return False
        for copy in self.copies:  # what is not the project's in the tree, is not in a copy
            if path.is_relative_to(copy):
                path = self.places.tree / path.relative_to(copy)
        return self.places.within(path) is not None


def environments() -> tuple[Path, ...]:
    """Return the folders of this environment's packages, and of rayscale."""
    kinds = ("stdlib", "platstdlib", "purelib", "platlib")
    folders = {Path(sysconfig.get_paths()[kind]).resolve() for kind in kinds}
    prefixes = {Path(sys.prefix).resolve()} if sys.prefix != sys.base_prefix else set()
    return (OURS, *sorted(folders | prefixes))


@dataclass
class Relocating:
    """A finder whose modules of the working tree are found in a *copy* instead."""

    finder: Any
    places: Places
    copy: Path

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: Any = None
    ) -> ModuleSpec | None:
        """Return the other finder's spec, or one of the copy; None where the copy lacks the file.

        A namespace package has no file; its folders are moved one by one.
        """
        spec: ModuleSpec | None = self.finder.find_spec(name, path, target)
        if spec is None:
            return None
        if spec.submodule_search_locations is not None:
            folders = [self.places.moved(one, self.copy) for one in spec.submodule_search_locations]
            spec.submodule_search_locations = folders
        if spec.origin is None or not spec.has_location or self.places.within(spec.origin) is None:
            return spec
        file = self.places.moved(spec.origin, self.copy)
        if not Path(file).exists():
            return None
        found = spec.submodule_search_locations
        return spec_from_file_location(name, file, submodule_search_locations=found)

    def invalidate_caches(self) -> None:
        """Have the other finder forget what it has found."""
        forget = getattr(self.finder, "invalidate_caches", None)
        if forget is not None:
            forget()


def path(places: Places, copy: Path, entries: Sequence[str]) -> list[str]:
    """Return ``sys.path``'s *entries*, those of the working tree moved to *copy*.

    The folder of ``rayscale``, where it is installed from the tree itself, is moved, too:
    rayscale is loaded already.
    """
    moved = [places.moved(entry, copy) for entry in entries]
    for entry, own in zip(entries, moved, strict=True):
        if Path(entry).is_dir() and not Path(own).exists():
            _link(places, Path(entry), Path(own), copy)
    return moved


def _link(places: Places, folder: Path, own: Path, copy: Path) -> None:
    """Make *own*, in *copy*, of links as *folder* is: of an editable install of the strict kind."""
    for file in folder.rglob("*"):
        target = Path(places.moved(os.path.realpath(file), copy))
        if file.is_symlink() and target.is_relative_to(copy) and target.is_file():
            link = own / file.relative_to(folder)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(os.path.relpath(target, link.parent))  # copies change places


def finders(places: Places, copy: Path, given: Sequence[Any]) -> list[Any]:
    """Return ``sys.meta_path``'s finders, with those that are not Python's relocating."""
    return [one if one in OF_PYTHON else Relocating(one, places, copy) for one in given]
