"""manage.py key create: a service's key, or a person's own."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from feedback.actions.people import create_key
from feedback.models import Feature, User


class Command(BaseCommand):
    help = "Make an API key. The key stands alone on the last line and is not shown again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        create = parser.add_subparsers(required=True).add_parser("create")
        create.add_argument("--name", default="")
        create.add_argument("--scopes", default="", help="ingest,read,manage")
        create.add_argument(
            "--feature", action="append", default=[], metavar="SLUG", help="again for more; none: all"
        )
        create.add_argument("--person", metavar="EMAIL", help="a key that acts as this person, without scopes")

    def handle(self, *args: Any, **options: Any) -> None:
        scopes = [scope.strip() for scope in options["scopes"].split(",") if scope.strip()]
        person = self.person(options["person"]) if options["person"] else None
        if bool(scopes) == bool(person):
            raise CommandError("Say --scopes ingest,read,manage (some of them) or --person EMAIL, one of the two.")
        if person and options["feature"]:
            raise CommandError("--feature goes with --scopes: a person's key sees what the person sees.")
        try:
            key, presented = create_key(
                name=options["name"] or (person.email if person else "service"),
                scopes=scopes,
                features=self.features(options["feature"]),
                person=person,
                now=timezone.now(),
            )
        except ValueError as error:
            raise CommandError(f"{error}. Scopes are ingest, read and manage.") from error
        self.stdout.write(f"Key {key}. Keep it: it is not shown again.")
        self.stdout.write(presented)

    def person(self, email: str) -> User:
        person = User.objects.filter(email__iexact=email, is_active=True).first()
        if person is None:
            raise CommandError(
                f"Nobody has the address {email}. Make the person first: manage.py person create {email}"
            )
        return person

    def features(self, slugs: list[str]) -> list[Feature] | None:
        if not slugs:
            return None
        found = list(Feature.objects.filter(slug__in=slugs))
        if missing := set(slugs) - {feature.slug for feature in found}:
            raise CommandError(f"There is no feature {', '.join(sorted(missing))}.")
        return found
