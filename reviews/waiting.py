"""What waits for a reviewer, and how far they are: counted up to a bound, whatever else the queue holds."""

# ruff: noqa: S608  the statement is put together from our own words alone; every value is a parameter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db import connection

from feedback.models import Feature, User
from reviews.claiming import ALLOWED, UNSEEN
from reviews.desk import COUNTED_TO
from reviews.statements import rows_of

# Free: from where their walk has come to, as all before that is not theirs to take; picked; and run out.
FREE = (
    "a.feature_id = f.id AND a.lane = 'opinion' AND a.state = 'open' AND a.queue_key >= COALESCE((SELECT queue_key"
    " FROM reviews_claimwalk w WHERE w.reviewer_id = %(reviewer)s AND w.feature_id = f.id), 0)",
    f"a.feature_id = f.id AND a.lane = 'targeted' AND a.state = 'open' AND {UNSEEN}",
    "a.feature_id = f.id AND a.lane IN ('opinion', 'targeted') AND a.state = 'leased'"
    f" AND a.leased_until <= %(now)s AND (a.lane <> 'targeted' OR {UNSEEN})",
)
COUNT_FREE = (
    "(SELECT COUNT(*) FROM (SELECT 1 FROM reviews_assignment a WHERE {rows} AND {allowed}"
    " ORDER BY a.queue_key LIMIT {most}) AS counted)"
)
COUNT_OWN = (
    "(SELECT COUNT(*) FROM reviews_assignment a WHERE a.feature_id = f.id AND a.reviewer_id = %(reviewer)s AND "
)
HELD = COUNT_OWN + "a.state = 'leased' AND a.leased_until > %(now)s)"
TODAY = COUNT_OWN + "a.state = 'submitted' AND a.submitted_at >= %(midnight)s)"


@dataclass(frozen=True, slots=True)
class Waiting:
    """n_left: what a reviewer holds of a feature and what is free for them; n_today: judged since midnight.

    n_left is one more than COUNTED_TO where there is more.
    """

    n_left: int
    n_today: int


def waiting_for(reviewer: User, features: Iterable[Feature], now: datetime) -> dict[int, Waiting]:
    """Feature id -> what waits for this reviewer in it; midnight is that of UTC. One query."""
    ids = {f"feature_{n}": feature.pk for n, feature in enumerate(features)}
    if not ids:
        return {}
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    values = {"reviewer": reviewer.pk, "now": now, "midnight": midnight, **ids}
    found = rows_of(_statement(len(ids), is_fenced=connection.vendor == "postgresql"), values)
    return {pk: Waiting(min(COUNTED_TO + 1, sum(n)), n_today) for pk, n_today, *n in found}


def _statement(n_features: int, *, is_fenced: bool) -> str:
    free = ", ".join(COUNT_FREE.format(rows=rows, allowed=ALLOWED, most=COUNTED_TO + 1) for rows in FREE)
    free = free if is_fenced else free.replace("OFFSET 0", "")  # which SQLite does not read alone
    ids = ", ".join(f"%(feature_{n})s" for n in range(n_features))
    return f"SELECT f.id, {TODAY}, {HELD}, {free} FROM feedback_feature f WHERE f.id IN ({ids})"
