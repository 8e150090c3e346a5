"""The front-end files of others: what differs from vendor.toml is named."""

import shutil
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from config import vendored

SHIPPED = Path(__file__).parent.parent.parent / "static" / "vendor"
HTMX = "htmx.org/2.0.8/htmx.min.js"


@pytest.fixture
def vendor(tmp_path):
    """A copy of what is shipped, to be tampered with."""
    return Path(shutil.copytree(SHIPPED, tmp_path / "static" / "vendor"))


def test_what_is_shipped_is_what_was_fetched(vendor):
    assert vendored.wrong_files(vendor) == vendored.wrong_files(SHIPPED) == []


def test_a_changed_file_is_named(vendor):
    with (vendor / HTMX).open("ab") as file:
        file.write(b" ")
    assert vendored.wrong_files(vendor) == [f"{HTMX} is not what was fetched"]


def test_a_missing_file_is_named(vendor):
    (vendor / HTMX).unlink()
    assert vendored.wrong_files(vendor) == [f"{HTMX} is missing"]


@pytest.mark.parametrize("name", ["evil.js", "d3/7.9.0/extra.js", "d3/7.9.1/d3.min.js", "d3/.hidden"])
def test_a_file_that_is_not_listed_is_named(vendor, name):
    (vendor / name).parent.mkdir(exist_ok=True)
    (vendor / name).write_text("alert(1)")
    assert vendored.wrong_files(vendor) == [f"{name} is not in vendor.toml"]


def test_all_that_is_wrong_is_named_at_once(vendor):
    (vendor / HTMX).unlink()
    (vendor / "d3/7.9.0/d3.min.js").write_text("")
    (vendor / "evil.js").write_text("")
    assert vendored.wrong_files(vendor) == [
        f"{HTMX} is missing",
        "evil.js is not in vendor.toml",
        "d3/7.9.0/d3.min.js is not what was fetched",
    ]


def test_every_package_has_a_version_a_licence_and_the_hash_of_its_tarball():
    for package in vendored.listed(SHIPPED):
        assert package.version[0].isdigit()
        assert package.licence
        assert package.integrity.startswith("sha512-")
        assert any(Path(name).name.startswith("LICENSE") for name in package.files), package.name


def test_the_command_says_how_many_packages_are_right(capsys):
    call_command("vendor")
    n = len(vendored.listed(SHIPPED))
    assert capsys.readouterr().out == f"{n} vendored packages are what was fetched.\n"


def test_the_command_fails_and_names_what_is_wrong(vendor, settings):
    settings.BASE_DIR = vendor.parent.parent
    (vendor / HTMX).unlink()
    with pytest.raises(CommandError, match=f"^{HTMX} is missing$"):
        call_command("vendor")
