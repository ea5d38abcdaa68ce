"""The experiment on one screen: problem x kernel x implementation x cpus x size.

All of it is to take less than 8 minutes on two quiet CPUs.  Left out by default, to pay for the
ways in pairs: the article's sizes in Ray's tasks on one CPU (``--cpus 1,2`` brings them), where a
task for each row or block can gain nothing over ``ray_whole``; the acrobot's article
(``--sizes article``); the small sizes of the ways in pairs (``-m ways``).  And a case takes half a
second where pytest-benchmark's own choice is one.
"""

from functools import partial

from benchmarks.environments import async_vector_env
from kernels.moving_average import (
    moving_average_bottleneck,
    moving_average_cumsum,
    moving_average_loop,
    moving_average_numpy,
    moving_average_pandas,
)
from kernels.rollout import rollout_gymnasium, rollout_numpy, rollout_vector_sync
from kernels.search import search as search_gymnasium
from kernels.timer import timer
from rayscale import (
    cases,
    joblib,
    on_request,
    process_pool,
    ray_actors,
    ray_blocks,
    ray_per_row,
    ray_pool,
    ray_shared,
    ray_whole,
    serial,
    thread_pool,
    tune,
    tune_reused,
)

# Each in pairs with ray_blocks: at the article's size on the most CPUs, and all with -m ways.  Naps
# need no CPU, so they tell nothing of pools; and the acrobot would say what the cart says.
PEERS = [ray_actors, ray_shared, ray_pool, process_pool, joblib, thread_pool]

# Series and points.  The interpreted loop would take 27 s a round when large.
SMALL, ARTICLE, LARGE = (100, 100), (1000, 1000), (10_000, 1000)
MILLION = (1_000_000, 10)
SIZES = {"small": SMALL, "article": ARTICLE}
VECTORS = {"large": on_request(LARGE)}
AVERAGES = {"loop": moving_average_loop, "numpy": moving_average_numpy}

moving_average = (
    cases(AVERAGES, sizes={"small": SMALL})
    + cases(AVERAGES, sizes={"article": ARTICLE}, cpus="several")
    + cases({"numpy": moving_average_numpy}, sizes=VECTORS)
    # Not one task per row: a million of them would take ten minutes a call.
    + cases(
        {"numpy": moving_average_numpy},
        sizes={"million": on_request(MILLION)},
        ways=[serial, ray_whole, ray_blocks],
    )
    # What NumPy's kernel is to be measured by, on one CPU: the library that most people would ask.
    + cases({"pandas": moving_average_pandas}, sizes=SIZES | VECTORS, ways=[serial])
    + cases(AVERAGES, sizes=SIZES, ways=PEERS, beside=ray_blocks)
    # Other ways to average, on one CPU: both keep running sums, which drift.
    + cases(
        {"cumsum": moving_average_cumsum, "bottleneck": moving_average_bottleneck},
        sizes={"article": on_request(ARTICLE), "large": on_request(LARGE)},
        ways=[serial],
    )
)

# Naps, and the seconds of each: they need no core, so any number of CPUs is fair.  On request many,
# on all CPUs that --cpus names: from which count on is the driver too slow?
CALLS = 4
NAPS = {"timer": timer}
PUBLISHED = [serial, ray_whole, ray_per_row]

naps = (
    cases(NAPS, sizes={"small": (CALLS, 0.1)}, cpus=(1, 2, 4), waits=True)
    + cases(
        NAPS, sizes={"article": (CALLS, 1.0)}, ways=PUBLISHED, cpus=(4,), min_rounds=3, waits=True
    )
    + cases(
        NAPS,
        sizes={"many": on_request((256, 0.02))},
        ways=[serial, ray_per_row, ray_blocks],
        waits=True,
    )
)

# Push to where the pole leans and turns: nine episodes in ten last 500 steps, and the others end at
# different ones, so rows in a wrong order are found.  The acrobot: turn to where it swings.
BALANCE = [[0, 0, 0, 0], [0, 0, 1, 1]]
SWING = [[0, 0, 0, 0, 0, -1], [0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 1]]
ACROBOT = "Acrobot-v1"
CART = {"gymnasium": partial(rollout_gymnasium, weights=BALANCE)}
VECTOR = {"vector_sync": partial(rollout_vector_sync, weights=BALANCE)}
CARTS = VECTOR | {"numpy": partial(rollout_numpy, weights=BALANCE)}
SWINGING = {"gymnasium": partial(rollout_gymnasium, weights=SWING, environment=ACROBOT)}

# Episodes, and the most steps of each.  Those on request show from which length on Ray pays, in
# pairs with serial: a machine's speed changes by more than Ray gains on short ones.
FEW, MANY = {"small": (20, 500)}, {"article": (120, 500)}
LENGTHS = {f"steps{steps}": on_request((120, steps)) for steps in (1, 10, 30, 100, 300, 500)}

rollout = (
    cases(CART, sizes=FEW)
    + cases(CART, sizes=MANY, cpus="several")
    + cases(CART, sizes=LENGTHS, ways=[serial])
    + cases(CART, sizes=LENGTHS, ways=[ray_per_row, ray_blocks], beside=serial)
    + cases(CARTS, sizes=FEW, ways=[serial, ray_blocks])
    + cases(CARTS, sizes=MANY, ways=[serial, ray_blocks], cpus="several")
    + cases(CART | CARTS, sizes=FEW | MANY, ways=PEERS, beside=ray_blocks)
    # Each step takes a message to each process and back: at the article's size, minutes for a case.
    + cases(VECTOR, sizes={"steps30": LENGTHS["steps30"]}, ways=[async_vector_env], beside=serial)
)
# A step costs about five times as much as the cart's, and an episode has about 85.
acrobot = cases(
    SWINGING,
    sizes={"small": 20, "article": on_request(120)},
    ways=[serial, ray_per_row, ray_blocks],
)

# Policies, and the episodes that each plays.  Only `tox run -e rl` runs these: Tune takes seconds.
search = cases(
    {"gymnasium": search_gymnasium},
    sizes={"trials": (6, 100)},
    ways=[serial, ray_per_row, tune, tune_reused],
)
