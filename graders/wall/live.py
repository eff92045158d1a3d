"""Asks functions that live in this very process: a student's own notebook, which the student trusts.

There is no wall here, and nothing is forked, started or read from a file. A question takes the same way as to a
worker: encoded, answered by the same code, and its answer checked against the interface. So a public test says in a
notebook what it says in `medmark check`.
"""

from __future__ import annotations

import contextlib
import io
import linecache
import traceback
import types
from collections.abc import Mapping, Sequence
from typing import Any

from assignments.assignment import Framework, Limits
from graders.failures import Raised
from graders.wall.inside.adapter import Adapter, adapter_of
from graders.wall.inside.answering import Responder
from graders.wall.sandboxes.sandbox import Ending
from graders.wall.session import Session, Worker
from graders.wall.wire import MIB, PREFIX, Array, Part, frame, split

NOWHERE = "notebook"


class LiveResponder(Responder):
    """The answers of functions in this process."""

    def __init__(self, adapter: Adapter, names: Mapping[str, object], reply_bytes: int, seed: int) -> None:
        super().__init__(adapter, NOWHERE, reply_bytes)
        self.names = names
        self.seed = seed
        self.where = ""
        """The line of the notebook in which the last exception was raised."""

    def begin(self, doubles: str, reader: str) -> None:
        """Take the names as they are now."""
        self.adapter.set_seed(self.seed)
        self.solution = types.SimpleNamespace(**self.names)
        super().begin(doubles, reader)

    def _described(self, error: BaseException) -> dict[str, Any]:
        if isinstance(error, KeyboardInterrupt):  # of the person at the keyboard
            raise error
        frames = [each for each in traceback.extract_tb(error.__traceback__) if each.filename != __file__]
        own = next((each for each in reversed(frames) if _is_of_a_notebook(each.filename)), None)
        self.where = f"{own.name}, line {own.lineno} of its cell: {own.line}" if own else ""
        return super()._described(error)


def _is_of_a_notebook(filename: str) -> bool:
    """Whether a traceback's file is a cell: IPython keeps the lines of cells in memory, under names of its own."""
    return filename in linecache.cache and ("ipykernel" in filename or filename.startswith("<ipython-input"))


class LiveChannel:
    """A channel to no keeper: each request is answered here, before its last byte is written."""

    def __init__(self, adapter: Adapter, names: Mapping[str, object], reply_bytes: int, log_bytes: int) -> None:
        self._adapter = adapter
        self._names = names
        self._reply_bytes = reply_bytes
        self._request, self._reply = bytearray(), bytearray()
        self._answers: dict[int, LiveResponder] = {}
        self._log_bytes = log_bytes
        self._printed = io.StringIO()
        """By the functions, since the last worker ended."""
        self.where = ""
        """The line of the notebook in which the last exception was raised."""

    def fileno_in(self) -> int:
        raise OSError("nobody waits for this channel: it takes and gives every byte at once")

    fileno_out = fileno_in

    def write(self, data: memoryview) -> int:
        self._request += data
        while (whole := _whole(self._request)) is not None:
            head, body = split(memoryview(bytes(self._request[:whole])))
            del self._request[:whole]
            words, answer = self._answered(head, body)
            plain = {"id": head["id"], "cpu_s": 0.0, "wall_s": 0.0, "strays": 0, "log_bytes": 0, "oom_kills": 0}
            self._reply += b"".join(map(bytes, frame({**plain, **words}, [memoryview(answer)])))  # type: ignore[arg-type]
        return data.nbytes

    def readinto(self, view: memoryview) -> int | None:
        piece = self._reply[: view.nbytes]
        del self._reply[: view.nbytes]
        view[: len(piece)] = piece
        return len(piece)

    def ending(self) -> Ending:
        return Ending(None, False, "")

    def _answered(self, head: dict[str, Any], body: memoryview) -> tuple[dict[str, Any], bytes]:
        if head["verb"] == "begin":
            return {"outcome": "ready", "info": {"versions": self._adapter.versions(), "forks": True}}, b""
        if head["verb"] == "end":
            self._answers.pop(head["worker"], None)
            printed, self._printed = self._printed.getvalue().encode("utf-8", "replace"), io.StringIO()
            return {"outcome": "ended", "log_bytes": len(printed)}, printed[-self._log_bytes :]
        if head["verb"] == "worker":
            self._answers[head["worker"]] = LiveResponder(self._adapter, self._names, self._reply_bytes, head["seed"])
            request, arrays = {"id": head["id"], "do": "begin", "doubles_bytes": head["doubles_bytes"]}, body
        else:
            request, arrays = split(body)
        answers = self._answers[head["worker"]]
        with contextlib.redirect_stdout(self._printed), contextlib.redirect_stderr(self._printed):
            words, parts = answers.answer(request, bytearray(arrays))
        self.where = answers.where
        return {"outcome": "replied"}, b"".join(map(bytes, frame({"id": request["id"], **words}, parts)))  # type: ignore[arg-type]


def _whole(data: bytearray) -> int | None:
    """How many bytes the first frame has; None if it is not whole yet."""
    if len(data) < PREFIX.size:
        return None
    size = PREFIX.size + sum(PREFIX.unpack(data[: PREFIX.size]))
    return size if len(data) >= size else None


class LiveSession(Session):
    """A session with functions in this process."""

    def __init__(self, framework: Framework, names: Mapping[str, object], limits: Limits) -> None:
        self._live = LiveChannel(adapter_of(framework), names, limits.reply_mb * MIB, limits.log_kb * 1024)
        super().__init__(self._live, limits)

    def call(self, worker: Worker, request: dict[str, Any], parts: Sequence[Part]) -> tuple[Any, list[Array]]:
        """As of any session; an exception says in which line of the notebook it was raised."""
        try:
            return super().call(worker, request, parts)
        except Raised as failure:
            failure.where = failure.where or self._live.where or None
            raise
