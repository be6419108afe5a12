"""The map in a real browser: search, hands, keys and lights work, names keep apart, and the console stays silent."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from browser import Browser, chromium, find_chromium
from vastmax.embedding import WordVectors, draw_map

WIDTH, HEIGHT = 1000, 700
ODD = ["</script>", "<b>bold</b>", "\u202egnorw", "שלום", "👩‍👩‍👧", "\u200b", "\n", "W" * 300, "\ud83d", "50%", "#"]


@pytest.fixture(scope="module")
def vectors() -> WordVectors:
    rows = np.random.default_rng(5).standard_normal((600, 12)) * np.linspace(3, 1, 12)
    words = ["Crème", "crème", "creme", "cream", "ice-cream", *ODD]
    words += [f"word{i}" for i in range(600 - len(words))]
    return WordVectors(words, rows, counts=np.arange(100_000, 99_400, -1))


@pytest.fixture(scope="module")
def started() -> Iterator[Browser]:
    program = find_chromium()
    if program is None:
        pytest.skip("no Chromium on this machine: the page is not looked at in a browser")
    with chromium(program) as browser:
        yield browser


@pytest.fixture(scope="module")
def address(vectors: WordVectors, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("map") / "map.html"
    draw_map(vectors, path)
    return path.as_uri()


@pytest.fixture
def page(started: Browser, address: str) -> Iterator[Browser]:
    started.resize(WIDTH, HEIGHT)
    started.prefer(prefers_color_scheme="light", prefers_reduced_motion="reduce")
    started.open(address)
    started.next_frame()
    yield started
    complaints, started.complaints = started.complaints, []
    assert complaints == []


def where(page: Browser, word: str) -> list[float]:
    """A word's place on the screen."""
    at: list[float] = page.evaluate(
        f"[words.indexOf({word!r})].map(w => [camera.screenX(worldX[w]), camera.screenY(worldY[w])])[0]"
    )
    return at


def text(page: Browser, selector: str) -> str:
    found: str = page.evaluate(f"document.querySelector({selector!r}).innerText")
    return found


def search(page: Browser, words: str) -> list[str]:
    page.evaluate("document.getElementById('search').value = ''")
    page.evaluate("document.getElementById('search').focus()")
    page.type(words)
    suggested: list[str] = page.evaluate("[...document.querySelectorAll('#suggestions bdi')].map(e => e.textContent)")
    return suggested


def test_everything_is_on_the_screen_at_first(page: Browser) -> None:
    assert page.evaluate(
        "words.every((_, w) => camera.screenX(worldX[w]) > 0 && camera.screenX(worldX[w]) < innerWidth"
        " && camera.screenY(worldY[w]) > 0 && camera.screenY(worldY[w]) < innerHeight)"
    )
    assert page.evaluate("drawing.shown.length") > 30
    assert page.evaluate("drawing.shown[0]") == 0  # the most frequent word has its name


def test_the_search_finds_centres_and_explains_a_word(page: Browser, vectors: WordVectors) -> None:
    assert search(page, "word17")[:2] == ["word17", "word170"]
    page.press("Enter")
    page.next_frame()
    assert text(page, "#details-word") == "word17"
    assert text(page, "#details-count") == "99,967 times · no. 34 by frequency"
    expected = [word for word, _ in vectors.most_similar("word17")]
    assert page.evaluate("[...document.querySelectorAll('#details bdi')].map(e => e.textContent)") == expected
    assert where(page, "word17") == pytest.approx(page.evaluate("[camera.middle.x, camera.middle.y]"))
    assert set(expected) & set(page.evaluate("drawing.shown.map(w => words[w])"))
    assert page.evaluate("document.getElementById('status').textContent").startswith("word17, 99,967 times")


def test_the_search_ranks_whole_words_beginnings_and_parts(page: Browser) -> None:
    assert search(page, "crème")[:3] == ["crème", "Crème", "creme"]
    assert search(page, "CREAM") == ["cream", "ice-cream"]
    assert search(page, "nosuchword") == []
    assert text(page, "#suggestions") == "none of these 600 words"
    page.press("Enter")
    assert page.evaluate("document.getElementById('details').hidden")


def test_the_search_works_with_keys_alone(page: Browser) -> None:
    page.evaluate("canvas.focus()")
    page.press("/")
    assert page.evaluate("document.activeElement.id") == "search"
    page.type("word2")
    page.press("ArrowDown")
    assert page.evaluate("document.getElementById('search').getAttribute('aria-activedescendant')") == "suggestion-1"
    page.press("ArrowUp")
    page.press("ArrowUp")
    chosen = text(page, "#suggestions [aria-selected=true] bdi")
    page.press("Enter")
    assert text(page, "#details-word") == chosen != "word2"
    page.press("Escape")
    assert page.evaluate("document.getElementById('search').value") == ""
    page.press("Escape")
    assert page.evaluate("document.getElementById('details').hidden")
    assert page.evaluate("drawing.selected") == -1


