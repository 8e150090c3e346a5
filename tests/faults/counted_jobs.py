"""Jobs for a real worker, included by `celery --include counted_jobs`: each effect is a row, so doubles show."""

import os
import signal
import sys
import time

from feedback.jobs import register

TABLE = "CREATE TABLE IF NOT EXISTS counted_effect (job varchar(40) NOT NULL)"  # no key: two effects are two rows


@register("counted")
def counted(key, now):
    from django.db import connection

    time.sleep(0.05)

    def effect():
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO counted_effect (job) VALUES (%s)", [key])
        time.sleep(0.005)  # a kill may fall between the effect and the end of the job

    return effect


@register("fatal", max_attempts=2)
def fatal(key, now):
    os.kill(os.getpid(), signal.SIGKILL)  # as the kernel does when memory runs out


def enter(kind, n):
    import django

    django.setup()

    from django.db import connection
    from django.utils import timezone

    from feedback.actions.jobs import enter_job

    with connection.cursor() as cursor:
        cursor.execute(TABLE)
    now = timezone.now()
    for i in range(n):
        enter_job(kind, f"{kind} {i}", run_after=now, now=now)


if __name__ == "__main__":
    enter(sys.argv[1], int(sys.argv[2]))
