"""The host's end of a worker that runs a student's notebook: runs its cells there, and asks about its objects."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from assignments.interface import Interface
from graders.failures import ProtocolViolation, SubmissionFailure, ToolkitFailure
from graders.wall.notebook_values import TooLargeToCross, Wrap, node_of, value_of
from graders.wall.outcome import EXCEPTIONS_BY_NAME
from graders.wall.patience import WALL_FACTOR
from graders.wall.sandboxes.sandbox import INSIDE_FOLDER
from graders.wall.session import Session
from graders.wall.student import WorkerClient, checked_files
from graders.wall.wire import Encoder, HandleReference

FOLDER = "notebook"
"""Where a notebook's files lie inside, and where it runs."""
MESSAGE = 600
"""Characters of an exception's message."""


@dataclass(frozen=True)
class RaisedInside:
    """An exception of a cell, or of an object that was asked."""

    classes: tuple[tuple[str, str], ...]
    """Module and name of its class, then of each class that this one inherits from."""
    message: str
    line: int
    """Of the cell; 0 if it is not known."""

    def __str__(self) -> str:
        name = self.classes[0][1] if self.classes else "Exception"
        at = f" (line {self.line})" if self.line else ""
        return f"{name}: {self.message}".removesuffix(": ") + at

    def as_exception(self) -> BaseException:
        """The same as an exception of the host: of the nearest class that Python or NumPy has."""
        for module, name in self.classes:
            if module == "builtins":
                kind = EXCEPTIONS_BY_NAME.get(name)
            else:
                kind = getattr(np.linalg if module == "numpy.linalg" else np.exceptions, name, None)
                kind = kind if module in ("numpy.linalg", "numpy.exceptions") else None
            if isinstance(kind, type) and issubclass(kind, BaseException):
                try:
                    return kind(self.message)
                except TypeError:  # such as UnicodeDecodeError, which takes five arguments
                    continue
        return Exception(self.message)


@dataclass(frozen=True)
class CellRun:
    """What became of a cell that ran inside."""

    error: RaisedInside | None
    value: str | None
    """The text of the value of its last expression."""
    number: float | None
    on_stderr: bool


