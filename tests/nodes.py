"""Ray clusters of several nodes: network namespaces of this machine, each with an address."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from tests.clusters import end, short_folder, wait_until
from tests.projects import PATIENCE, Run, command, surroundings

PORT = 6379
# So a lost node is found after 3 s, not 15; one that lives has 10 s for each answer, as usual.
WATCHED = {"RAY_health_check_period_ms": "1000", "RAY_health_check_failure_threshold": "3"}
STORE = 100_000_000  # bytes for objects, the least that is roomy: /dev/shm is shared by all nodes
TOKEN = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "7" * 64}
NAME = "twin"  # of every host: a host name does not tell nodes apart


def ip(*words: str) -> str:
    """Call iproute2; return what it says."""
    return _called("ip", *words)


def _called(*words: str) -> str:
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    return done.stdout


def may_make_namespaces() -> bool:
    """Tell whether nodes can be made here: a container's root may be kept from it."""
    if os.geteuid() != 0 or not all(map(shutil.which, ("ip", "tc", "unshare"))):
        return False
    name = f"probe-{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", name], check=False, capture_output=True)  # noqa: S607 - the system's iproute2
    if made.returncode == 0:
        ip("netns", "delete", name)
    return made.returncode == 0


NAMESPACES = may_make_namespaces()
needs_namespaces = pytest.mark.skipif(
    not NAMESPACES,
    reason="clocks and traffic of nodes need network namespaces, which root makes with iproute2 "
    "and util-linux; here the nodes of the other tests are raylets of one machine",
)


def may_delay() -> bool:
    """Tell whether the kernel can delay what is sent: not each one has netem."""
    if not NAMESPACES:
        return False
    with ExitStack() as stack:
        name = _namespace(stack, f"probe-{os.getpid()}")
        words = ("tc", "-n", name, "qdisc", "add", "dev", "lo", "root", "netem", "delay", "1ms")
        return subprocess.run(words, check=False, capture_output=True).returncode == 0


@dataclass(frozen=True)
class Node:
    """A network namespace with an *address*; its clocks are so many seconds *ahead* of ours.

    What is in the folder *hidden*, if any, is not there for it.
    """

    name: str
    address: str
    ahead: int
    hidden: Path | None

    def inside(self, words: Sequence[str]) -> list[str]:
        """Return how to run the command of these *words* there."""
        clock = ["--time", f"--monotonic={self.ahead}", f"--boottime={self.ahead}"]
        steps = [
            f"hostname {NAME}",
            *([f"mount -t tmpfs none {self.hidden}"] if self.hidden else []),
        ]
        return [
            *("ip", "netns", "exec", self.name, "unshare", "--uts"),  # mounts are its own, too
            *(clock if self.ahead else []),
            *("sh", "-c", " && ".join([*steps, 'exec "$@"']), "sh", *words),
        ]

    @property
    def processes(self) -> list[psutil.Process]:
        """All that run there."""
        numbers = map(int, ip("netns", "pids", self.name).split())
        return [psutil.Process(one) for one in numbers if psutil.pid_exists(one)]


@dataclass(frozen=True)
class Nodes:
    """A Ray cluster of several nodes; the first one is its head, on which pytest runs."""

    nodes: Sequence[Node]
    folder: Path
    project: Path  # which the other nodes do not have
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def address(self) -> str:
        """The address that Ray is reached at."""
        return f"{self.nodes[0].address}:{PORT}"

    @property
    def output(self) -> Path:
        """The file that a run's output goes to, while it runs."""
        return self.folder / "output"

    def start(self, node: Node, cpus: int = 1) -> None:
        """Start Ray on *node*, and wait until it is there."""
        is_head = node is self.nodes[0]
        role = ("--head", f"--port={PORT}", "--include-dashboard=false")
        output = self.folder / f"{node.name}-{len(self.started)}.out"
        with output.open("w") as file:
            process = subprocess.Popen(
                node.inside(
                    [
                        *(str(Path(sys.executable).with_name("ray")), "start", "--block"),
                        *(role if is_head else [f"--address={self.address}"]),
                        *(f"--num-cpus={cpus}", f"--object-store-memory={STORE}"),
                        f"--node-ip-address={node.address}",
                        f"--temp-dir={self.folder / node.name}",
                    ]
                ),
                env=surroundings(
                    HOME=str(self.folder), RAY_USAGE_STATS_ENABLED="0", **WATCHED, **TOKEN
                ),
                stdout=file,
                stderr=subprocess.STDOUT,
            )
        self.started.append(process)
        wait_until(lambda: "Ray runtime started" in output.read_text(), f"Ray on {node.name}")

    def lose(self, node: Node) -> None:
        """Kill all that runs on *node*."""
        end(node.processes)

    def end(self) -> None:
        """Kill all that runs on any node."""
        for node in self.nodes:
            self.lose(node)
        for process in self.started:
            process.wait(PATIENCE)

    def run_pytest(self, *arguments: str, **variables: str) -> Run:
        """Run pytest in the project on the head, with its Ray cases on all nodes."""
        words = command(f"--rayscale-ray-address={self.address}", *arguments)
        return run_in(
            self.project, self.folder, self.output, self.nodes[0].inside, words, variables
        )


