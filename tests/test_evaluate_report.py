"""The HTML report in a real browser: no network, no console message, a slider that moves."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers_evaluate import random_codes, write_manifest, write_npz, write_tif

from cloudmask.evaluate.bootstrap import BootstrapSettings
from cloudmask.evaluate.evaluate import Request, evaluate
from cloudmask.evaluate.report.html import render_html
from cloudmask.evaluate.report.svg import Bar, bars, matrix


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report on generated scenes of two label kinds and two masks; one scene's name needs escaping."""
    rng = np.random.default_rng(2)
    root = tmp_path_factory.mktemp("report")
    entries = []
    for i in range(7):
        labels = random_codes(rng, (60, 80), [0, 0, 1, 2, 3, 255])
        name = f"s&{i}<b>" if i == 0 else f"scene{i}"
        write_npz(root / "set" / f"{name}.npz", labels, seed=i)
        kind = "human" if i < 6 else "draft"
        entries.append({"file": f"{name}.npz", "level": "L1C", "gsd_m": 10, "label_kind": kind})
        wrong = rng.random(labels.shape) < 0.15
        said = np.where(wrong, rng.integers(0, 4, labels.shape), np.where(labels == 255, 0, labels))
        write_tif(root / "four" / f"{name}.tif", np.array([1, 2, 3, 4], np.uint8)[said], origin=None)
        write_tif(root / "two" / f"{name}.tif", np.array([0, 0, 1, 1], np.uint8)[said], origin=None)
    write_manifest(root / "set", entries)
    masks = f"kappamask={root / 'four'},binary={root / 'two'}"
    settings = BootstrapSettings(100, 0)
    document, pictures = evaluate(
        Request(root / "set", "pairs", masks, bootstrap=settings, pictures=3, threads=1)
    )
    path = root / "report.html"
    path.write_text(render_html(document, pictures), "utf-8")
    return path


class Links(HTMLParser):
    """Collects what a page would load."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [
            v or ""
            for k, v in attrs
            if k in ("src", "srcset", "data", "action") or (k == "href" and tag == "link")
        ]
        if tag not in ("meta", "link", "img", "input", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_page_is_self_contained_and_well_formed(page):
    text = page.read_text("utf-8")
    links = Links()
    links.feed(text)
    assert links.open == []
    assert links.found
    assert all(link.startswith("data:") for link in links.found)
    assert "@import" not in text
    assert not re.search(r"url\((?!data:)", text)
    assert "s&amp;0&lt;b&gt;" in text
    assert "s&0<b>" not in text


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    program = next(
        (p for p in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if p), None
    )
    driver = shutil.which("chromedriver")
    if program is None or driver is None:
        pytest.skip("no headless browser: chromium and chromedriver are not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for flag in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1200,900"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    instance = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield instance
    instance.quit()


def edge(browser: Any) -> float:
    """Where the left layer ends, as a share of the width."""
    clip = browser.execute_script("return document.querySelector('#compare .over').style.clipPath")
    found = re.search(r"inset\(0(?:px|%)? ([\d.]+)%", clip)
    assert found, clip
    return 1 - float(found.group(1)) / 100


@pytest.mark.slow
def test_slider_moves_in_a_browser_without_network_or_messages(page, browser):
    import json

    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import Select

    browser.get(page.as_uri())
    assert edge(browser) == pytest.approx(0.5)
    slider = browser.find_element(By.CSS_SELECTOR, "#compare input")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", slider)
    width = slider.size["width"]
    ActionChains(browser).move_to_element(slider).click_and_hold().move_by_offset(
        int(width * 0.25), 0
    ).release().perform()
    assert edge(browser) == pytest.approx(0.75, abs=0.03)
    bar = browser.execute_script("return document.querySelector('#compare .bar').style.left")
    assert float(bar.rstrip("%")) == pytest.approx(100 * edge(browser), abs=0.2)

    # Both layers are pictures that were decoded, and change with the selection.
    script = (
        "return Array.from(document.querySelectorAll('#compare img'), i => [i.naturalWidth, i.src.length])"
    )
    before = browser.execute_script(script)
    assert all(wide == 80 for wide, _ in before)
    Select(browser.find_element(By.ID, "right")).select_by_visible_text("KappaMask, difference")
    assert browser.find_element(By.CSS_SELECTOR, ".tag.right").text == "KappaMask, difference"
    assert browser.execute_script(script) != before
    scenes = Select(browser.find_element(By.ID, "scene"))
    assert "s&0<b>" in [o.text for o in scenes.options]
    scenes.select_by_index(1)
    assert all(wide == 80 for wide, _ in browser.execute_script(script))

    for summary in browser.find_elements(By.TAG_NAME, "summary"):
        browser.execute_script("arguments[0].click()", summary)
    overflow = browser.execute_script("return document.documentElement.scrollWidth - window.innerWidth")
    assert overflow <= 0
    assert browser.get_log("browser") == []
    events = [json.loads(e["message"])["message"] for e in browser.get_log("performance")]
    asked = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
    assert all(url.startswith(("data:", "file:")) for url in asked)
    assert sum(url.startswith("file:") for url in asked) == 1


@pytest.mark.slow
def test_page_follows_the_dark_theme(page, browser):
    def background(theme: str) -> int:
        features = [{"name": "prefers-color-scheme", "value": theme}]
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        text = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
        return sum(int(v) for v in re.findall(r"\d+", text)[:3])

    browser.get(page.as_uri())
    assert background("dark") < 150 < background("light")


def test_bars_show_value_and_interval():
    drawn = bars([("cloud", [Bar("m", 0.5, 0.4, 0.7, 0), Bar("n", None, None, None, 1)])], "t")
    rect = re.search(r'<rect class="bar s0" x="([\d.]+)".* width="([\d.]+)"', drawn)
    whisker = re.search(r'class="w" d="M([\d.]+) [\d.]+H([\d.]+)', drawn)
    assert rect
    assert whisker
    left, wide = float(rect.group(1)), float(rect.group(2))
    low, high = float(whisker.group(1)), float(whisker.group(2))
    assert (low - left) / wide == pytest.approx(0.8, abs=0.01)
    assert (high - left) / wide == pytest.approx(1.4, abs=0.01)
    assert "40.0 to 70.0" in drawn
    assert "not defined" in drawn


def test_matrix_shades_by_share_of_the_reference():
    drawn = matrix([[90, 10], [0, 0]], ["clear", "cloud"], "t")
    assert [float(v) for v in re.findall(r"opacity:([\d.]+)", drawn)] == [0.9, 0.1, 0.0, 0.0]
    assert "90.0 %" in drawn
