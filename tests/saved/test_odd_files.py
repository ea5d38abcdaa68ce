"""Whatever is in the folder of saved runs: it is named, and every other run is read."""

import os
import resource
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from rayscale.saved import store
from rayscale.saved.opening import MOST
from rayscale.saved.pace import last_times

Save = Callable[..., Path]


def a_socket(file: Path) -> None:
    """Make a socket, by a short path: the whole one may be too long for it."""
    here = Path.cwd()
    os.chdir(file.parent)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(file.name)
    os.chdir(here)


def a_huge_file(file: Path) -> None:
    """Make a file that is larger than what is read, with nothing on the disk."""
    with file.open("wb") as out:
        out.truncate(MOST + 1)


ODD: dict[str, tuple[Callable[[Path], object], str]] = {
    "folder": (Path.mkdir, "a folder, and not a file"),
    "pipe": (os.mkfifo, "a pipe, and not a file"),
    "socket": (a_socket, "a socket, and not a file"),
    "device": (lambda file: file.symlink_to("/dev/zero"), "a device, and not a file"),
    "link": (lambda file: file.symlink_to("nowhere"), "cannot be read (No such file"),
    "loop": (lambda file: file.symlink_to(file.name), "cannot be read (Too many levels"),
    "huge": (a_huge_file, "too large to be a run"),
    "list": (lambda file: file.write_text("[1, 2]"), "not in pytest-benchmark's format"),
    "empty": (Path.touch, "not JSON, or cut off"),
    "other": (lambda file: file.write_text('{"benchmarks": 3}'), "not in pytest-benchmark's"),
    "bytes": (lambda file: file.write_bytes(bytes(range(256))), "not JSON, or cut off"),
    "deep": (lambda file: file.write_text(10**5 * "["), "nested too deep to be a run"),
}


@pytest.mark.parametrize("kind", ODD)
def test_odd_file_is_named_and_the_others_are_read(kind: str, save: Save) -> None:
    """Neither a list of runs nor the estimate of a session waits for it, or fails by it."""
    good = save({"loop-serial-small": 0.02})
    make, reason = ODD[kind]
    odd = good.with_name("9999_x.json")
    make(odd)
    for _ in range(2):  # the second time what is remembered is read
        launches, faults = store.read_all(store.kept(good.parents[1]), good.parents[1])
        assert [launch.file for launch in launches] == [str(good)]
        assert [fault.file for fault in faults] == [odd]
        assert reason in faults[0].reason
    (times,) = last_times(good.parent).values()
    assert times == pytest.approx(0.02 * (7 + 3))


def test_file_that_vanishes_is_named(save: Save) -> None:
    """It was there when the folder was listed, and is gone when it is read."""
    good, gone = save({"loop-serial-small": 0.02}), save({"loop-serial-small": 0.02})
    files = store.kept(good.parents[1])
    gone.unlink()
    launches, (fault,) = store.read_all(files, good.parents[1])
    assert [launch.file for launch in launches] == [str(good)]
    assert str(fault) == f"{gone}: cannot be read (No such file or directory)"


def test_name_that_is_not_utf8_is_shown_as_it_is(save: Save) -> None:
    """A run of such a name is read; a file that is none is named by what can be printed."""
    good = save({"loop-serial-small": 0.02})
    for number, contents in ((8, good.read_bytes()), (9, b"{")):
        name = os.fsencode(good.parent) + f"/000{number}_".encode() + b"\xff.json"
        with open(name, "wb") as out:  # noqa: PTH123 - a Path is text
            out.write(contents)
    launches, (fault,) = store.read_all(store.kept(good.parents[1]), good.parents[1])
    assert [launch.name for launch in launches] == ["run", r"\udcff"]
    assert str(fault).isprintable()


@pytest.mark.parametrize(
    "cache",
    [
        b"",
        b"\x92\x06\xdf\xff\xff\xff\xff",  # a map of 4,294,967,295 entries
        b"\x91" * 100_000,
        b"\x92\x06\x81\xa1a\x94\x01\x01\xc0\xa1\xff",
        bytes(range(256)),
    ],
)
def test_broken_cache_is_made_anew(cache: bytes, save: Save) -> None:
    """What it does not say is read from the files."""
    good = save({"loop-serial-small": 0.02})
    results = good.parents[1]
    (results / store.CACHE).write_bytes(cache)
    launches, faults = store.read_all(store.kept(results), results)
    assert ([launch.file for launch in launches], faults) == ([str(good)], [])
    assert (results / store.CACHE).read_bytes() != cache


def test_flipped_bytes_of_a_cache_harm_nothing(save: Save) -> None:
    """Whatever byte is another one: each file's launch is read, with times that are times."""
    good = save({"loop-serial-small": 0.02})
    results = good.parents[1]
    store.read_all([good], results)
    whole = (results / store.CACHE).read_bytes()
    for place in range(len(whole)):
        for byte in (0x00, 0xFF, whole[place] ^ 1):
            (results / store.CACHE).write_bytes(whole[:place] + bytes([byte]) + whole[place + 1 :])
            (launch,), faults = store.read_all([good], results)
            assert (launch.file, faults) == (str(good), [])
            assert all(0 < case.median < 1e11 for case in launch.cases)


def test_cache_that_cannot_be_written_costs_nothing_else(save: Save) -> None:
    """A folder is in its place, or the disk is full."""
    good = save({"loop-serial-small": 0.02})
    results = good.parents[1]
    (results / store.CACHE).mkdir()
    assert len(store.read_all([good], results)[0]) == 1

    (results / store.CACHE).rmdir()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (16, before[1]))  # Python ignores SIGXFSZ
    try:
        assert len(store.read_all([good], results)[0]) == 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list(results.glob(".draft-*"))
