"""What the gate says of its pairs: verdicts, remarks, the table and the sentence."""

from dataclasses import replace

import pytest

from rayscale.gate.verdicts import GatedCase, markdown, promise, summary
from rayscale.intervals import Interval

CASE = GatedCase(
    name="moving_average loop serial small",
    base=0.028,
    head=0.0285,
    ratio=1.018,
    interval=Interval(1.004, 1.024),
    tests=("not slower",),
    pairs=(24,),
    tolerance=0.05,
)
FOUR = ("slower",) * 4  # loadings: as many as "slower" takes
SLOWER = replace(
    CASE,
    name="moving_average loop ray_blocks cpus2 small",
    ratio=1.12,
    interval=Interval(1.07, 1.18),
    tests=FOUR,
    pairs=(64, 41, 40, 45),
)
PROMISE = promise(0.01, 24 * [0.05], 0.01)


@pytest.mark.parametrize(
    ("tests", "interval", "verdict"),
    [
        (FOUR, (1.07, 1.18), "slower"),
        (FOUR[:3], (1.07, 1.18), "unsure"),  # a further loading decides
        (FOUR, (0.99, 1.18), "unsure"),  # the interval holds 1
        (FOUR, (1.01, 1.03), "unsure"),  # by less than half the tolerance
        ((*FOUR[:3], "not slower"), (1.01, 1.18), "unsure"),
        (("slower", "not slower"), (1.01, 1.18), "unsure"),
        (("slower", "undecided"), (1.01, 1.18), "unsure"),
        (("slower",), (1.01, 1.18), "unsure"),
        (("undecided",), (0.9, 1.18), "unsure"),
        (("not slower",), (1.004, 1.03), "unsure"),  # beyond half the tolerance
        (("not slower", "not slower"), (1.004, 1.03), "same"),
        (("not slower", "slower"), (1.004, 1.03), "unsure"),
        (("not slower",), (1.004, 1.02), "same"),
        (("not slower",), (0.97, 1.0), "same"),
        (("not slower",), (0.9, 0.99), "faster"),
    ],
)
def test_verdict_follows_from_tests_and_interval(
    tests: tuple[str, ...], interval: tuple[float, float], verdict: str
) -> None:
    """Slower needs four loadings that say so; what is refuted is same or faster; else unsure."""
    ratio = (interval[0] + interval[1]) / 2
    shown = replace(CASE, tests=tests, ratio=ratio, interval=Interval(*interval))
    assert shown.verdict == verdict


@pytest.mark.parametrize(
    ("changes", "remark"),
    [
        ({}, "1.8 % slower, inside the tolerance"),
        ({"interval": Interval(0.99, 1.02)}, ""),
        (
            {"tests": ("undecided",), "interval": Interval(0.9, 1.18)},
            "a slowdown of 18 % or more is ruled out",
        ),
        (
            {"tests": ("undecided",), "interval": Interval(0.0, float("inf"))},
            "no slowdown is ruled out yet",
        ),
        (
            {"tests": ("slower", "not slower")},
            "slower on 1 loading of the code; not slower on the next",
        ),
        (
            {"tests": ("slower", "undecided")},
            "slower on 1 loading of the code; time was up on the next",
        ),
        (
            {"tests": ("not slower", "slower"), "interval": Interval(0.99, 1.1)},
            "not slower on one loading of the code; slower on the other",
        ),
        (
            {"tests": ("slower", "slower")},
            "slower on 2 loadings of the code; the next one did not come",
        ),
        (
            {"tests": FOUR, "ratio": 1.02},
            "slower on all 4 loadings of the code, but not in all pairs together",
        ),
        (
            {"tests": FOUR, "ratio": 1.1, "meant": True},
            "meant, by --allow-slower",
        ),
    ],
)
def test_remark_says_what_the_verdict_does_not(changes: dict[str, object], remark: str) -> None:
    """Inside the tolerance, what could be ruled out, loadings that disagree, what is meant."""
    assert replace(CASE, **changes).remark == remark  # type: ignore[arg-type]  # one field each


def test_sentence_says_how_much_slower_and_how_sure() -> None:
    """A slower case fails with its slowdown, what it is slower than, an interval and the pairs."""
    assert SLOWER.sentence("main (3f2a91c)") == (
        "moving_average loop ray_blocks cpus2 small: 12 % slower than main (3f2a91c), "
        "99 % interval 7 to 18 %, 64 + 41 + 40 + 45 pairs"
    )


def test_summary_has_the_worst_first() -> None:
    """The table goes from slower to the same; new cases follow; totals and the promise close it."""
    text = summary([CASE, SLOWER], [("timer nap serial small", "new")], PROMISE, width=120)
    rows = [line.split()[:4] for line in text.splitlines() if " small" in line]

    assert rows == [
        ["moving_average", "loop", "ray_blocks", "cpus2"],
        ["moving_average", "loop", "serial", "small"],
        ["timer", "nap", "serial", "small"],
    ]
    assert "1.120 [1.070, 1.180]   64+41+40+45   slower" in text
    assert "1 slower, 1 same, 1 new" in text
    assert text.endswith(f"{PROMISE}\n")


def test_columns_stand_under_their_headings() -> None:
    """Medians, ratio, pairs and verdict of a case each stand under a heading that names them."""
    headings, _, row, new = (
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in markdown([CASE], [("timer nap serial small", "new")], PROMISE).splitlines()
        if line.startswith("|")
    )

    assert dict(zip(headings, row, strict=True)) == {
        "case": r"moving_average loop serial small",
        "base": "28.0 ms",
        "head": "28.5 ms",
        "head / base [99 %]": "1.018 [1.004, 1.024]",
        "pairs": "24",
        "verdict": "same: 1.8 % slower, inside the tolerance",
    }
    assert dict(zip(headings, new, strict=True)) == {
        **dict.fromkeys(headings, "-"),
        "case": "timer nap serial small",
        "verdict": "new",
    }


def test_promise_names_each_tolerance() -> None:
    """Where cases have different tolerances, the promise names all of them, each once."""
    one = promise(0.01, [0.05, 0.05], 0.01)
    assert "among these 2 cases. Code slower by 5 % or more in every" in one

    mixed = promise(0.01, [0.1, 0.05, 0.1], 0.01)
    assert "Code slower by its case's tolerance, 5 % or 10 %, or more in every" in mixed
    assert "called not slower with at most 1 % chance per case" in mixed


def test_markdown_is_a_table() -> None:
    """The same table as Markdown, for a page of CI."""
    lines = markdown([CASE, SLOWER], [], PROMISE).splitlines()

    assert lines[0] == "## Performance gate"
    table = [line for line in lines if line.startswith("|")]
    assert len(table) == 4  # headings, rule, two cases
    assert {line.count("|") for line in table} == {7}
    assert "1 slower, 1 same" in lines
