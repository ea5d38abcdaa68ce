"""A time that a user gives, in seconds.  Every pytest session loads this."""

from rayscale.quoting import quoted

LONGEST = 1e9  # seconds: 30 years, which a wait can still count


def parse_seconds(text: str) -> float:
    """Return the seconds in *text*; ValueError, with a sentence, if it has none above 0.

    >>> parse_seconds("90")
    90.0
    """
    try:
        seconds = float(text) if text.isascii() else 0.0
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= LONGEST:
        raise ValueError(f"{quoted(text)} is not a time; give seconds, above 0")
    return seconds
