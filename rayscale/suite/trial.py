"""A case, set up: its rows, its way of running, and calls whose work is accounted for."""

import pickle
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any
from uuid import uuid4

import numpy as np

from rayscale.suite.case import Case, Way
from rayscale.suite.check import Expectation, ResultError, with_advice
from rayscale.suite.rows import Pieces, whole
from rayscale.suite.stage import Stage, Work
from rayscale.suite.witness import Overheard, Warned, Witnessed, count

Kernel = Callable[[Any], Any]


@dataclass
class Counted:
    """A call of a case, whose kernel is witnessed; it counts its own calls."""

    run: Callable[..., Any]
    kernel: Kernel
    rows: Any
    case: str
    calls: int = 0
    _call: Callable[[], Any] = field(init=False)

    def __post_init__(self) -> None:
        """Bind the call once: Ray then makes the remote function once, too."""
        self._call = partial(self.run, Witnessed(self.kernel, self.case), self.rows)

    def __call__(self) -> Any:
        """Run the kernel over the rows."""
        __tracebackhide__ = True
        self.calls += 1
        return self._call()

    @property
    def given(self) -> int:
        """How many rows went through the kernel in all calls."""
        if isinstance(self.rows, Pieces):
            return self.rows.given
        return self.calls * count(self.rows)


@dataclass(frozen=True)
class Trial:
    """A case that is set up: it can be called."""

    case: Case
    way: Way
    rows: Any
    stage: Stage

    @property
    def run(self) -> Callable[..., Any]:
        """The way of running, on the case's CPUs."""
        return partial(self.way, cpus=self.case.cpus, place=self.stage.place)

    def call(self, kernel: Kernel, case: str | None = None) -> Counted:
        """Return the call of *kernel* on the rows; its work is put down under *case*."""
        rows = replace(self.rows) if isinstance(self.rows, Pieces) else self.rows
        return Counted(self.run, kernel, rows, case or uuid4().hex)

    def check(self, kernel: Kernel, expectation: Expectation, case: str) -> tuple[Counted, Any]:
        """Call *kernel* once; return the call, and its result if it is what is expected.

        ResultError, in one sentence, if it is another one, or if the kernel changes its input.
        """
        __tracebackhide__ = True
        call = self.call(Overheard(kernel, case), case)
        before = _items(self.rows)
        try:
            result = call()
        except Exception as error:  # noqa: BLE001 - it is raised again, with advice
            raise with_advice(error, self.case.kernel) from None
        if _items(self.rows) != before:
            raise ResultError(
                f"the kernel {self.case.kernel} changes the list that it is given; have it work on "
                "a copy"
            )
        expectation.prove(result, kernel, self.rows, self.case.kernel)
        return call, result

    def account(self, calls: Sequence[Counted]) -> Work | None:
        """Return what was seen of the work of *calls* of one case; None where the way cannot say.

        The kernel's warnings are given again in this process, so that they count as they do where
        it runs here.  WorkError if the work was not all done where the CPU count says.
        """
        if self.stage.account is None:
            return None
        work = self.stage.account(calls[0].case, sum(call.given for call in calls))
        _warn_again(work.warnings)
        return work


def read_only(rows: Any) -> Any:
    """Return *rows* so that no kernel can write to its arrays; a list is not copied deep."""
    if isinstance(rows, Pieces):
        return replace(rows, items=read_only(rows.items))
    if isinstance(rows, np.ndarray):
        view = rows.view()
        view.flags.writeable = False
        return view
    if type(rows) in (list, tuple):
        return type(rows)(read_only(one) if isinstance(one, np.ndarray) else one for one in rows)
    return rows


def nbytes(value: Any) -> int:
    """Return how many bytes *value* is when it travels; 0 for what cannot."""
    items = whole(value)
    if isinstance(items, np.ndarray):
        return items.nbytes
    try:
        return len(pickle.dumps(items, protocol=5))
    except (pickle.PicklingError, TypeError, AttributeError):  # what pickle raises where it cannot
        return 0


def shape(rows: Any) -> list[int]:
    """Return the shape of an array, or how many items something else has."""
    items = whole(rows)
    return list(items.shape) if isinstance(items, np.ndarray) else [count(items)]


def _items(rows: Any) -> list[int]:
    """Return which objects a list holds, in order: sorted or overwritten, it holds others."""
    items = whole(rows)
    return [id(one) for one in items] if isinstance(items, list) else []


def _warn_again(heard: Sequence[Warned]) -> None:
    for category, text, file, line in heard:
        warnings.warn_explicit(text, category, file, line)
