"""What a launch's file holds beyond its medians: raw timings, and what was saved with a case."""

from pathlib import Path
from typing import Any

import msgspec

from rayscale.saved.launches import Launch, LaunchError


class Stats(msgspec.Struct):
    """A case's timings in seconds: all of them, where they were saved."""

    median: float
    rounds: int
    data: tuple[float, ...] = ()


class Benchmark(msgspec.Struct):
    """A case in pytest-benchmark's format."""

    fullname: str
    stats: Stats
    extra_info: dict[str, Any] = {}


class _File(msgspec.Struct):
    benchmarks: tuple[Benchmark, ...]


_decode = msgspec.json.Decoder(_File).decode


def benchmarks(launch: Launch) -> tuple[Benchmark, ...]:
    """Return what *launch*'s file has of each case; LaunchError where it makes no sense."""
    try:
        return _decode(Path(launch.file).read_bytes()).benchmarks
    except msgspec.MsgspecError as error:
        raise LaunchError(f"{launch.file}: its raw timings make no sense ({error})") from error
