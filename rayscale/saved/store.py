"""What is kept in results/: many launches read fast, and told apart by the series they are of."""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec

from rayscale.saved.files import NUMBERED, write_whole
from rayscale.saved.launches import Launch, LaunchError, read

CACHE = ".launches.msgpack"
CACHE_FORMAT = 3  # of what is remembered; another one is forgotten


class StoreError(ValueError):
    """What is asked for is not kept; the message says what is."""


@dataclass(frozen=True)
class Group:
    """Launches that belong together: of one series, or one run by itself."""

    launches: tuple[Launch, ...]

    @property
    def first(self) -> Launch:
        """The launch that was made first."""
        return self.launches[0]

    @property
    def name(self) -> str:
        """The NAME in NNNN_NAME.json."""
        return self.first.name

    @property
    def when(self) -> datetime:
        """When it was begun."""
        return self.first.when

    @property
    def folder(self) -> str:
        """The folder, named after the machine."""
        return Path(self.first.file).parent.name

    @property
    def planned(self) -> int:
        """How many launches it was to have."""
        return self.first.series.launches if self.first.series else 1

    @property
    def is_complete(self) -> bool:
        """Whether it has them all, and no case failed in any."""
        return len(self.launches) == self.planned and not any(
            launch.failed for launch in self.launches
        )

    @property
    def is_baseline(self) -> bool:
        """Whether it was made to be compared with, and is complete."""
        return self._kind == "baseline" and self.is_complete

    def is_called(self, text: str) -> bool:
        """Tell whether *text* names it: its NAME or, of what was made as one, "baseline"."""
        return self._kind == "baseline" if text == "baseline" else self.name == text

    @property
    def _kind(self) -> str:
        return self.first.series.kind if self.first.series else "launches"


class _Entry(msgspec.Struct, frozen=True, array_like=True):
    """What a file held when it had this size and was last changed then."""

    size: int
    changed_ns: int
    launch: Launch | None
    fault: str | None


class _Cache(msgspec.Struct):
    format: int
    entries: dict[str, _Entry]


def kept(results: Path) -> list[Path]:
    """Return the files of all runs in *results*; what gates saw is none."""
    return sorted(file for file in results.glob("*/*.json") if NUMBERED.fullmatch(file.name))


def read_all(files: Iterable[Path], results: Path) -> tuple[list[Launch], list[str]]:
    """Return the launches in *files*, oldest first, and what is wrong with those that hold none.

    What was read once is remembered in *results*, until the file changes.
    """
    memory = results / CACHE
    known = _remembered(memory)
    entries = {str(file): _entry(file, known.get(str(file))) for file in files}
    if os.access(results, os.W_OK) and any(
        known.get(name) != entry for name, entry in entries.items()
    ):
        write_whole(memory, msgspec.msgpack.encode(_Cache(CACHE_FORMAT, known | entries)))
    launches = [entry.launch for entry in entries.values() if entry.launch]
    launches.sort(key=lambda launch: (launch.when, launch.file))
    return launches, [entry.fault for entry in entries.values() if entry.fault]


def _remembered(memory: Path) -> dict[str, _Entry]:
    """Return what the cache holds; nothing, if another version wrote it."""
    if not memory.is_file():
        return {}
    try:
        cache = msgspec.msgpack.decode(memory.read_bytes(), type=_Cache)
    except msgspec.DecodeError:
        return {}
    return cache.entries if cache.format == CACHE_FORMAT else {}


def _entry(file: Path, known: _Entry | None) -> _Entry:
    stat = file.stat()
    if known and (known.size, known.changed_ns) == (stat.st_size, stat.st_mtime_ns):
        return known
    try:
        return _Entry(stat.st_size, stat.st_mtime_ns, read(file), None)
    except LaunchError as error:
        return _Entry(stat.st_size, stat.st_mtime_ns, None, str(error))


def groups(launches: Iterable[Launch]) -> list[Group]:
    """Return the launches, those of one series together; in order of their first launch."""
    together: dict[str, list[Launch]] = {}
    for launch in launches:
        key = launch.series.id if launch.series else launch.file
        together.setdefault(key, []).append(launch)
    return [Group(tuple(of_one)) for of_one in together.values()]


def choose(text: str, results: Path, here: Callable[[], str]) -> list[Launch]:
    """Return the launches that *text* means: a file's, a folder's, a glob's, or a name's.

    A name is that of the newest complete series, or run, of that NAME in *results*, "baseline" that
    of the newest complete baseline; where several machines have one, of the folder that *here*
    returns: this machine's.  StoreError where there is none, or a file is no launch.
    """
    files = _files(text)
    launches, faults = read_all(files or kept(results), results)
    if files:
        if faults:
            raise StoreError(faults[0])
        return launches
    if broken := [fault for fault in faults if f"_{text}.json: " in fault]:
        raise StoreError(f"{broken[-1]}; mend or remove it, for it may be of the newest series")
    named = [group for group in groups(launches) if group.is_called(text)]
    if len({group.folder for group in named}) > 1:
        named = [group for group in named if group.folder == here()]
    complete = [group for group in named if group.is_complete]
    if not complete:
        raise StoreError(_absence(text, named, launches, results))
    return list(complete[-1].launches)


def _files(text: str) -> list[Path]:
    path = Path(text)
    if path.is_file():
        return [path]
    if path.is_dir():
        return sorted(path.glob("*.json")) or sorted(path.glob("*/*.json"))
    anchor = Path(path.anchor)
    return sorted(anchor.glob(str(path.relative_to(anchor)))) if "*" in text else []


def _absence(text: str, named: Sequence[Group], launches: Sequence[Launch], results: Path) -> str:
    """Return why *text* means nothing, and what to do."""
    if named:
        last = named[-1]
        return (
            f'"{text}": the newest has {len(last.launches)} of {last.planned} launches, or a case '
            "that failed; make it anew, or name its files"
        )
    there = ", ".join(dict.fromkeys(launch.name for launch in launches[-50:])) or "nothing"
    return f'"{text}" is no file, no folder, and no run in {results}/, which has: {there}'


def subject(
    text: str | None, results: Path, here: Callable[[], str]
) -> tuple[list[Launch], list[Launch], list[str]]:
    """Return the launches to report on, those of their history, and what was skipped in that.

    Of what *text* means the newest run or series; its history are all that *text* means, or, where
    that is only one, all runs in *results* of its machine.  Without *text* the newest in *results*.
    StoreError as in ``choose``.
    """
    everything, faults = read_all(kept(results), results)
    chosen = everything if text is None else choose(text, results, here)
    if not chosen:
        raise StoreError(f"nothing is kept in {results}/ yet; pytest --benchmark-only measures")
    several = groups(chosen)
    newest = several[-1]
    if text is not None and len(several) > 1:
        return list(newest.launches), chosen, []
    same = [one for one in everything if Path(one.file).parent.name == newest.folder]
    return list(newest.launches), same, faults
