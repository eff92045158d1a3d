"""Frames on pipes, for the keeper and the workers (docs/wire.md). Standard library only; `values.py` reads bodies."""

from __future__ import annotations

import json
import os
import struct
from typing import Any

PREFIX = struct.Struct("<II")
HEAD_CAP = 1 << 20


class Closed(Exception):
    """The other end is gone."""


class TooLarge(Exception):
    """A frame declares more than its cap."""


def head_bytes(head: dict[str, Any]) -> bytes:
    """A head's bytes in a frame; raises `TooLarge` over the cap."""
    data = json.dumps(head, allow_nan=False, separators=(",", ":"), ensure_ascii=False).encode("utf-8")
    if len(data) > HEAD_CAP:
        raise TooLarge(f"a head of {len(data)} bytes")
    return data


def write_all(fd: int, data: bytes | memoryview) -> None:
    """Write everything to a blocking descriptor."""
    view = memoryview(data).cast("B")
    while view:
        view = view[os.write(fd, view) :]


def send(fd: int, head: dict[str, Any], parts: tuple[memoryview, ...] | list[memoryview] = ()) -> None:
    """Write one frame to a blocking descriptor: the body is the parts in order."""
    text = head_bytes(head)
    write_all(fd, PREFIX.pack(len(text), sum(part.nbytes for part in parts)) + text)
    for part in parts:
        write_all(fd, part)


def read_exactly(fd: int, count: int) -> bytearray:
    """That many bytes of a blocking descriptor; raises `Closed` when it ends before."""
    data = bytearray(count)
    view = memoryview(data)
    while view:
        got = os.readv(fd, [view])
        if got == 0:
            raise Closed
        view = view[got:]
    return data


def receive(fd: int) -> tuple[dict[str, Any], bytearray]:
    """One frame of a blocking descriptor that a trusted peer writes to: head and body."""
    head_size, body_size = PREFIX.unpack(read_exactly(fd, PREFIX.size))
    head = json.loads(read_exactly(fd, head_size).decode("utf-8"))
    return head, read_exactly(fd, body_size)


class Reader:
    """Reads one frame from a non-blocking descriptor, piece by piece, as raw bytes."""

    def __init__(self, body_cap: int) -> None:
        self._body_cap = body_cap
        self._buffer = bytearray(PREFIX.size)
        self._filled = 0
        self._sized = False

    @property
    def started(self) -> bool:
        """Whether any byte of the frame has arrived."""
        return self._filled > 0

    def feed(self, fd: int) -> memoryview | None:
        """The whole frame once it is complete, else None.

        Raises:
            Closed: the descriptor ended.
            TooLarge: the frame declares more than its caps; nothing was allocated for it.
            BlockingIOError: nothing to read now.
        """
        got = os.readv(fd, [memoryview(self._buffer)[self._filled :]])
        if got == 0:
            raise Closed
        self._filled += got
        if self._filled < len(self._buffer):
            return None
        if not self._sized:
            head_size, body_size = PREFIX.unpack(self._buffer)
            if head_size > HEAD_CAP or body_size > self._body_cap:
                raise TooLarge(f"a head of {head_size} and a body of {body_size} bytes")
            self._sized = True
            whole = bytearray(PREFIX.size + head_size + body_size)
            whole[: PREFIX.size] = self._buffer
            self._buffer = whole
            if self._filled < len(whole):
                return None
        return memoryview(self._buffer)
