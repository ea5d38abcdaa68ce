"""What a project's settings may ask of its usual runs, and what a gate has in its place."""

from collections.abc import Mapping
from typing import Any

# By the option's destination: how it is called, and what it is overruled with.  None of it is
# possible, or of use, where other processes run the benchmarks.  Where it was asked for, it is
# named.
IN_THE_WAY: Mapping[str, tuple[str, Any]] = {
    "benchmark_disable": ("--benchmark-disable", False),
    "benchmark_skip": ("--benchmark-skip", False),
    "benchmark_autosave": ("--benchmark-autosave", False),
    "benchmark_save": ("--benchmark-save", None),
    "benchmark_json": ("--benchmark-json", None),
    "benchmark_compare": ("--benchmark-compare", None),
    "benchmark_compare_fail": ("--benchmark-compare-fail", []),
    "benchmark_histogram": ("--benchmark-histogram", []),
    "numprocesses": ("-n", None),
    "dist": ("--dist", "no"),
    "tx": ("--tx", []),
    "reruns": ("--reruns", 0),
    "cov_source": ("--cov", []),
    "timeout": ("--timeout", None),
}
# The same in each of the two sessions, and what is the reporting session's to do.
OF_EACH_SESSION: Mapping[str, Any] = {name: value for name, (_, value) in IN_THE_WAY.items()} | {
    "benchmark_only": True,
    "benchmark_cprofile": None,
    "benchmark_storage": "file://./.benchmarks",
    "maxfail": 0,
    "xmlpath": None,
    "htmlpath": None,
    "report_log": None,
    "lf": False,
    "failedfirst": False,
    "newfirst": False,
    "stepwise": False,
    "usepdb": False,
    "session_timeout": 10**9,  # seconds; none would be what the ini file says
}
