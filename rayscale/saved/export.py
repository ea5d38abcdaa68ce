"""Saved runs as one table, a row per round, for pandas and what reads its files."""

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from rayscale.quoting import plain
from rayscale.saved import reading
from rayscale.saved.launches import Launch, read
from rayscale.saved.raw import LaunchError

FORMULA = re.compile(r"[=+\-@].")  # what a spreadsheet computes; "-" alone is a revision
CASE = ("problem", "kernel", "implementation", "cpus", "size")
OWN = {"file", "name", "when", "revision", "case", "round", "seconds", *CASE}


def rounds(files: Iterable[Path]) -> pd.DataFrame:
    """Return a row for each round of *files*: what was run where and when, and its seconds.

    Columns: file, name, when, revision, machine_... of the hardware, the software's versions, case,
    problem, kernel, implementation, cpus, size, noisy, round (from 0), seconds.  ValueError where a
    file is not a launch, or holds no raw timings.
    """
    tables = [_rounds(read(file)) for file in files]
    table = pd.concat(tables, ignore_index=True)
    for column in _of_text(table):
        if len({type(one) for one in table[column].dropna()}) > 1:  # as files of others may have it
            table[column] = table[column].map(str, na_action="ignore")
    return table


def without_rounds(table: pd.DataFrame, launches: Sequence[Launch]) -> Iterator[str]:
    """Return what of *launches* is not in the *table* of their rounds, in words."""
    there = set(zip(table["file"], table["case"], strict=True))
    for launch in launches:
        file = plain(launch.file)
        yield from (f"{file}: {one}" for one in launch.left_out)
        names = (case.id for case in launch.cases if (file, case.id) not in there)
        yield from (f"{file}: {name} has no raw timings that are times" for name in names)


def _rounds(launch: Launch) -> pd.DataFrame:
    common: dict[str, Any] = {
        "file": plain(launch.file),
        "name": launch.name,
        "when": launch.when,
        "revision": launch.revision,
        **{f"machine_{field}": value for field, value in launch.hardware.items()},
    }
    common |= {field: value for field, value in launch.software.items() if field not in OWN}
    cases = {case.id: [case] for case in launch.cases}
    rows = [
        {
            **common,
            "case": case.id,
            **{field: getattr(case, field) for field in CASE},
            "noisy": case.is_noisy,
            "round": number,
            "seconds": seconds,
        }
        for benchmark in reading.benchmarks(launch)
        for case in cases.get(benchmark.fullname, ())
        for number, seconds in enumerate(benchmark.stats.data)
    ]
    if not rows:
        raise LaunchError(
            launch.file, "holds no raw timings that are times; save with --benchmark-save-data"
        )
    return pd.DataFrame(rows)


def write(table: pd.DataFrame, file: Path) -> int:
    """Write *table* to *file*, as its suffix says; return the number of rows.

    ValueError where that is neither .csv nor .parquet, where its folder is missing, or where what
    writes it is not installed.
    """
    if not file.parent.is_dir():
        raise ValueError(f'"{file.parent}" is not a folder; make it, or give another -o')
    if file.suffix == ".csv":
        text = {column: table[column].map(_inert) for column in _of_text(table)}
        table.assign(**text).rename(columns=_inert).to_csv(file, index=False)
    elif file.suffix == ".parquet":
        try:
            table.to_parquet(file, index=False)
        except ImportError as error:
            raise ValueError(
                "a .parquet file needs pyarrow: pip install 'rayscale[parquet]', or write a .csv"
            ) from error
    else:
        raise ValueError(f'"{file}" is neither .csv nor .parquet; give -o table.csv')
    return len(table)


def _of_text(table: pd.DataFrame) -> list[str]:
    """Return the columns that hold text, or text and other things."""
    kinds = ("object", "str", "string")  # as versions of pandas call it
    return [str(column) for column in table if table[column].dtype.name in kinds]


def _inert(cell: Any) -> Any:
    """Return a *cell* that a spreadsheet shows: one that it would compute gets an apostrophe.

    >>> _inert("=1+1"), _inert("-"), _inert("3f2a91c")
    ("'=1+1", '-', '3f2a91c')
    """
    return f"'{cell}" if isinstance(cell, str) and FORMULA.match(cell) else cell
