"""Chromium without a screen, on the pages of a Prefect server."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service as Driver
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support import expected_conditions as expect
from selenium.webdriver.support.ui import WebDriverWait

_OPTIONS = ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1400,1100")
_PATIENCE_SECONDS = 120


@dataclass(frozen=True)
class Browser:
    """One window; pictures go to `pictures`, if that is a directory."""

    driver: webdriver.Chrome
    url: str
    pictures: Path | None

    def open(self, path: str, shows: str) -> None:
        """Open a page and wait until it shows a text."""
        self.driver.get(f"{self.url}{path}")
        self.wait_for_text(shows)

    def wait_for_text(self, text: str) -> WebElement:
        """The first visible element with a text of its own that contains `text`."""
        place = (By.XPATH, f"//*[text()[contains(., '{text}')]]")
        return WebDriverWait(self.driver, _PATIENCE_SECONDS).until(
            expect.visibility_of_element_located(place)
        )

    def click(self, label: str, within: str = "") -> None:
        """Click the button with a label, once it can be clicked."""
        place = (By.XPATH, f"{within}//button[normalize-space(.)='{label}']")
        WebDriverWait(self.driver, _PATIENCE_SECONDS).until(expect.element_to_be_clickable(place)).click()

    def picture(self, name: str, at: str | None = None) -> None:
        """Keep what the window shows, scrolled to a text, as a small PNG."""
        if self.pictures is None:
            return
        if at is not None:
            self.driver.execute_script("arguments[0].scrollIntoView()", self.wait_for_text(at))
        # Bars and fades have come to rest.
        time.sleep(2)
        shot = Image.open(io.BytesIO(self.driver.get_screenshot_as_png())).convert("RGB")
        self.pictures.mkdir(parents=True, exist_ok=True)
        shot.quantize(128).save(self.pictures / f"prefect-{name}.png", optimize=True)


@contextmanager
def browser(url: str, pictures: Path | None) -> Iterator[Browser]:
    """Open Chromium, as Debian's packages chromium and chromium-driver install it."""
    options = Options()
    options.binary_location = "/usr/bin/chromium"
    for option in _OPTIONS:
        options.add_argument(option)
    driver = webdriver.Chrome(options=options, service=Driver("/usr/bin/chromedriver"))
    try:
        yield Browser(driver, url, pictures)
    finally:
        driver.quit()
