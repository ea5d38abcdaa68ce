"""Text from files and from other people's code: nothing in it acts, wherever it is shown."""

import html
import re
from typing import Any

from rayscale.quoting import plain

MARKS = re.compile(r"([\\|`*_~\[\]])")
LINKS = re.compile(r"(?<=\w)://|(?<=www)\.|(?<=\w)@(?=\w)", re.IGNORECASE)  # made of bare text


def plain_all(value: Any) -> Any:
    """Return what JSON holds, with all strings in it plain."""
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, list | tuple):
        return [plain_all(one) for one in value]
    if isinstance(value, dict):
        return {plain(str(name)): plain_all(one) for name, one in value.items()}
    return value


def markdown(text: str) -> str:
    r"""Return *text* so that Markdown shows it as it is: no HTML, no link, no end of a cell.

    >>> print(markdown("<b>[a|b](https://x)\n*c*"))
    &lt;b&gt;\[a\|b\](https&#58;//x) \*c\*
    """
    shown = MARKS.sub(r"\\\1", html.escape(text.replace("\n", " "), quote=False))
    return plain(LINKS.sub(lambda found: f"&#{ord(found[0][0])};{found[0][1:]}", shown))