@dataclass
class NotebookWorker:
    """One student's notebook behind the wall, in a worker of its own.

    Every method raises `SubmissionFailure` where the worker does not answer as it has to, and then again whenever it is
    asked: `over` has the first one.
    """

    session: Session
    cpu_s: float
    """CPU seconds of the whole notebook."""
    cell_cpu_s: float
    """CPU seconds of a cell: it is interrupted, and the next cell runs."""
    wrap: Wrap
    number_of: Callable[[object], int | None]
    over: SubmissionFailure | ToolkitFailure | None = None
    streams: Callable[[], tuple[Any, ...] | None] | None = None
    """The host's streams of random numbers where a test draws from them, as nodes; None if they stand as before."""
    has_answered: bool = False
    """Whether an answer has reached the present test cell."""
    written: int = 0
    """Bytes on stderr when it last answered."""
    _client: WorkerClient | None = field(default=None, repr=False)
    _driver: HandleReference | None = field(default=None, repr=False)

    def open(self, files: Mapping[str, Path]) -> None:
        """Start the worker, with the files that lie beside the notebook in its working directory."""
        source = (INSIDE_FOLDER / "notebook_driver.py").read_text(encoding="utf-8")
        self._client = WorkerClient(self.session, Interface({}, {}), self.cpu_s, doubles=source)
        if files:
            contents = {name: _bytes_of(path) for name, path in files.items()}
            self._exchange({"do": "put_files", "folder": FOLDER}, {"files": checked_files(contents)})
        limits = (self.cell_cpu_s, WALL_FACTOR * self.cell_cpu_s)
        driver = self._exchange({"do": "double", "name": "NotebookDriver"}, {"args": limits, "kwargs": {}})
        if type(driver) is not HandleReference:
            raise self._violated("a value in place of a handle")
        self._driver = driver

    def close(self) -> float:
        """End the worker; the CPU seconds that it used."""
        usage = self._client.close() if self._client is not None else None
        return usage.cpu_s if usage else 0.0

    def run(self, number: int, source: str) -> CellRun:
        """Run a cell to its end or to its first exception."""
        data = np.frombuffer(source.encode("utf-8", "replace"), np.uint8)
        match self._method("run", [number, data, hides_its_value(source)]):
            case {"error": error, "value": None | str() as text, "number": value, "stderr": int(written)}:
                before, self.written = self.written, max(self.written, written)
                with self._counted():
                    as_number = float(value) if type(value) in (int, float) else None
                    return CellRun(_raised(error), text, as_number, self.written > before)
        raise self._violated("an answer about a cell in another form")

    def ask(self, what: str, *arguments: Any, **named: Any) -> Any:
        """One operation on objects of the notebook.

        Raises:
            CannotCross: an argument cannot go inside.
            BaseException: what the student's code raised, as an exception of the host.
        """
        if self.streams is not None and (states := self.streams()) is not None:
            self._method("ask", ["seed", list(states), {}])
        try:
            nodes = [node_of(argument, self.number_of) for argument in arguments]
            by_name = {name: node_of(argument, self.number_of) for name, argument in named.items()}
            reply = self._method("ask", [what, nodes, by_name])
        except TooLargeToCross as error:
            if self.has_answered:  # else a student would choose, by a large answer, that the cell runs inside
                raise ValueError(f"an argument that cannot go inside: {error}") from None
            raise
        self.has_answered |= what != "look"
        match reply:
            case {"stderr": int(written), **rest}:
                self.written = max(self.written, written)
                return self._answer(rest, arguments)
        raise self._violated("an answer in another form")

    def _answer(self, reply: Mapping[Any, Any], arguments: tuple[Any, ...]) -> Any:
        with self._counted():
            error = _raised(reply.get("error"))
            value = None if error is not None else self._value(reply, arguments)
        if error is not None:
            raise error.as_exception()
        return value

    def _value(self, reply: Mapping[Any, Any], arguments: tuple[Any, ...]) -> Any:
        for at, node in reply["changed"]:
            _write_back(arguments[at], value_of(node, self.wrap))
        match reply["value"]:
            case ("argument", int(at)):
                return arguments[at]
            case node:
                return value_of(node, self.wrap)

    def _method(self, name: str, arguments: list[Any]) -> Any:
        request = {"do": "call", "name": name, "tensors": False}
        return self._exchange(request, {"on": self._driver, "args": arguments, "kwargs": {}})

    def _exchange(self, request: Mapping[str, Any], values: Mapping[str, Any]) -> Any:
        if self.over is not None:
            raise self.over.with_traceback(None)
        assert self._client is not None
        encoder = Encoder(lambda value: value if isinstance(value, HandleReference) else None)
        nodes = {name: encoder.encode(value) for name, value in values.items()}
        with self._counted():
            worker = self._client.opened()
            try:
                value, _ = self.session.call(worker, {**request, **nodes, "arrays": encoder.arrays}, encoder.parts)
            except TypeError as error:
                raise TooLargeToCross(str(error)) from None
        return value

    @contextmanager
    def _counted(self) -> Iterator[None]:
        """What fails in it ends the worker's answers."""
        try:
            yield
        except (SubmissionFailure, ToolkitFailure) as failure:
            self.over = failure
            raise
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise self._violated(f"an answer in another form: {error}") from None

    def _violated(self, text: str) -> ProtocolViolation:
        failure = ProtocolViolation(text)
        self.over = failure
        return failure


def hides_its_value(source: str) -> bool:
    """Whether a `;` at its end hides the value of a cell's last expression."""
    lines = [line for line in source.rstrip().splitlines() if not line.lstrip().startswith("#")]
    return bool(lines) and lines[-1].split("#")[0].rstrip().endswith(";")


def _write_back(argument: Any, value: Any) -> None:
    """Change an argument as the student's function changed its copy inside."""
    if type(argument) is np.ndarray and type(value) is np.ndarray and argument.shape == value.shape:
        argument[...] = value
    elif type(argument) is list and type(value) is list:
        argument[:] = value
    elif type(argument) in (dict, set) and type(value) is type(argument):
        argument.clear()
        argument.update(value)


def _raised(error: Any) -> RaisedInside | None:
    match error:
        case {"classes": list(classes), "message": str(message), "line": int(line)}:
            names = [tuple(each) for each in classes if isinstance(each, list) and len(each) == 2]
            texts = tuple((str(module)[:100], str(name)[:100]) for module, name in names)
            return RaisedInside(texts, message[:MESSAGE], line if 0 < line < 1 << 20 else 0)
        case None:
            return None
    raise ProtocolViolation("an exception in another form")


def _bytes_of(path: Path) -> np.ndarray[Any, Any]:
    return np.frombuffer(path.read_bytes(), np.uint8)
