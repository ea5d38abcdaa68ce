"""How wide the terminal is, and which characters it has."""

import shutil
import sys

LEAST = 100  # characters: a log's 80 columns would wrap the tables
MOST = 1000  # a page of them is filled in no time; a wrong COLUMNS is not


def width() -> int:
    """Return the width of tables, in characters."""
    return min(MOST, max(LEAST, shutil.get_terminal_size().columns))


def shown(text: str) -> str:
    """Return *text* as standard output can show it, such as in the locale C.

    pytest would write all of it with escapes, ends of lines included.
    """
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        ruled = text.replace("\N{BOX DRAWINGS LIGHT HORIZONTAL}", "-")
        return ruled.encode(encoding, "backslashreplace").decode(encoding)
    return text
