"""A debate in a real browser: four people vote blind, one reveals, and it ends in a decision."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.driven import PHONE, person_at
from tests.browser.test_first_light import AXE, RULES, TOO_WIDE

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
VOTES = {"product": (8, 3), "design": (7, 2), "engineering": (8, 3), "operations": (9, 4)}


@pytest.fixture(scope="module")
def team(browser, demo):
    """A feature of its own in the running demo, and a login link for each function: role -> how to get one."""
    key = demo.command("key", "create", "--name", "debate", "--scopes", "manage").splitlines()[-1]
    context = browser.new_context(extra_http_headers={"Authorization": f"Bearer {key}"})
    made = context.request.post(f"{demo.address}/api/v1/features/", data={"slug": "debated", "name": "Debated"})
    assert made.status == 201
    context.close()

    def link(role):
        words = ("person", "create", f"{role}@debate.example", "--role", role, "--feature", "debated")
        printed = demo.command(*words).splitlines()[-1]
        return demo.address + re.sub(r"^https?://[^/]+", "", printed)

    return link


def is_sound(page):
    """No rule of accessibility broken, nothing wider than the screen, nothing in the console."""
    assert page.complaints == []
    assert page.evaluate(TOO_WIDE) == []
    page.evaluate(AXE)
    found = page.evaluate("rules => axe.run({runOnly: rules, preload: false})", RULES)
    assert [(rule["id"], rule["nodes"][0]["html"]) for rule in found["violations"]] == []
    page.complaints.clear()  # axe's own: it tries styles that the CSP refuses


def choose(page, group, label):
    """By keyboard: radios are reached by Tab and chosen by Space, as without a mouse."""
    radio = page.get_by_role("group", name=group).get_by_label(label, exact=True)
    radio.focus()
    page.keyboard.press("Space")
    expect(radio).to_be_checked()


def vote(page, address, role):
    page.goto(address)
    x, y = VOTES[role]
    choose(page, "Behaviour change", str(x))
    choose(page, "Product change", str(y))
    choose(page, "How sure are you?", "Fairly sure")
    page.get_by_label("Why, in a line").fill(f"As {role} sees it")
    page.get_by_role("button", name="Place it").click()
    expect(page.get_by_text("Saved. Only you see it until the reveal")).to_be_visible()


def test_a_debate_is_opened_voted_blind_revealed_and_decided(browser, demo, team):
    with person_at(browser, team("product")) as lead:
        lead.goto(f"{demo.address}/features/debated/debates/")
        expect(lead.get_by_text("No debate yet")).to_be_visible()
        choose(lead, "About", "Behaviour change and product change")
        is_sound(lead)
        lead.get_by_role("button", name="Open the round").click()
        lead.wait_for_url(re.compile(r"/debates/\d+/$"))
        address = lead.url
        vote(lead, address, "product")

        for role, options in {
            "design": {},
            "engineering": {"java_script_enabled": False},
            "operations": {"viewport": PHONE, "color_scheme": "dark"},
        }.items():
            with person_at(browser, team(role), **options) as page:
                vote(page, address, role)
                expect(page.get_by_text("As product sees it")).to_have_count(0)
                if "java_script_enabled" not in options:
                    is_sound(page)

        lead.goto(address)
        expect(lead.get_by_text("4 of 6: enough to reveal.")).to_be_visible()
        expect(lead.get_by_text("As design sees it")).to_have_count(0)
        lead.get_by_role("button", name="Reveal").click()
        expect(lead.get_by_role("heading", name="Together: Sure failure")).to_be_visible()
        expect(lead.get_by_text("As design sees it")).to_be_visible()
        expect(lead.locator(".chart svg circle").first).to_be_visible()
        is_sound(lead)

        choose(lead, "How does it end?", "Agreed")
        lead.get_by_label("If agreed: on").select_option("Sure failure")
        lead.get_by_label("Why", exact=True).fill("It asks much and gives little")
        lead.get_by_role("button", name="Record the decision").click()
        expect(lead.get_by_role("link", name="Debate: Sure failure")).to_be_visible()


def test_two_people_agree_on_an_expectation(browser, demo, team):
    address = f"{demo.address}/features/debated/expectations/"
    with person_at(browser, team("data_science"), viewport=PHONE) as science:
        science.goto(address)
        science.get_by_label("Target", exact=True).fill("88")
        science.get_by_label("By when").fill("2099-12-31")
        science.get_by_label("How likely is it to be met?").fill("80")
        science.get_by_label("Why this target").fill("Below this people check each one")
        is_sound(science)
        science.get_by_role("button", name="Propose and sign").click()
        expect(science.get_by_text("It waits for a signature of product.")).to_be_visible()
    with person_at(browser, team("product"), color_scheme="dark") as product:
        product.goto(address)
        signing = product.get_by_role("article").filter(has=product.get_by_role("button", name="Sign it"))
        signing.get_by_label("How likely is it to be met?").fill("70")
        signing.get_by_role("button", name="Sign it").click()
        expect(product.get_by_text("product and data science agreed on 88")).to_be_visible()
        is_sound(product)
