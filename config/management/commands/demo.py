"""Load the demo: two real prediction logs through the REST API, four reviewers, part of the reviews."""

import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pandas as pd
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from config.demo import logs, people, plans, usage
from config.demo.habits import HABITS
from config.demo.logs import Item, Story
from config.demo.service import NotTaken, Service
from config.demo.stories import STORIES
from config.progress import Bar
from feedback.actions.jobs import enter_job
from feedback.actions.people import create_key, revoke_keys
from feedback.models import ApiKey, Job

LONGEST_WAIT = 180.0  # seconds for the worker to work one thing off, on a busy machine
AFTER_PLANS = [
    ["sum_usage", "sum_usage_feature", "summarise_usage"],
    ["check_expectations"],
    ["score", "score_feature"],
]
# Looked at now instead of at the next round of their schedules; nobody waits for it.
AT_LEISURE = [
    "watch_quality", "look_at_reviewers", "agree_by_guideline", "look_for_drift", "pair",
]  # fmt: skip
API = "/api/v1"


class Command(BaseCommand):
    help = "Load the demo into a running Touchstone. Repeating it sends what has happened since."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--url", default="http://127.0.0.1:8000", help="where Touchstone answers")

    def handle(self, *args: Any, **options: Any) -> None:
        started, now = time.monotonic(), timezone.now()
        key, presented = create_key(name="demo", scopes=["ingest", "read", "manage"], now=now)
        service = Service(options["url"], presented)
        try:
            read = [(story, logs.read(story)) for story in STORIES]
            for story, log in read:
                self.introduce(story, log, service, now)
                self.send(story, log, service, now)
            self.review(read)
            self.plan()
        except NotTaken as error:
            raise CommandError(str(error)) from error
        finally:
            revoke_keys(ApiKey.objects.filter(pk=key.pk), now=timezone.now())
        self.stdout.write(f"The demo is loaded, in {time.monotonic() - started:.0f} s: {options['url']}/features/")

    def introduce(self, story: Story, log: pd.DataFrame, service: Service, now: datetime) -> None:
        """The feature and its versions, and who works with them."""
        if service.get(f"{API}/features/{story.slug}/") is None:
            service.post(f"{API}/features/", story.feature)
        moved = self.moved(story, log, service, now)
        known = {version["name"] for version in service.get(f"{API}/features/{story.slug}/versions/")}
        for version in story.versions:
            if version.name not in known:
                service.post(
                    f"{API}/features/{story.slug}/versions/",
                    {
                        "name": version.name,
                        "labels": story.labels,
                        "positive_label": story.positive_label,
                        "is_baseline": version.is_baseline,
                        "deployed_at": (logs.first_seen(log)[version.name] + moved).isoformat(),
                        "notes": version.notes,
                    },
                )
        people.settle_in(story, now=now)

    def moved(self, story: Story, log: pd.DataFrame, service: Service, now: datetime) -> timedelta:
        """By how much the log is moved. The first load's holds for good: it is read from its first version."""
        first = story.versions[0].name
        for version in service.get(f"{API}/features/{story.slug}/versions/"):
            if version["name"] == first:
                return datetime.fromisoformat(version["deployed_at"]) - logs.first_seen(log)[first]
        return logs.weeks_to_today(log, now)

    def send(self, story: Story, log: pd.DataFrame, service: Service, now: datetime) -> None:
        moved = self.moved(story, log, service, now)
        habit = HABITS[story.slug]
        kinds: list[tuple[str, Callable[..., Iterator[Item]], str]] = [
            ("predictions", logs.predictions, "predictions"),
            ("outcomes", logs.outcomes, "truths"),
            ("events", partial(usage.events, habit=habit), "usage events"),
            ("feedback", partial(usage.feedback, habit=habit), "feedback"),
        ]
        for path, make, words in kinds:
            items = list(make(story, log, moved=moved, now=now))
            bar = Bar(f"{story.feature['name']}: {words}", len(items))
            service.post_all(f"{API}/{path}/", items, told=bar.add)

    def review(self, read: list[tuple[Story, pd.DataFrame]]) -> None:
        """Have the worker draw and sum up, then judge part of what it drew, and ask for figures at once."""
        now = timezone.now()
        for kind in ("draw", "sum_up"):
            enter_job(kind, run_after=now, now=now)
        # Before anything is judged: reviews would only be in the way.
        if not self.is_worked_off("draw", "sum_up", "sum_hours"):
            raise CommandError("No worker has drawn reviews yet. Run `manage.py settle`, then this again.")
        enter_job("fix_references", run_after=now, now=now)  # done while people judge; drift is compared with them
        conclude_now()
        for story, log in read:
            feature, reviewers = people.settle_in(story, now=now)
            people.stock(feature, now=now)
            bar = Bar(f"{story.feature['name']}: reviews", people.n_to_judge(story, feature))
            people.judge(story, feature, reviewers, logs.truths(log), bar.add)
            people.decide(story, feature, logs.truths(log))
            conclude_now()

    def plan(self) -> None:
        """What the team agreed, and the debate over its scores as soon as the worker has them."""
        now = timezone.now()
        for story in STORIES:
            plans.settle_plans(slug=story.slug, now=now)
        for kinds in AFTER_PLANS:
            enter_job(kinds[0], run_after=now, now=now)
            self.is_worked_off(*kinds)
        for story in STORIES:
            plans.debate(slug=story.slug, now=timezone.now())
        for kind in AT_LEISURE:
            enter_job(kind, run_after=timezone.now(), now=timezone.now())

    def is_worked_off(self, *kinds: str) -> bool:
        """Whether the worker has nothing of these left to do, within three minutes."""
        ends_at = time.monotonic() + LONGEST_WAIT
        while time.monotonic() < ends_at:
            if not Job.objects.unfinished().filter(kind__in=kinds).exists():
                return True
            time.sleep(0.2)
        return False


def conclude_now() -> None:
    enter_job("conclude", run_after=timezone.now(), now=timezone.now())
