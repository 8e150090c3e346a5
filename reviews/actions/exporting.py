"""Files that people ask for: asked, cancelled, removed. A worker writes them (reviews.actions.export_files)."""

from datetime import datetime

from django.db import transaction

from feedback.actions.jobs import enter_job
from feedback.models import Feature, User
from reviews.models import Export

State = Export.State


@transaction.atomic
def ask_export(*, feature: Feature, person: User, format: str, kind: str = "judgments", now: datetime) -> Export:
    """Ask for a file of what this person may read of a feature; the caller has checked that they lead it.

    Replay, and two at once: one of the same kind that is not finished yet is answered with (a unique key).
    """
    wanted = {"person": person, "feature": feature, "kind": kind, "format": format}
    Export.objects.bulk_create([Export(**wanted, created_at=now)], ignore_conflicts=True)
    export = Export.objects.unfinished().select_related("feature").get(**wanted)
    enter_job("export", str(export.pk), run_after=now, now=now)
    return export


def cancel_export(*, export_id: int, now: datetime) -> bool:
    """Stop writing it: the worker looks before each ten thousand rows. False: it was finished (or a replay)."""
    waiting = Export.objects.unfinished().filter(pk=export_id)
    return bool(waiting.update(state=State.CANCELLED, finished_at=now))


def clear_exports(*, now: datetime) -> int:
    """Remove files that were asked for more than a day ago. Says how many."""
    outdated = list(Export.objects.outdated(now).values_list("pk", flat=True))
    Export.objects.filter(pk__in=outdated).delete()
    return len(outdated)
