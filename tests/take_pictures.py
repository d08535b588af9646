"""Takes the pictures of the HTML report that the documents show.

``PYTHONPATH=.:tests python tests/take_pictures.py [PAGE]`` in the repository root; needs playwright
and a Chromium, see ``tests/browser``. Without a page it takes ``reports/paper.html``, which
``report --format html`` writes.
"""

import sys
from pathlib import Path
from typing import Literal, NamedTuple

from playwright.sync_api import sync_playwright

from support.chromium import ARGUMENTS, CHROMIUM

FOLDER = Path("docs/pictures")


class Picture(NamedTuple):
    """A picture: its name, how large the window is, its theme and what stands on top."""

    name: str
    size: tuple[int, int]
    scheme: Literal["light", "dark"]
    top: str


PICTURES = (
    Picture("desktop", (1280, 1000), "light", "h2"),
    Picture("desktop-dark", (1280, 1000), "dark", "figure"),
    Picture("phone", (390, 844), "light", "h1"),
    Picture("phone-table", (390, 844), "light", "h2"),
    Picture("phone-dark", (390, 844), "dark", "figure"),
)


def main(address: str) -> None:
    """Take them all."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        for picture in PICTURES:
            width, height = picture.size
            page = browser.new_page(
                viewport={"width": width, "height": height}, color_scheme=picture.scheme
            )
            page.goto(address)
            page.locator(picture.top).first.evaluate("element => element.scrollIntoView()")
            page.screenshot(path=FOLDER / f"report-{picture.name}.png")
        browser.close()


if __name__ == "__main__":
    main(Path(*sys.argv[1:] or ["reports/paper.html"]).resolve().as_uri())
