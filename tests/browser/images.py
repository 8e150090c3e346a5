"""Screenshots from a demo of its own: python -m tests.browser.images [FOLDER], the README's without a folder.

With a folder: every page, 1440 and 390 wide, whole, to look at.
"""

import sys
import tempfile
from pathlib import Path

from tests.browser.driven import PHONE, WIDE, chromium, demo_running, person_at

README = Path(__file__).parent.parent.parent / "docs" / "images"
PAGES = {"features": "/features/", "feature": "/features/delay-alert/", "price": "/features/price-band/"}
README_PAGES = {"features": "/features/", "feature": "/features/delay-alert/"}
MORE = {
    name: f"/features/delay-alert/{name}/"
    for name in ("usage", "why", "expectations", "debates", "discuss", "decide", "stage")
} | {
    "quadrants": "/quadrants/",
    "weights": "/scores/weights/",
    "inbox": "/feedback/inbox/",
    "themes": "/feedback/themes/",
    "pipeline": "/pipeline/",
    "explorations": "/explorations/",
    "decisions": "/decisions/",
}


def open_case(page, address):
    page.goto(f"{address}/desk/")
    page.get_by_role("button", name="Judge Price band").click()
    page.wait_for_selector("#question")


def for_readme(browser, demo):
    README.mkdir(exist_ok=True)
    for scheme in ("light", "dark"):
        with person_at(browser, demo.login_link(), color_scheme=scheme) as page:
            for name, path in README_PAGES.items():
                page.goto(demo.address + path)
                page.wait_for_load_state("networkidle")
                page.screenshot(path=README / f"{name}-{scheme}.png")
            open_case(page, demo.address)
            page.keyboard.press("2")
            page.screenshot(path=README / f"desk-{scheme}.png")


def to_look_at(browser, demo, folder):
    folder.mkdir(parents=True, exist_ok=True)
    for scheme in ("light", "dark"):
        for width, size in (("wide", WIDE), ("phone", PHONE)):
            with person_at(browser, demo.login_link(), color_scheme=scheme, viewport=size) as page:
                for name, path in {**PAGES, **MORE, "desk": "/desk/", "docs": "/api/docs/"}.items():
                    page.goto(demo.address + path)
                    page.wait_for_load_state("networkidle")
                    page.screenshot(path=folder / f"{name}-{scheme}-{width}.png", full_page=name != "docs")
                open_case(page, demo.address)
                page.screenshot(path=folder / f"case-{scheme}-{width}.png", full_page=True)
                page.keyboard.press("2")
                page.screenshot(path=folder / f"wrong-{scheme}-{width}.png", full_page=True)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as directory, demo_running(Path(directory)) as demo, chromium() as browser:
        if len(sys.argv) > 1:
            to_look_at(browser, demo, Path(sys.argv[1]))
        else:
            for_readme(browser, demo)
