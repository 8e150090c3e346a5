"""A progress bar for commands."""

import sys


class Bar:
    """A line that fills: rewritten in place on a terminal, a new line each tenth elsewhere."""

    WIDTH = 30

    def __init__(self, words: str, total: int, *, done: int = 0) -> None:
        self.words, self.total, self.done = words, max(1, total), done
        self.tenth = 10 * done // self.total
        self.is_terminal = sys.stdout.isatty()

    def add(self, n: int) -> None:
        self.done += n
        tenth = 10 * self.done // self.total
        if self.is_terminal or tenth > self.tenth:
            self.tenth = tenth
            filled = min(self.WIDTH, self.WIDTH * self.done // self.total)
            ended = "\n" if not self.is_terminal or self.done >= self.total else ""
            bar = f"[{'#' * filled:<{self.WIDTH}}] {self.done:>7,} of {self.total:,}"
            start = "\r" if self.is_terminal else ""
            sys.stdout.write(f"{start}{self.words:<24} {bar}{ended}")
            sys.stdout.flush()