def test_neighbours_in_the_card_lead_on(page: Browser) -> None:
    search(page, "word3")
    page.press("Enter")
    following = text(page, "#details bdi")
    page.evaluate("document.querySelector('#details-neighbours button').click()")
    assert text(page, "#details-word") == following
    assert page.evaluate("decodeURIComponent(location.hash)") == f"#{following}"
    page.evaluate("document.getElementById('details-close').click()")
    assert page.evaluate("document.getElementById('details').hidden && location.hash === ''")


@pytest.mark.parametrize("word", ["word5", *(word for word in ODD if word not in ("\n", "\ud83d"))])
def test_an_address_opens_at_a_word(page: Browser, address: str, word: str) -> None:
    page.evaluate(f"pick(words.indexOf({word!r}))")
    target = page.evaluate("location.href")
    page.open(target)
    assert page.evaluate("words[drawing.selected]") == word


def test_an_address_of_no_word_opens_the_whole_map(page: Browser, address: str) -> None:
    for end in ("#nosuchword", "#%", "#%ff"):
        page.open(address + end)
        assert page.evaluate("drawing.selected") == -1


def test_names_keep_apart_at_every_scale_and_stay_once_shown(page: Browser) -> None:
    before: set[int] = set()
    for _ in range(12):
        page.next_frame()
        shown = page.evaluate("words.map((_, w) => w).filter(w => drawing.isNamed(w))")
        assert before <= set(shown)
        before = set(shown)
        boxes = np.array(
            page.evaluate(
                "words.map((_, w) => w).filter(w => drawing.isNamed(w)).map(w => "
                "[camera.screenX(worldX[w]), camera.screenY(worldY[w]), halfWidths[w], halfHeights[w]])"
            )
        )
        apart = (np.abs(boxes[:, None, 0] - boxes[None, :, 0]) - (boxes[:, None, 2] + boxes[None, :, 2]) > -0.01) | (
            np.abs(boxes[:, None, 1] - boxes[None, :, 1]) - (boxes[:, None, 3] + boxes[None, :, 3]) > -0.01
        )
        assert (apart | np.eye(len(boxes), dtype=bool)).all()
        page.evaluate("camera.zoomAt(400, 300, 1.8)")
    assert len(before) > 550


def test_the_grid_changes_nothing_in_the_scales_of_names(page: Browser) -> None:
    plain = page.evaluate("""(() => {
        const appears = new Float32Array(numWords);
        for (let w = 0; w < numWords; w++) for (let o = 0; o < w; o++) {
            const c = Math.min((halfWidths[w] + halfWidths[o]) / Math.abs(worldX[w] - worldX[o]),
                               (halfHeights[w] + halfHeights[o]) / Math.abs(worldY[w] - worldY[o]));
            if (appears[o] < c && c > appears[w]) appears[w] = c;
        }
        return Array.from(appears);
    })()""")
    assert page.evaluate("Array.from(drawing.appears)") == plain


def test_the_wheel_zooms_where_the_pointer_is(page: Browser) -> None:
    scale = page.evaluate("camera.scale")
    under = page.evaluate("camera.toWorld(300, 200)")
    page.mouse("mouseWheel", 300, 200, deltaX=0, deltaY=-500)
    page.wait_for(f"camera.scale > {scale * 1.5}")
    assert page.evaluate("camera.toWorld(300, 200)") == pytest.approx(under)
    page.mouse("mouseWheel", 300, 200, deltaX=0, deltaY=500)
    page.wait_for(f"camera.scale < {scale * 1.1}")
    assert page.evaluate("camera.toWorld(300, 200)") == pytest.approx(under)


def test_dragging_moves_the_map_and_picks_nothing(page: Browser) -> None:
    x, y = where(page, "Crème")
    page.mouse("mousePressed", x, y, button="left", clickCount=1)
    page.mouse("mouseMoved", x + 60, y - 40, button="left", buttons=1)
    page.mouse("mouseReleased", x + 60, y - 40, button="left", clickCount=1)
    assert where(page, "Crème") == pytest.approx([x + 60, y - 40], abs=0.5)
    assert page.evaluate("drawing.selected") == -1


def test_a_click_picks_a_word_and_a_click_beside_lets_go(page: Browser) -> None:
    page.click(*where(page, "Crème"))
    assert page.evaluate("words[drawing.selected]") == "Crème"
    page.evaluate("camera.showEverything(false)")
    page.next_frame()
    page.click(15, HEIGHT - 15)
    assert page.evaluate("drawing.selected") == -1


