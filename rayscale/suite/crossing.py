"""Where a line crosses a level: only as far as intervals carry it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Side = Literal["below", "above", "unclear"]


@dataclass(frozen=True)
class Crossing:
    """Between which of the places that were measured a line crosses a level, as indices."""

    below: int | None  # the last place where it is certainly below
    above: int | None  # the first from which on it is certainly above, wherever it was measured


def crossing(sides: Sequence[Side]) -> Crossing | None:
    """Return between which places the line rises over the level; *sides* say where it is.

    None where it is certainly above at a place and certainly below at a later one.

    >>> crossing(["below", "below", "unclear", "above"])
    Crossing(below=1, above=3)
    >>> crossing(["above", "below"]) is None
    True
    """
    marks = "".join(side[0] for side in sides)
    if re.search("a.*b", marks):
        return None
    last = marks.rfind("b")
    trailing = len(marks) - len(marks.rstrip("a"))
    return Crossing(
        last if last >= 0 else None,
        len(marks) - trailing if trailing else None,
    )
