"""Files that people ask for: asked, cancelled, removed. A worker writes them (reviews.actions.export_files)."""

from datetime import datetime

from django.db import transaction

from feedback.actions.jobs import enter_job
from feedback.models import Feature, User
from reviews.models import Export, ExportPart

State = Export.State


@transaction.atomic
def ask_export(*, feature: Feature, person: User, format: str, kind: str = "judgments", now: datetime) -> Export:
    """Ask for a file of what this person may read of a feature; the caller has checked that they lead it.

    Replay, and two at once: one of the same kind that is not finished yet is answered with (a unique key).
    """
    wanted = {"person": person, "feature": feature, "kind": kind, "format": format}
    export: Export | None = None
    while export is None:  # the one that was there can end between the insert and the read
        Export.objects.bulk_create([Export(**wanted, created_at=now)], ignore_conflicts=True)
        export = Export.objects.unfinished().select_related("feature").filter(**wanted).first()
    enter_job("export", str(export.pk), run_after=now, now=now)
    return export


@transaction.atomic
def cancel_export(*, export_id: int, now: datetime) -> bool:
    """Stop writing it, and remove what is written. False: it was finished (or a replay).

    Race: the worker looks after each row group, and then removes what it has added since.
    """
    waiting = Export.objects.unfinished().filter(pk=export_id)
    if not waiting.update(state=State.CANCELLED, finished_at=now):
        return False
    ExportPart.objects.filter(export=export_id).delete()
    return True


def clear_exports(*, now: datetime) -> int:
    """Remove files asked for more than a day ago, and those that tell what was erased since. Says how many."""
    outdated = set(Export.objects.outdated(now).values_list("pk", flat=True))
    outdated |= set(Export.objects.telling_forgotten().values_list("pk", flat=True))
    Export.objects.filter(pk__in=outdated).delete()
    return len(outdated)
