"""manage.py actor erase: forget a person whom services named by a pseudonym."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from feedback.actions.erasing import erase_actor
from feedback.models import Feature


class Command(BaseCommand):
    help = "Forget an actor: removes their events and feedback, and takes them and their inputs off predictions."

    def add_arguments(self, parser: ArgumentParser) -> None:
        erase = parser.add_subparsers(required=True).add_parser("erase")
        erase.add_argument("actor", help="the pseudonym, as the service sends it")
        erase.add_argument("--feature", metavar="SLUG", help="in this feature alone; without it in all")

    def handle(self, *args: Any, **options: Any) -> None:
        features = Feature.objects.all()
        if options["feature"]:
            features = features.filter(slug=options["feature"])
            if not features.exists():
                raise CommandError(f"There is no feature {options['feature']}.")
        try:
            erased = erase_actor(actor=options["actor"], features=features)
        except ValueError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"{erased.predictions} predictions no longer name this actor; "
            f"{erased.events} events and {erased.feedback} feedback items are removed."
        )
