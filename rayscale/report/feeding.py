"""When the last of some tasks ends, if one driver feeds them to workers, one after the other."""


def last_end(tasks: int, cpus: int, feed: float, work: float) -> float:
    """Return the seconds from a call's begin until the last of its *tasks* has ended.

    The driver feeds a task every *feed* seconds, the first one after as many.  Each takes a worker
    of *cpus* for *work* seconds, the first one that is free.  Task i begins when it is fed and task
    i - cpus has ended; written out, that is the larger of two ends: the driver is late for all
    tasks, or it is late for the first round alone and the workers never wait again.

    ``tests/report/test_feeding.py`` compares it with a simulation of all events.

    >>> last_end(1, 4, feed=1.0, work=5.0)
    6.0
    >>> last_end(8, 4, feed=1.0, work=5.0)  # two rounds; the fourth worker begins at 4
    14.0
    >>> last_end(8, 4, feed=2.0, work=5.0)  # the driver cannot feed four workers
    21.0
    """
    rounds, rest = divmod(tasks - 1, cpus)
    late = max((tasks - 1) * feed, rest * feed + rounds * work)
    return feed + late + work
