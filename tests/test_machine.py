"""A machine has a name, by what a process may use of it."""

import platform
import re
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rayscale import machine
from rayscale.machine import fingerprint, together, usable_cpus
from tests.surroundings.cgroup import Hierarchy, process

CORES = 8
GIB = 2**30


@pytest.fixture
def cgroup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a container's empty cgroup folder, on a machine of 8 cores and 24 GiB."""
    monkeypatch.setattr(psutil.Process, "cpu_affinity", lambda _: list(range(CORES)))
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(total=24 * GIB))
    return tmp_path


@pytest.mark.parametrize(
    ("limit", "cpus"),
    [
        pytest.param("max 100000", CORES, id="none"),
        pytest.param("400000 100000", 4, id="whole"),
        pytest.param("250000 100000", 2, id="rounded-down"),
        pytest.param("50000 100000", 1, id="half-a-cpu"),
        pytest.param("100000 20000", 5, id="short-period"),
        pytest.param("1600000 100000", CORES, id="more-than-there-are"),
    ],
)
def test_usable_cpus_heed_a_quota(cgroup: Path, limit: str, cpus: int) -> None:
    """A container's quota counts in whole CPUs, at least 1 and at most those of the machine."""
    own = Hierarchy("", "/", {"cpu.max": f"{limit}\n"})

    assert usable_cpus(process(cgroup, own)) == cpus


def test_usable_cpus_without_a_quota_are_those_of_the_affinity(cgroup: Path) -> None:
    """Where no cgroup sets a quota, all CPUs count that the process may run on."""
    assert usable_cpus(cgroup) == CORES


def test_usable_cpus_without_an_affinity_are_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the system binds no process to CPUs (macOS), all that there are count."""
    monkeypatch.delattr(psutil.Process, "cpu_affinity")
    monkeypatch.setattr(psutil, "cpu_count", lambda: 6)

    assert usable_cpus(tmp_path) == 6


@pytest.mark.parametrize(
    ("file", "limit", "gib"),
    [
        ("memory.max", "max", 24),
        ("memory.max", str(4 * GIB), 4),
        ("memory.max", str(99 * GIB), 24),  # more than there is
        ("memory/memory.limit_in_bytes", str(2 * GIB), 2),
        ("memory/memory.limit_in_bytes", str(2**63 - 4096), 24),  # how cgroup 1 says no limit
    ],
)
def test_memory_heeds_a_containers_limit(cgroup: Path, file: str, limit: str, gib: int) -> None:
    """The memory in a machine's name is what the container allows, of what the machine has."""
    (cgroup / "memory").mkdir()
    (cgroup / file).write_text(f"{limit}\n")

    assert machine._usable_memory(cgroup) == gib * GIB


def test_hardware_counts_memory_in_whole_gib(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine sold with 24 GiB, of which the firmware keeps some, has 24 in its name."""
    monkeypatch.setattr(machine, "_usable_memory", lambda: 24 * GIB - GIB // 3)
    monkeypatch.setattr(machine, "usable_cpus", lambda: 2)

    found = machine.hardware.__wrapped__()

    assert (found["memory_gib"], found["cpus"]) == (24, 2)
    assert found["architecture"] == platform.machine()
    assert fingerprint(found | {"cpu": "AMD EPYC"}) == "amd-epyc-2cpu-24gib"


def test_software_of_a_package_that_is_absent_is_not_named() -> None:
    """A run made without Ray says nothing of Ray's version, and is no error."""
    assert set(machine._versions(["numpy", "no-such-package"])) == {"numpy"}


@given(
    cpu=st.text() | st.sampled_from(["Intel(R) Xeon(R) CPU @ 2.20GHz", "(R)", "CPU", "@ 1 GHz"]),
    cpus=st.integers(1, 1024),
    memory_gib=st.integers(0, 2**14),
)
def test_fingerprint_names_a_folder(cpu: str, cpus: int, memory_gib: int) -> None:
    """Whatever the processor calls itself, the name has a-z, 0-9 and hyphens, and begins well."""
    name = fingerprint({"cpu": cpu, "cpus": cpus, "memory_gib": memory_gib})

    assert re.fullmatch(rf"[a-z0-9]+(-[a-z0-9]+)*-{cpus}cpu-{memory_gib}gib", name)


def test_clusters_are_not_called_what_a_machine_is() -> None:
    """Four nodes of 2 CPUs are not a machine of 8; one node is the machine that it is."""
    node = {
        "cpu": "AMD EPYC",
        "cpus": 2,
        "memory_gib": 8,
        "architecture": "x86_64",
        "kernel": "Linux 6",
        "virtualised": False,
    }
    machine = node | {"cpus": 8, "memory_gib": 32}

    assert fingerprint(together([node] * 4)) == "4nodes-amd-epyc-8cpu-32gib"
    assert fingerprint(together([machine])) == fingerprint(machine) == "amd-epyc-8cpu-32gib"
    assert together([node, node | {"virtualised": True}])["virtualised"]
