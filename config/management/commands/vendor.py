"""Check the shipped front-end files of others against static/vendor/vendor.toml, or fetch them anew."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import CommandError
from django.core.management.base import BaseCommand

from config import vendored


class Command(BaseCommand):
    help = "Check the vendored front-end files against their hashes; --fetch gets them from npm first."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--fetch", action="store_true", help="fetch with npm pack before checking")

    def handle(self, *args: Any, **options: Any) -> None:
        vendor = Path(settings.BASE_DIR) / "static" / "vendor"
        if options["fetch"]:
            for package in vendored.listed(vendor):
                vendored.fetch(package, vendor)
        wrong = vendored.wrong_files(vendor)
        if wrong:
            raise CommandError("\n".join(wrong))
        self.stdout.write(f"{len(vendored.listed(vendor))} vendored packages are what was fetched.")
