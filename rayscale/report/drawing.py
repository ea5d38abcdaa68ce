"""How all charts are drawn: matplotlib's SVG, made fit to stand in a page, dark or light."""

import io
import re
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal
from xml.etree import ElementTree as ET
from zlib import crc32

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from rayscale.intervals import Interval

WIDTH = 4.7  # inches: at the 358 pixels that a phone has for it, 9 points are 9.5 pixels
INK = "#010203"  # stands for the page's own text colour
FAINT = "#888888"
LEAST_SPAN = 5  # of a logarithmic axis, as a factor
LONGEST = 100  # characters of a chart's name, which is a file's, too
NAME = 30  # characters of a name in a chart: two in a row have room below it
FEW = 5  # lines whose names have room within a chart

# The contrast is 3:1 or more on white and on black.  The colour-blind can distinguish them (after
# Okabe and Ito), and so can others without any colour, by marker and dash.
OWN = {  # of the ways of running that come with rayscale
    "serial": ("#8c6bb1", "o", ":"),
    "ray_whole": ("#d55e00", "s", "--"),
    "ray_per_row": ("#0f8fd0", "^", "-."),
    "ray_blocks": ("#009e73", "D", "-"),
    "ray_actors": ("#cc4477", "v", "-"),
    "ray_shared": ("#6a7de0", "P", "--"),
    "ray_pool": ("#a8682f", "X", "-."),
    "process_pool": ("#00868b", "*", "-"),
    "joblib": ("#6f8f00", "<", "--"),
    "thread_pool": ("#75869b", ">", ":"),
    "tune": ("#b34d7d", "p", ":"),
    "tune_reused": ("#8f7a00", "h", "-."),
}
SPARE_COLOURS = ("#c4679b", "#a67c00", "#7f7f7f")
SPARE_MARKERS = "vPX*<>p"  # as 3 and 7 have no common factor, 21 ways differ in colour or marker
SPARE_DASHES = ("-", "--", "-.", ":")

SETTINGS: dict[Any, Any] = {
    "text.parse_math": False,  # a name from a file may hold a $
    "svg.fonttype": "none",  # text stays text: it can be read aloud, searched and copied
    "svg.hashsalt": "rayscale",  # the same chart has the same bytes
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "axes.titlesize": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "legend.fontsize": 8.0,
    "lines.markersize": 4.5,
    "lines.linewidth": 1.4,
    **dict.fromkeys(
        ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), INK
    ),
    "axes.formatter.useoffset": False,
}
SVG = "http://www.w3.org/2000/svg"
XLINK = "http://www.w3.org/1999/xlink"


@dataclass(frozen=True)
class Chart:
    """A picture: its title, what to look for, what it shows in words, and how it is drawn.

    *name* is unique in a page, *height* in inches.  It is drawn when its SVG is asked for: Markdown
    without charts needs none.
    """

    name: str
    title: str
    caption: str
    description: str
    paint: Callable[[Axes], None]
    height: float = 3.0

    @cached_property
    def svg(self) -> str:
        """The picture as an SVG that can stand in a page."""
        with mpl.rc_context(SETTINGS), warnings.catch_warnings():
            # The text stays text, so the reader's fonts draw it: DejaVu's alone measure it.
            warnings.filterwarnings("ignore", r"Glyph .* missing from font", UserWarning)
            figure = Figure(figsize=(WIDTH, self.height), layout="constrained")
            FigureCanvasSVG(figure)
            self.paint(figure.add_subplot())
            out = io.StringIO()
            nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
            figure.savefig(out, format="svg", transparent=True, metadata=nothing)
        return _inline(out.getvalue(), self.name, self.title, self.description)


@dataclass(frozen=True)
class Style:
    """How an implementation is drawn, on all charts alike."""

    colour: str
    marker: str
    dash: str


Palette = Mapping[str, Style]


def palette(names: Iterable[str]) -> Palette:
    """Return a style for each way of running in *names*: no two are drawn alike.

    Ways that rayscale does not know get spare ones in the order of their names.
    """
    found = {name: Style(*look) for name, look in OWN.items()}
    for number, name in enumerate(sorted(set(names) - set(OWN))):
        colour = SPARE_COLOURS[number % len(SPARE_COLOURS)]
        marker = SPARE_MARKERS[number % len(SPARE_MARKERS)]
        found[name] = Style(colour, marker, SPARE_DASHES[number % len(SPARE_DASHES)])
    return found