def run_in(
    project: Path,
    folder: Path,
    output: Path,
    inside: Callable[[Sequence[str]], list[str]],
    words: Sequence[str],
    variables: Mapping[str, str],
) -> Run:
    """Run pytest by these *words* in *project*, *inside* a node whose home is *folder*."""
    storage = tempfile.mkdtemp(dir=project)
    with output.open("wb") as file:
        done = subprocess.run(
            inside([*words, f"--benchmark-storage={storage}"]),
            cwd=project,
            env=surroundings(HOME=str(folder), **TOKEN, **variables),
            stdout=file,
            stderr=subprocess.STDOUT,
            check=False,
            timeout=PATIENCE,
        )
    return Run(done.returncode, output.read_text(), sorted(Path(storage).rglob("*.json")))


@contextmanager
def cluster(
    *ahead: int, cpus: int = 1, at_head: int | None = None, rate: str = "", delay: str = ""
) -> Iterator[Nodes]:
    """Start Ray on nodes of so many CPUs, whose clocks are *ahead*; nothing of it is left.

    The head may have another number *at_head*.  Each node sends at most at a *rate*, such as
    "100mbit", and, where ``may_delay()``, with a *delay*, such as "20ms": in tc's words.
    """
    with ExitStack() as stack:
        folder = stack.enter_context(short_folder())
        project = folder / "project"
        project.mkdir()
        switch = _switch(stack)
        nodes = [
            _node(stack, switch, number, seconds, None if number == 1 else project)
            for number, seconds in enumerate(ahead, 1)
        ]
        for node in nodes:
            _limit(node, rate, delay)
        made = Nodes(nodes, folder, project)
        stack.callback(made.end)
        for node in nodes:
            made.start(node, cpus if at_head is None or node is not nodes[0] else at_head)
        yield made


def _switch(stack: ExitStack) -> str:
    """Make what the nodes are connected by; return its name."""
    name = _namespace(stack, f"rs{os.getpid()}-switch")
    ip("-n", name, "link", "add", "bridge", "type", "bridge")
    ip("-n", name, "link", "set", "bridge", "up")
    return name


def _node(stack: ExitStack, switch: str, number: int, ahead: int, hidden: Path | None) -> Node:
    """Make the node of that *number*, connected to the *switch*."""
    name = _namespace(stack, f"rs{os.getpid()}-{number}")
    port, address = f"port{number}", f"10.9.8.{number}"
    ip("link", "add", port, "netns", switch, "type", "veth", "peer", "eth0", "netns", name)
    ip("-n", switch, "link", "set", port, "master", "bridge", "up")
    ip("-n", name, "addr", "add", f"{address}/24", "dev", "eth0")
    ip("-n", name, "link", "set", "eth0", "up")
    # Ray finds its own address by the way to the world outside, which there is not.
    ip("-n", name, "route", "add", "default", "via", "10.9.8.254")
    return Node(name, address, ahead, hidden)


def _limit(node: Node, rate: str, delay: str) -> None:
    """Have *node* send more slowly, and later, where that is asked for.

    A burst of 32 KiB: what is sent at once, and so faster, is less than the smallest object.
    """
    device = ("tc", "-n", node.name, "qdisc", "add", "dev", "eth0")
    if delay:
        _called(*device, "root", "handle", "1:", "netem", "delay", delay)
    if rate:
        at = ("parent", "1:1") if delay else ("root",)
        _called(*device, *at, "tbf", "rate", rate, "burst", "32kb", "latency", "50ms")


def _namespace(stack: ExitStack, name: str) -> str:
    """Make a network namespace that is there until the end of *stack*."""
    ip("netns", "add", name)
    stack.callback(ip, "netns", "del", name)
    ip("-n", name, "link", "set", "lo", "up")
    return name
