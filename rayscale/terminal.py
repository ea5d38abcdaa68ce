"""How wide the terminal is."""

import shutil

LEAST = 100  # characters: a log's 80 columns would wrap the tables


def width() -> int:
    """Return the width of tables, in characters."""
    return max(LEAST, shutil.get_terminal_size().columns)
