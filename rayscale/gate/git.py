"""What git says of a folder, and why it refuses."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from rayscale.gate.revisions import RevisionError, environment


def answer(folder: Path, *arguments: str, places: Mapping[str, str] | None = None) -> bytes:
    """Return what git answers in *folder*; RevisionError if it refuses.

    It has no other *places* than the folder's, whatever a hook has set, and writes none of them: no
    index is refreshed, and no watcher of files starts.
    """
    if shutil.which("git") is None:
        raise RevisionError("git is not installed, and --against reads a revision from it")
    own = {"LC_ALL": "C"}  # English, as _refusal reads it
    done = subprocess.run(
        ["git", "-c", "core.fsmonitor=", *arguments],  # noqa: S607 - the user's git
        cwd=folder,
        env=environment() | own | dict(places or {}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    if done.returncode != 0:
        raise RevisionError(_refusal(folder, arguments[0], os.fsdecode(done.stderr)))
    return done.stdout


def line(folder: Path, *arguments: str) -> str:
    """Return the one name that git answers; it may contain any character."""
    return os.fsdecode(answer(folder, *arguments)).removesuffix("\n")


def names(folder: Path, *arguments: str, places: Mapping[str, str] | None = None) -> list[str]:
    """Return the names that git answers with ``-z``."""
    answered = answer(folder, *arguments, places=places)
    return [os.fsdecode(name) for name in answered.split(b"\0") if name]


def _refusal(folder: Path, verb: str, said: str) -> str:
    """Return in one sentence why git refused to do *verb* in *folder*, from what it *said*."""
    lines = [line.strip() for line in said.splitlines() if line.strip()] or ["it gives no reason"]
    if "dubious ownership" in said or "unsafe repository" in said:
        advice = [line for line in lines if line.startswith("git config")] or lines[-1:]
        return f"git reports dubious ownership of {folder}; its advice is: {advice[0]}"
    if "not a git repository" in said:
        return f"{folder} is in no git repository; --against compares with one's past"
    if "promisor remote" in said:
        return (
            "this clone is partial, and what it lacks cannot be fetched "
            f"({lines[-1]}); fetch it where the remote can be reached: 'git fetch --refetch'"
        )
    return f"git {verb} failed: {lines[-1]}"
