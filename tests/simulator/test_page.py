"""The page on the admin port, in a real browser."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import anyio
import httpx
import pytest

from aiocc import Client, CreateCall
from aiocc.simulator import Simulator

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--window-size=1300,1100",
)
TABLES = ("calls", "dials", "messages", "notes", "faults", "requests")
SECRETS = re.compile("TOKEN|GUID|PASSWORD|KEY|SECRET")

CONTRAST = """
const luminance = text => {
  const linear = v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
  const [r, g, b] = text.match(/[0-9.]+/g).map(v => linear(v / 255));
  return .2126 * r + .7152 * g + .0722 * b;
};
const ground = node => {
  for (; node; node = node.parentElement) {
    const colour = getComputedStyle(node).backgroundColor;
    if (!/, 0\\)$/.test(colour)) return colour;
  }
};
const shown = [...document.querySelectorAll("h1, h1 *, h2, button, #state, dt, dd, th, td, p, summary")];
return shown.map(node => {
  const [a, b] = [luminance(getComputedStyle(node).color), luminance(ground(node))];
  return [(Math.max(a, b) + .05) / (Math.min(a, b) + .05), node.outerHTML.slice(0, 80)];
}).filter(([ratio]) => ratio < 4.5);
"""
WITHOUT_NAME = """
return [...document.querySelectorAll("button, a, summary, [role=region], [role=status], section, table")]
  .filter(node => !(node.textContent.trim() || node.getAttribute("aria-label") || node.getAttribute("aria-labelledby")))
  .map(node => node.outerHTML.slice(0, 80));
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Debian's Chromium with an empty profile, for this file."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed: it is in the extra dev")
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if program is None or driver is None:
        pytest.skip("no chromium with its chromedriver: apt-get install chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('browser')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    opened = webdriver.Chrome(options, webdriver.ChromeService(driver))
    yield opened
    opened.quit()


@pytest.fixture
def centre() -> Iterator[Simulator]:
    """A contact centre over http, which the browser need not be taught to trust."""
    with Simulator(tls=False) as simulator:
        yield simulator


class Page:
    """What a reader sees."""

    def __init__(self, browser: Any) -> None:
        self.browser = browser

    def text(self, identity: str) -> str:
        """Give the text of an element."""
        shown: str = self.browser.find_element("id", identity).text
        return shown

    def cells(self, table: str) -> list[list[str]]:
        """Give the rows of a table without their numbers."""
        rows = "[...document.getElementById(arguments[0]).tBodies[0].rows]"
        script = f"return {rows}.map(row => [...row.cells].slice(1).map(cell => cell.innerText))"
        found: list[list[str]] = self.browser.execute_script(script, table)
        return found

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait for what the page will show."""
        from selenium.webdriver.support.wait import WebDriverWait

        WebDriverWait(self.browser, 20, poll_frequency=0.01).until(lambda _: condition())

    def shows(self, identity: str, text: str) -> None:
        """Wait until an element has this text."""
        self.until(lambda: self.text(identity) == text)

    def press(self, *keys: str) -> str:
        """Press keys one after the other, and give the text of what has the focus then."""
        from selenium.webdriver import ActionChains
        from selenium.webdriver.common.keys import Keys

        for key in keys:
            ActionChains(self.browser).send_keys(getattr(Keys, key)).perform()
        focused: str = self.browser.switch_to.active_element.get_attribute("textContent")
        return focused


@pytest.fixture
def page(browser: Any, centre: Simulator) -> Iterator[Page]:
    """The page, freshly opened; it complained of nothing."""
    browser.get(centre.admin_url)
    opened = Page(browser)
    opened.shows("agents", "2001: 101, 31000–32999")
    yield opened
    browser.get("about:blank")
    assert [] == [entry["message"] for entry in browser.get_log("browser") if "ERR_CONNECTION" not in entry["message"]]


def let_happen(centre: Simulator) -> None:
    """One of everything, a refusal among it."""

    async def calls() -> None:
        async with Client.from_env(centre.environment) as client:
            await client.create_call(called="88884432", call_data="order-4711")
            await client.leave_message(
                phone_no="123456", content="<b>call</b> <script>document.title = 'taken'</script>"
            )
            await client.click_to_dial("1")
            await client.agent().send_note([31002, 40000], "hello")
            centre.answer_with("create_call", code="30010000001", times=2)
            await client.send(CreateCall(called="88884433"))

    anyio.run(calls)


def test_it_shows_what_happens_live(page: Page, centre: Simulator) -> None:
    """What arrives while the page is open is there without a reload, the newest first."""
    nothing = [page.cells(table) for table in TABLES]
    let_happen(centre)
    page.shows("count-requests", "6")

    assert [[[]]] * len(TABLES) == nothing  # each table says "none" in a cell of its whole width
    assert [["88884432", "–", "order-4711", centre.calls[0].call_serial_no]] == page.cells("calls")
    assert "video" == page.cells("dials")[0][1]
    assert [["101", "40000", "hello", "no: not signed in"], ["101", "31002", "hello", "yes"]] == page.cells("notes")
    assert [["planned answer: code 30010000001, before any check", "create_call", "1", "–"]] == page.cells("faults")
    assert ["fabric", "create_call", "POST /apiaccess/ccmessaging/v1/mobileagent/createcall", "200", "30010000001"] == (
        page.cells("requests")[0][:5]
    )
    assert ("1", "2", "1") == (page.text("count-calls"), page.text("count-notes"), page.text("count-refused"))


def test_what_came_over_the_wire_is_text(page: Page, centre: Simulator) -> None:
    """A message with markup is shown as it was written, and runs nothing."""
    let_happen(centre)
    page.shows("count-messages", "1")

    assert "<b>call</b> <script>document.title = 'taken'</script>" == page.cells("messages")[0][2]
    assert page.browser.title.startswith("Contact centre")


def test_credentials_are_hidden(page: Page, centre: Simulator) -> None:
    """A request's headers open at a press of a key, stay open, and show no credential."""
    let_happen(centre)
    page.shows("count-requests", "6")
    page.browser.find_element("css selector", "#requests summary").send_keys("\n")
    details = page.browser.find_element("css selector", "#requests details")
    centre.sign_out(31002)
    page.shows("agents", "2000: 101, 31000–31001, 31003–32999")

    assert "Authorization: <hidden>" in details.text
    seen = page.browser.page_source + httpx.get(f"{centre.admin_url}/state", trust_env=False).text
    assert [] == [n for n, value in centre.environment.items() if SECRETS.search(n) and value in seen]


def test_it_is_worked_by_keyboard(page: Page, centre: Simulator) -> None:
    """Tab leads from the skip link over the buttons into each table; Space pauses, Enter resets."""
    let_happen(centre)
    page.shows("count-calls", "1")

    assert ["Skip to the requests", "Pause", "Reset"] == [page.press("TAB") for _ in range(3)]
    page.press("ENTER")
    page.shows("count-calls", "0")
    assert 0 == centre.calls_placed
    page.browser.find_element("id", "pause").send_keys(" ")
    page.shows("state", "paused")
    let_happen(centre)
    assert "true" == page.browser.find_element("id", "pause").get_attribute("aria-pressed")
    assert "0" == page.text("count-calls")
    page.browser.find_element("id", "pause").send_keys(" ")
    page.shows("count-calls", "1")
    assert "live" == page.text("state")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_can_be_read_in_light_and_dark(scheme: str, page: Page, centre: Simulator) -> None:
    """In both schemes every text stands out from its ground by 4.5 to 1 or more."""
    let_happen(centre)
    page.shows("count-requests", "6")
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    assert [] == page.browser.execute_script(CONTRAST)
    ground = page.browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert ("rgb(245, 246, 248)" if scheme == "light" else "rgb(18, 21, 27)") == ground


def test_everything_has_a_name(page: Page) -> None:
    """Each table has a caption and heads, each region and button a name, the page a language."""
    script = "return [...document.getElementById(arguments[0]).querySelectorAll('caption, th[scope=col]')].length"

    assert [] == page.browser.execute_script(WITHOUT_NAME)
    assert [5 + 1, 3 + 1, 4 + 1, 5 + 1, 5 + 1, 7 + 1] == [page.browser.execute_script(script, name) for name in TABLES]
    assert "en" == page.browser.find_element("tag name", "html").get_attribute("lang")


def test_it_says_when_the_simulator_is_gone(page: Page, centre: Simulator) -> None:
    """What is shown last stays, and the state says that nobody answers."""
    let_happen(centre)
    page.shows("count-calls", "1")
    centre.stop()
    page.shows("state", "no answer from the simulator")

    assert "88884432" == page.cells("calls")[0][0]
    centre.start()
    page.shows("state", "live")
