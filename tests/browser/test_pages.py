"""The pages in Chromium, opened as local files through its driver."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from axe_core_python.selenium import Axe
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select

from canaryproof.checks.results import RunResults
from canaryproof.reports.writer import Reports
from tests.unit.reports.hostile import ALL, EVIDENCE, hostile_evidence, judged, remarkable

pytestmark = pytest.mark.browser

PHONE, DESK = 390, 1280
"""The window widths in pixels."""
MANY = 200
REJECTED = 50
REMARKED = 6
"""The hostile submission, and an ordinary one."""
SECOND, MEGABYTE = 1.0, 1_000_000
ACCESSIBLE = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]}
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
QUIET = ("headless=new", "no-sandbox", "disable-gpu", "hide-scrollbars", "disable-dev-shm-usage")


@pytest.fixture(scope="session")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the reports of a class with ordinary submissions, of which one in four is rejected, and a hostile one."""
    folder = tmp_path_factory.mktemp("reports")
    names = [*(f"student-{number:03}" for number in range(MANY - 1)), ALL]
    written = Reports(folder, names, scenario="Releases")
    results = []
    for number, name in enumerate(names):
        evidence = (
            hostile_evidence() if name == ALL else replace(remarkable() if number % 40 == 9 else EVIDENCE, name=name)
        )
        failed = ALL if name == ALL else "it did not" if number < REJECTED - 1 else ""
        results.append(judged(evidence, failed=failed))
        written.tell(results[-1], evidence)
    written.conclude(RunResults("2026-01-02T03:04:05+00:00", 75.0, EVIDENCE.setting, tuple(results)))
    return folder


@pytest.fixture(scope="session")
def chromium() -> Iterator[webdriver.Chrome]:
    """Start the browser."""
    browser, driver = next(filter(None, map(shutil.which, BROWSERS)), None), shutil.which("chromedriver")
    assert browser, f"one of {', '.join(BROWSERS)} is needed: apt-get install chromium"
    assert driver, "chromedriver is needed: apt-get install chromium-driver"
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for switch in QUIET:
        options.add_argument(f"--{switch}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    with webdriver.Chrome(options=options, service=Service(driver)) as started:
        yield started


class Reader:
    """A user who reads a page in the browser."""

    def __init__(self, chromium: webdriver.Chrome, reports: Path) -> None:
        """Read the reports in *reports*."""
        self.chromium = chromium
        self._reports = reports

    def open(self, page: str, *, width: int = DESK, scheme: str = "light", media: str = "screen") -> None:
        """Open *page* in a window of *width*."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.tell("Emulation.setEmulatedMedia", media=media, features=features)
        phone = width == PHONE
        self.tell("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=phone)
        self.chromium.get("about:blank")
        self.chromium.get((self._reports / page).as_uri())

    def tell(self, command: str, **parameters: Any) -> Any:
        """Send a command of the Chrome DevTools Protocol to the browser."""
        return self.chromium.execute_cdp_cmd(command, parameters)

    def ask(self, script: str) -> Any:
        """Return the result of *script* in the page."""
        return self.chromium.execute_script(script)

    def find(self, selector: str) -> WebElement:
        """Return the element that *selector* matches."""
        return self.chromium.find_element(By.CSS_SELECTOR, selector)

    def logged(self, kind: str) -> list[str]:
        """Return the browser's log entries since the last call."""
        entries: list[dict[str, str]] = self.chromium.execute("getLog", {"type": kind})["value"]
        return [entry["message"] for entry in entries]

    @property
    def shown(self) -> list[str]:
        """Return the visible names in the list."""
        links = "[...document.querySelectorAll('.list tbody tr:not([hidden]) a')]"
        names: list[str] = self.ask(f"return {links}.map((link) => link.textContent)")
        return names

    @property
    def said(self) -> str:
        """Return the stated number of visible submissions."""
        text: str = self.find("output").text
        return text


@pytest.fixture
def reader(chromium: webdriver.Chrome, reports: Path) -> Reader:
    """Return a reader of the reports."""
    return Reader(chromium, reports)


def pages(reports: Path) -> dict[str, str]:
    """Return a page of each kind, by kind."""
    (hostile,) = [page for page in (reports / "submissions").iterdir() if "title" in page.name]
    return {
        "class": "index.html",
        "rejected": "submissions/student-000.html",
        "accepted": "submissions/student-100.html",
        "remarked": "submissions/student-009.html",
        "hostile": f"submissions/{hostile.name}",
    }


EVERY = pytest.mark.parametrize("page", ["class", "rejected", "accepted", "remarked", "hostile"])


@EVERY
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, DESK])
def test_a_page_is_accessible(page: str, scheme: str, width: int, reader: Reader, reports: Path) -> None:
    """A page meets WCAG 2.1 AA by axe-core in each colour scheme.

    This covers contrast, names, landmarks, headings and tables.
    """
    reader.open(pages(reports)[page], width=width, scheme=scheme)

    for details in reader.chromium.find_elements(By.TAG_NAME, "details"):
        reader.chromium.execute_script("arguments[0].open = true", details)
    found = Axe().run(reader.chromium, options=ACCESSIBLE)

    violations = [(it["id"], node) for it in found["violations"] for node in it["nodes"]]
    assert [f"{rule}: {node['html']} {node['failureSummary']}" for rule, node in violations] == []
    assert "color-contrast" in {it["id"] for it in found["passes"]}


