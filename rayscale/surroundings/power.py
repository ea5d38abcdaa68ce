"""How fast the CPUs are clocked, as far as the system says: their governor, turbo, a battery."""

from collections.abc import Iterator
from pathlib import Path

import psutil

from rayscale import machine
from rayscale.surroundings.cgroups import read

CPUS = Path("/sys/devices/system/cpu")
# Governors that leave a CPU slow at first, or for good.  With the drivers below, powersave is what
# schedutil is elsewhere; see the kernel's admin-guide/pm/intel_pstate and amd-pstate.
SLOW = {"powersave", "conservative", "ondemand", "userspace"}
BY_THEMSELVES = {"intel_pstate", "amd-pstate-epp"}
TURBO = (("intel_pstate/no_turbo", "0"), ("cpufreq/boost", "1"))  # a file, and what it says if on


def noted(cpus: Path = CPUS) -> Iterator[tuple[str, str]]:
    """Return each thing that changes how fast the CPUs are, as a word and a sentence."""
    if slow := " and ".join(sorted(set(_slow(cpus)))):
        yield "governor", f"the CPUs' governor is {slow}: they are slow at first, or always"
    if any(read(cpus / file).strip() == on for file, on in TURBO):
        yield "turbo", "turbo is on: one busy CPU is faster than each of several, as speed-ups show"
    battery = psutil.sensors_battery() if hasattr(psutil, "sensors_battery") else None
    if battery is not None and battery.power_plugged is False:
        yield "battery", f"the machine runs on its battery ({battery.percent:.0f} % full)"


def _slow(cpus: Path) -> Iterator[str]:
    bound = machine.affinity()
    for folder in cpus.glob("cpu[0-9]*/cpufreq"):
        if bound and int(folder.parent.name.removeprefix("cpu")) not in bound:
            continue
        governor = read(folder / "scaling_governor").strip()
        driver = read(folder / "scaling_driver").strip()
        if governor in SLOW and not (governor == "powersave" and driver in BY_THEMSELVES):
            yield governor
