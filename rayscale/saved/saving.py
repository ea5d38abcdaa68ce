"""How a run is saved: results/FINGERPRINT/NNNN_NAME.json, in pytest-benchmark's own format."""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rayscale.saved.files import keep

FOLDER = "results"
LAUNCH = "RAYSCALE_LAUNCH"  # set for a process that ``rayscale record`` started: it keeps the run

# What git leaves out of a folder of runs: all but the baselines, which are committed by name.
IGNORED = """\
# Made by rayscale. Runs are the machine's own; the ones to compare with are committed by name.
*
!.gitignore
!*/
gates/
!*/[0-9][0-9][0-9][0-9]_baseline.json
"""


def root(project: Path, setting: str, storage: str | None) -> Path:
    """Return where runs are kept.

    *storage* is pytest-benchmark's, if the user gave one; *setting* the ini file's; else it is
    results/ in *project*.  A storage that is no folder, such as Elasticsearch, does not count.
    """
    if storage is not None and (folder := _folder(storage)) is not None:
        return project / folder
    return project / (setting or FOLDER)


def _folder(storage: str) -> str | None:
    if storage.startswith("file://"):
        return storage.removeprefix("file://")
    return None if "://" in storage or storage.startswith("elasticsearch+") else storage


def is_a_launchs() -> bool:
    """Tell whether another process of rayscale's started this one, and keeps what it saves."""
    return LAUNCH in os.environ


def save(folder: Path, name: str, contents: Mapping[str, Any]) -> Path:
    """Write a run as the next NNNN_*name*.json of *folder*; return the file."""
    make(folder)
    return keep(folder, name, _json(contents))


def make(folder: Path) -> None:
    """Make the *folder* of a machine's runs, and that of all machines."""
    make_results(folder.parent)
    folder.mkdir(exist_ok=True)


def make_results(results: Path) -> None:
    """Make the folder of all machines; a new one gets a .gitignore: all but baselines stay out."""
    if not results.exists():
        results.mkdir(parents=True)
        (results / ".gitignore").write_text(IGNORED, encoding="utf-8")


def _json(contents: Mapping[str, Any]) -> bytes:
    """Return *contents* as pytest-benchmark writes them: what JSON cannot hold is named."""
    from pytest_benchmark.utils import safe_dumps  # its own way to name what JSON cannot hold

    text: str = safe_dumps(contents, ensure_ascii=True, indent=4)
    return text.encode()


def revision(commit: Mapping[str, Any]) -> str:
    """Return a revision as a word for a file name: 3f2a91c-dirty, or unversioned.

    >>> revision({"id": "3f2a91c0de", "dirty": True})
    '3f2a91c-dirty'
    """
    short = re.sub(r"^([0-9a-f]{7})[0-9a-f]+$", r"\1", str(commit["id"]))
    return short + ("-dirty" if commit.get("dirty") else "")


def description(
    failed: Sequence[str], control: Sequence[float], surroundings: Mapping[str, str], kind: str
) -> dict[str, Any]:
    """Return what pytest-benchmark does not save of a run: failures, and how the machine was."""
    from rayscale.saved.raw import FORMAT

    return {
        "format": FORMAT,
        "kind": kind,
        "failed": list(failed),
        "control": list(control),
        "surroundings": dict(surroundings),
    }
