"""Mistakes in a benchmark: one sentence says which, and what to do."""

import re
from pathlib import Path

import pytest

from tests.projects import QUICK, Run, run_pytest, write

HEAD = """
import threading
import numpy as np
import pytest
import rayscale

SIZES = {"small": 6}
ROWS = np.arange(6.0)
"""
SERIAL = "sizes=SIZES, ways=[rayscale.serial]"
BLOCKS = "sizes=SIZES, ways=[rayscale.ray_blocks], cpus=(2,)"
MEASURED = """
def NAME(measure, size):
    measure(ROWS, expected=-ROWS)
"""

# One file each: what is wrong in it, and the sentence that says so.
MISTAKES = {
    "no_call": (
        f"@rayscale.cases({{'k': np.negative}}, {SERIAL})\ndef NAME(measure, size): pass",
        "NAME[k-serial-small] measured nothing; have it call measure(rows, expected)",
    ),
    "no_measure": (
        f"@rayscale.cases({{'k': np.negative}}, {SERIAL})\ndef NAME(size): pass",
        (
            "NAME has @rayscale.cases(...) and does not take the fixture measure; have it take it, "
            "and call measure(rows, expected)"
        ),
    ),
    "no_decorator": (
        "def NAME(measure): pass",
        "NAME takes the fixture measure of rayscale and has no @rayscale.cases(...); decorate it",
    ),
    "two_decorators": (
        (
            f"@rayscale.cases({{'k': np.negative}}, {SERIAL})\n"
            f"@rayscale.cases({{'k': np.negative}}, {SERIAL}){MEASURED}"
        ),
        "NAME has two rayscale.cases decorators; join them: cases(...) + cases(...)",
    ),
    "one_id_twice": (
        f"CASES = rayscale.cases({{'k': np.negative}}, {SERIAL})\n@(CASES + CASES){MEASURED}",
        "NAME: two cases are called k-serial-small; give their kernels or ways other names",
    ),
    "bad_name": (
        f"@rayscale.cases({{'a-b': np.negative}}, {SERIAL}){MEASURED}",
        '"a-b" is not good as the name of a kernel; give letters, digits and _, without a hyphen',
    ),
    "own_measure": (
        (
            f"@pytest.fixture\ndef measure(): return print\n"
            f"@rayscale.cases({{'k': np.negative}}, {SERIAL}){MEASURED}"
        ),
        "NAME: a fixture called measure in this project hides rayscale's; rename it",
    ),
    "own_size": (
        (
            f"@pytest.fixture\ndef size(request): return 'theirs'\n"
            f"@rayscale.cases({{'k': np.negative}}, {SERIAL}){MEASURED}"
        ),
        "a fixture called size in this project hides rayscale's; rename it",
    ),
    "own_cluster": (
        (
            f"@pytest.fixture\ndef rayscale_cluster(): return 'theirs'\n"
            f"@rayscale.cases({{'k': np.negative}}, {SERIAL}){MEASURED}"
        ),
        "a fixture called rayscale_cluster in this project hides rayscale's; rename it",
    ),
    "size_alone": (
        "def NAME(size, benchmark): pass",
        "NAME takes the fixture size of rayscale and has no @rayscale.cases(...)",
    ),
    "fewer_rows": (
        f"@rayscale.cases({{'k': lambda rows: -rows[1:]}}, {SERIAL}){MEASURED}",
        "the kernel k returned 5 rows for 6; a kernel returns as many rows as it is given",
    ),
    "another_shape": (
        f"@rayscale.cases({{'k': lambda rows: np.c_[rows, rows]}}, {SERIAL}){MEASURED}",
        (
            "the kernel k does not give what is expected: expected= has shape (6,), and the result "
            "has (6, 2)"
        ),
    ),
    "wrong": (
        f"@rayscale.cases({{'k': np.positive}}, {SERIAL}){MEASURED}",
        (
            "the kernel k does not give what is expected: Not equal to tolerance rtol=1e-09, "
            "atol=1e-12"
        ),
    ),
    "writes": (
        (
            f"def k(rows):\n    rows *= -1\n    return rows\n"
            f"@rayscale.cases({{'k': k}}, {SERIAL}){MEASURED}"
        ),
        (
            "the kernel k writes to its input; rows are read-only in every arm, because Ray's "
            "workers share them: have it work on a copy"
        ),
    ),
    "no_rows": (
        (
            f"@rayscale.cases({{'k': lambda n: -n}}, {BLOCKS})\n"
            "def NAME(measure, size):\n    measure(7, expected=-7)"
        ),
        (
            "an input of type int has no rows to cut between; give an array or a list, or say how "
            "it is cut with split="
        ),
    ),
    "cannot_be_sent": (
        (
            f"LOCK = threading.Lock()\ndef k(rows):\n    with LOCK: return -rows\n"
            f"@rayscale.cases({{'k': k}}, {BLOCKS}){MEASURED}"
        ),
        (
            "the kernel k cannot be sent to Ray's workers (cannot pickle '_thread.lock' object); "
            "have it hold nothing that cannot be pickled, such as a lock or an open file"
        ),
    ),
    "raises": (
        (
            "def k(rows):\n    if 5 in rows: raise KeyError('five')\n    return -rows\n"
            f"@rayscale.cases({{'k': k}}, {BLOCKS}){MEASURED}"
        ),
        "in block 1 of 2 (rows 3 to 5)",
    ),
    "depends": (
        (
            "def k(rows): return np.cumsum(rows)\n"
            f"@rayscale.cases({{'k': k}}, {BLOCKS})\n"
            "def NAME(measure, size):\n    measure(ROWS, expected=np.cumsum(ROWS))"
        ),
        (
            "the kernel k is right on all rows at once and wrong in pieces; are the rows "
            "independent of each other?"
        ),
    ),
}
RIGHT = f"""{HEAD}
@rayscale.cases({{'right': np.negative}}, {SERIAL})
def test_right(measure, size):
    measure(ROWS, expected=-ROWS)
"""


