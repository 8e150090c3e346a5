"""Run every due job in this process until nothing is due, and say what was done."""

from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone
from django.utils.module_loading import autodiscover_modules

from feedback.actions import jobs

MOST_ROUNDS = 20
AT_ONCE = 50


class Command(BaseCommand):
    help = "Run all background work that is due: draw, sum up, conclude. For tests, cron and small installations."

    def handle(self, *args: Any, **options: Any) -> None:
        autodiscover_modules("tasks")
        done: Counter[str] = Counter()
        for _ in range(MOST_ROUNDS):
            said = self.round(done)
            if not said:
                break
        total = ", ".join(f"{n} {kind}" for kind, n in sorted(done.items())) or "nothing was due"
        self.stdout.write(f"Settled: {total}.")

    def round(self, done: Counter[str]) -> list[str]:
        """Every recurring job once, and whatever they enter. Answers with what was said: nothing, settled."""
        jobs.enter_due_slots(now=timezone.now(), at_once=True)
        all_said = []
        while claimed := jobs.claim_due(now=timezone.now(), limit=AT_ONCE):
            for job in claimed:
                said = jobs.run(job.id, job.token, now=timezone.now())
                done[job.kind] += 1
                if said:
                    self.stdout.write(f"{job.kind}: {said}")
                    all_said.append(said)
        return [said for said in all_said if not said.startswith("failed")]
