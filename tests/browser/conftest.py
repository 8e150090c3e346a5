import os

import pytest

from tests.browser.driven import CHROMIUM, chromium, demo_running


@pytest.fixture(scope="session")
def browser():
    if not CHROMIUM.exists():
        if os.environ.get("TOUCHSTONE_REQUIRE_BROWSER"):
            pytest.fail(f"{CHROMIUM} is not there, and a browser is required.")
        pytest.skip(f"NOT TESTED: {CHROMIUM} is not installed (apt-get install chromium).")
    # Playwright keeps a loop in this thread; what a test stores meanwhile is no less synchronous for that.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with chromium() as started:
        yield started
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture(scope="session")
def demo(tmp_path_factory, browser):
    """One Touchstone as `make run` starts it, demo loaded and concluded, for all tests of the browser."""
    with demo_running(tmp_path_factory.mktemp("demo")) as running:
        yield running
