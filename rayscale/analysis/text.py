"""Numbers as people read them."""

import numpy as np

UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "us"))


def duration(seconds: float) -> str:
    """Return *seconds* with three digits and its unit.

    >>> duration(2.7183), duration(0.0004567), duration(1.5e-8), duration(123.4)
    ('2.72 s', '457 us', '0.015 us', '123 s')
    """
    scale, unit = next((pair for pair in UNITS if seconds >= 0.9995 * pair[0]), UNITS[-1])
    return f"{digits(seconds / scale)} {unit}"


def digits(number: float) -> str:
    """Return *number* with about three digits, two below 1, never as a power of ten.

    >>> digits(1.8949), digits(12.345), digits(1234.5), digits(0.5), digits(0.01234)
    ('1.89', '12.3', '1,234', '0.50', '0.012')
    """
    if number >= 100:
        return f"{number:,.0f}"
    if number >= 10:
        return f"{number:.1f}"
    if number >= 0.1:
        return f"{number:.2f}"
    return np.format_float_positional(number, 2, unique=False, fractional=False, trim="k")


def percent(share: float) -> str:
    """Return *share* in percent.

    >>> percent(0.954), percent(0.001)
    ('95 %', '<1 %')
    """
    return f"{share * 100:.0f} %" if share >= 0.005 else "<1 %"


def count(number: int, noun: str) -> str:
    """Return *number* with its noun.

    >>> count(1, "CPU"), count(2, "CPU")
    ('1 CPU', '2 CPUs')
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"
