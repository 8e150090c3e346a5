"""Start everything: check, migrate, first login, web and worker."""

import os
import signal
import socket
import sys
import urllib.error
import urllib.request
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import CommandError, call_command
from django.core.management.base import BaseCommand
from django.utils import timezone

from config.processes import end_with_parent
from config.supervisor import Child, Supervisor, say
from feedback.actions.people import create_person, new_login_link
from feedback.models import User

EVERYWHERE = "0.0.0.0"  # noqa: S104  compared with, not bound to
FIRST_PERSON = "admin@touchstone.example"


class Command(BaseCommand):
    help = "Start Touchstone: web, worker and, with --demo, real demo data."
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--demo", action="store_true", help="load the demo once the web answers")
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument(
            "--end-with-parent",
            metavar="PID",
            nargs="?",
            type=int,
            const=os.getppid(),
            help="stop when whoever started this ends; its process id, in case it ends before we can look",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["end_with_parent"]:
            end_with_parent(signal.SIGTERM, parent=options["end_with_parent"])
        host, port = options["host"], options["port"]
        refuse_taken_port(host, port)
        self.check(display_num_errors=True)
        call_command("migrate", verbosity=0)
        call_command("collectstatic", interactive=False, verbosity=0)
        address = address_of(host, port)
        say("up", f"Touchstone starts at {address}/")
        login = f"Log in once: {address}{first_login()}"
        say("up", login)
        supervisor = Supervisor([web(host, port), worker()])
        load = [*manage(), "demo", "--url", address]
        # Said again when the log of the loading has pushed it off the screen.
        demo = Child("demo", load, once=True, farewell=login) if options["demo"] else None
        ends_with_parent = options["end_with_parent"] is not None
        sys.exit(supervisor.run(end_with_parent=ends_with_parent, when_up=lambda: answers(address), then=demo))


def address_of(host: str, port: int) -> str:
    """Where it is opened from this machine: 0.0.0.0 is every address, and none that can be opened."""
    return f"http://{'127.0.0.1' if host == EVERYWHERE else host}:{port}"


def manage() -> list[str]:
    return [sys.executable, str(Path(settings.BASE_DIR) / "manage.py")]


def web(host: str, port: int) -> Child:
    command = [sys.executable, "-m", "gunicorn", "--config", "python:config.gunicorn", "--bind", f"{host}:{port}"]
    return Child("web", [*command, "config.wsgi"])


def worker() -> Child:
    from config.celery import QUEUES

    command = [sys.executable, "-m", "celery", "--quiet", "-A", "config", "worker", "--loglevel", "WARNING"]
    return Child("work", [*command, "--queues", QUEUES, "--concurrency", str(settings.WORKERS), "--without-gossip",
                          "--without-mingle", "--hostname", "touchstone@%h"])  # fmt: skip


def refuse_taken_port(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise CommandError(
                f"{host}:{port} cannot be used ({error.strerror}). Stop what runs there, or choose --port."
            ) from error


def first_login() -> str:
    """A fresh link that logs the first staff member in, once; the first start makes that person."""
    now = timezone.now()
    person = User.objects.filter(is_staff=True, is_active=True).order_by("pk").first()
    if person is None:
        person = create_person(email=FIRST_PERSON, is_staff=True, now=now)
    return new_login_link(user=person, now=now)


def answers(address: str) -> bool:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a proxy would look on its own machine
    try:
        with direct.open(f"{address}/healthz", timeout=1) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
