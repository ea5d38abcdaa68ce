"""How the processes of a cluster end, also where Ctrl-C or SIGTERM comes meanwhile."""

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType

import psutil

# Seconds that Ray's processes have to end by themselves; 1 to 2 is usual.
ENDING = 15
HEEDED = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def orderly(daemons: Sequence[psutil.Process]) -> Iterator[list[psutil.Process]]:
    """Let a first Ctrl-C, or SIGTERM, wait for the end of *daemons* and of all that they started.

    Those are yielded.  Who presses again wants out of an end that hangs: then they are killed.
    """
    with interrupts_wait():
        family = family_of(daemons)
        try:
            yield family
        except BaseException:  # pressed again, or an error of Ray's
            kill(family)
            psutil.wait_procs(family, timeout=ENDING)
            raise


@contextmanager
def interrupts_wait() -> Iterator[None]:
    """Raise KeyboardInterrupt at the end if Ctrl-C or SIGTERM came, and at once at the second.

    Where one of them is ignored, as Ctrl-C is in a shell's background job, it stays so.
    """
    pressed: list[int] = []

    def note(signum: int, frame: FrameType | None) -> None:
        pressed.append(signum)
        if len(pressed) > 1:
            raise KeyboardInterrupt

    handlers = {one: signal.getsignal(one) for one in HEEDED}
    before = {one: now for one, now in handlers.items() if now not in (signal.SIG_IGN, None)}
    for one in before:
        signal.signal(one, note)
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
    if pressed:
        raise KeyboardInterrupt


def family_of(daemons: Sequence[psutil.Process]) -> list[psutil.Process]:
    """Return those of *daemons* that run, and all that they have started."""
    alive = [daemon for daemon in daemons if daemon.is_running()]
    family = list(alive)
    for daemon in alive:
        with suppress(psutil.NoSuchProcess):
            family += daemon.children(recursive=True)
    return family


def is_alive(process: psutil.Process) -> bool:
    """Tell whether *process* works; one that was killed may wait for its parent to notice."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def end(processes: Sequence[psutil.Process]) -> None:
    """Wait for *processes* to end, and kill those that do not."""
    _, left = psutil.wait_procs(processes, timeout=ENDING)
    kill(left)
    psutil.wait_procs(left, timeout=ENDING)


def kill(processes: Sequence[psutil.Process]) -> None:
    """Kill those of *processes* that still run."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
