"""Many small sessions, each ended in another way at a drawn moment: does anything stay?

    python -m tools.soak --sessions 50 --seed 1

Each session times a serial case and a Ray case of the small size.  After each one that had the
chance to end in order, and after the next one of those that had not, it counts what is left:
processes, files in the folder of temporary files and in shared memory, ports on which somebody
listens.  Whatever else the machine does is left out: a session's processes are known by a variable.
"""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import click
import psutil

ROOT = Path(__file__).resolve().parents[1]
SOAK = "RAYSCALE_SOAK"  # the variable by which the processes of this soak are known
CASES = "(numpy and serial) or (numpy and ray_blocks)"
LONGEST = 20  # seconds from a session's start to the latest drawn moment; most last as long
PATIENCE = 120  # seconds that a session has to end once it was told to

# How a session is ended: the signals, and the seconds between them.
ENDINGS: dict[str, tuple[tuple[float, signal.Signals], ...]] = {
    "by itself": (),
    "Ctrl-C": ((0, signal.SIGINT),),
    "Ctrl-C twice": ((0, signal.SIGINT), (0.7, signal.SIGINT)),
    "SIGTERM": ((0, signal.SIGTERM),),
    "SIGTERM twice": ((0, signal.SIGTERM), (0.3, signal.SIGTERM)),
    "SIGKILL": ((0, signal.SIGKILL),),
}
# What it may end with: 0 where it had ended before, a signal's number before pytest has begun.
EXIT_CODES = {
    "by itself": {0},
    **dict.fromkeys(("Ctrl-C", "Ctrl-C twice"), frozenset({0, 2, -signal.SIGINT})),
    **dict.fromkeys(("SIGTERM", "SIGTERM twice"), frozenset({0, 2, -signal.SIGTERM})),
    "SIGKILL": {0, -signal.SIGKILL},
}
# What runs pytest, heeding Ctrl-C even in a shell's background, which has it ignored.
HEEDING = """
import runpy, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
runpy.run_module("pytest", run_name="__main__", alter_sys=True)
"""


@dataclass(frozen=True)
class Left:
    """What there is of the soak's sessions at one moment."""

    processes: tuple[str, ...]
    listening: int
    temporary: tuple[str, ...]
    shared: tuple[str, ...]

    def __bool__(self) -> bool:
        """Tell whether it is anything."""
        return bool(self.processes or self.listening or self.temporary or self.shared)


@dataclass(frozen=True)
class Session:
    """One session: how and when it was ended, its exit code, and what was left after it."""

    ending: str
    moment: float
    exit_code: int
    left: Left
    is_orderly: bool  # a known exit code, and no traceback of the session's


def look(mark: str, temporary: Path) -> Left:
    """Return what there is of the sessions with *mark*."""
    own = list(_marked(mark))
    shared = [
        path.name
        for path in Path("/dev/shm").glob("*")  # noqa: S108 - nothing is written there
        if path.name.startswith("plasma")
    ]
    return Left(
        processes=tuple(_name(one) for one in own),
        listening=sum(_listening(one) for one in own),
        temporary=tuple(sorted(path.name for path in temporary.iterdir())),
        shared=tuple(shared),
    )


def _marked(mark: str) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            alive = process.status() != psutil.STATUS_ZOMBIE
            if alive and process.environ().get(SOAK) == mark:
                yield process


def _name(process: psutil.Process) -> str:
    with suppress(psutil.Error):
        return " ".join(process.cmdline()[:4])
    return "gone"


def _listening(process: psutil.Process) -> int:
    with suppress(psutil.Error):
        found = process.net_connections("inet")
        return sum(one.status == psutil.CONN_LISTEN for one in found)
    return 0


