"""The limit of a case's time: a process beside this one, the guard, ends what takes longer.

No thread of this process could: code in C may hold Python's lock for ever.  When the time is over,
the guard has the stacks written, kills the workers that hang, and sends this process SIGINT, which
is ``Expired`` then.  Where that does not help, it kills this process and its children.
``guarding.py`` is its program.
"""

import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, Self

from rayscale import stacks
from rayscale.guarding import Watch

PROGRAM = (
    "import sys, json; sys.path[:] = json.loads(sys.argv[1]); "
    "from rayscale import guarding; guarding.main()"
)


class Expired(KeyboardInterrupt):
    """The time of a case is over: raised wherever this process is then."""


class LimitError(Exception):
    """A case has taken longer than it may; the message says so, and where the stacks are."""


@dataclass
class Guard:
    """Ends what takes longer than *limit* seconds; None: nothing does.

    *folder* is for what processes write meanwhile, an empty one that somebody else removes;
    *stderr* a descriptor for the last words of a process that has to be killed.
    """

    limit: float | None
    folder: Path
    stderr: int
    _stack: ExitStack = field(default_factory=ExitStack, init=False)
    _process: "subprocess.Popen[bytes] | None" = field(default=None, init=False)
    _watch: Watch | None = field(default=None, init=False)
    _settling: bool = field(default=False, init=False)  # whether a late SIGINT may still come
    _token: str = field(default_factory=partial(secrets.token_hex, 4), init=False)
    _begun: int = field(default=0, init=False)  # how much was limited before

    def __enter__(self) -> Self:
        """Begin at once, and not with the first case."""
        if self.limit is not None:
            self._process = self._start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    @contextmanager
    def limited(self, what: str, more: float = 0.0) -> Iterator[None]:
        """Let what is done meanwhile take no longer than the limit; *what* names it to the user.

        So many seconds *more* are for what ends by itself.
        LimitError, whatever else comes of it, if it does.
        """
        if self.limit is None or threading.current_thread() is not threading.main_thread():
            yield
            return
        with self.heeded():
            try:
                self._begin(what, self.limit + more)
                yield
            except BaseException as error:
                if self.has_acted and self._watch is not None:
                    raise LimitError(self._watch.sentence) from error
                raise
            finally:
                self.suspend()

    @property
    def file(self) -> Path:
        """Where the stacks go of what is limited now, or next: a file of their own, which stays."""
        name = f"stacks-{os.getpid()}-{self._token}-{self._begun}.txt"
        return Path(tempfile.gettempdir(), name)

    @property
    def has_acted(self) -> bool:
        """Whether the time of what is done now is over, and the guard has acted."""
        return self._watch is not None and Path(self._watch.file).exists()

    def again(self) -> None:
        """Count the time anew: what was begun is repeated."""
        if self._watch is not None:
            self._begin(self._watch.what, self._watch.limit)

    def taken(self) -> LimitError:
        """Return the error that the end of the time is, and count anew, for what is still to do."""
        watch = self._watch
        assert watch is not None  # the guard has acted
        self.suspend()
        self._begin(watch.what, watch.limit)
        return LimitError(watch.sentence)

    def suspend(self) -> None:
        """Count no more; return when the guard knows."""
        self._settling, self._watch = self.has_acted, None
        self._begun += 1
        self._tell(None)
        if self._settling and self._process is not None and self._process.stdout is not None:
            self._process.stdout.readline()
        self._settling = False

    def stop(self) -> None:
        """End the guard, and leave nothing but the stacks of what has hung."""
        self._stack.close()
        self._process = None

    def _begin(self, what: str, limit: float) -> None:
        if self._process is None:
            self._process = self._start()
        self._watch = Watch(what, limit, str(self.file), str(self.folder))
        self._tell(self._watch)

    def _start(self) -> "subprocess.Popen[bytes]":
        """Start the guard, and wait until it stands ready: it shall not do so beside a case."""
        self._stack.enter_context(stacks.gathered_in(self.folder))
        stacks.offer()
        self._stack.callback(stacks.withdraw)
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, json.dumps(sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.stderr,
            start_new_session=True,  # Ctrl-C is for this process
        )
        self._stack.enter_context(process)  # closes what it reads from, and waits for its end
        assert process.stdout is not None  # it is a pipe
        process.stdout.readline()
        return process

    def _tell(self, watch: Watch | None) -> None:
        if self._process is None or self._process.stdin is None:
            return
        line = json.dumps(watch and asdict(watch))
        with suppress(BrokenPipeError):  # somebody has killed the guard: nothing is limited then
            self._process.stdin.write(f"{line}\n".encode())
            self._process.stdin.flush()

    @contextmanager
    def heeded(self) -> Iterator[None]:
        """Have SIGINT mean ``Expired`` once the guard has acted, and else what it meant before."""
        before: Any = signal.getsignal(signal.SIGINT)

        def heed(number: int, frame: FrameType | None) -> None:
            if self.has_acted:
                raise Expired
            if callable(before) and not self._settling:
                before(number, frame)

        signal.signal(signal.SIGINT, heed)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)