@EVERY
@pytest.mark.parametrize("width", [320, PHONE, 768, DESK])
def test_no_page_is_wider_than_the_screen(page: str, width: int, reader: Reader, reports: Path) -> None:
    """No page is wider than the screen, whatever a submission contains. Wide tables and logs scroll separately."""
    reader.open(pages(reports)[page], width=width)

    assert reader.ask("return document.documentElement.scrollWidth") <= width


@EVERY
def test_nothing_is_loaded_and_nothing_complains(page: str, reader: Reader, reports: Path) -> None:
    """The page loads no resource, violates no policy, and runs no script of a submission."""
    reader.tell("Network.enable")
    reader.logged("browser")
    reader.logged("performance")

    reader.open(pages(reports)[page])

    assert reader.logged("browser") == []
    asked = [it for it in reader.logged("performance") if '"Network.requestWillBeSent"' in it]
    assert len([it for it in asked if "about:blank" not in it]) == 1


def test_the_policy_stops_what_would_get_in(reader: Reader) -> None:
    """The content security policy blocks a script that is injected into a page."""
    reader.open("index.html")

    reader.ask(
        "const script = document.createElement('script'); script.textContent = 'window.owned = true';"
        "document.body.append(script)"
    )

    assert reader.ask("return window.owned") is None
    assert any("Content Security Policy" in entry for entry in reader.logged("browser"))


def test_the_class_opens_within_a_second(reader: Reader, reports: Path) -> None:
    """The page of two hundred submissions takes at most a second of processor time for its layout.

    It has at most five megabytes.
    """
    reader.tell("Performance.enable", timeDomain="threadTicks")
    before = spent(reader)

    reader.open("index.html")
    reader.ask("return document.body.offsetHeight")

    assert spent(reader) - before < SECOND
    assert (reports / "index.html").stat().st_size < 5 * MEGABYTE
    assert len(reader.shown) == MANY


def spent(reader: Reader) -> float:
    """Return the processor time in seconds that the page's thread has used."""
    metrics = reader.tell("Performance.getMetrics")["metrics"]
    return float(next(each["value"] for each in metrics if each["name"] == "TaskDuration"))


def test_the_list_can_be_searched_and_filtered(reader: Reader) -> None:
    """The list's filters combine, and the number of visible submissions is announced to screen readers."""
    reader.open("index.html")

    Select(reader.find("[name=standing]")).select_by_visible_text("rejected")
    assert reader.said == f"{REJECTED} of {MANY} submissions"
    reader.find("[type=search]").send_keys("student-01")
    assert reader.shown == [f"student-01{number}" for number in range(10)]
    Select(reader.find("[name=failed]")).select_by_visible_text("canary-outcome")
    assert len(reader.shown) == 10

    reader.find("[type=reset]").click()

    assert reader.said == f"{MANY} submissions"
    assert reader.find("output").get_attribute("aria-live") == "polite"


def test_a_bar_filters_the_list(reader: Reader) -> None:
    """A bar filters the list by the failed check, and a second press removes the filter."""
    reader.open("index.html")
    bar = reader.find("[data-field=failed]")

    bar.click()
    assert len(reader.shown) == REJECTED
    assert bar.get_attribute("aria-pressed") == "true"

    bar.click()
    assert len(reader.shown) == MANY


