"""A report as one page that needs no network, or as Markdown."""

import re
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from rich import box
from rich.table import Table as RichTable

from rayscale.inert import markdown
from rayscale.report.drawing import Chart
from rayscale.report.section import Report
from rayscale.report.tables import Table
from rayscale.text import printed


def page(report: Report) -> str:
    """Return *report* as an HTML page; names from files stay text."""
    environment = Environment(
        loader=PackageLoader("rayscale.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["drawn"] = _drawn
    return environment.get_template("page.html").render(report=report)


def _drawn(chart: Chart) -> Markup:
    """Return a chart's SVG as it is: ElementTree has escaped what is text in it."""
    return Markup(chart.svg)  # noqa: S704 - see above


def as_markdown(report: Report, charts: str | None = None) -> str:
    """Return *report* as Markdown, with links to its charts in the folder *charts*, if given."""
    answers = (f"- {markdown(one)}" for one in report.sentences)
    parts = [f"# {markdown(report.title)}", "", *answers]
    for section in report.sections:
        shown = section.charts if charts is not None else ()
        if not (section.tables or shown):
            continue
        parts += ["", f"## {section.heading}", ""]
        parts += [f"{markdown(one)}\n" for one in section.sentences]
        for table in section.tables:
            parts += [f"**{markdown(table.title)}**\n", markdown_table(table)]
        for chart in shown:
            parts += [
                f"![{markdown(chart.title)}]({quote(f'{charts}/{chart.name}.svg')})\n",
                f"{markdown(chart.caption)}\n",
            ]
    return "\n".join(parts).rstrip() + "\n"


def write_charts(report: Report, folder: Path) -> list[Path]:
    """Write each chart of *report* as NAME.svg into *folder*; return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for chart in (chart for section in report.sections for chart in section.charts):
        files.append(folder / f"{chart.name}.svg")
        files[-1].write_text(alone(chart), encoding="utf-8")
    return files


def alone(chart: Chart) -> str:
    """Return the SVG for a page that is not ours: dark text on white, or light on black."""
    style = (
        "<style>svg{color:#1f2328;background:#fff}"
        "@media(prefers-color-scheme:dark){svg{color:#e6edf3;background:#0d1117}}</style>"
    )
    return re.sub(r"(<svg [^>]*>)", rf"\1{style}", chart.svg, count=1) + "\n"


def markdown_table(table: Table) -> str:
    """Return *table* as Markdown."""
    shown = RichTable(box=box.MARKDOWN)
    for place, heading in enumerate(table.headings):
        shown.add_column(
            markdown(heading), justify="left" if place < table.words else "right", no_wrap=True
        )
    for row in table.rows:
        shown.add_row(*map(markdown, row))
    return printed(shown, width=10_000)
