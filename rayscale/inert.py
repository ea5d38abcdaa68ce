"""Text from files and from other people's code: nothing in it acts, wherever it is shown."""

import re
from typing import Any

from rayscale.quoting import plain

DEEPEST = 50  # pytest-benchmark's files are nested six deep
# What acts in GitHub's Markdown: not an underscore inside a word, nor brackets without a link.
MARKS = re.compile(
    r"([\\|`*]|(?<!\w)_|_(?!\w)|~(?=\w)|(?<=\w)~"
    r"|\[(?=[^\]]*\][(\[:])|\[(?=\^)|\[(?=[ xX]\]))"
)
LINKS = re.compile(r"(?<=\w)://|(?<=www)\.|(?<=\w)@(?=\w)", re.IGNORECASE)  # made of bare text


def plain_all(value: Any, depth: int = DEEPEST) -> Any:
    """Return what JSON holds, with all strings in it plain; what is nested deeper is dropped."""
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, list | tuple):
        return [plain_all(one, depth - 1) for one in value] if depth else []
    if isinstance(value, dict):
        return {plain(key): plain_all(one, depth - 1) for key, one in value.items() if depth}
    return value


def markdown(text: str) -> str:
    r"""Return *text* so that Markdown shows it as it is: no HTML, no link, no end of a cell.

    >>> print(markdown("<b>[a|b](https://x)\n*c* _d_ e_f [1, 2]"))
    &lt;b>\[a\|b](https&#58;//x) \*c\* \_d\_ e_f [1, 2]
    """
    entities = text.replace("\n", " ").replace("&", "&amp;").replace("<", "&lt;")
    shown = MARKS.sub(r"\\\1", re.sub(r"^(\s*)>", r"\1&gt;", entities))
    return plain(LINKS.sub(lambda found: f"&#{ord(found[0][0])};{found[0][1:]}", shown))
