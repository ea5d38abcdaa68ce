"""Whose files did a call run?  A gate that compares a thing with itself must refuse."""

from dataclasses import dataclass
from pathlib import Path

from rayscale.gate.relocation import Places
from rayscale.gate.worlds import World

SOURCES = (".", "src", "lib")  # where a project's packages usually are


@dataclass(frozen=True)
class Judge:
    """What a world's code may run: its own copy, and nothing of the other's or of the tree."""

    places: Places
    yardstick: frozenset[str]  # relative to the root

    def own(self, world: World, files: set[str]) -> set[str]:
        """Return the files of the *world*'s subject among *files*, relative to the root."""
        return _under(world.copy, files) - self.yardstick

    def foreign(self, other: World, files: set[str]) -> set[str]:
        """Return the files among *files* that belong to the *other* world, or to the tree."""
        tree = {str(one) for file in files if _is_file(file) and (one := self.places.within(file))}
        return _under(other.copy, files) | tree

    def installed(self, world: World, files: set[str]) -> Path | None:
        """Return a file of the environment that ran where the *world*'s own was meant to.

        Its path there, such as ``mylib/code.py``, is that of a file of the copy.
        """
        for file in sorted(filter(_is_file, files)):
            folder, found, name = file.rpartition("/site-packages/")
            if found and any((world.copy / one / name).is_file() for one in SOURCES):
                return Path(folder, "site-packages", name)
        return None


def _is_file(name: str) -> bool:
    return not name.startswith("<") and Path(name).is_absolute()


def _under(folder: Path, files: set[str]) -> set[str]:
    prefix = f"{folder}/"
    return {file.removeprefix(prefix) for file in files if file.startswith(prefix)}
