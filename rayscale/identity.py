"""What a run is of: the cases, options, files and versions that it must keep to its end."""

import os
import platform
from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b
from importlib.metadata import distributions
from pathlib import Path

import msgspec

# What is code or says how it is run.  Notes, pictures and data are not looked at.
# fmt: off
CODE = frozenset({
    ".py", ".pyi", ".pyx", ".pxd", ".so", ".pyd", ".pth",
    ".c", ".cc", ".cpp", ".h", ".hpp", ".cu", ".f", ".f90", ".rs",
    ".toml", ".ini", ".cfg",
})
# fmt: on
RESUME = ("--resume", "--rayscale-resume")  # they ask for a run, and are no part of it
SHOWN = 5  # differences that are named, of each kind


class Identity(msgspec.Struct, frozen=True):
    """What a run is of, as it was begun."""

    cases: tuple[str, ...]  # ids, in the order in which they are run
    options: dict[str, str]
    files: dict[str, str]  # the project's code: path, hash of the contents
    versions: dict[str, str]  # of all that is installed
    machine: dict[str, str]


def code_files(root: Path, but: Path) -> dict[str, str]:
    """Return the code files below *root*, but those below *but*, each with a hash.

    Hidden folders, environments and caches are left out.  So it needs no git, and a tree with
    changes has a hash, too.
    """
    return {str(file.relative_to(root)): _hash(file) for file in sorted(_walk(root, but))}


def _walk(root: Path, but: Path) -> Iterator[Path]:
    for folder, inside, files in os.walk(root):
        here = Path(folder)
        inside[:] = [one for one in inside if _is_the_projects(here / one) and here / one != but]
        yield from (here / one for one in files if Path(one).suffix in CODE)


def _is_the_projects(folder: Path) -> bool:
    if folder.name.startswith(".") or folder.name in ("__pycache__", "node_modules"):
        return False
    return not (folder / "pyvenv.cfg").exists() and not (folder / "conda-meta").exists()


def _hash(file: Path) -> str:
    try:
        return blake2b(file.read_bytes(), digest_size=12).hexdigest()
    except OSError as error:  # a dangling link, or one that may not be read: no code comes from it
        return f"cannot be read ({error.strerror})"


def installed() -> dict[str, str]:
    """Return the versions of all packages that are installed here, and of Python."""
    found = ((one.name, one.version) for one in distributions())
    return {name: version for name, version in found if name} | {
        "python": platform.python_version()
    }


def differences(begun: Identity, now: Identity) -> list[str]:
    """Return in words what is not as it was when the run was begun; nothing if all is.

    >>> begun = Identity(("a",), {"--sizes": "small"}, {"k.py": "1f"}, {}, {"cpus": "2"})
    >>> now = msgspec.structs.replace(begun, options={}, files={"k.py": "2e"})
    >>> differences(begun, now)
    ['--sizes: small, now not given', 'k.py has changed']
    """
    found = [
        *_values(begun.options, now.options, "not given"),
        *_values(begun.machine, now.machine, "not known"),
        *_values(begun.versions, now.versions, "not installed"),
        *_changes(begun.files, now.files),
        *_named("is a new case", set(now.cases) - set(begun.cases)),
        *_named("is gone", set(begun.cases) - set(now.cases)),
    ]
    return found or ([] if begun.cases == now.cases else ["the cases come in another order"])


def _values(begun: Mapping[str, str], now: Mapping[str, str], none: str) -> list[str]:
    every = dict.fromkeys((*begun, *now))
    return _few(
        f"{name}: {begun.get(name, none)}, now {now.get(name, none)}"
        for name in every
        if begun.get(name) != now.get(name)
    )


def _changes(begun: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    both = begun.keys() & now.keys()
    return [
        *_named("has changed", {name for name in both if begun[name] != now[name]}),
        *_named("is new", set(now.keys() - begun.keys())),
        *_named("is gone", set(begun.keys() - now.keys())),
    ]


def _named(what: str, names: set[str]) -> list[str]:
    return _few(f"{name} {what}" for name in sorted(names))


def _few(every: Iterable[str]) -> list[str]:
    found = list(every)
    more = len(found) - SHOWN
    return found[:SHOWN] + ([f"and {more} more"] if more > 0 else [])
