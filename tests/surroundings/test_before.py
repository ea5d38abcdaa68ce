"""What is notable of a machine is said in a sentence with its figure, and nothing else is."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from rayscale import machine
from rayscale.surroundings import cgroups, interpreter, power
from rayscale.surroundings.before import MIB, findings
from rayscale.surroundings.counters import Reading, read
from tests.projects import surroundings, write

START = Reading(0.0, 4, 100.0, 0, 0, 0, 0, {})
OF_ALL = "of the time of 4 CPUs in the last 2.00 s"
QUIET = replace(START, moment=2.0, at_work=100.1)


@pytest.fixture
def usual(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a machine of 4 CPUs with no quota, whose Python and power are as usual."""
    monkeypatch.setattr(cgroups, "quota", lambda: None)
    monkeypatch.setattr(machine, "affinity", lambda: [0, 1, 2, 3])
    monkeypatch.setattr(machine, "all_cpus", lambda: 4)
    monkeypatch.setattr(interpreter, "noted", list)
    monkeypatch.setattr(power, "noted", list)
    monkeypatch.setattr(machine, "usable_cpus", lambda: 4)


@pytest.mark.usefixtures("usual")
def test_quiet_machine_is_not_mentioned() -> None:
    """Where nothing is notable, nothing is said."""
    assert findings(START, QUIET, fair=4, unfair=0) == {}


