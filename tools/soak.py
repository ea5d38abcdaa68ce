"""Many sessions, ended in drawn ways, and what they leave: ``python tools/soak.py [--sessions N]``.

Each session times a small project on Ray.  It ends by itself, or by a signal at a drawn moment.
Counted are processes, files in /dev/shm, files for a while, and sockets of this user: before, after
all sessions, and after one more that ends by itself.  Then clusters start and end in one process,
whose open files are counted.  The exit code is 0 if nothing has grown.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

PROJECT = {
    "pytest.ini": "[pytest]\nrayscale = true\n",
    "test_mean.py": """
import numpy as np
import rayscale

def mean(rows):
    return rows.mean(axis=1)

@rayscale.cases(
    {"mean": mean}, sizes={"small": (8, 20)}, ways=[rayscale.serial, rayscale.ray_blocks]
)
def test_mean(measure, size):
    rows = np.random.default_rng(1).standard_normal(size)
    measure(rows, rows.mean(axis=1))
""",
}
ENDS = (None, None, signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
LONGEST = 9.0  # seconds until a signal: a session by itself takes about 6
SETTLED = 20.0  # seconds that what a session has started has to end
CLUSTERS = """
import os, sys
from rayscale.suite.starting import private

def opened():
    for name in os.listdir("/proc/self/fd"):
        try:
            yield os.readlink(f"/proc/self/fd/{name}")
        except FileNotFoundError:
            continue  # that of listdir itself

counts = []
for _ in range(int(sys.argv[1])):
    with private(1):
        pass
    # Ray itself (2.60) leaves the log of a driver open, and a socket, where there were tasks.
    own = [one for one in opened() if "python-core-driver" not in one]
    counts.append(sum(not one.startswith("socket:") for one in own))
print(counts[1:])
"""


@dataclass(frozen=True)
class Count:
    """What there is of the sessions."""

    processes: int
    shared: int
    files: int
    sockets: int


def counted(temporary: Path) -> Count:
    """Return what there is, whose names have the folder *temporary* in them, or that is shared."""
    every = psutil.process_iter(["cmdline", "username"])
    own = [one for one in every if str(temporary) in " ".join(one.info["cmdline"] or ())]
    sockets = [one for one in psutil.net_connections("unix") if str(temporary) in str(one.laddr)]
    shared = Path("/dev/shm")  # noqa: S108 - it is only counted
    return Count(
        len(own),
        len(list(shared.iterdir())) if shared.is_dir() else 0,
        sum(1 for _ in temporary.rglob("*")),
        len(sockets),
    )


def settled(temporary: Path) -> Count:
    """Return what there is when processes have had their time to end."""
    deadline = time.monotonic() + SETTLED
    while counted(temporary).processes and time.monotonic() < deadline:
        time.sleep(0.2)
    return counted(temporary)


def session(project: Path, temporary: Path, end: signal.Signals | None, after: float) -> int:
    """Run the project's suite, ended by the signal *end* *after* some seconds; its exit code."""
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--benchmark-only"]
    with subprocess.Popen(
        [*words, "--benchmark-max-time=0.01"],
        cwd=project,
        env=os.environ | {"TMPDIR": str(temporary)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=_heed,  # noqa: PLW1509 - this process has one thread
    ) as process:
        if end is not None:
            try:
                process.wait(after)
            except subprocess.TimeoutExpired:
                process.send_signal(end)
        return process.wait()


def _heed() -> None:
    """Heed Ctrl-C, which a shell's background job ignores."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def main() -> int:
    """Run the sessions, report, and return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sessions", type=int, default=50)
    parser.add_argument("--clusters", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    coin = random.Random(asked.seed)
    with tempfile.TemporaryDirectory() as own, tempfile.TemporaryDirectory() as folder:
        project, temporary = Path(folder), Path(own)
        for name, text in PROJECT.items():
            (project / name).write_text(text)
        before = counted(temporary)
        codes: dict[str, int] = {}
        for _ in range(asked.sessions):
            end = coin.choice(ENDS)
            code = session(project, temporary, end, coin.uniform(0, LONGEST))
            key = f"{end.name if end else 'by itself'} {code}"
            codes[key] = codes.get(key, 0) + 1
        after = settled(temporary)
        session(project, temporary, None, 0.0)
        then = settled(temporary)
    done = subprocess.run(
        [sys.executable, "-c", CLUSTERS, str(asked.clusters)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    descriptors = json.loads(done.stdout.splitlines()[-1])
    print("ends, exit codes:", dict(sorted(codes.items())))  # noqa: T201 - this is its output
    for name, count in (("before", before), ("after all", after), ("after one more", then)):
        print(f"{name}: {asdict(count)}")  # noqa: T201 - the same
    print("open files after each cluster:", descriptors)  # noqa: T201 - the same
    return 0 if then == before and descriptors[-1] <= descriptors[0] else 1


if __name__ == "__main__":
    sys.exit(main())
