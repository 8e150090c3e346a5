"""A real Touchstone with its demo, and a real chromium to look at it with."""

import re
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.faults.installation import Installation, free_port, installed

CHROMIUM = Path("/usr/bin/chromium")
WIDE, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}


@dataclass
class Demo:
    place: Installation
    address: str
    login: str

    def command(self, *words):
        ended = self.place.run("manage.py", *words)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout.strip()

    def login_link(self, email="admin@touchstone.example"):
        """A fresh one-time link of a person; the printed one is used up by whoever came first."""
        link = self.command("person", "create", email).splitlines()[-1]
        return self.address + re.sub(r"^https?://[^/]+", "", link)


@contextmanager
def demo_running(directory):
    with installed(directory) as place:
        port = free_port()
        process = place.start([sys.executable, "manage.py", "up", "--demo", "--port", str(port)])
        place.wait_until(
            lambda: "The demo is loaded" in place.said() or process.poll() is not None, 900, "the demo"
        )
        assert process.poll() is None, place.said()
        address = f"http://127.0.0.1:{port}"
        printed = re.search(r"Log in once: (\S+)", place.said())
        place.wait_until(lambda: has_concluded(place), 240, "reviews are in the figures")
        yield Demo(place, address, printed[1])


def has_concluded(place):
    """Whether the reviews of all four versions are in their figures."""
    stored = place.query("select source, \"window\", counted > 0 from metrics_estimateset where segment = ''")
    return [(source, window) for source, window, is_counted in stored if is_counted].count(
        ("reviewed", "version")
    ) == 4


@contextmanager
def chromium():
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=str(CHROMIUM),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield browser
        browser.close()


@contextmanager
def person_at(browser, login_link, **options):
    """A page of somebody who has used this link, and what its console complained of."""
    context = browser.new_context(**{"viewport": WIDE, "reduced_motion": "reduce", **options})
    page = context.new_page()
    page.complaints = []
    loud = {"error", "warning"}
    page.on("console", lambda said: page.complaints.append(said.text) if said.type in loud else None)
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.goto(login_link)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/features/")
    yield page
    context.close()
