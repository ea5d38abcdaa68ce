"""What is kept in results/: many launches read fast, and told apart by the series they are of."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec

from rayscale.quoting import plain
from rayscale.saved.files import NUMBERED, write_whole
from rayscale.saved.launches import Launch, read
from rayscale.saved.opening import contents
from rayscale.saved.raw import LaunchError

CACHE = ".launches.msgpack"
CACHE_FORMAT = 8  # of what is remembered; another one is forgotten


@dataclass(frozen=True)
class Fault:
    """A file that is not a launch, and why."""

    file: Path
    reason: str

    @property
    def name(self) -> str | None:
        """The NAME in NNNN_NAME.json."""
        found = NUMBERED.fullmatch(self.file.name)
        return found[2] if found else None

    def __str__(self) -> str:
        """Return both, fit to be shown."""
        return plain(f"{self.file}: {self.reason}")


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
        return self.first.folder

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
        """Whether it was made to be compared with, is complete, and no launch was resumed."""
        return self._kind == "baseline" and self.is_complete and not self.is_resumed

    @property
    def is_resumed(self) -> bool:
        """Whether a launch of it was interrupted, and finished by another process."""
        return any(launch.is_resumed for launch in self.launches)

    def is_called(self, text: str) -> bool:
        """Return whether *text* names it: by its NAME or, if it was made as one, "baseline"."""
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

    def is_of(self, file: Path) -> bool:
        """Tell whether it says what *file* holds, and no other."""
        return self.launch.file == str(file) if self.launch else bool(self.fault)


class _Cache(msgspec.Struct):
    format: int
    entries: dict[str, _Entry]


def kept(results: Path) -> list[Path]:
    """Return the files of all runs in *results*; what gates saw is not among them."""
    return sorted(file for file in results.glob("*/*.json") if NUMBERED.fullmatch(file.name))


def read_all(files: Iterable[Path], results: Path) -> tuple[list[Launch], list[Fault]]:
    """Return the launches in *files*, oldest first, and the files that hold none.

    What was read once is remembered in *results*, until the file changes or is gone.
    """
    memory = results / CACHE
    known = _remembered(memory)
    entries = {file: _entry(file, known.get(str(file))) for file in files}
    if any(known.get(str(file)) != entry for file, entry in entries.items()):
        _remember(memory, known | {str(file): entry for file, entry in entries.items()})
    launches = [entry.launch for entry in entries.values() if entry.launch]
    launches.sort(key=lambda launch: (launch.when, launch.file))
    return launches, [Fault(file, entry.fault) for file, entry in entries.items() if entry.fault]


def _remembered(memory: Path) -> dict[str, _Entry]:
    """Return what the cache holds; nothing, if another version or another program wrote it."""
    try:
        cache = msgspec.msgpack.decode(contents(memory), type=_Cache)
    except (LaunchError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}  # it saves time, and nothing else: what it would have said is read again
    return cache.entries if cache.format == CACHE_FORMAT else {}


def _remember(memory: Path, entries: dict[str, _Entry]) -> None:
    # A name that is not UTF-8 cannot be a key.
    kept = {
        file: entry for file, entry in entries.items() if file.isprintable() and _is_there(file)
    }
    try:
        write_whole(memory, msgspec.msgpack.encode(_Cache(CACHE_FORMAT, kept)))
    except OSError:
        return  # not ours to write, or the disk is full: the next command reads the files again


def _is_there(file: str) -> bool:
    try:
        return Path(file).exists()
    except OSError:  # a name that is too long: the cache may be anybody's
        return False


def _entry(file: Path, known: _Entry | None) -> _Entry:
    try:
        stat = file.stat()
    except OSError as error:  # it is gone by now, or a link to nothing
        return _Entry(0, 0, None, f"cannot be read ({error.strerror})")
    size, changed_ns = stat.st_size, stat.st_mtime_ns
    if known and (known.size, known.changed_ns) == (size, changed_ns) and known.is_of(file):
        return known
    try:
        return _Entry(size, changed_ns, read(file), None)
    except LaunchError as error:
        return _Entry(size, changed_ns, None, error.reason)


def groups(launches: Iterable[Launch]) -> list[Group]:
    """Return the launches, those of one series together; in order of their first launch."""
    together: dict[str, list[Launch]] = {}
    for launch in launches:
        key = launch.series.id if launch.series else launch.file
        together.setdefault(key, []).append(launch)
    return [Group(tuple(of_one)) for of_one in together.values()]
