"""Speaks to `echo/start.py` over a Channel, and to a worker in a Session, for tests."""

import select
from pathlib import Path
from typing import Any

from graders.wall.sandboxes.sandbox import Channel
from graders.wall.session import Session, Worker

ECHO = Path(__file__).parent / "echo"


def say(channel: Channel, data: bytes) -> None:
    left = memoryview(data)
    while left:
        written = channel.write(left)
        if not written:
            select.select([], [channel.fileno_in()], [], 10)
        left = left[written:]


def hear(channel: Channel, size: int) -> bytes:
    """So many bytes, or fewer if the stream ends before."""
    view, have = memoryview(bytearray(size)), 0
    while have < size:
        got = channel.readinto(view[have:])
        if got is None:
            break
        if got == 0:
            select.select([channel.fileno_out()], [], [], 10)
        have += got
    return bytes(view[:have])


def line(channel: Channel) -> str:
    text = b""
    while not text.endswith(b"\n"):
        letter = hear(channel, 1)
        if not letter:
            raise EOFError(f"after {text!r}: {channel.ending()}")
        text += letter
    return text.decode()


def value(channel: Channel, source: str) -> object:
    """What an expression is worth inside."""
    say(channel, b"eval " + source.encode() + b"\n")
    return eval(line(channel))


def ask(session: Session, worker: Worker, name: str, *args: object) -> Any:
    """What a function of a worker's solution answers to plain values."""
    request = {"do": "call", "name": name, "on": None, "args": list(args), "kwargs": {"d": {}}, "tensors": False}
    return session.call(worker, {**request, "arrays": []}, [])[0]
