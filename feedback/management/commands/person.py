"""manage.py person create: invite somebody."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_email
from django.utils import timezone

from feedback.actions.people import create_person, join, new_login_link
from feedback.models import Feature, Membership


class Command(BaseCommand):
    help = "Make a person, give roles in features, and print a link that logs the person in once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        create = parser.add_subparsers(required=True).add_parser("create")
        create.add_argument("email")
        create.add_argument("--role", choices=Membership.Role.values)
        create.add_argument("--feature", action="append", default=[], metavar="SLUG")
        create.add_argument("--staff", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            validate_email(options["email"])
        except ValidationError as error:
            raise CommandError(f"{options['email']!r} is not an e-mail address.") from error
        if bool(options["role"]) != bool(options["feature"]):
            raise CommandError("--role and --feature go together.")
        features = [self.feature(slug) for slug in options["feature"]]
        now = timezone.now()
        person = create_person(email=options["email"], is_staff=options["staff"], now=now)
        for feature in features:
            join(user=person, feature=feature, role=options["role"])
        self.stdout.write(f"{person} may log in once with this link, for 24 hours:")
        self.stdout.write(f"{settings.BASE_URL}{new_login_link(user=person, now=now)}")

    def feature(self, slug: str) -> Feature:
        feature = Feature.objects.filter(slug=slug).first()
        if feature is None:
            raise CommandError(f"There is no feature {slug}.")
        return feature