def test_the_list_can_be_filtered_by_remarks(reader: Reader) -> None:
    """The list is filtered by any remark through the figure above, and by one remark through its bar or the filter."""
    reader.open("index.html")
    some = [f"student-{number:03}" for number in range(9, MANY, 40)]

    reader.find("[data-field=remarked][data-value=any]").click()
    assert reader.shown == [*some, reader.shown[-1]]
    assert reader.said == f"{REMARKED} of {MANY} submissions"
    Select(reader.find("[name=remarked]")).select_by_visible_text("program-replaced")
    Select(reader.find("[name=standing]")).select_by_visible_text("accepted")
    assert reader.shown == some[1:]
    assert reader.find(".list tbody tr:not([hidden]) .remarked").is_displayed()


def test_the_list_can_be_sorted_by_keyboard(reader: Reader) -> None:
    """The list is sorted by a button in each heading. The direction is announced, and a second press reverses it."""
    reader.open("index.html")
    heading = reader.find("[data-sort=score]")

    heading.send_keys(Keys.ENTER)
    assert reader.shown[0] == "student-000"
    assert reader.find("th:has([data-sort=score])").get_attribute("aria-sort") == "ascending"

    heading.send_keys(Keys.SPACE)
    assert reader.shown[0] == f"student-{REJECTED - 1:03}"
    assert reader.find("th:has([data-sort=score])").get_attribute("aria-sort") == "descending"


def test_what_was_chosen_is_found_again(reader: Reader) -> None:
    """The list keeps its filters and order after a visit to a submission's page."""
    reader.open("index.html")
    Select(reader.find("[name=standing]")).select_by_visible_text("rejected")
    reader.find("[data-sort=name]").click()
    reader.find("[data-sort=name]").click()
    left = reader.shown

    reader.find(".list tbody tr:not([hidden]) a").click()
    assert reader.find("h1").text == left[0]
    reader.chromium.back()

    assert reader.shown == left
    assert len(left) == REJECTED


def test_the_first_key_leads_past_the_overview(reader: Reader) -> None:
    """The first Tab key reaches a link to the list, past the charts."""
    reader.open("index.html")

    reader.find("body").send_keys(Keys.TAB)
    reader.chromium.switch_to.active_element.send_keys(Keys.ENTER)

    assert reader.ask("return document.activeElement.id") == "submissions"


@EVERY
def test_a_page_can_be_printed(page: str, reader: Reader, reports: Path) -> None:
    """A printed page shows all sections in light colours and without controls."""
    reader.open(pages(reports)[page], media="print", scheme="dark")

    inside = "[...document.querySelectorAll('details > :not(summary)')]"
    assert reader.ask(f"return {inside}.filter((it) => !it.checkVisibility())") == []
    assert reader.ask("return getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not any(form.is_displayed() for form in reader.chromium.find_elements(By.TAG_NAME, "form"))
    printed = base64.b64decode(reader.tell("Page.printToPDF")["data"])
    assert printed.startswith(b"%PDF-")


def test_a_page_works_without_scripts(reader: Reader) -> None:
    """A page without scripts has the whole list with working links, and hides the controls."""
    reader.tell("Emulation.setScriptExecutionDisabled", value=True)
    try:
        reader.open("index.html")
        links = reader.chromium.find_elements(By.CSS_SELECTOR, ".list a")
        assert len(links) == MANY
        assert not reader.find(".filters").is_displayed()
    finally:
        reader.tell("Emulation.setScriptExecutionDisabled", value=False)


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_the_picture_fits_and_its_pins_do_not_cover_each_other(width: int, reader: Reader) -> None:
    """The timeline fits its frame, and its numbered marks do not overlap."""
    reader.open("submissions/student-000.html", width=width)

    pins = reader.ask(
        "return [...document.querySelectorAll('.pin circle')].map((pin) => pin.getBoundingClientRect())"
        ".map((it) => [it.left, it.top, it.right, it.bottom])"
    )

    assert len(pins) == 10
    covered = [
        (one, other)
        for number, one in enumerate(pins)
        for other in pins[number + 1 :]
        if one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
    ]
    assert covered == []
    assert all(left >= 0 and right <= width for left, _, right, _ in pins)
