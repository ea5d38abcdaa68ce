"""A loading as seen from the gate's own session: a process, and what it reports, line by line."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rayscale.gate.lockstep import Request
from rayscale.gate.relocation import OURS, Places

PROGRAM = """
import json, sys
sys.path[:] = json.loads(sys.argv.pop(1))
try:
    from rayscale.gate import lockstep
except ModuleNotFoundError as error:
    sys.exit(
        f"pytest or rayscale needs {error.name}, which is there as this project alone, and they "
        "cannot load two revisions of it: run the gate in an environment with a released copy, "
        "and the project's folder in pytest's setting 'pythonpath'"
    )
lockstep.main(*sys.argv[1:])
"""
PATIENCE = 30  # seconds that a process has to end when it is told to


class LoadingError(Exception):
    """The process ended before its time; the message has its last words."""


@contextmanager
def started(
    request: Request, folder: Path, environment: Mapping[str, str]
) -> Iterator[Iterator[tuple[str, Any]]]:
    """Start a loading; yield what it reports: a kind, and a value.

    It goes on to the next case when the next report is asked for, and ends when nobody asks.
    LoadingError if it ends without a word.
    """
    file = folder / "request.json"
    file.write_text(json.dumps(asdict(request)), encoding="utf-8")
    own, theirs = os.pipe()
    path = json.dumps(_own_path(request))
    command = [sys.executable, *_flags(), "-c", PROGRAM, path, str(file), str(theirs)]
    with (folder / "log").open("wb") as log, os.fdopen(own, encoding="utf-8") as reports:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            pass_fds=[theirs],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
        )
        os.close(theirs)
        try:
            yield _reports(process, reports, folder)
        finally:
            _end(process)


def _reports(
    process: "subprocess.Popen[bytes]", reports: Any, folder: Path
) -> Iterator[tuple[str, Any]]:
    for line in reports:
        kind, value = json.loads(line)
        yield kind, value
        if kind == "ended":
            return
        if process.stdin is not None:
            try:
                process.stdin.write(b"go on\n")
                process.stdin.flush()
            except BrokenPipeError:
                continue  # it has ended, and said so
    words = _last_words(folder)
    raise LoadingError(f"the process that compares ended with {process.wait()}: {words}")


def _last_words(folder: Path) -> str:
    logs = [folder / "log", *sorted(folder.glob("*/log"))]
    texts = [one.read_text(encoding="utf-8", errors="replace").strip() for one in logs]
    return "\n".join(text[-2000:] for text in texts if text) or "it said nothing"


def _end(process: "subprocess.Popen[bytes]") -> None:
    if process.stdin is not None:
        with suppress(BrokenPipeError):
            process.stdin.close()  # it reads the end of the file for "stop"
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _own_path(request: Request) -> list[str]:
    """Return the path on which the process finds rayscale and what it needs, and no project."""
    places = Places(Path(request.tree))
    own = [one for one in request.path if one and places.within(one) is None]
    return [*own, str(OURS.parent)]


def _flags() -> list[str]:
    """Return the flags of this interpreter that change how code runs."""
    return subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined,no-any-return]  # noqa: SLF001 - multiprocessing uses it, too
