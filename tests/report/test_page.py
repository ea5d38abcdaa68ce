"""The report's page in a real browser."""

import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from rayscale.report import page as pages
from tests.report import learning
from tests.report.test_report import cases, probes, reported

CHROMIUM = shutil.which("chromium")
# What a browser of Debian's needs as root, and what keeps it from looking for its maker's servers.
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync")
PATIENCE = 300_000  # milliseconds, for what takes a second or two

Scheme = Literal["dark", "light"]

pytestmark = pytest.mark.skipif(
    CHROMIUM is None and "CI" not in os.environ,  # there the tests fail instead
    reason="there is no chromium here; 'apt-get install chromium' brings it",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Return a headless Chromium."""
    assert CHROMIUM, "there is no chromium here; 'apt-get install chromium' brings it"
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=CHROMIUM, args=list(FLAGS), timeout=PATIENCE
        )
        yield running
        running.close()


@pytest.fixture(scope="module")
def report_file(
    save_once: Callable[..., Path],
    save_series_once: Callable[..., list[Path]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """Return the page on a whole run, with a history."""
    run = save_once({}, name="run", benchmarks=cases() + probes() + learning.run())
    medians = {"loop-serial-small": 0.03, "loop-ray_blocks-cpus2-small": 0.02}
    history = [
        *save_series_once(medians, name="baseline", kind="baseline", seed=1),
        *save_series_once({case: 2 * medians[case] for case in medians}, name="fresh", seed=2),
    ]
    file = tmp_path_factory.mktemp("page") / "report.html"
    file.write_text(pages.page(reported(run, history=history)), encoding="utf-8")
    return file


@contextmanager
def opened(browser: Browser, file: Path, width: int, scheme: Scheme = "light") -> Iterator[Page]:
    """Open *file* in a window of *width* pixels; assert that it is shown without a fault."""
    with browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme) as page:
        page.set_default_timeout(PATIENCE)
        said: list[str] = []
        asked: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(file.as_uri())
        yield page
        assert said == []
        assert [url for url in asked if not url.startswith("data:")] == [file.as_uri()]


@pytest.mark.parametrize(
    ("scheme", "ink"), [("light", "rgb(31, 35, 40)"), ("dark", "rgb(230, 237, 243)")]
)
@pytest.mark.parametrize("width", [390, 1280])
def test_page_is_whole_on_every_screen(
    browser: Browser, report_file: Path, width: int, scheme: Scheme, ink: str
) -> None:
    """No error, no request, all charts inside the window and apart, and no fault for axe."""
    with opened(browser, report_file, width, scheme) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert_charts_stand_apart(page, width)
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
        assert page.evaluate("getComputedStyle(document.querySelector('svg text')).fill") == ink


def assert_charts_stand_apart(page: Page, width: int) -> None:
    """Assert that each chart is there, large enough to read, and covers no other."""
    boxes = [chart.bounding_box() for chart in page.locator("figure").all()]
    assert len(boxes) > 10
    for box in boxes:
        assert box is not None
        assert box["width"] > 300
        assert box["height"] > 150
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
    for one, other in itertools.combinations(boxes, 2):
        assert one is not None
        assert other is not None
        beside = one["x"] + one["width"] <= other["x"] or other["x"] + other["width"] <= one["x"]
        below = one["y"] + one["height"] <= other["y"] or other["y"] + other["height"] <= one["y"]
        assert beside or below, (one, other)


def test_charts_are_named_for_those_who_do_not_see_them(
    browser: Browser, report_file: Path
) -> None:
    """Each chart is an image with its title as name, and its figures as description."""
    with opened(browser, report_file, width=1280) as page:
        chart = page.get_by_role("img", name="Speed-up: moving_average loop article")
        assert chart.count() == 1
        assert "ray_blocks on 2 CPUs: 1.97x [1.93, 2.01] (n=9) as fast as serial" in (
            chart.locator("desc").first.text_content() or ""
        )


def test_axes_say_what_they_measure(browser: Browser, report_file: Path) -> None:
    """Each axis of each chart has two labelled ticks or more."""
    with opened(browser, report_file, width=1280) as page:
        bare = page.evaluate(
            """() => [...document.querySelectorAll('figure')].flatMap(figure =>
              ['matplotlib.axis_1', 'matplotlib.axis_2'].filter(axis =>
                figure.querySelectorAll(`[id$="${axis}"] [id*="tick_"] text`).length < 2
              ).map(axis => figure.querySelector('h3').textContent + ': ' + axis))"""
        )
        assert bare == []


def test_words_in_a_chart_stand_apart(browser: Browser, report_file: Path) -> None:
    """No two words of a chart run into one another."""
    with opened(browser, report_file, width=390) as page:
        overlaps = page.evaluate(
            """() => [...document.querySelectorAll('figure')].flatMap(figure => {
              const texts = [...figure.querySelectorAll('svg text')];
              const boxes = texts.map(text => text.getBoundingClientRect());
              const found = [];
              boxes.forEach((a, i) => boxes.slice(i + 1).forEach((b, j) => {
                const dx = Math.min(a.right, b.right) - Math.max(a.left, b.left);
                const dy = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
                // A line's box is taller than its letters, and a slanted one's is a rectangle.
                const slanted = [texts[i], texts[i + 1 + j]].some(
                  text => /rotate\\(-2/.test(text.getAttribute('transform') || ''));
                if (dx > 2 && dy > 5 && !slanted) found.push(
                  figure.querySelector('h3').textContent + ': ' +
                  texts[i].textContent + ' / ' + texts[i + 1 + j].textContent);
              }));
              return found;
            })"""
        )
        assert overlaps == []
