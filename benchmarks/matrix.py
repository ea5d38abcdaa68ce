"""The experiment on one screen: problem x kernel x implementation x cpus x size."""

from functools import partial

from kernels.moving_average import (
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

# Each in pairs with ray_blocks: at the article's size on the most CPUs, and all with -m ways.
PEERS = [ray_actors, ray_shared, ray_pool, process_pool, joblib, thread_pool]

# Series and points.  The interpreted loop would take 27 s a round when large.
SMALL, ARTICLE, LARGE = (100, 100), (1000, 1000), (10_000, 1000)
LOOPS = {"small": SMALL, "article": ARTICLE}
AVERAGES = {"loop": moving_average_loop, "numpy": moving_average_numpy}
VECTORS = {"small": SMALL, "article": ARTICLE, "large": on_request(LARGE)}

moving_average = (
    cases({"loop": moving_average_loop}, sizes=LOOPS)
    + cases({"numpy": moving_average_numpy}, sizes=VECTORS)
    + cases({"pandas": moving_average_pandas}, sizes=VECTORS, ways=[serial])
    + cases(AVERAGES, sizes=LOOPS, ways=PEERS, beside=ray_blocks)
)

# Four naps of so many seconds: they need no core, so any number of CPUs is fair.
CALLS = 4
NAPS = {"timer": timer}
PUBLISHED = [serial, ray_whole, ray_per_row]

naps = cases(NAPS, sizes={"small": 0.1}, cpus=(1, 2, 4), waits=True) + cases(
    NAPS, sizes={"article": 1.0}, ways=PUBLISHED, cpus=(4,), min_rounds=3, waits=True
)

# Push to where the pole leans and turns: nine episodes in ten last 500 steps, and the others end at
# different ones, so rows in a wrong order are found.  The acrobot: turn to where it swings.
BALANCE = [[0, 0, 0, 0], [0, 0, 1, 1]]
SWING = [[0, 0, 0, 0, 0, -1], [0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 1]]
ACROBOT = "Acrobot-v1"
CART = {"gymnasium": partial(rollout_gymnasium, weights=BALANCE)}
CARTS = {
    "vector_sync": partial(rollout_vector_sync, weights=BALANCE),
    "numpy": partial(rollout_numpy, weights=BALANCE),
}
SWINGING = {"gymnasium": partial(rollout_gymnasium, weights=SWING, environment=ACROBOT)}

# Episodes, and the most steps of each.  Those on request show from which length on Ray pays.
EPISODES = {"small": (20, 500), "article": (120, 500)}
LENGTHS = {f"steps{steps}": on_request((120, steps)) for steps in (1, 10, 30, 100, 300)}

rollout = (
    cases(CART, sizes=EPISODES | LENGTHS)
    + cases(CARTS, sizes=EPISODES, ways=[serial, ray_blocks])
    + cases(CART | CARTS, sizes=EPISODES, ways=PEERS, beside=ray_blocks)
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
