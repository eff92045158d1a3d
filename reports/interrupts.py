"""Ctrl-C in a command: one line and exit code 130, from the first import on. Each command does its own cleaning up.

`cli` imports this first. An exception that a handler raises inside an import can be lost in a callback, or appear as an
ImportError. So inside imports, and before a command has begun, Ctrl-C ends the program at once: no work has started.
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

STOPPED_TEXT = "stopped; run the same command again to continue"
CODE = 130


class CtrlC:
    """Whether Ctrl-C was pressed while a command ran."""

    def __init__(self) -> None:
        self.pressed = False


@contextmanager
def ctrl_c_handled() -> Iterator[CtrlC]:
    """While the block runs, Ctrl-C raises KeyboardInterrupt where that reaches the caller, else ends the program."""
    ctrl_c = CtrlC()
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGINT) not in (
        signal.default_int_handler,
        _at_once,
    ):
        yield ctrl_c  # the caller ignores Ctrl-C or handles it
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        if ctrl_c.pressed or _in_an_import(frame):
            _at_once()
        ctrl_c.pressed = True
        raise KeyboardInterrupt

    def lost(unraisable: sys.UnraisableHookArgs) -> None:
        if isinstance(unraisable.exc_value, KeyboardInterrupt):
            _at_once()
        sys.__unraisablehook__(unraisable)

    before, sys.unraisablehook = sys.unraisablehook, lost
    handler = signal.signal(signal.SIGINT, interrupt)
    try:
        yield ctrl_c
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
    os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, f"{STOPPED_TEXT}\n".encode())
    os._exit(CODE)


def _handle_from_the_start() -> None:
    """Only in the program itself: another importer of the command line keeps its own Ctrl-C."""
    program = os.path.basename(sys.argv[0] if sys.argv else "") in ("medmark", "medmark.exe", "cli.py")
    if program and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _at_once)


_handle_from_the_start()
