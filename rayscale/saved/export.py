"""Saved runs as one table, a row per round, for pandas and what reads its files."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from rayscale.saved import raw
from rayscale.saved.launches import Launch, read

CASE = ("problem", "kernel", "implementation", "cpus", "size")


def rounds(files: Iterable[Path]) -> pd.DataFrame:
    """Return a row for each round of *files*: what was run where and when, and its seconds.

    Columns: file, name, when, revision, machine_... of the hardware, the software's versions, case,
    problem, kernel, implementation, cpus, size, noisy, round (from 0), seconds.  ValueError where a
    file is not a launch, or holds no raw timings.
    """
    tables = [_rounds(read(file)) for file in files]
    return pd.concat(tables, ignore_index=True)


def _rounds(launch: Launch) -> pd.DataFrame:
    common: dict[str, Any] = {
        "file": launch.file,
        "name": launch.name,
        "when": launch.when,
        "revision": launch.revision,
        **{f"machine_{field}": value for field, value in launch.hardware.items()},
        **launch.software,
    }
    rows = [
        {
            **common,
            "case": case.id,
            **{field: getattr(case, field) for field in CASE},
            "noisy": case.is_noisy,
            "round": number,
            "seconds": seconds,
        }
        for case, benchmark in zip(launch.cases, raw.benchmarks(launch), strict=True)
        for number, seconds in enumerate(benchmark.stats.data)
    ]
    if not rows:
        raise ValueError(f"{launch.file}: holds no raw timings; save with --benchmark-save-data")
    return pd.DataFrame(rows)


def write(table: pd.DataFrame, file: Path) -> int:
    """Write *table* to *file*, as its suffix says; return the number of rows.

    ValueError where that is neither .csv nor .parquet, where its folder is missing, or where what
    writes it is not installed.
    """
    if not file.parent.is_dir():
        raise ValueError(f'"{file.parent}" is not a folder; make it, or give another -o')
    if file.suffix == ".csv":
        table.to_csv(file, index=False)
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
