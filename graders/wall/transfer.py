"""One request to a keeper and its reply: two frames over a channel, under one deadline.

Whatever is wrong with the keeper's frame is the toolkit's fault: student code cannot write it.
"""

from __future__ import annotations

import select
import time
from collections.abc import Sequence
from typing import Any

from graders.failures import EngineFailure, MemoryLimit, SubmissionFailure
from graders.wall.sandboxes.sandbox import Channel
from graders.wall.wire import HEAD_CAP, PREFIX, Part, UnreadPart, read_head

HEADER_TYPES: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("id", "oom_kills", "strays", "log_bytes"), (int,)),
    **dict.fromkeys(("exit", "signal"), (int, type(None))),
    **dict.fromkeys(("cpu_s", "wall_s", "peak_mb", "waited_s"), (int, float, type(None))),
    **{"outcome": (str,), "stopped": (str, type(None)), "text": (str,), "info": (dict,)},
}
"""Types of the keeper's header, for the keys that are used."""


def transfer(
    channel: Channel, out: Sequence[Part], body_cap: int, deadline: float
) -> tuple[dict[str, Any], memoryview]:
    """Write a request and read its reply at the same time: a keeper that waits to be read must not be waited for.

    Args:
        out: the request's frame.
        body_cap: bytes that the reply's body may have.
        deadline: in the seconds of `time.monotonic`.

    Raises:
        EngineFailure: there is no reply, or it is not a frame with a keeper's header.
        MemoryLimit: the kernel ended the sandbox for memory.
    """
    pending = [part for part in out if part.nbytes]
    prefix, head, body = bytearray(PREFIX.size), bytearray(), bytearray()
    target, filled, step = memoryview(prefix), 0, 0
    while True:
        progress = False
        try:
            while pending:
                data = pending[0] = _bytes(pending[0])
                if not (written := channel.write(data)):
                    break
                progress = True
                pending[0] = data[written:]
                if not pending[0].nbytes:
                    pending.pop(0)
        except (BrokenPipeError, ConnectionError):
            pending = []
        while filled < target.nbytes:
            got = channel.readinto(target[filled:])
            if got is None:
                raise _hung_up(channel)
            if got == 0:
                break
            progress = True
            filled += got
        if filled == target.nbytes:
            step, filled, progress = step + 1, 0, True
            if step == 1:
                head_size, body_size = PREFIX.unpack(prefix)
                if head_size > HEAD_CAP or body_size > body_cap:
                    raise EngineFailure("the keeper sent a frame over its caps")
                head, body = bytearray(head_size), bytearray(body_size)
                target = memoryview(head)
            elif step == 2:
                target = memoryview(body)
            if step == 3 or (step == 2 and not body):
                return _keeper_header(head), memoryview(body)
        if progress:
            continue
        left = deadline - time.monotonic()
        if left <= 0:
            raise EngineFailure("the keeper did not answer in time")
        _wait(channel, bool(pending), min(left, 1.0))


def _bytes(part: Part) -> memoryview:
    """A part's bytes, which may be read now."""
    return part.read() if isinstance(part, UnreadPart) else part


def _hung_up(channel: Channel) -> Exception:
    """The failure that a sandbox ended in."""
    ending = channel.ending()
    if ending.out_of_memory:
        return MemoryLimit("the whole sandbox was over its memory limit, and the kernel ended it")
    return EngineFailure(f"the sandbox ended (exit code {ending.exit_code}): {ending.text}")


def _keeper_header(head: bytearray) -> dict[str, Any]:
    """The keeper's header, with each key of the type that is used."""
    try:
        header = read_head(memoryview(head))
    except SubmissionFailure as failure:
        raise EngineFailure(f"the keeper's header cannot be read: {failure}") from None
    mistyped = [name for name, kinds in HEADER_TYPES.items() if name in header and type(header[name]) not in kinds]
    missing = [name for name in ("id", "outcome") if name not in header]
    if mistyped or missing:
        keys = ", ".join([*mistyped, *missing])
        raise EngineFailure(f"the keeper's header lacks these keys or has other types for them: {keys}")
    return header


def _wait(channel: Channel, writing: bool, seconds: float) -> None:
    """Wait until the keeper can be read, or written to if there is something to write."""
    poll = select.poll()
    poll.register(channel.fileno_out(), select.POLLIN)
    if writing:
        both = select.POLLIN | select.POLLOUT
        same = channel.fileno_in() == channel.fileno_out()
        poll.register(channel.fileno_in(), both if same else select.POLLOUT)
    poll.poll(seconds * 1000)
