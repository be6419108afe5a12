"""The report in a real browser: charts follow legend, switches, pointer and keys; the console is silent."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from browser import Browser, chromium, find_chromium
from race_examples import HOSTILE, finished, full_race, race
from vastmax.compare.report.page import page as report_page
from vastmax.compare.results import MethodResult, Race

WIDE, NARROW = (1280, 900), (390, 844)
LINES = "document.querySelectorAll('#learning g.line').length"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = find_chromium()
    if program is None:
        pytest.skip("no Chromium on this machine: the page is not looked at in a browser")
    with chromium(program) as browser:
        yield browser


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    return written(full_race(["the", *HOSTILE]), tmp_path_factory.mktemp("report"))


def written(of: Race, folder: Path) -> str:
    path = folder / "report.html"
    path.write_text(report_page(of), encoding="utf-8")
    return path.as_uri()


def opened(browser: Browser, address: str, size: tuple[int, int] = WIDE, light: str = "light") -> Browser:
    browser.resize(*size, phone=size == NARROW)
    browser.prefer(prefers_color_scheme=light, prefers_reduced_motion="reduce")
    browser.open(address)
    browser.next_frame()
    return browser


@pytest.fixture(params=["light", "dark"])
def page(browser: Browser, address: str, request: pytest.FixtureRequest) -> Iterator[Browser]:
    yield opened(browser, address, light=request.param)
    complaints, browser.complaints = browser.complaints, []
    assert complaints == []


def click(page: Browser, selector: str) -> None:
    page.evaluate(f"document.querySelector({selector!r}).scrollIntoView({{block: 'center'}})")
    page.next_frame()
    middle = "(r => [r.x + r.width / 2, r.y + r.height / 2])"
    page.click(*page.evaluate(f"{middle}(document.querySelector({selector!r}).getBoundingClientRect())"))
    page.next_frame()


def legend_of(name: str) -> str:
    return f"#legend button[data-method='{name}']"


def lines_of(page: Browser, chart: str) -> list[str]:
    found: list[str] = page.evaluate(
        f"[...document.querySelectorAll('#{chart} g.line, #{chart} g.dot')].map(e => e.dataset.method)"
    )
    return found


def test_the_legend_hides_shows_and_isolates_a_method_in_all_charts(page: Browser) -> None:
    everybody = lines_of(page, "learning")
    assert everybody[0] == "hierarchical-softmax"
    assert len(everybody) == 8
    click(page, legend_of("two-level"))
    for chart in ("learning", "trade", "bands"):
        assert "two-level" not in lines_of(page, chart)
        assert "adaptive" in lines_of(page, chart)
    assert page.evaluate(f'document.querySelector("{legend_of("two-level")}").ariaPressed') == "false"
    click(page, "#show-all")
    assert lines_of(page, "learning") == everybody
    page.evaluate(f'document.querySelector("{legend_of("nce")}").dispatchEvent(new MouseEvent("dblclick"))')
    assert lines_of(page, "learning") == ["nce"]
    click(page, legend_of("nce"))
    assert lines_of(page, "learning") == []
    assert "Every method is hidden." in page.evaluate("document.querySelector('#learning').textContent")
    click(page, "#show-all")
    assert page.evaluate("document.getElementById('show-all').disabled")


def test_switches_change_axes(page: Browser) -> None:
    def axis() -> str:
        name: str = page.evaluate("document.querySelector('#learning .name').textContent")
        return name

    def last_tick() -> str:
        ticks: list[str] = page.evaluate(
            "[...document.querySelectorAll('#learning .grid text')].map(e => e.textContent)"
        )
        return ticks[-3]

    def place_of_half_time() -> float:
        x: float = page.evaluate(
            "(e => Number(/L([\\d.]+) [\\d.]+L[\\d.]+ [\\d.]+$/.exec(e.getAttribute('d'))[1]))"
            "(document.querySelector('#learning [data-method=two-level] .route'))"
        )
        return x

    assert axis() == "seconds of training"
    by_logarithm = place_of_half_time()
    click(page, "input[name=across][value=linear] + span")
    assert place_of_half_time() < by_logarithm
    assert last_tick() == "1 min"
    click(page, "input[name=spent][value=cpu] + span")
    assert axis() == "processor seconds of training"
    click(page, "input[name=spent][value=words] + span")
    assert axis() == "words read in training"
    assert last_tick().endswith(" M")
    before = page.evaluate("document.querySelector('#learning .route').getAttribute('d')")
    click(page, "input[name=up][value=linear] + span")
    assert page.evaluate("document.querySelector('#learning .route').getAttribute('d')") != before
    click(page, "input[name=bands][value=ratio] + span")
    assert page.evaluate("document.querySelector('#bands line.reference') !== null")
    assert "char-lstm" not in lines_of(page, "bands")


def test_the_pointer_brings_a_note_with_the_values(page: Browser) -> None:
    page.evaluate("document.getElementById('learning').scrollIntoView({block: 'center'})")
    page.next_frame()
    x, y = page.evaluate(
        "(([p, box]) => [box.x + p.x, box.y + p.y])([learningPoint(), document.querySelector('#learning svg')"
        ".getBoundingClientRect()])".replace(
            "learningPoint()",
            "(m => /L([\\d.]+) ([\\d.]+)$/.exec(m))(document.querySelector('#learning [data-method=nce] .route')"
            ".getAttribute('d')).slice(1).map(Number).reduce((x, y) => ({x, y}))",
        )
    )
    page.mouse("mouseMoved", x + 3, y - 3)
    page.next_frame()
    note = page.evaluate("[...document.querySelectorAll('#note *')].map(e => e.textContent)")
    assert note == ["nce", "perplexity 260", "1 min, 1.1 min of processor", "1.26 M words read"]
    assert page.evaluate("document.querySelectorAll('#learning g.line.faded').length") == 7
    left, right = page.evaluate("(r => [r.left, r.right])(document.getElementById('note').getBoundingClientRect())")
    assert left >= 0
    assert right <= WIDE[0]
    page.mouse("mouseMoved", 5, 5)
    page.next_frame()
    assert page.evaluate("document.getElementById('note').hidden && document.querySelector('.faded') === null")


def test_keys_lead_from_point_to_point_aloud(page: Browser) -> None:
    def said() -> str:
        text: str = page.evaluate("document.getElementById('status').textContent")
        return text

    page.evaluate("document.querySelector('#learning svg').focus()")
    page.press("ArrowRight")
    assert said().startswith("hierarchical-softmax, perplexity ")
    first = said()
    page.press("ArrowRight")
    assert said().startswith("hierarchical-softmax, perplexity ")
    assert said() != first
    page.press("ArrowUp")
    assert said().startswith("two-level, ")
    page.press("Escape")
    assert page.evaluate("document.getElementById('note').hidden")
    page.evaluate("document.querySelector('#trade svg').focus()")
    for _ in range(20):
        page.press("ArrowRight")
    assert said() == "hierarchical-softmax, perplexity 180, 35 times the softmax's speed"


def test_a_click_on_a_column_puts_rows_in_order(page: Browser) -> None:
    def order() -> list[str]:
        rows: list[str] = page.evaluate(
            "[...document.querySelectorAll('.sortable tbody th .method')].map(e => e.textContent)"
        )
        return rows[:10]

    column = ".sortable thead th:nth-child(5)"
    click(page, f"{column} button")
    assert page.evaluate(f"document.querySelector('{column}').ariaSort") == "ascending"
    assert order()[:3] == ["softmax", "char-lstm", "importance-sampling"]
    assert set(order()[-2:]) == {"cnn-softmax", "differentiated"}  # without figures
    click(page, f"{column} button")
    assert order()[:2] == ["hierarchical-softmax", "two-level"]
    assert set(order()[-2:]) == {"cnn-softmax", "differentiated"}


@pytest.mark.parametrize("size", [WIDE, (700, 900), NARROW])
def test_nothing_overlaps_or_sticks_out(browser: Browser, address: str, size: tuple[int, int]) -> None:
    page = opened(browser, address, size)
    assert page.evaluate("document.documentElement.scrollWidth") == size[0]
    assert (
        page.evaluate(
            """(() => {
          const apart = texts => texts.flatMap((one, i) => texts.slice(i + 1).map(other => [one, other]))
            .filter(([a, b]) => Math.min(a.box.right, b.box.right) - Math.max(a.box.left, b.box.left) > 1 &&
              Math.min(a.box.bottom, b.box.bottom) - Math.max(a.box.top, b.box.top) > 4.5)
            .map(([a, b]) => `${a.text} over ${b.text}`);
          const problems = [];
          for (const chart of document.querySelectorAll('.chart > svg')) {
            const rim = chart.getBoundingClientRect();
            const texts = [...chart.querySelectorAll('text:not(.reference)')]
              .map(e => ({ text: e.textContent, box: e.getBoundingClientRect() }));
            problems.push(...apart(texts));
            for (const { text, box } of texts) {
              const out = box.left < rim.left - 1 || box.right > rim.right + 1 || box.top < rim.top - 1;
              if (out || box.bottom > rim.bottom + 1) problems.push(`${text} sticks out`);
            }
          }
          return problems;
        })()"""
        )
        == []
    )
    complaints, browser.complaints = browser.complaints, []
    assert complaints == []


@pytest.mark.parametrize(
    "methods",
    [
        (),
        (MethodResult("nce", "failed", error="x"),),
        (MethodResult("nce", "finished"),),
        (finished("nce", 200, bands=()),),
        (finished("nce", 1e300), finished("softmax", 1.0), finished("two-level", 200, curve=())),
        (finished("nce", 200, training_seconds=0.0, curve=()),),
    ],
)
def test_races_that_lack_figures_open_in_silence(
    browser: Browser, methods: tuple[MethodResult, ...], tmp_path: Path
) -> None:
    opened(browser, written(race(*methods), tmp_path), NARROW)
    complaints, browser.complaints = browser.complaints, []
    assert complaints == []
    assert not browser.evaluate("/NaN|Infinity|undefined/.test(document.querySelector('main').innerHTML)")
