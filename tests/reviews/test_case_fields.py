"""What a service sent is shown as text; what may be clicked or loaded is checked first."""

import pytest

from reviews.case_fields import fields_of


def field(value, hint=""):
    (shown,) = fields_of({"x": value}, [{"name": "x", "label": "X", "hint": hint}])
    return shown


@pytest.mark.parametrize(
    ("value", "hint", "text", "look"),
    [
        (1234567, "number", "1,234,567", "text"),
        (0.5, "number", "0.5", "text"),
        (1234.5, "money", "1,234.50", "text"),
        (12, "money", "12", "text"),
        ("2026-11-24", "date", "24 Nov 2026", "text"),
        ("2026-11-24T10:00:00+02:00", "date", "24 Nov 2026, 08:00 UTC", "text"),
        ("2026-11-24T10:00", "date", "24 Nov 2026, 10:00", "text"),
        ("next week", "date", "next week", "text"),
        ("0001-01-01T00:00:00+14:00", "date", "0001-01-01T00:00:00+14:00", "text"),
        ("9999-12-31T23:00:00-14:00", "date", "9999-12-31T23:00:00-14:00", "text"),
        (True, "number", "yes", "text"),
        ({"a": [1]}, "json", '{\n  "a": [\n    1\n  ]\n}', "code"),
        ("if x:\n  y", "code", "if x:\n  y", "code"),
        ("w" * 2001, "text", "w" * 2001, "long"),
        (None, "text", "", "nothing"),
        ("https://shop.example/1", "link", "https://shop.example/1", "link"),
    ],
)
def test_each_hint_has_its_look(value, hint, text, look):
    shown = field(value, hint)
    assert (shown.value, shown.look) == (text, look)


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        " https://a.example",
        "\thttps://a.example",
        "data:text/html,<script>alert(1)</script>",
        "https:alert(1)",
        "//a.example",
        "ftp://a.example",
        "https://a.example\\@b.example/",
        "https://a.example/\u202egpj.exe",
        'https://a.example/"onmouseover="alert(1)',
        "https://a.example/a\nb",
    ],
)
def test_only_a_plain_http_address_can_be_clicked(settings, address):
    settings.IMAGE_ORIGINS = ["https://a.example"]
    assert field(address, "link").look == "text"
    assert field(address, "image").look == "text"


@pytest.mark.parametrize(
    ("address", "look"),
    [
        ("https://img.example/a.png", "image"),
        ("https://img.example:8443/a.png", "image_elsewhere"),
        ("https://img.example.evil.example/a.png", "image_elsewhere"),
        ("https://img.example@evil.example/a.png", "image_elsewhere"),
        ("http://img.example/a.png", "image_elsewhere"),
        ("https://img.example", "image_elsewhere"),
    ],
)
def test_images_come_from_the_named_sites_alone(settings, address, look):
    settings.IMAGE_ORIGINS = ["https://img.example"]
    assert field(address, "image").look == look


def test_without_named_sites_no_image_is_shown():
    assert field("https://img.example/a.png", "image").look == "image_elsewhere"
