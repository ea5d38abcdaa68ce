"""The clocks that cases are timed by: which can tell how long somebody waits."""

from collections.abc import Iterable

# These count the work of this process or thread, and stand while it waits for others' work.
WORK_ALONE = {
    *("process_time", "process_time_ns", "thread_time", "thread_time_ns"),
    "clock",  # of Python before 3.8, but on Windows
}


def name(timer: str) -> str:
    """Return what a *timer* is called without its module.

    >>> name("time.process_time"), name("perf_counter")
    ('process_time', 'perf_counter')
    """
    return timer.rpartition(".")[2]


def timer_of(*, timer: object = None, **_others: object) -> str:
    """Return which clock pytest-benchmark's options of a case name; nothing, if none.

    >>> timer_of(timer="perf_counter", warmup=False), timer_of(warmup=False)
    ('perf_counter', '')
    """
    return str(getattr(timer, "__name__", timer or ""))


def counts_waiting(timer: str | None) -> bool:
    """Tell whether *timer* goes on while its process waits; one that is not known is taken to.

    >>> counts_waiting("perf_counter"), counts_waiting("time.thread_time"), counts_waiting(None)
    (True, False, True)
    """
    return timer is None or name(timer) not in WORK_ALONE


def without_waiting(timers: Iterable[str]) -> str:
    """Return, as the end of a sentence, why times by these *timers* say nothing about Ray.

    >>> without_waiting(["time.process_time"])
    'process_time does not count waiting for others to work, so no speed-up is stated'
    """
    names = " or ".join(sorted(set(map(name, timers))))
    return f"{names} does not count waiting for others to work, so no speed-up is stated"
