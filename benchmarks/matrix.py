"""The experiment on one screen: problem x kernel x implementation x cpus x size."""

from kernels.moving_average import (
    moving_average_loop,
    moving_average_numpy,
    moving_average_pandas,
)
from kernels.timer import timer
from rayscale import cases, on_request, ray_per_row, ray_whole, serial

# Series and points.  The interpreted loop would take 27 s a round when large.
SMALL, ARTICLE, LARGE = (100, 100), (1000, 1000), (10_000, 1000)
LOOPS = {"small": SMALL, "article": ARTICLE}
VECTORS = {"small": SMALL, "article": ARTICLE, "large": on_request(LARGE)}

moving_average = (
    cases({"loop": moving_average_loop}, sizes=LOOPS)
    + cases({"numpy": moving_average_numpy}, sizes=VECTORS)
    + cases({"pandas": moving_average_pandas}, sizes=VECTORS, ways=[serial])
)

# Four naps of so many seconds: they need no core, so any number of CPUs is fair.
CALLS = 4
NAPS = {"timer": timer}
PUBLISHED = [serial, ray_whole, ray_per_row]

naps = cases(NAPS, sizes={"small": 0.1}, cpus=(1, 2, 4), waits=True) + cases(
    NAPS, sizes={"article": 1.0}, ways=PUBLISHED, cpus=(4,), min_rounds=3, waits=True
)