def look(looks: Palette, way: str) -> dict[str, Any]:
    """Return how matplotlib is to draw a way of running."""
    style = looks[way]
    return {"color": style.colour, "marker": style.marker, "linestyle": style.dash}


def bars(points: Sequence[tuple[float, Interval | None]]) -> tuple[list[float], list[float]]:
    """Return how far the interval of each point reaches down and up; 0 where there is none."""
    bounds = [(value, interval or Interval(value, value)) for value, interval in points]
    return [value - low for value, (low, _) in bounds], [
        high - value for value, (_, high) in bounds
    ]


def height(lines: int) -> float:
    """Return the height in inches of a chart with so many *lines* in its legend."""
    return 3.0 if lines <= FEW else 3.2 + 0.09 * (lines + 1)


def legend(axes: Axes) -> None:
    """Say what each line is: within the chart, or below it where there are many."""
    lines = len(axes.get_legend_handles_labels()[0])
    if lines <= FEW:
        axes.legend()
    else:
        axes.legend(loc="upper left", bbox_to_anchor=(0, -0.18), ncols=2)


def short(name: str) -> str:
    """Return the end of a *name*, as long as a chart has room for it.

    >>> short("loop"), short("tests/unit/test_sort.py::test_sort[10]")
    ('loop', '…it/test_sort.py::test_sort[10]')
    >>> short("_x")  # matplotlib leaves a label that begins with _ out of a legend
    ' _x'
    """
    shown = name if len(name) <= NAME else f"…{name[-NAME:]}"
    return f" {shown}" if shown.startswith("_") else shown


def slug(*words: str) -> str:
    """Return a name that is good as an id in a page and as a file's; other words, another name.

    >>> slug("speed-up", "moving_average loop")
    'speed-up-moving_average-loop'
    >>> slug("history", "<b>") == slug("history", "[b]")
    False
    """
    text = "-".join(words)
    plain = re.sub(r"[^\w -]", "-", text, flags=re.ASCII)
    mark = "" if plain == text and len(text) <= LONGEST else f"-{crc32(text.encode()):08x}"
    return plain[:LONGEST].replace(" ", "-") + mark


def logarithmic(axes: Axes, which: Literal["x", "y"], say: Callable[[float], str]) -> None:
    """Make an axis of *axes*, on which all is drawn, logarithmic; *say* labels a tick.

    It spans a factor of 5 or more, so that it has two ticks or more: at 1, 2, 5, 10, ..., or, where
    it spans many decades, at their beginnings.
    """
    axes.set(**{f"{which}scale": "log"})
    axis = {"x": axes.xaxis, "y": axes.yaxis}[which]
    low, high = axis.get_view_interval()
    stretch = max(1.0, (LEAST_SPAN * low / high) ** 0.5)
    axis.set_view_interval(low / stretch, high * stretch, ignore=True)
    many = high / low > (1000 if which == "y" else 100)
    axis.set_major_locator(LogLocator(subs=(1.0,) if many else (1.0, 2.0, 5.0), numticks=99))
    axis.set_major_formatter(FuncFormatter(lambda place, _: say(place)))
    axis.set_minor_formatter(NullFormatter())


def _inline(text: str, name: str, title: str, description: str) -> str:
    """Return an SVG that can stand in a page beside others, and be read aloud."""
    ET.register_namespace("", SVG)
    ET.register_namespace("xlink", XLINK)
    root = ET.fromstring(text)  # noqa: S314 - matplotlib wrote it just now
    for metadata in root.findall(f"{{{SVG}}}metadata"):
        root.remove(metadata)
    for element in root.iter():
        for attribute, value in element.attrib.items():
            element.set(attribute, _own(attribute, value, name))
    for size in ("width", "height"):
        del root.attrib[size]
    root.set("role", "img")
    root.set("aria-labelledby", f"{name}-title {name}-description")
    for place, (tag, words) in enumerate((("title", title), ("desc", description))):
        element = ET.Element(
            f"{{{SVG}}}{tag}", {"id": f"{name}-{'title' if tag == 'title' else 'description'}"}
        )
        element.text = words
        root.insert(place, element)
    return ET.tostring(root, encoding="unicode")


def _own(attribute: str, value: str, name: str) -> str:
    """Return an attribute's value with ids that no other chart has, and the page's text colour."""
    if attribute == "id":
        return f"{name}-{value}"
    if attribute.endswith("href"):
        return value.replace("#", f"#{name}-", 1)
    value = re.sub(r"url\(#", f"url(#{name}-", value)
    return value.replace(INK, "currentColor")
