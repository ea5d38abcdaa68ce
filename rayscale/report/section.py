"""The parts of a report: what stands under its headings."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:  # sentences and tables need no library for drawing
    from rayscale.report.drawing import Chart
    from rayscale.report.tables import Table


@dataclass(frozen=True)
class Section:
    """A part of a report, under a heading."""

    heading: str
    sentences: tuple[str, ...] = ()
    tables: tuple["Table", ...] = ()
    charts: tuple["Chart", ...] = ()


@dataclass(frozen=True)
class Report:
    """All of it."""

    title: str
    sentences: tuple[str, ...]
    sections: tuple[Section, ...]

    def only(self, words: Sequence[str]) -> Self:
        """Return the sections whose headings hold one of *words*, whatever the case, and no more.

        ValueError for words that no heading holds.
        """
        headings = [section.heading for section in self.sections]
        for one in words:
            if not any(one.lower() in heading.lower() for heading in headings):
                raise ValueError(
                    f'no heading of this report holds "{one}"; there are {", ".join(headings)}'
                )
        kept = [
            section
            for section in self.sections
            if any(one.lower() in section.heading.lower() for one in words)
        ]
        return replace(self, sentences=(), sections=tuple(kept))
