"""A benchmark's table, printed and kept in docs/performance.md between marks of its own."""

import os
import re
import statistics
from datetime import UTC, datetime
from pathlib import Path

PAGE = Path(__file__).parent.parent.parent / "docs" / "performance.md"
MOST_DRIFT = 0.3  # a floor that moves by more than this within a run makes its ratios worthless


def median(seconds):
    return statistics.median(seconds)


def has_drifted(floor):
    """Whether the floor's own repetitions are too far apart for a verdict."""
    return max(floor) - min(floor) > MOST_DRIFT * median(floor)


def table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def publish(name, title, text, page=PAGE):
    """Print, and replace what the page (docs/performance.md unless told otherwise) held under this name."""
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    when = f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, load average {load}"
    section = f"<!-- {name} -->\n## {title}\n`make bench-{name}`, {when}.\n\n{text}\n<!-- end of {name} -->"
    print(section)
    held_before = page.read_text() if page.exists() else "# Performance: measured, and by what command\n"
    held = re.compile(rf"<!-- {name} -->.*?<!-- end of {name} -->", re.DOTALL)
    is_there = held.search(held_before)
    page.write_text(
        held.sub(lambda _: section, held_before) if is_there else f"{held_before.rstrip()}\n\n{section}\n"
    )
