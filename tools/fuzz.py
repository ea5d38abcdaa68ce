"""Every command on runs that were changed at random: ``python -m tools.fuzz --minutes 10``.

A command may refuse a file, in a sentence and with exit code 4.  It must not raise anything else,
warn, or write a character that a terminal obeys.  What does is written to ``--out``, with its seed.
"""

import json
import os
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import click
import msgspec
from click.testing import CliRunner

from rayscale.commands.group import rayscale
from rayscale.identity import Identity
from rayscale.restored import Restored
from rayscale.resuming import ended
from rayscale.saved import journal, series
from rayscale.saved.pace import last_times
from rayscale.saved.store import CACHE
from tools.mutations import changed, spoilt, written

COMMANDS: tuple[tuple[str, ...], ...] = (
    ("runs",),
    ("history",),
    ("compare", "run", "odd"),
    ("compare", "odd", "run", "--format=markdown"),
    ("compare", "run", "odd", "--across-machines", "--format=json"),
    ("export", "odd", "-oodd.csv"),
    ("predict", "odd", "--noisy"),
    ("report", "odd", "--format=md"),
)
DRAWN = ("report", "odd", "-oodd.html", "--charts=charts")  # it takes a second
DRAWN_EVERY = 10


def example(seed: int, runs: Sequence[Any], commands: Sequence[Sequence[str]]) -> None:
    """Read one changed run by all *commands*, in this folder; AssertionError where one fails."""
    draw = Random(seed)
    folder = Path("results", "here-2cpu-8gib")
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(2):
        (folder / f"000{number + 1}_run.json").write_text(json.dumps(runs[0]))
    (folder / "0003_odd.json").write_bytes(written(changed(draw.choice(runs), draw), draw))
    spoil_cache(Path("results", CACHE), draw)
    leave_unfinished(folder, runs, draw)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            last_times(folder)
            take_up(folder.parent)
        except Exception as error:
            raise AssertionError(f"seed {seed}: the estimate, or what is unfinished") from error
        for words in commands:
            done = CliRunner().invoke(rayscale, words)
            if done.exception is not None and not isinstance(done.exception, SystemExit | OSError):
                raise AssertionError(f"seed {seed}: {' '.join(words)}") from done.exception
            unfit = [line for line in done.output.split("\n") if not line.isprintable()]
            assert not unfit, f"seed {seed}: {' '.join(words)} wrote {unfit[0]!r}"


def leave_unfinished(folder: Path, runs: Sequence[Any], draw: Random) -> None:
    """Write the journal of a run and the file of a series, both changed."""
    identity = Identity(("a",), {"-k": "a"}, {"k.py": "1f"}, {"ray": "2.60"}, {"cpus": "2"})
    known = {name: runs[0]["benchmarks"][0][name] for name in journal.Known.__struct_fields__[:7]}
    lines = [
        journal.Begun(journal.FORMAT, datetime.now(UTC), "pytest", identity),
        journal.Process(1, "now"),
        journal.Running("a", "stacks"),
        journal.Finished("a", journal.Known(**known), 1, (0.1, 0.2)),
        journal.Running("b", __file__),
        journal.Process(2, "then"),
        journal.Failed("b"),
        journal.Left("interrupted"),
    ]
    odd = changed([msgspec.to_builtins(one) for one in lines], draw)
    every = odd if isinstance(odd, list) else [odd]
    text = "".join(json.dumps(one) + "\n" for one in every).encode()
    (folder / f"{journal.PREFIX}1{journal.SUFFIX}").write_bytes(spoilt(text, draw))
    own = series.Series(series.FORMAT, datetime.now(UTC), "id", "name", 10, identity)
    file = folder.parent / f"{series.PREFIX}1{series.SUFFIX}"
    file.write_bytes(written(changed(msgspec.to_builtins(own), draw), draw))


def take_up(results: Path) -> None:
    """Read what is unfinished as those do who finish it."""
    for run in journal.read_all(results)[0]:
        for case in (*run.finished, *run.deaths):
            ended(run, case)
        for one in (*run.finished.values(), *run.again):
            Restored(one).as_dict()
    for _, begun in series.read_all_begun(results)[0]:
        assert begun.command


def spoil_cache(cache: Path, draw: Random) -> None:
    """Change a byte of what is remembered, or cut it off, or leave it."""
    data = bytearray(cache.read_bytes() if cache.is_file() else b"")
    if data and draw.random() < 0.3:
        data[draw.randrange(len(data))] = draw.randrange(256)
        cache.write_bytes(data[: draw.choice((len(data), draw.randrange(len(data))))])


def starts(results: Path) -> list[Any]:
    """Return what is changed: a run that is kept in *results*, with fewer rounds, as ours and as

    another suite's, and with Ray's cost beside it.
    """
    run = json.loads(min(results.glob("*/*.json")).read_text(encoding="utf-8"))
    run["machine_info"]["cpu"].pop("flags", None)
    run["benchmarks"] = run["benchmarks"][:12]
    for one in run["benchmarks"]:
        one["stats"]["data"] = one["stats"]["data"][:7]
        one["stats"]["rounds"] = len(one["stats"]["data"])
    foreign = json.loads(json.dumps(run))
    del foreign["rayscale"], foreign["machine_info"]["hardware"]
    for one in foreign["benchmarks"]:
        one["extra_info"] = {}
    return [run, foreign]


@click.command()
@click.option("--minutes", default=10.0, show_default=True)
@click.option("--seed", default=0, show_default=True, help="The first.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("fuzz"), show_default=True)
def main(minutes: float, seed: int, out: Path) -> None:
    """Try changed runs for so many *minutes*, and say what was found."""
    runs, end = starts(Path("results")), time.monotonic() + 60 * minutes
    out, found = out.resolve(), Counter[str]()
    first = seed
    with tempfile.TemporaryDirectory(prefix="rayscale-fuzz-") as folder:
        os.chdir(folder)
        while time.monotonic() < end:
            commands = [*COMMANDS, DRAWN] if seed % DRAWN_EVERY == 0 else COMMANDS
            try:
                example(seed, runs, commands)
            except AssertionError as error:
                cause = error.__cause__
                place = traceback.extract_tb(cause.__traceback__)[-1] if cause else None
                what = f"{type(cause).__name__} {place.filename}:{place.lineno}" if place else ""
                found[what or str(error)[:60]] += 1
                out.mkdir(exist_ok=True)
                text = "".join(traceback.format_exception(error))
                (out / f"{seed}.txt").write_text(text, encoding="utf-8", errors="replace")
            seed += 1
    click.echo(f"{seed - first} examples from seed {first}, {found.total()} of them failed")
    for what, times in found.most_common():
        click.echo(f"{times} times: {what}")


if __name__ == "__main__":
    main()
