"""Import predictions or outcomes from a file, through the checks of REST. Stopped, it goes on where it was."""

import hashlib
import json
from argparse import ArgumentParser
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from config.progress import Bar
from feedback.actions.ingest import Receipt, record_outcomes, record_predictions
from feedback.ingest import files
from feedback.models import Feature

BATCH = 5_000
SHOWN = 5
RECORD = {"predictions": record_predictions, "outcomes": record_outcomes}


class Command(BaseCommand):
    help = "Import predictions or outcomes from CSV, JSONL or Parquet. Repeating it is safe; stopped, it goes on."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("kind", choices=sorted(RECORD))
        parser.add_argument("file", type=Path)
        parser.add_argument("--feature", metavar="SLUG", help="for rows without the column feature")
        parser.add_argument("--version-name", metavar="NAME", help="for rows without the column version")
        parser.add_argument("--refused", type=Path, metavar="FILE", help="write the refused rows here, as JSONL")
        parser.add_argument("--from-start", action="store_true", help="forget how far an earlier run came")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        if not path.is_file():
            raise CommandError(f"There is no file {path}.")
        mark = progress_file(options["kind"], path)
        done = 0 if options["from_start"] or not mark.exists() else int(mark.read_text())
        more = {"feature": options["feature"], "version": options["version_name"]}
        try:
            self.load(options, mark, done, {name: text for name, text in more.items() if text})
        except (files.UnreadableFile, UnicodeDecodeError) as error:
            raise CommandError(str(error)) from error
        mark.unlink(missing_ok=True)

    def load(self, options: dict[str, Any], mark: Path, done: int, more: dict[str, str]) -> None:
        path, record = options["file"], RECORD[options["kind"]]
        bar = Bar(path.name, files.n_rows(path), done=done)
        if done:
            self.stdout.write(f"Going on after row {done:,}.")
        rows = files.items(path, start=done, more=more)
        total: Counter[str] = Counter()
        while batch := list(islice(rows, BATCH)):
            receipt = record(items=batch, features=Feature.objects.all(), now=timezone.now())
            self.note(receipt, batch, done, total, options["refused"])
            done += len(batch)
            mark.write_text(str(done))
            bar.add(len(batch))
        created, duplicates, refused = (total[name] for name in ("created", "duplicates", "refused"))
        self.stdout.write(f"{created:,} stored, {duplicates:,} were there already, {refused:,} refused.")

    def note(
        self, receipt: Receipt, batch: list[bytes], done: int, total: Counter[str], refused_file: Path | None
    ) -> None:
        for refusal in receipt.refused[: max(0, SHOWN - total["refused"])]:
            at = f"Row {done + refusal.index + 1} ({refusal.id or 'without id'})"
            self.stderr.write(f"{at}: {refusal.code} {refusal.field}: {refusal.detail}")
        total.update(created=receipt.created, duplicates=receipt.duplicates, refused=len(receipt.refused))
        if refused_file and receipt.refused:
            with refused_file.open("a") as lines:
                for refusal in receipt.refused:
                    why = {"row": done + refusal.index + 1, "code": refusal.code, "field": refusal.field}
                    sent = batch[refusal.index].decode(errors="replace").strip()
                    lines.write(json.dumps({**why, "detail": refusal.detail, "sent": sent}) + "\n")


def progress_file(kind: str, path: Path) -> Path:
    """Where it is noted how far this very file has been read: another content is another file."""
    about = path.stat()
    name = f"{kind} {path.resolve()} {about.st_size} {about.st_mtime_ns}"
    folder = settings.DATA_DIR / "imports"
    folder.mkdir(exist_ok=True)
    return Path(folder) / f"{hashlib.sha256(name.encode()).hexdigest()[:32]}.progress"
