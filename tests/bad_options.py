"""What no pytest session of ours can do: options, settings and variables, by what each is about.

Run as a script in a project, it calls pytest with each, in one process, and writes what came.
"""

import contextlib
import io
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

MANY = "9" * 5000  # Python reads no number of so many digits
RED = "\x1b[31mred\x1b[0m"
FULL_WIDTH = "\uff14"  # a digit that is not ASCII
# What is not a number, or not one that anything can be given.
WORDS = ["", " ", "x", "nan", "-1", "1e999", "²", FULL_WIDTH, RED, "a\nb", "\udcff", "1;2", "0x10"]
NUMBERS = ["0", "-0", "1.5", str(10**100), MANY, "1_0", "+1", "--1", "inf"]
SHARES = ["0", "0%", "100%", "1", "101%", "1e-3", str(10**100), MANY, "5%%", "%", "5 percent"]

REFUSED: dict[str, list[str]] = {
    "--cpus": [*WORDS, *NUMBERS, "1,", ",", "1,,2", "1 2", "0,1"],
    "--sizes": [*WORDS, "nowhere", "few,", ",", "few,few,x", "../few", "FEW", "*"],
    "--ray-address": ["", " ", "local", RED, "a\nb", "\udcff", "h:99999", f"h:{MANY}", "h :1"],
    "--placement": [*WORDS, "pack", "PACK", "pack,", "pack,far", "pack spread"],
    "--case-timeout": [*WORDS, "0", "-0", "inf", str(10**100), MANY, "30s", "1,5", "None"],
    "--cluster-timeout": [*WORDS, "0", "-0", "inf", str(10**100), MANY, "60s", "1,5", "none"],
    "--tolerance": [*WORDS, *SHARES, "1.99%", "0.019", "-5%"],
    "--false-alarm": [*WORDS, *SHARES, "0." + "0" * 320 + "1"],
    "--miss": [*WORDS, *SHARES],
    "--pair-budget": [*WORDS, "0", "-0", "inf", str(10**100), MANY, "30s", "1,5"],
    "--gate-budget": [*WORDS, "0", "-inf", str(10**100), MANY, "5m"],
    "--pair-seed": [*WORDS, "-0", "1.5", str(2**64), MANY, "1_0", "+1"],
    "--unsure": [*WORDS, "PASS", "passes", "true"],
    "--removed": [*WORDS, "FAIL", "no"],
    "--against": ["nowhere", RED, "a\nb", "\udcff", "²", "--all", "HEAD:", "..", "...x", "HEAD~99"],
    "--gate-summary": ["", ".", "/no/where", "few/x", f"a{RED}/b", "x" * 300, "pytest.ini/x"],
    "--benchmark-json": [".", "/no/where", f"a{RED}/b", "x" * 300, "pytest.ini/x"],
    "--benchmark-storage": ["pytest.ini", "/proc/no", "x" * 300, "pytest.ini/x"],
}
# Alone or together, the options that contradict one another, or that nothing can be done with.
TOGETHER = [
    ["--against=HEAD"],
    ["--against=HEAD", "--benchmark-only", "--collect-only"],
    ["--against=HEAD", "--benchmark-only", "-p", "no:benchmark"],
    ["--against", "--benchmark-only"],
    ["--tolerance=5%", "--benchmark-only"],
    ["--allow-slower=x", "--benchmark-only"],
    ["--rayscale-unsure=fail"],
    ["--cpus"],
    ["--rayscale-nothing=1"],
    ["--benchmark-only", "--benchmark-disable", "--sizes=few"],
]
SETTINGS = [
    "rayscale = maybe",
    "rayscale =",
    f"rayscale = {FULL_WIDTH}",
    "rayscale = true\nrayscale_results = pytest.ini",
    "rayscale = true\nrayscale_results = /proc/no",
]
VARIABLES = [
    {"GITHUB_STEP_SUMMARY": "/no/where"},
    {"GITHUB_STEP_SUMMARY": "."},
    {"GITHUB_STEP_SUMMARY": f"{RED}/x"},
]
OF_A_GATE = {"--tolerance", "--false-alarm", "--miss", "--pair-budget", "--gate-budget"} | {
    *("--pair-seed", "--unsure", "--removed", "--gate-summary")
}


def cases() -> Iterator[tuple[str, list[str], str, dict[str, str]]]:
    """Return each case: a name, pytest's arguments, the settings and the variables."""
    own = "rayscale = true"
    for option, values in REFUSED.items():
        gate = ["--against=HEAD"] if option in OF_A_GATE else []
        for number, value in enumerate(values):
            yield f"{option} {number}", ["--benchmark-only", *gate, f"{option}={value}"], own, {}
    for number, words in enumerate(TOGETHER):
        yield f"together {number}", words, own, {}
    for number, settings in enumerate(SETTINGS):
        yield f"setting {number}", ["--benchmark-only"], settings, {}
    for number, variables in enumerate(VARIABLES):
        yield f"variable {number}", ["--benchmark-only", "--against=HEAD"], own, variables


def called(arguments: list[str], variables: dict[str, str]) -> tuple[int, str]:
    """Call pytest, and return how it ended and what it said."""
    out = io.StringIO()
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            code = int(
                pytest.main(["-p", "no:cacheprovider", "-p", "no:hypothesispytest", *arguments])
            )
    except SystemExit as ended:  # what pytest leaves to argparse
        code = int(ended.code or 0)
    finally:
        os.environ.clear()
        os.environ.update(before)
    return code, out.getvalue()


def main() -> None:
    """Call pytest with each, and write a line of JSON for each."""
    for name, arguments, settings, variables in cases():
        Path("pytest.ini").write_text(f"[pytest]\n{settings}\n", encoding="utf-8")
        before = {str(one) for one in Path().rglob("*")} | {".benchmarks"}  # pytest-benchmark's
        code, said = called(arguments, variables)
        written = sorted({str(one) for one in Path().rglob("*")} - before)
        sys.stdout.write(json.dumps([name, code, said, written]) + "\n")


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    main()
