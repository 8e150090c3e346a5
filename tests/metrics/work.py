"""Background work done at once, at the instant that a test says."""

from feedback.actions import jobs
from metrics import tasks as metrics_tasks  # noqa: F401  registers its kinds of jobs
from reviews import tasks as reviews_tasks  # noqa: F401


def work(*kinds, now):
    """Run these recurring jobs one after the other, each with all that it enters; answers with what was said."""
    said = []
    for kind in kinds:
        jobs.enter_job(kind, run_after=now, now=now)
        while claimed := jobs.claim_due(now=now, limit=50):
            said += [jobs.run(job.id, job.token, now=now) for job in claimed]
    said = [text for text in said if text]
    assert not [text for text in said if text.startswith("failed")], said
    return said
