"""Saved runs, changed at random: bytes, values, fields; what a reader of files may ever meet."""

import copy
import json
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

ODD: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 7, 10**6, 2**31, 2**63, 2**64, 10**30, 10**400),
    *(0.0, -0.0, 0.5, -1.5, 1e-320, 1e-15, 1e-9, 1e9, 1e10, 1e300, float("nan"), float("inf")),
    *("", "x", "-5", "0.02", "serial", "ray_blocks", "0001-01-01T00:00+14:00"),
    *("\x1b]0;x\x07\x1b[31m", "a\nb\r\tc\x9b", "<b>|`[x](http://y)", "[red]x[/red]", "$x$", "_x"),
    *("\udc80", "\ufeff", "\u202e", "\x00", "中文 🎈", "=1+1", "../../x", "a" * 3000),
    *([], {}, [[]], [None], {"": None}, [0.02] * 7, ["fast"], {"median": 1}, [{}] * 3),
)  # fmt: skip
HUGE = 1e300  # whole numbers beyond this cannot be multiplied by a fraction
Path = tuple[Any, ...]


def paths(value: Any, above: Path = ()) -> Iterator[Path]:
    """Return the places of all values within *value*, itself included."""
    yield above
    if isinstance(value, dict):
        for name, one in value.items():
            yield from paths(one, (*above, name))
    elif isinstance(value, list):
        for place, one in enumerate(value):
            yield from paths(one, (*above, place))


def at(value: Any, path: Path) -> Any:
    """Return what stands at *path*."""
    for step in path:
        value = value[step]
    return value


def odd_value(run: Any, path: Path, draw: Random) -> None:
    """Put an odd value there."""
    at(run, path[:-1])[path[-1]] = copy.deepcopy(draw.choice(ODD))


def other_value(run: Any, path: Path, draw: Random) -> None:
    """Put there what stands elsewhere."""
    found = copy.deepcopy(at(run, draw.choice(list(paths(run)))))
    at(run, path[:-1])[path[-1]] = found


def scaled(run: Any, path: Path, draw: Random) -> None:
    """Make a number much larger or smaller."""
    if type(at(run, path)) in (int, float) and abs(at(run, path)) < HUGE:
        at(run, path[:-1])[path[-1]] *= 10 ** draw.randint(-12, 12)


def gone(run: Any, path: Path, draw: Random) -> None:
    """Take it away."""
    del at(run, path[:-1])[path[-1]]


def doubled(run: Any, path: Path, draw: Random) -> None:
    """Have it twice, where it is in a list."""
    above = at(run, path[:-1])
    if isinstance(above, list):
        above.append(copy.deepcopy(above[path[-1]]))


def renamed(run: Any, path: Path, draw: Random) -> None:
    """Give it another name, where it has one."""
    above = at(run, path[:-1])
    if isinstance(above, dict):
        names = [one for one in ODD if isinstance(one, str)]
        above[draw.choice(names)] = above.pop(path[-1])


VALUES: tuple[Callable[[Any, Path, Random], None], ...] = (
    *(odd_value, odd_value, odd_value, other_value, scaled, gone, doubled, renamed),
)


def changed(run: Any, draw: Random) -> Any:
    """Return *run*, as JSON holds it, with some values changed."""
    run = copy.deepcopy(run)
    for _ in range(draw.choice((1, 1, 2, 3, 8))):
        places = [one for one in paths(run) if one]
        if places:
            # A kind of place, and then a place: else most changes would be to raw timings.
            kind = draw.choice(sorted({_kind(one) for one in places}))
            place = draw.choice([one for one in places if _kind(one) == kind])
            draw.choice(VALUES)(run, place, draw)
    return run


def _kind(path: Path) -> str:
    return ".".join("0" if isinstance(one, int) else one for one in path)


def written(run: Any, draw: Random) -> bytes:
    """Return *run* in a file, whose bytes may be changed, too."""
    encoding = draw.choice((*["utf-8"] * 12, "utf-8-sig", "utf-16", "utf-32"))
    return spoilt(json.dumps(run).encode(encoding), draw)


def spoilt(text: bytes, draw: Random) -> bytes:
    """Return *text*, some of whose bytes may be changed."""
    data = bytearray(text)
    for _ in range(draw.choice((*[0] * 6, 1, 3))):
        place = draw.randrange(len(data) or 1)
        kind = draw.choice(("cut", "flip", "insert", "repeat"))
        if kind == "cut":
            del data[place : place + draw.choice((1, 50, len(data)))]
        elif kind == "flip" and data:
            data[place] ^= 1 << draw.randrange(8)
        elif kind == "insert":
            data[place:place] = draw.choice((b"\x00", b"\xff", b"[" * 5000, b"1e999", b"NaN", b'"'))
        else:
            data[place:place] = data[place : place + draw.choice((1, 20, 400))]
    return bytes(data)
