"""A keeper in memory: tests of the engine say, frame by frame, what comes back. Nothing is forked and nothing waits.

`ScriptedChannel` is the Channel of `graders.wall.sandboxes.sandbox`. Its script is called with every request and
returns the bytes to answer with. `Student` is such a script: it answers as a real worker would, in this process,
unless told to send something else.
"""

import json
import os
import struct
import types

from graders.wall.inside.worker import WorkerLoop
from graders.wall.sandboxes.sandbox import Ending

PREFIX = struct.Struct("<II")


def frame(head, body=b""):
    """Bytes of a frame; the head may be given as bytes, to say what JSON cannot."""
    text = head if isinstance(head, bytes) else json.dumps(head).encode()
    return PREFIX.pack(len(text), len(body)) + text + body


def taken_apart(data):
    """Head and body of the frame that `data` begins with, and what follows; None if it is not whole yet."""
    if len(data) < PREFIX.size:
        return None
    head, body = PREFIX.unpack(data[: PREFIX.size])
    start, end = PREFIX.size + head, PREFIX.size + head + body
    return (json.loads(data[PREFIX.size : start]), data[start:end], data[end:]) if len(data) >= end else None


def keeper_reply(outcome, body=b"", **facts):
    """The keeper's frame: head without `id`, which the channel fills in."""
    plain = {"stopped": None, "exit": None, "signal": None, "cpu_s": 0.01, "wall_s": 0.02, "peak_mb": 20.0}
    return {"outcome": outcome, **plain, "strays": 0, "log_bytes": 0, "oom_kills": 0, **facts}, body


class ScriptedChannel:
    """A channel to `script(head, body)`, which returns `(head, body)` of the keeper's reply, bytes to send as they are,
    b"" for silence, or None to close the stream."""

    def __init__(self, script, *, takes=None, ending=None):
        self.script = script
        self.takes = takes
        self.written = bytearray()
        self.reply_bytes = 0
        """Bytes of the last reply's body."""
        self._pending, self._out, self._closed = b"", b"", False
        self._ending = ending or Ending(1, False, "scripted")
        self._silent, self._other = os.pipe()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self._silent)
        os.close(self._other)

    def fileno_in(self):
        return self._silent

    def fileno_out(self):
        return self._silent

    def write(self, data):
        if self._closed:
            raise BrokenPipeError
        room = len(data) if self.takes is None else max(0, min(len(data), self.takes - len(self.written)))
        self.written += data[:room]
        self._pending += bytes(data[:room])
        while (parts := taken_apart(self._pending)) is not None:
            head, body, self._pending = parts
            answer = self.script(head, body)
            if answer is None:
                self._closed = True
            elif isinstance(answer, bytes):
                self._out += answer
            else:
                self.reply_bytes = len(answer[1])
                self._out += frame({"id": head["id"], **answer[0]}, answer[1])
        return room

    def readinto(self, view):
        if not self._out:
            return None if self._closed else 0
        piece, self._out = self._out[: len(view)], self._out[len(view) :]
        view[: len(piece)] = piece
        return len(piece)

    def ending(self):
        return self._ending


class Student:
    """A script that answers as keeper and worker do. `solution` maps names to functions.

    `calls` answers a worker's request in its place: `(head) -> None` for the true answer, or the reply itself.
    """

    def __init__(self, solution=(), *, calls=lambda head: None, forks=True):
        self.solution = types.SimpleNamespace(**dict(solution))
        self.calls = calls
        self.info = {"versions": {"numpy": "scripted"}, "solution": "/solution", "scratch": "/scratch", "forks": forks}
        self.oom_kills = 0
        self.workers = {}
        self.verbs = []
        self.seeds = []

    def __call__(self, head, body):
        self.verbs.append(head["verb"])
        if head["verb"] == "begin":
            return keeper_reply("ready", info=self.info)
        if head["verb"] == "end":
            return keeper_reply("ended", b"")
        if head["verb"] == "worker":
            self.workers[head["worker"]] = self._worker()
            self.seeds.append(head["seed"])
            opened = {"id": head["id"], "kind": "value", "value": None, "arrays": []}
            return replied(opened, oom_kills=self.oom_kills)
        request, arrays, _ = taken_apart(body)
        if (instead := self.calls(request)) is not None:
            return instead
        words, parts = self.workers[head["worker"]].answer(request, bytearray(arrays))
        return replied({"id": request["id"], **words}, b"".join(bytes(part) for part in parts))

    def _worker(self):
        order = {"framework": "numpy", "solution": "/solution", "seed": 0, "reply_bytes": 1 << 26}
        worker = WorkerLoop(order, -1, -1)
        worker.solution = self.solution
        return worker


def replied(words, body=b"", **facts):
    """The keeper's reply with a worker's frame in it."""
    return keeper_reply("replied", frame(words, body), **facts)