@pytest.fixture(scope="module")
def mistaken(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return a timed run of a file for each mistake, and of one that is right."""
    files = {
        f"test_{name}.py": HEAD + text.replace("NAME", f"test_{name}")
        for name, (text, _) in MISTAKES.items()
    }
    project = write(
        tmp_path_factory.mktemp("mistaken"),
        files
        | {
            "test_right.py": RIGHT,
            "pytest.ini": "[pytest]\nrayscale = true\n",
        },
    )
    return run_pytest(project, "--benchmark-only", QUICK, "--continue-on-collection-errors")


def reported(output: str, name: str) -> str:
    """Return what pytest says under the one heading that has *name*."""
    parts = re.split(r"^_{3,} (.*) _{3,}$", output, flags=re.MULTILINE)
    sections = zip(parts[1::2], parts[2::2], strict=True)
    found = [text for heading, text in sections if re.search(rf"\b{name}\b", heading)]
    assert len(found) == 1, output
    return found[0].partition("\n===")[0]


@pytest.mark.parametrize("name", MISTAKES)
def test_mistake_is_said_in_a_sentence(mistaken: Run, name: str) -> None:
    """The sentence stands where pytest reports the test, and no frames of Ray's or ours with it."""
    text = reported(mistaken.output, f"test_{name}")

    assert MISTAKES[name][1].replace("NAME", f"test_{name}") in re.sub(r"\n(E +)?", " ", text)
    assert "INTERNALERROR" not in text
    assert len(text.splitlines()) < 45


def test_mistakes_do_not_stop_what_is_right(mistaken: Run) -> None:
    """The benchmark beside them is timed and saved, and the run says that it failed."""
    assert mistaken.exit_code == 1
    assert list(mistaken.cases) == ["right-serial-small"]


def test_unused_benchmark_fixture_is_not_reported_beside(mistaken: Run) -> None:
    """pytest-benchmark does not say of each failure that its fixture was not used."""
    assert "Benchmark fixture was not used" not in mistaken.output


OWN_OPTION = 'def pytest_addoption(parser): parser.addoption("--sizes", default="theirs")'


@pytest.fixture
def right(tmp_path: Path) -> Path:
    """Return a project with one benchmark that is right, and an option --sizes of its own."""
    return write(
        tmp_path,
        {"test_right.py": RIGHT, "conftest.py": OWN_OPTION},
    )


def test_own_option_stands_beside_the_long_ones(right: Path) -> None:
    """A project with an option of our short name keeps it, and writes ours with the long name."""
    done = run_pytest(right, "--sizes=theirs", "--rayscale-sizes=small")

    assert done.exit_code == 0, done.output
    assert "1 passed" in done.output


def test_own_option_of_our_short_name_is_one_sentence(right: Path) -> None:
    """Where the project asks for the short options as well, it is told which of them it has."""
    (right / "pytest.ini").write_text("[pytest]\nrayscale = true\n")
    done = run_pytest(right)

    assert done.exit_code == 4
    assert done.output.strip() == (
        "ERROR: --sizes is an option of this project or of another plug-in, too; take the setting "
        "'rayscale' out of pytest's ini file, and write --rayscale-sizes"
    )


def test_size_that_nobody_has_is_one_sentence(right: Path) -> None:
    """A misspelt size ends the run with exit code 4, and is not silently deselected."""
    done = run_pytest(right, "--benchmark-only", "--rayscale-sizes=smal")

    assert done.exit_code == 4
    assert (
        'ERROR: --rayscale-sizes: no collected benchmark has a size "smal"; there are small'
    ) in done.output.splitlines()
