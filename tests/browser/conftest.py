import os

import pytest

from tests.browser.driven import CHROMIUM, chromium, demo_running


@pytest.fixture(scope="session")
def browser():
    if not CHROMIUM.exists():
        if os.environ.get("TOUCHSTONE_REQUIRE_BROWSER"):
            pytest.fail(f"{CHROMIUM} is not there, and a browser is required.")
        pytest.skip(f"NOT TESTED: {CHROMIUM} is not installed (apt-get install chromium).")
    with chromium() as started:
        yield started


@pytest.fixture(scope="session")
def demo(tmp_path_factory, browser):
    """One Touchstone as `make run` starts it, demo loaded and concluded, for all tests of the browser."""
    with demo_running(tmp_path_factory.mktemp("demo")) as running:
        yield running
