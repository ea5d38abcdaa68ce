"""Is a case's result what is expected?  If not, one sentence says what is wrong."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Number
from typing import Any

import numpy as np

from rayscale.suite.rows import Pieces, whole
from rayscale.suite.witness import count

# Beyond this, a result is another one.  This repository's kernels differ from each other by
# rounding: measured 3e-15 for a million standard normals.
RELATIVE, ABSOLUTE = 1e-9, 1e-12
SAID = ("Not equal", "nan location", "inf location", "Mismatched", "Max ")  # of what NumPy says
NUMBERS = "biufc"  # NumPy's kinds of dtype that have a difference


class ResultError(AssertionError):
    """A case computes something else than expected; the message says what may be wrong."""


@dataclass(frozen=True)
class Expectation:
    """What a case must give: numbers within ``atol + rtol * abs(value)``, other things equal."""

    value: Any
    rtol: float = RELATIVE
    atol: float = ABSOLUTE

    def difference(self, result: Any) -> str | None:
        """Return how *result* differs, in words; None if it does not."""
        return _difference(result, self.value, self.rtol, self.atol)

    def prove(self, result: Any, kernel: Callable[[Any], Any], rows: Any, name: str) -> None:
        """Raise ResultError unless *result* is it; *kernel*, called *name*, was given *rows*."""
        difference = self.difference(result)
        if difference is None:
            return
        joined = isinstance(rows, Pieces) and rows.join is not None
        if not joined and count(result) != count(whole(rows)):
            raise ResultError(
                f"the kernel {name} returned {count(result)} rows for {count(whole(rows))}; a "
                "kernel returns as many rows as it is given"
            )
        if self.difference(kernel(whole(rows))) is None:
            raise ResultError(
                f"the kernel {name} is right on all rows at once and wrong in pieces; are the rows "
                f"independent of each other? {difference}"
            )
        raise ResultError(f"the kernel {name} does not give what is expected: {difference}")


def _difference(result: Any, expected: Any, rtol: float, atol: float) -> str | None:
    if _are_items(expected):
        return _of_items(result, expected, rtol, atol)
    if isinstance(expected, Mapping):
        return _of_mappings(result, expected, rtol, atol)
    ours, theirs = np.asarray(result), np.asarray(expected)
    if ours.shape != theirs.shape:
        return f"expected= has shape {theirs.shape}, and the result has {ours.shape}"
    if ours.dtype.kind in NUMBERS and theirs.dtype.kind in NUMBERS:
        return _of_numbers(ours, theirs, rtol, atol)
    return None if np.array_equal(ours, theirs) else f"{result!r:.80} is not {expected!r:.80}"


def _are_items(value: Any) -> bool:
    """Tell whether *value* is a list of things other than numbers."""
    return isinstance(value, list | tuple) and not all(isinstance(one, Number) for one in value)


def _of_items(result: Any, expected: Sequence[Any], rtol: float, atol: float) -> str | None:
    if not isinstance(result, list | tuple):
        ours, theirs = type(result).__name__, type(expected).__name__
        return f"expected= is of type {theirs}, and the result of type {ours}"
    if len(result) != len(expected):
        return f"expected= has {len(expected)} items, and the result has {len(result)}"
    for place, (ours, theirs) in enumerate(zip(result, expected, strict=True)):
        if (difference := _difference(ours, theirs, rtol, atol)) is not None:
            return f"item {place}: {difference}"
    return None


def _of_mappings(result: Any, expected: Mapping[Any, Any], rtol: float, atol: float) -> str | None:
    if not isinstance(result, Mapping) or result.keys() != expected.keys():
        return f"{result!r:.80} is not {expected!r:.80}"
    for key, theirs in expected.items():
        if (difference := _difference(result[key], theirs, rtol, atol)) is not None:
            return f"{key!r}: {difference}"
    return None


def _of_numbers(result: Any, expected: Any, rtol: float, atol: float) -> str | None:
    """Return NumPy's words for how far the numbers are apart, without the numbers."""
    try:
        np.testing.assert_allclose(result, expected, rtol=rtol, atol=atol)
    except AssertionError as error:  # NumPy's way to say so; the words are wanted, not the arrays
        lines = [line.strip() for line in str(error).splitlines()]
        return "; ".join(line for line in lines if line.startswith(SAID))
    return None


def with_advice(error: Exception, name: str) -> Exception:
    """Return the *error* that the kernel called *name* raised, with advice where there is some."""
    # NumPy has no type of its own for this; "assignment destination is read-only" since 1.7.
    if isinstance(error, ValueError) and "read-only" in str(error):
        error.add_note(
            f"the kernel {name} writes to its input; rows are read-only in every arm, because "
            "Ray's workers share them: have it work on a copy"
        )
    return error
