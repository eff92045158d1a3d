"""A progress bar on the terminal, with the current step and the time left."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from reports.terminal import terminal_text

OnProgress = Callable[[int, int, str, float | None], None]
"""(steps done, steps in all, the current step, seconds left or None)"""
PAUSE_S = 2.0
"""Seconds between two reports of reading subjects."""


@contextmanager
def progress(what: str) -> Iterator[OnProgress]:
    """A bar on stderr while the block runs; if stderr is not a terminal, one line a step."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda done, total, text, left: print(f"{what} {done}/{total} {terminal_text(text)}", file=sys.stderr)
        return
    columns = (TextColumn("{task.description}"), BarColumn(20), TextColumn("{task.completed:.0f}/{task.total:.0f}"))
    late = (TimeElapsedColumn(), TextColumn("{task.fields[left]} {task.fields[now]}", markup=False))
    with Progress(*columns, *late, console=console, transient=True) as bar:
        task = bar.add_task(what, total=1, left="", now="")

        def on_progress(done: int, total: int, text: str, left: float | None) -> None:
            words = "" if left is None else f"about {_duration(left)} left,"
            bar.update(task, completed=done, total=max(1, total), left=words, now=terminal_text(text)[:40])

        yield on_progress


def seldom(step: OnProgress, what: str = "") -> Callable[[int, int, str], None]:
    """A function that reports which subject is being read, at most every `PAUSE_S`: most take no time, being stored."""
    last = time.monotonic()

    def on_reading(done: int, total: int, subject: str) -> None:
        nonlocal last
        if time.monotonic() - last >= PAUSE_S:
            last = time.monotonic()
            step(done, total, f"{what} {subject}".strip(), None)

    return on_reading


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
