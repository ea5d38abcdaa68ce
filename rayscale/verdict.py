"""The words for what a comparison found, worst first."""

from typing import Literal

CONFIDENCE = 0.99  # of the intervals of ratios that stand beside a verdict
Verdict = Literal["slower", "unsure", "same", "faster"]
WORST_FIRST: tuple[Verdict, ...] = ("slower", "unsure", "same", "faster")
