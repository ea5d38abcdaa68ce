"""What a user gave, as a message may show it.  Every pytest session loads this."""

MOST = 200  # characters of a value: enough for a path


def quoted(value: object) -> str:
    r"""Return *value* in quotation marks, on one line, without a character that a terminal obeys.

    >>> print(quoted("two"), quoted("\x1b[31mred\n"))
    "two" "\x1b[31mred\n"
    """
    text = str(value)
    return f'"{plain(text if len(text) <= MOST else f"{text[:MOST]}...")}"'


def plain(text: str) -> str:
    r"""Return *text* on one line: what cannot be printed is written as Python writes it.

    >>> print(plain("caf\u00e9, bell \a, half a character \udcff"))
    café, bell \x07, half a character \udcff
    """
    return text if text.isprintable() else "".join(map(_printable, text))


def _printable(character: str) -> str:
    if character.isprintable():
        return character
    return character.encode("unicode_escape").decode("ascii")
