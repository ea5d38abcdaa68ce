"""The beginning of projects whose kernels do harm: when one is due to, and the rows."""

# A kernel does harm at one call of all workers together, which is in the clock: a case is called
# twice before, for its check, by two workers.  Each call is a line in a file of the kernel's,
# whatever its process.
HARMFUL = """
import os, signal, time
from functools import partial
from pathlib import Path

import numpy as np
import psutil
import rayscale

HERE = Path(__file__).parent
ROWS = np.arange(4.0)
AT = 7


def calls(name):
    with (HERE / f"calls-{name}").open("a") as out:
        out.write(f"{os.getpid()}\\n")
    return len((HERE / f"calls-{name}").read_text().splitlines())


def due(name):
    if calls(name) < AT or (HERE / f"done-{name}").exists():
        return False
    try:
        (HERE / f"done-{name}").touch(exist_ok=False)
    except FileExistsError:  # the other worker was first
        return False
    return True


def cases(way, *kernels, **named):
    kernels = {one.__name__: one for one in kernels} | named
    return rayscale.cases(kernels, sizes={"small": 4}, ways=[way], cpus=(2,))


"""
