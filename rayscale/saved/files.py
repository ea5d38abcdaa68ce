"""Files that are there whole or not at all, under numbers of their own."""

import os
import re
from pathlib import Path
from uuid import uuid4

from filelock import FileLock

from rayscale.lines import sync_folder

NUMBERED = re.compile(r"(\d{4,})_(.+)\.json")
DRAFT = ".draft-"


def write_whole(file: Path, contents: bytes) -> None:
    """Write *contents* to *file*: all of them or, if this process is stopped, none.

    What was there before stays until the new contents are on the disk.  What is not a file, such as
    a pipe, is written to as it stands.
    """
    if file.exists() and not file.is_file() and not file.is_dir():
        file.write_bytes(contents)
        return
    draft = file.with_name(f"{DRAFT}{uuid4().hex}")
    try:
        with draft.open("xb") as out:
            out.write(contents)
            out.flush()
            os.fsync(out.fileno())
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(file.parent)


def keep(folder: Path, name: str, contents: bytes) -> Path:
    """Write *contents* to *folder*, as the next NNNN_NAME.json; return that file.

    Several sessions may do so at once: each gets a number of its own.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock"):
        for draft in folder.glob(f"{DRAFT}*"):  # of a session that was killed: nobody else writes
            draft.unlink()
        taken = [int(found[1]) for one in folder.iterdir() if (found := NUMBERED.match(one.name))]
        file = folder / f"{max(taken, default=0) + 1:04}_{name}.json"
        write_whole(file, contents)
    return file