def test_the_pointer_is_told_word_count_and_neighbours(page: Browser, vectors: WordVectors) -> None:
    x, y = where(page, "Crème")
    page.mouse("mouseMoved", x, y)
    assert not page.evaluate("document.getElementById('tooltip').hidden")
    lines = text(page, "#tooltip").split("\n")
    assert lines[:2] == ["Crème", "100,000 times · no. 1 by frequency"]
    expected = [word for word, _ in vectors.most_similar("Crème")]
    assert page.evaluate("[...document.querySelectorAll('#tooltip bdi')].map(e => e.textContent)") == expected
    page.mouse("mouseMoved", 15, HEIGHT - 15)
    assert page.evaluate("document.getElementById('tooltip').hidden")


def test_keys_move_zoom_pick_and_let_go(page: Browser) -> None:
    page.evaluate("canvas.focus()")
    scale = page.evaluate("camera.scale")
    for key in ("+", "=", "ArrowLeft", "ArrowDown"):
        page.press(key)
    assert page.evaluate("camera.scale") == pytest.approx(scale * 1.5**2)
    page.press("Enter")
    assert page.evaluate("drawing.selected") >= 0
    page.press("Escape")
    assert page.evaluate("drawing.selected") == -1
    page.press("0")
    assert page.evaluate("camera.scale") == pytest.approx(scale)


def test_odd_words_are_shown_as_text(page: Browser) -> None:
    for word, shown in [("</script>", "</script>"), ("\u200b", "U+200B"), ("\n", "U+000A"), ("👩‍👩‍👧", "👩‍👩‍👧")]:
        page.evaluate(f"pick(words.indexOf({word!r}))")
        assert text(page, "#details-word") == shown
    assert page.evaluate("document.querySelectorAll('#details h2 *').length") == 0
    assert search(page, "<b>") == ["<b>bold</b>"]
    assert page.evaluate("names[words.findIndex(w => w.startsWith('WW'))].length") == 32


def test_both_lights(page: Browser) -> None:
    paper = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(paper) == "rgb(251, 250, 247)"
    assert page.evaluate("drawing.light.paper") == "#fbfaf7"
    page.prefer(prefers_color_scheme="dark")
    page.wait_for("drawing.light === LIGHTS.dark")
    assert page.evaluate(paper) == "rgb(21, 19, 28)"
    assert page.evaluate("drawing.light.paper") == "#15131c"  # the same colour, for the rims of names


def test_fingers_on_a_phone(page: Browser, address: str) -> None:
    page.resize(390, 800, phone=True, ratio=2)
    page.open(address)
    page.next_frame()
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    scale = page.evaluate("camera.scale")
    page.touch("touchStart", (150, 400), (250, 400))
    page.touch("touchMove", (100, 400), (300, 400))
    page.touch("touchEnd")
    page.wait_for(f"Math.abs(camera.scale / {scale} - 2) < 0.05")
    assert page.evaluate("drawing.selected") == -1
    page.evaluate("camera.showEverything(false)")
    page.next_frame()
    word = page.evaluate("words[drawing.shown.find(w => camera.screenY(worldY[w]) > 300)]")
    page.touch("touchStart", tuple(where(page, word)))  # type: ignore[arg-type]
    page.touch("touchEnd")
    page.wait_for("drawing.selected >= 0")
    assert text(page, "#details-word") == word
    card = page.evaluate("document.getElementById('details').getBoundingClientRect().toJSON()")
    assert (card["left"], card["right"], card["bottom"]) == (0, 390, 800)
    assert page.evaluate("camera.middle.y") < card["top"]


@pytest.mark.parametrize("rows", [[[1.0, 2.0]], [[1.0], [-1.0]], [[1.0, 1.0]] * 5, [[0.0]] * 3], ids=len)
def test_few_or_equal_words(page: Browser, tmp_path: Path, rows: list[list[float]]) -> None:
    words = [f"word{i}" for i in range(len(rows))]
    draw_map(WordVectors(words, rows), tmp_path / "map.html")
    page.open((tmp_path / "map.html").as_uri())
    page.next_frame()
    assert "word0" in page.evaluate("drawing.shown.map(w => words[w])")
    for word in words:
        search(page, word)
        page.press("Enter")
        page.next_frame()
        assert text(page, "#details-word") == word
    assert np.isfinite(page.evaluate("[camera.x, camera.y, camera.scale]")).all()


def test_the_network_and_the_console_are_watched(started: Browser, tmp_path: Path) -> None:
    (tmp_path / "bad.html").write_text(
        "<script>console.log('hello'); nowhere()</script><img src='http://localhost:9/x'>"
    )
    started.open((tmp_path / "bad.html").as_uri())
    started.next_frame()
    complaints, started.complaints = " ".join(started.complaints), []
    for part in ("hello", "nowhere is not defined", "http://localhost:9/x"):
        assert part in complaints
