"""A report in a real browser: `python e2e/report_in_browser.py REPORT.html [--shots DIR]`.

Needs `apt-get install chromium chromium-driver` and `pip install selenium`. Checks, on a desktop and
on a phone, in light and in dark: nothing is said on the console, nothing is loaded, links inside the
page resolve, the page does not scroll sideways, text has contrast, pictures decode, and the flickers
flicker: on hover, by keyboard, and not where motion is unwanted.
"""

from __future__ import annotations

import argparse
import base64
import io
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from selenium import webdriver
from selenium.common.exceptions import TimeoutException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

DESKTOP, PHONE = (1280, 900), (360, 740)
PATIENCE_S = 20
DOCS_BYTES = 240_000
CONTRAST = """
const linear = v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
const lum = c => { const f = c.map(v => linear(v / 255)); return .2126 * f[0] + .7152 * f[1] + .0722 * f[2] };
const rgb = s => (s.match(/[\\d.]+/g) || [0, 0, 0, 0]).map(Number);
const ground = e => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor);
  if (c.length < 4 || c[3] > .5) return c.slice(0, 3) } return [255, 255, 255] };
const bad = [];
for (const e of document.querySelectorAll('body *')) {
  if (!e.checkVisibility() || e.closest('.stage, .vh, svg')) continue;
  if (![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())) continue;
  const a = lum(rgb(getComputedStyle(e).color).slice(0, 3)), b = lum(ground(e));
  const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
  if (ratio < 4.5) bad.push(`${ratio.toFixed(2)} ${e.tagName}.${e.className}: ${e.textContent.slice(0, 40)}`);
}
for (const e of document.querySelectorAll('svg text')) {
  if (!e.checkVisibility()) continue;
  const a = lum(rgb(getComputedStyle(e).fill).slice(0, 3)), b = lum(ground(e.closest('svg').parentElement));
  const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
  if (ratio < 4.5) bad.push(`${ratio.toFixed(2)} svg text ${e.textContent.slice(0, 40)}`);
}
return bad.slice(0, 10);
"""
SIDEWAYS = """
const w = document.documentElement.clientWidth;
return [document.documentElement.scrollWidth, w, [...document.querySelectorAll('main *, header *')]
  .filter(e => e.getBoundingClientRect().right > w + 1 && !e.closest('.wide, pre, nav, svg, .vh'))
  .slice(0, 5).map(e => e.tagName + '.' + e.className + ' ' + e.textContent.trim().slice(0, 40))];
"""
DANGLING = """
return [...document.querySelectorAll('a[href^="#"]')].map(a => a.getAttribute('href').slice(1))
  .filter(id => !document.getElementById(id));
"""
UNDECODED = """
const done = arguments[arguments.length - 1];
const all = [...document.images].map(i => { i.loading = 'eager'; return i.decode().then(() => 0, () => 1) });
Promise.all(all).then(bad => done([bad.length, bad.reduce((a, b) => a + b, 0)]));
"""
LOADED = (
    "return performance.getEntriesByType('resource').map(e => e.name).filter(n => !n.startsWith('data:'))"
)


@contextmanager
def browser(size: tuple[int, int], *, dark: bool, still: bool) -> Iterator[webdriver.Chrome]:
    """Headless Chromium of one window size and taste."""
    options = webdriver.ChromeOptions()
    for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    # By its path: asked for a driver, selenium would look for one on the network.
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    try:
        width, height = size
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        wishes = {
            "prefers-color-scheme": "dark" if dark else "light",
            "prefers-reduced-motion": "reduce" if still else "no-preference",
        }
        features = [{"name": name, "value": value} for name, value in wishes.items()]
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        yield driver
    finally:
        driver.quit()


def faults(driver: webdriver.Chrome) -> list[str]:
    """What is wrong with the page that is open, whatever its window."""
    found = [f"console: {line['message']}" for line in driver.get_log("browser")]
    found += [f"loaded: {name}" for name in driver.execute_script(LOADED)]
    found += [f"link to nowhere: #{name}" for name in driver.execute_script(DANGLING)]
    driver.set_script_timeout(60)
    driver.execute_script("document.querySelectorAll('details').forEach(d => d.open = true)")
    count, broken = driver.execute_async_script(UNDECODED)
    found += [f"{broken} of {count} pictures do not decode"] if broken else []
    wide, window, culprits = driver.execute_script(SIDEWAYS)
    found += [f"scrolls sideways: {wide} of {window} px: {culprits}"] if wide > window else []
    found += [f"contrast {line}" for line in driver.execute_script(CONTRAST)]
    return found


def flicker_faults(driver: webdriver.Chrome) -> list[str]:
    """Whether every kind of flicker flickers when hovered over, and when its box is ticked."""
    found = []
    for kind in ("pair", "cycle"):
        stages = driver.find_elements(By.CSS_SELECTOR, f".stage.{kind}")
        if not stages:
            continue
        stage = stages[0]
        driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", stage)
        found += [] if _still(driver, stage) else [f"{kind}: flickers although nobody asks"]
        ActionChains(driver).move_to_element(stage).perform()
        found += [] if _blinks(driver, stage) else [f"{kind}: does not flicker on hover"]
        ActionChains(driver).move_by_offset(0, 0).move_to_element(
            driver.find_element(By.TAG_NAME, "h1")
        ).perform()
        box = stage.find_element(By.XPATH, "..").find_element(By.CSS_SELECTOR, "input.run")
        driver.execute_script("arguments[0].focus()", box)
        box.send_keys(Keys.SPACE)
        driver.execute_script("arguments[0].blur(); arguments[0].scrollIntoView({block: 'center'})", box)
        found += [] if _blinks(driver, stage) else [f"{kind}: does not flicker by keyboard"]
        driver.execute_script("arguments[0].checked = false", box)
        radios = stage.find_element(By.XPATH, "..").find_elements(By.CSS_SELECTOR, "input[type=radio]")
        shown = set()
        for radio in radios:
            driver.execute_script("arguments[0].click()", radio)
            shown.add(_visible(driver, stage))
        found += [] if len(shown) == len(radios) else [f"{kind}: buttons show {sorted(shown)}"]
    return found


