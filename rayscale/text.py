"""Numbers as people read them, and write them; tables as text."""

import io
import math
import re
from datetime import datetime

from rich.console import Console, RenderableType

from rayscale.quoting import plain, quoted

LEAST_SHARE = 1e-12  # what is smaller cannot be divided among many cases
UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "us"))


def duration(seconds: float) -> str:
    """Return *seconds* with three digits and its unit.

    >>> duration(2.7183), duration(0.0004567), duration(1.5e-8), duration(123.4), duration(-0.002)
    ('2.72 s', '457 us', '0.015 us', '123 s', '-2.00 ms')
    """
    if seconds < 0:
        return f"-{duration(-seconds)}"
    scale, unit = next((pair for pair in UNITS if seconds >= 0.9995 * pair[0]), UNITS[-1])
    return f"{digits(seconds / scale)} {unit}"


def digits(number: float, more: int = 0) -> str:
    """Return *number* with about three digits, two below 1, and *more*; never as a power of ten.

    >>> digits(1.8949), digits(12.345), digits(1234.5), digits(0.5), digits(0.000398)
    ('1.89', '12.3', '1,234', '0.50', '0.00040')
    >>> digits(1.8949, more=1), digits(0.5, more=2)
    ('1.895', '0.5000')
    """
    if number <= 0:
        return "0"
    # As many decimals as two digits below 1 need: 2 from 0.1 on, 3 from 0.01 on.
    small = max(2, 1 - math.floor(math.log10(number)))
    decimals = 0 if number >= 100 else 1 if number >= 10 else small
    return f"{number:,.{decimals + more}f}"


def percent(share: float) -> str:
    """Return *share* in percent.

    >>> percent(0.954), percent(0.005)
    ('95 %', '<1 %')
    """
    return f"{share * 100:.0f} %" if share > 0.005 else "<1 %"


def count(number: int, noun: str) -> str:
    """Return *number* with its noun.

    >>> count(1, "CPU"), count(2, "CPU"), count(3, "launch")
    ('1 CPU', '2 CPUs', '3 launches')
    """
    return f"{number} {noun if number == 1 else plural(noun)}"


def plural(noun: str) -> str:
    """Return the plural of a regular *noun*."""
    return f"{noun}es" if noun.endswith("ch") else f"{noun}s"


def moment(when: datetime) -> str:
    """Return a date and time as the user's clock shows it."""
    return f"{when.astimezone():%Y-%m-%d %H:%M}"


def share(part: float) -> str:
    """Return a *part* of 1 in per cent, with three digits.

    >>> share(0.05), share(0.00041666)
    ('5 %', '0.0417 %')
    """
    return f"{part * 100:.3g} %"


def parse_share(text: str) -> float:
    """Return the share in *text*, in per cent or as a fraction; ValueError unless it is in (0, 1).

    >>> parse_share("5%"), parse_share("0.05")
    (0.05, 0.05)
    """
    number = re.fullmatch(r"\s*(\d+\.?\d*|\.\d+)\s*(%?)\s*", text, re.ASCII)
    part = float(number[1]) / (100 if number[2] else 1) if number else 0.0
    if not LEAST_SHARE <= part < 1:
        raise ValueError(f"{quoted(text)} is no share between 0 and 100 %; give one such as 5%")
    return part


def rate(probability: float) -> str:
    """Return a *probability* with two digits, never rounded to certainty.

    >>> rate(0.974), rate(0.9999), rate(0.0001)
    ('0.97', '>0.99', '<0.01')
    """
    if probability > 0.99:
        return ">0.99"
    return f"{probability:.2f}" if probability >= 0.01 else "<0.01"


def printed(*parts: RenderableType, width: int) -> str:
    """Return *parts*, strings and tables, as lines of text, *width* characters wide at most.

    No character of them is one that a terminal obeys.
    """
    out = io.StringIO()
    console = Console(
        file=out, width=width, color_system=None, highlight=False, markup=False, emoji=False
    )
    for part in parts:
        console.print(part)
    return "".join(f"{plain(line).rstrip()}\n" for line in out.getvalue().split("\n")[:-1])