@pytest.mark.usefixtures("usual")
@pytest.mark.parametrize(
    ("after", "fair", "found"),
    [
        (
            replace(QUIET, at_work=103.0),
            4,
            {"load": "other programs used 1.5 of 4 CPUs in the last 2.00 s"},
        ),
        (replace(QUIET, at_work=103.0), 2, {}),  # two CPUs are left
        (
            replace(QUIET, stolen=0.8),
            4,
            {"steal": f"the host of this machine took 10 % {OF_ALL}"},
        ),
        (
            replace(QUIET, held_back=4.0),
            4,
            {"throttling": f"a quota held back 50 % {OF_ALL}"},
        ),
        (
            replace(QUIET, swap_moved=12 * MIB),
            4,
            {"swap": "the machine moved 12 MiB to or from its swap space"},
        ),
        (
            replace(QUIET, swapped=3 * MIB),
            4,
            {"swap": "3 MiB of this process are in the swap space"},
        ),
        (replace(QUIET, swap_moved=MIB // 2, swapped=4096), 4, {}),
        (replace(QUIET, at_work=None), 4, {}),  # a system that counts nothing
    ],
)
def test_what_others_take_is_said_with_its_figure(
    after: Reading, fair: int, found: dict[str, str]
) -> None:
    """Load that leaves too few CPUs, stolen and held back time, and swapping have a line each."""
    assert findings(START, after, fair, unfair=0) == found


@pytest.mark.usefixtures("usual")
@pytest.mark.parametrize(
    ("quota", "bound", "usable", "why"),
    [
        (None, 4, 4, ""),
        (None, 2, 2, " (bound to 2 of 4)"),
        (1.5, 4, 1, " (a quota of 1.50)"),
    ],
)
def test_too_few_cpus_are_named_with_what_limits_them(
    monkeypatch: pytest.MonkeyPatch, quota: float | None, bound: int, usable: int, why: str
) -> None:
    """Cases on more CPUs than the process may use are announced, with what limits it."""
    monkeypatch.setattr(cgroups, "quota", lambda: quota)
    monkeypatch.setattr(machine, "affinity", lambda: list(range(bound)))
    monkeypatch.setattr(machine, "usable_cpus", lambda: usable)

    assert findings(START, QUIET, fair=1, unfair=8) == {
        "CPUs": f"cases ask for 8 CPUs, and this process may use {usable}{why}"
    }


def test_swapping_is_read_from_the_system(tmp_path: Path) -> None:
    """Pages that moved, and what of this process is swapped out, are read in bytes."""
    status = "Name:\tpython\nVmSwap:\t    2048 kB\n"
    folder = write(tmp_path, {"vmstat": "pswpin 3\npswpout 4\npgin 9\n", "self/status": status})
    seen = read(proc=folder)

    assert seen.swapped == 2 * MIB
    assert seen.swap_moved % 7 == 0
    assert seen.swap_moved >= 7 * 4096


TELL = "from rayscale.surroundings import interpreter; print(*dict(interpreter.noted()), sep=',')"


@pytest.mark.parametrize(
    ("flags", "code", "variables", "words"),
    [
        ([], "", {}, ""),
        (["-X", "dev"], "", {}, "dev mode"),
        ([], "", {"PYTHONMALLOC": "debug"}, "allocator"),
        ([], "", {"PYTHONTRACEMALLOC": "1"}, "tracemalloc"),
        ([], "import sys; sys.settrace(lambda *_: None); ", {}, "tracing"),
        ([], "import sys; sys.setprofile(lambda *_: None); ", {}, "tracing"),
    ],
)
def test_unusual_interpreter_is_noted(
    flags: list[str], code: str, variables: dict[str, str], words: str
) -> None:
    """Each way to make Python slower is seen in a real process of it; a usual one is not noted."""
    done = subprocess.run(
        [sys.executable, *flags, "-c", code + TELL],
        env=surroundings(**variables),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == words


@pytest.mark.skipif(sys.version_info < (3, 12), reason="Python has sys.monitoring from 3.12 on")
def test_tool_of_the_interpreter_is_noted_by_its_name() -> None:
    """A profiler that Python 3.12 has registered, as coverage does there, is named."""
    code = "import sys; sys.monitoring.use_tool_id(1, 'coverage.py'); "
    told = TELL.replace("*dict(interpreter.noted())", "dict(interpreter.noted())")
    done = subprocess.run(
        [sys.executable, "-c", code + told], capture_output=True, text=True, check=True
    )
    assert "coverage.py watches" in done.stdout


def test_library_that_is_preloaded_is_named() -> None:
    """An allocator or a sanitizer that is loaded before all else is named, without its folder."""
    preloaded = {"LD_PRELOAD": "/usr/lib/libjemalloc.so.2:/opt/libasan.so"}

    assert dict(interpreter.noted(preloaded))["preloaded"] == (
        "LD_PRELOAD loads libjemalloc.so.2, libasan.so into every process, before its own libraries"
    )


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, []),
        ({"cpu0/cpufreq/scaling_governor": "performance\n"}, []),
        ({"cpu0/cpufreq/scaling_governor": "ondemand\n"}, ["governor"]),
        ({"cpu9/cpufreq/scaling_governor": "ondemand\n"}, []),  # we are not bound to it
        (
            {
                "cpu0/cpufreq/scaling_governor": "powersave\n",
                "cpu0/cpufreq/scaling_driver": "intel_pstate\n",
            },
            [],
        ),
        ({"cpu0/cpufreq/scaling_governor": "powersave\n"}, ["governor"]),
        ({"intel_pstate/no_turbo": "0\n"}, ["turbo"]),
        ({"intel_pstate/no_turbo": "1\n"}, []),
        ({"cpufreq/boost": "1\n"}, ["turbo"]),
    ],
)
def test_clock_of_the_cpus_is_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str], words: list[str]
) -> None:
    """A governor that is slow at first, and turbo, are noted where the system shows them."""
    monkeypatch.setattr(machine, "affinity", lambda: [0, 1])
    monkeypatch.setattr(psutil, "sensors_battery", lambda: None, raising=False)

    assert list(dict(power.noted(write(tmp_path, files)))) == words


@pytest.mark.parametrize(("plugged", "words"), [(False, ["battery"]), (True, []), (None, [])])
def test_battery_is_noted_where_the_machine_runs_on_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plugged: bool | None, words: list[str]
) -> None:
    """A machine that is plugged in, or that does not know, is not mentioned."""
    battery = SimpleNamespace(power_plugged=plugged, percent=63.0)
    monkeypatch.setattr(psutil, "sensors_battery", lambda: battery, raising=False)

    assert list(dict(power.noted(tmp_path))) == words