def _opacity(driver: webdriver.Chrome, stage: object) -> str:
    script = "return [...arguments[0].children].map(e => getComputedStyle(e).opacity).join(' ')"
    return str(driver.execute_script(script, stage))


def _visible(driver: webdriver.Chrome, stage: object) -> str:
    """Label of the topmost picture that shows."""
    return str(
        driver.execute_script(
            "const up = e => +getComputedStyle(e).zIndex || 0;"
            "const layers = [...arguments[0].querySelectorAll('span')];"
            "return layers.filter(e => getComputedStyle(e).opacity === '1')"
            ".sort((a, b) => up(a) - up(b)).pop().textContent",
            stage,
        )
    )


def _blinks(driver: webdriver.Chrome, stage: object) -> bool:
    seen: set[str] = set()

    def two(_: object) -> bool:
        seen.add(_opacity(driver, stage))
        return len(seen) > 1

    try:
        WebDriverWait(driver, PATIENCE_S, poll_frequency=0.1).until(two)
    except TimeoutException:
        return False
    return True


def _still(driver: webdriver.Chrome, stage: object) -> bool:
    seen = set()
    for _ in range(8):
        seen.add(_opacity(driver, stage))
        time.sleep(0.3)
    return len(seen) == 1


def check(report: Path, shots: Path | None) -> list[str]:
    """Everything, in every window."""
    found = []
    for name, size, dark, still in (
        ("desktop", DESKTOP, False, False),
        ("desktop-dark", DESKTOP, True, False),
        ("phone", PHONE, False, False),
        ("phone-dark", PHONE, True, False),
        ("still", DESKTOP, False, True),
    ):
        with browser(size, dark=dark, still=still) as driver:
            driver.get(report.resolve().as_uri())
            if shots is not None:
                _shoot(driver, shots / f"{report.stem}-{name}.png")
            complaints = faults(driver)
            if name == "desktop":
                complaints += flicker_faults(driver)
            if still:
                complaints += _moves(driver)
            found += [f"{name}: {line}" for line in complaints]
    return found


def _moves(driver: webdriver.Chrome) -> list[str]:
    stages = driver.find_elements(By.CSS_SELECTOR, ".stage")
    if not stages:
        return []
    driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", stages[0])
    ActionChains(driver).move_to_element(stages[0]).perform()
    return [] if _still(driver, stages[0]) else ["flickers although motion is unwanted"]


def _shoot(driver: webdriver.Chrome, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    height = min(14_000, driver.execute_script("return document.documentElement.scrollHeight"))
    picture = driver.execute_cdp_cmd(
        "Page.captureScreenshot",
        {
            "captureBeyondViewport": True,
            "clip": {
                "x": 0,
                "y": 0,
                "width": driver.execute_script("return innerWidth"),
                "height": height,
                "scale": 1,
            },
        },
    )
    path.write_bytes(base64.b64decode(picture["data"]))


def picture_of(report: Path, sections: list[str], to: Path, *, dark: bool, phone: bool) -> None:
    """A picture for the docs: from the top of the first section to the end of the last, few colours."""
    with browser(PHONE if phone else DESKTOP, dark=dark, still=True) as driver:
        driver.get(report.resolve().as_uri())
        place = "const r = document.getElementById(arguments[0]).getBoundingClientRect();"
        top = driver.execute_script(place + "return r.top + scrollY", sections[0])
        end = driver.execute_script(place + "return r.bottom + scrollY", sections[-1])
        width = driver.execute_script("return innerWidth")
        clip = {"x": 0, "y": top, "width": width, "height": end - top + 24, "scale": 1}
        shot = {"captureBeyondViewport": True, "clip": clip}
        data = driver.execute_cdp_cmd("Page.captureScreenshot", shot)["data"]
    image = Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")
    to.parent.mkdir(parents=True, exist_ok=True)
    for colours in (256, 128, 64, 48, 32, 24):
        image.quantize(colours, dither=Image.Dither.NONE).save(to, optimize=True)
        if to.stat().st_size <= DOCS_BYTES:
            break
    print(to, to.stat().st_size)


def main() -> int:
    parser = argparse.ArgumentParser(description="Look at reports in headless Chromium.")
    parser.add_argument("reports", type=Path, nargs="+")
    parser.add_argument("--shots", type=Path, help="write screenshots there")
    parser.add_argument("--picture", type=Path, help="only make a picture for the docs, of --sections")
    parser.add_argument("--sections", nargs="+", default=["summary"], help="ids; with --picture")
    parser.add_argument("--dark", action="store_true", help="with --picture")
    parser.add_argument("--phone", action="store_true", help="with --picture")
    arguments = parser.parse_args()
    if arguments.picture is not None:
        wishes = {"dark": arguments.dark, "phone": arguments.phone}
        picture_of(arguments.reports[0], arguments.sections, arguments.picture, **wishes)
        return 0
    found = [f"{r}: {line}" for r in arguments.reports for line in check(r, arguments.shots)]
    print("\n".join(found) or "no fault")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
