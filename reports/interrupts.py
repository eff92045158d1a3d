"""Ctrl-C in a command: one line and exit code 130, from the first import on. What a command cleans up is its own.

`cli` imports this first. An exception that a handler raises inside an import can be lost in a callback, or come out as
an ImportError, so there, and before a command has begun, the program is ended on the spot: nothing is under way yet.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

STOPPED = "stopped; the same command goes on where it was"
CODE = 130


class Heard:
    """Whether Ctrl-C was pressed while a command ran."""

    def __init__(self) -> None:
        self.once = False


@contextmanager
def heeded() -> Iterator[Heard]:
    """While the block runs, Ctrl-C raises KeyboardInterrupt where that reaches the caller, else ends the program."""
    heard = Heard()
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGINT) not in (
        signal.default_int_handler,
        _at_once,
    ):
        yield heard  # ignored by whoever started us, or somebody else's to handle
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        if heard.once or _in_an_import(frame):
            _at_once()
        heard.once = True
        raise KeyboardInterrupt

    def lost(unraisable: sys.UnraisableHookArgs) -> None:
        if isinstance(unraisable.exc_value, KeyboardInterrupt):
            _at_once()
        sys.__unraisablehook__(unraisable)

    before, sys.unraisablehook = sys.unraisablehook, lost
    handler = signal.signal(signal.SIGINT, interrupt)
    try:
        yield heard
    finally:
        signal.signal(signal.SIGINT, handler)
        sys.unraisablehook = before


def _in_an_import(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def _at_once(*_: object) -> NoReturn:
    os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, f"{STOPPED}\n".encode())
    os._exit(CODE)


def _heed_from_the_start() -> None:
    """Only in the program itself: whoever else imports the command line keeps their own Ctrl-C."""
    program = os.path.basename(sys.argv[0] if sys.argv else "") in ("medmark", "medmark.exe", "cli.py")
    if program and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _at_once)


_heed_from_the_start()