def run(ending: str, moment: float, mark: str, folder: Path) -> Session:
    """Run a session, and give it its *ending* at the *moment*, in seconds from its start."""
    words = [
        *(sys.executable, "-c", HEEDING, "-p", "no:cacheprovider", "--benchmark-only"),
        *("--sizes=small", "--benchmark-max-time=0.01", f"-k={CASES}", "--cpus=2"),
        *(f"--benchmark-storage={folder / 'results'}", str(ROOT / "benchmarks")),
        *("-m", "not ways and not overhead"),
    ]
    own = os.environ | {SOAK: mark, "TMPDIR": str(folder / "t")}
    with (folder / "output").open("w+") as output:
        process = psutil.Popen(words, cwd=ROOT, env=own, stdout=output, stderr=subprocess.STDOUT)
        try:
            if ENDINGS[ending]:
                _end(process, ending, moment)
            code = process.wait(PATIENCE)
        finally:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        output.seek(0)
        said = output.read()
    orderly = code in EXIT_CODES[ending] and not _has_traceback(said)
    if not orderly:
        click.echo(said[-6000:])
    return Session(ending, moment, code, look(mark, folder / "t"), orderly)


def _has_traceback(said: str) -> bool:
    """Tell whether the session said one; before it begins, pytest may do so for Ctrl-C."""
    of_session = said.partition("test session starts")[2]
    return "Traceback" in of_session or "INTERNALERROR" in of_session


def _end(process: psutil.Popen, ending: str, moment: float) -> None:
    with suppress(psutil.TimeoutExpired):
        process.wait(moment)
    for pause, number in ENDINGS[ending]:
        time.sleep(pause)
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)


@click.command()
@click.option("--sessions", default=50, show_default=True, type=click.IntRange(min=1))
@click.option("--seed", default=1, show_default=True, help="Of the endings and their moments.")
@click.option("--seconds", default=float("inf"), help="No session begins after these.")
def main(sessions: int, seed: int, seconds: float) -> None:
    """Run the sessions, show each, and end with 1 if anything stayed."""
    draw, mark, begun = random.Random(seed), uuid4().hex, time.monotonic()
    seen: list[Session] = []
    # A short name: else Ray's folder is put elsewhere, for a socket's path may have 107 bytes.
    with tempfile.TemporaryDirectory(prefix="s", dir="/tmp") as name:
        folder = Path(name)
        (folder / "t").mkdir()
        while len(seen) < sessions and time.monotonic() - begun < seconds:
            ending = draw.choice(list(ENDINGS))
            seen.append(run(ending, draw.uniform(0.5, LONGEST), mark, folder))
            click.echo(_line(seen[-1]))
        last = run("by itself", 0, mark, folder)
        click.echo(_line(last))
    _conclude([*seen, last])


def _line(session: Session) -> str:
    left = session.left
    return json.dumps(
        {
            "ending": session.ending,
            "at": round(session.moment, 1),
            "exit": session.exit_code,
            "orderly": session.is_orderly,
            "processes": left.processes,
            "listening": left.listening,
            "temporary": left.temporary,
            "shared": left.shared,
        }
    )


def _conclude(seen: list[Session]) -> None:
    """Say what stayed after which ending; what a killed session leaves is not counted."""
    endings = Counter(one.ending for one in seen)
    stayed = Counter(one.ending for one in _with_leftovers(seen))
    loud = Counter(one.ending for one in seen if not one.is_orderly)
    for ending, number in endings.items():
        click.echo(
            f"{ending}: {number} sessions, something left after {stayed[ending]}, not in order "
            f"{loud[ending]}"
        )
    sys.exit(1 if stayed or loud else 0)


def _with_leftovers(seen: list[Session]) -> Iterator[Session]:
    """Return the sessions after which something was there that should not be.

    What a killed one leaves is there until the next one begins to measure: one that ends by itself
    has done so.
    """
    owed = False
    for one in seen:
        owed = one.ending == "SIGKILL" or (owed and one.ending != "by itself")
        if one.left and not owed:
            yield one


if __name__ == "__main__":
    main()
