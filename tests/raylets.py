"""Ray clusters of several nodes on one machine, by Ray's own utility: where no namespace may be.

All nodes have one address and one clock.  ``python -m tests.raylets FOLDER`` keeps such a cluster:
it obeys lines such as "start 1" and "lose 1", and ends with its input.
"""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from tests.clusters import LOOPBACK, short_folder
from tests.nodes import STORE, TOKEN, WATCHED, run_in
from tests.projects import PATIENCE, ROOT, Run, command, surroundings

HOST = "127.0.0.1"
ANSWER = "rayscale: "  # before each answer: Ray may print lines of its own


@dataclass(frozen=True)
class Raylets:
    """A Ray cluster of several raylets; the first one is its head."""

    address: str
    nodes: Sequence[Any]  # numbers, from 0 on
    folder: Path
    project: Path
    keeper: subprocess.Popen[str]

    @property
    def output(self) -> Path:
        """The file that a run's output goes to, while it runs."""
        return self.folder / "output"

    def start(self, node: Any) -> None:
        """Start the raylet *node*, and wait until it is there."""
        tell(self.keeper, f"start {node}")

    def lose(self, node: Any) -> None:
        """Kill the raylet *node* and its workers."""
        tell(self.keeper, f"lose {node}")

    def run_pytest(self, *arguments: str, **variables: str) -> Run:
        """Run pytest in the project, with its Ray cases on all nodes."""
        words = command(f"--rayscale-ray-address={self.address}", *arguments)
        return run_in(self.project, self.folder, self.output, list, words, variables)


def tell(keeper: subprocess.Popen[str], line: str) -> str:
    """Have who keeps the cluster obey a *line*; return the answer."""
    assert keeper.stdin is not None
    assert keeper.stdout is not None
    keeper.stdin.write(f"{line}\n")
    keeper.stdin.flush()
    return _answer(keeper.stdout)


def _answer(lines: IO[str]) -> str:
    """Return the next answer."""
    for line in lines:
        if line.startswith(ANSWER):
            return line.removeprefix(ANSWER).strip()
    raise RuntimeError("who keeps the cluster has ended; see above")


@contextmanager
def raylets(number: int) -> Iterator[Raylets]:
    """Start a *number* of raylets of one CPU each; nothing of it is left."""
    with ExitStack() as stack:
        folder = stack.enter_context(short_folder())
        project = folder / "project"
        project.mkdir()
        keeper = stack.enter_context(
            subprocess.Popen(
                [sys.executable, "-m", "tests.raylets", str(folder / "ray")],
                cwd=ROOT,
                # Ray's utility writes the address of its cluster to where temporary files are.
                env=surroundings(
                    HOME=str(folder), RAY_TMPDIR=str(folder), **LOOPBACK, **WATCHED, **TOKEN
                ),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        )
        stack.callback(_end, keeper)
        address = ""
        for node in range(number):
            address = tell(keeper, f"start {node}")
        yield Raylets(address, range(number), folder, project, keeper)


def _end(keeper: subprocess.Popen[str]) -> None:
    """Have who keeps the cluster end it, and wait until that is done."""
    assert keeper.stdin is not None
    keeper.stdin.close()
    keeper.wait(PATIENCE)


def main(folder: str) -> None:
    """Keep a cluster until the input ends; answer each line with the cluster's address."""
    from ray.cluster_utils import Cluster

    cluster: Any = Cluster()
    nodes: dict[str, Any] = {}
    own = {"num_cpus": 1, "object_store_memory": STORE, "node_ip_address": HOST, "temp_dir": folder}
    for line in sys.stdin:
        what, node = line.split()
        if what == "start":
            of_head = {} if nodes else {"include_dashboard": False}
            nodes[node] = cluster.add_node(**own, **of_head)
        else:
            cluster.remove_node(nodes.pop(node), allow_graceful=False)
        sys.stdout.write(f"{ANSWER}{cluster.address}\n")
        sys.stdout.flush()
    for node in reversed(nodes):  # the head at last
        cluster.remove_node(nodes[node], allow_graceful=False)


if __name__ == "__main__":
    main(sys.argv[1])
