"""Do two calls get the same input?  As far as can be told from plain values."""

import sys
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import partial
from typing import Any

from rayscale.gate.calls import Call

DEEPEST = 6  # levels of containers that are looked into
PLAIN = (int, float, complex, str, bytes, bool, type(None))


def difference(base: Call, head: Call) -> str | None:
    """Return what differs between two calls' inputs: their arguments, or what a closure holds."""
    if not are_alike([*base.arguments, base.keywords], [*head.arguments, head.keywords]):
        return "arguments"
    if not are_alike(_held(base.function), _held(head.function)):
        return "inputs in a closure"
    return None


def given(call: Call) -> list[Any]:
    """Return what *call* passes on: its arguments, and what its function brings along."""
    return [*call.arguments, *call.keywords.values(), *_held(call.function)]


def _held(function: Callable[..., Any]) -> list[Any]:
    """Return what a function brings along: a partial's arguments, a closure's values, defaults."""
    if isinstance(function, partial):
        return [*function.args, function.keywords, *_held(function.func)]
    cells = getattr(function, "__closure__", None) or ()
    defaults = getattr(function, "__defaults__", None) or ()
    values = []
    for cell in cells:
        try:
            values.append(cell.cell_contents)
        except ValueError:  # not yet filled
            continue
    return [*values, *defaults]


def are_alike(base: Any, head: Any, depth: int = 0) -> bool:
    """Tell whether two values are alike, as far as they are numbers, text or arrays of such.

    Objects of other types are not looked into, and count as alike.

    >>> are_alike([1, {"a": 2.0}], [1, {"a": 2.0}]), are_alike([1], [2])
    (True, False)
    """
    if isinstance(base, PLAIN) and isinstance(head, PLAIN):
        return bool(base == head) or (base != base and head != head)  # noqa: PLR0124 - nan
    if depth > DEEPEST or type(base) is not type(head):
        return True
    if isinstance(base, Mapping):
        return _all_alike(list(base.items()), list(head.items()), depth)
    if isinstance(base, Sequence):
        return _all_alike(base, head, depth)
    if isinstance(base, AbstractSet):
        return len(base) == len(head)
    return _are_alike_arrays(base, head)


def _are_alike_arrays(base: Any, head: Any) -> bool:
    numpy = sys.modules.get("numpy")
    if numpy is None or not isinstance(base, numpy.ndarray) or base.dtype == object:
        return True
    return bool(numpy.array_equal(base, head, equal_nan=_is_float(base)))


def _is_float(array: Any) -> bool:
    return bool(array.dtype.kind in "fc")


def _all_alike(base: Sequence[Any], head: Sequence[Any], depth: int) -> bool:
    return len(base) == len(head) and all(
        are_alike(ours, theirs, depth + 1) for ours, theirs in zip(base, head, strict=True)
    )
