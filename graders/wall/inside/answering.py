"""Answers the forms of docs/wire.md with the functions of a solution, in the process that holds it.

A worker behind the wall answers so (`worker.py`), and in a student's own notebook the notebook itself (`check`).
"""

from __future__ import annotations

import contextlib
import itertools
import operator
import os
import sys
import traceback
import types
from collections.abc import Callable
from typing import Any

import numpy as np

from . import carrying
from .adapter import PROBES, Adapter, Unsupported
from .values import Encoder, Oversized, Unsendable, arrays_of, decode

TEXT_CHARACTERS = 4000
"""Characters of a message or a traceback that are sent."""


class Missing(Exception):
    """The solution has no such name."""


class Misused(Exception):
    """A request asked a handle for something that its object does not have."""


class Responder:
    """The objects of one solution that is asked, and its answers."""

    def __init__(self, adapter: Adapter, folder: str, reply_bytes: int) -> None:
        """Answers without a solution: `begin` brings it.

        Args:
            folder: Holds the solution's files, for the lines of a traceback.
            reply_bytes: How large an answer may be.
        """
        self.adapter = adapter
        self.folder = folder
        self.reply_bytes = reply_bytes
        self.objects: dict[int, object] = {}
        self.models: dict[int, object] = {}
        """By `id`, objects that stayed inside as models: a dict of arrays among them is not converted to tensors."""
        self.numbers = itertools.count(1)
        self.solution: object = None
        """Has the solution's names as attributes."""
        self.doubles: object = None

    def begin(self, doubles: str, reader: str) -> None:
        """Bring the solution, and the assignment's doubles.

        Args:
            doubles: The source of the assignment's `doubles.py`; empty without one.
            reader: The source that takes a solution out of a notebook; empty where none was handed in.
        """
        if doubles:
            self.doubles = types.ModuleType("medmark_doubles")
            exec(compile(doubles, "doubles.py", "exec"), self.doubles.__dict__)

    def answer(self, head: dict[str, Any], body: bytearray) -> tuple[dict[str, Any], list[memoryview]]:
        """The head and the parts of the answer to one request."""
        importing = head["do"] == "begin"
        try:
            if importing:
                size = head["doubles_bytes"]
                self.begin(bytes(body[:size]).decode("utf-8"), bytes(body[size:]).decode("utf-8"))
                return {"kind": "value", "value": None, "arrays": []}, []
            arrays = arrays_of(head["arrays"], body)
            form = getattr(self, "do_" + head["do"])
            result = form(head, lambda node: decode(node, arrays, self.objects.__getitem__))
            encoder = Encoder(self._keep, self._plain) if head.get("tensors") else Encoder(self._keep)
            node = self._top(encoder, head, result)
            self.models.update((id(model), model) for model in encoder.models)
            return {"kind": "value", "value": node, "arrays": encoder.arrays}, encoder.parts
        except Missing as missing:
            return {"kind": "missing", "name": str(missing)}, []
        except Unsupported as unsupported:
            return {"kind": "unsupported", "why": str(unsupported)}, []
        except Misused as misused:
            return {"kind": "misused", "why": str(misused)}, []
        except Unsendable as unsendable:
            return {"kind": "unsendable", "why": str(unsendable), "large": unsendable.large}, []
        except BaseException as error:  # noqa: BLE001 - whatever student code raises is an answer
            return {"kind": "raised", "importing": importing, **self._described(error)}, []
        finally:
            for stream in (sys.stdout, sys.stderr):
                with contextlib.suppress(Exception):
                    stream.flush()

    def _top(self, encoder: Encoder, head: dict[str, Any], result: object) -> Any:
        if head["do"] in ("put", "generator", "double", "operate"):
            return {"h": self._keep(result), "is": type(result).__name__}
        return encoder.encode(result, head.get("keep"))

    def _keep(self, value: object) -> int:
        number = next(self.numbers)
        self.objects[number] = value
        return number

    def _described(self, error: BaseException) -> dict[str, Any]:
        kind = next((c.__name__ for c in type(error).__mro__ if c.__module__ == "builtins"), "Exception")
        folder = os.path.realpath(self.folder)
        file, line = None, None
        for frame in traceback.extract_tb(error.__traceback__):
            path = os.path.realpath(frame.filename)
            if path.startswith(folder + os.sep):
                file, line = os.path.relpath(path, folder), frame.lineno
        if isinstance(error, SyntaxError) and error.filename:
            path = os.path.realpath(error.filename)
            if path.startswith(folder + os.sep):
                file, line = os.path.relpath(path, folder), error.lineno
        return {
            "builtin": kind,
            "type": _text(lambda: f"{type(error).__module__}.{type(error).__qualname__}"),
            "message": _text(lambda: str(error)),
            "file": file,
            "line": line,
            "module": _text(lambda: getattr(error, "name", None) or "") if isinstance(error, ImportError) else "",
            "trace": _text(lambda: "".join(traceback.format_exception(error, limit=-12)), TEXT_CHARACTERS),
        }

    # The forms

    def _named(self, name: str, on: object) -> Any:
        owner: object = self.solution if on is None else on
        if on is None and not hasattr(owner, name):
            raise Missing(name)
        if on is not None and not hasattr(owner, name):
            raise Missing(f"{type(on).__name__}.{name}")
        return getattr(owner, name)

    def do_call(self, head: dict[str, Any], value: Callable[[Any], Any]) -> object:
        function = self._named(head["name"], value(head["on"]))
        args, kwargs = value(head["args"]), value(head["kwargs"])
        if not head["tensors"]:
            return function(*args, **kwargs)
        return function(*self._tensors(args), **self._tensors(kwargs))

    def do_get(self, head: dict[str, Any], value: Callable[[Any], Any]) -> object:
        return self._named(head["name"], value(head["on"]))

    def do_fetch(self, head: dict[str, Any], value: Callable[[Any], Any]) -> object:
        target = value(head["on"])
        return self.adapter.to_array(target) if self.adapter.is_tensor(target) else np.asarray(target)

    def do_item(self, head: dict[str, Any], value: Callable[[Any], Any]) -> object:
        return value(head["on"])[value(head["index"])]

    def do_length(self, head: dict[str, Any], value: Callable[[Any], Any]) -> object:
        return len(value(head["on"]))

    def do_take(self, head: dict[str, Any], value: Callable[[Any], Any]) -> object:
        return list(itertools.islice(iter(value(head["on"])), head["count"]))

    def do_operate(self, head: dict[str, Any], value: Callable[[Any], Any]) -> object:
        left = value(head["left"])
        return -left if head["op"] == "neg" else OPERATORS[head["op"]](left, value(head["right"]))

    def do_put(self, head: dict[str, Any], value: Callable[[Any], Any]) -> object:
        return value(head["value"])

    def do_generator(self, head: dict[str, Any], value: Callable[[Any], Any]) -> object:
        return np.random.default_rng(head["seed"])

    def do_double(self, head: dict[str, Any], value: Callable[[Any], Any]) -> object:
        if self.doubles is None or not hasattr(self.doubles, head["name"]):
            raise Misused(f"doubles.py has no class {head['name']}")
        return getattr(self.doubles, head["name"])(*value(head["args"]), **value(head["kwargs"]))

    def do_gradient(self, head: dict[str, Any], value: Callable[[Any], Any]) -> object:
        function = self._named(head["name"], None)
        args, kwargs = self._tensors(value(head["args"])), self._tensors(value(head["kwargs"]))
        return self.adapter.gradient(function, list(args), kwargs, head["wrt"])

    def do_probe(self, head: dict[str, Any], value: Callable[[Any], Any]) -> object:
        if head["name"] not in PROBES:
            raise Misused(f"no probe {head['name']}")
        args = value(head["args"])
        if head["name"] != "set_seed" and not self.adapter.is_model(args[0]):
            raise Unsupported("the model is not one of a framework's")
        return getattr(self.adapter, head["name"])(*args, **value(head["kwargs"]))

    def do_fetch_files(self, head: dict[str, Any], value: Callable[[Any], Any]) -> object:
        try:
            return carrying.files_in(head["folder"], self.reply_bytes)
        except ValueError as error:
            raise Oversized(str(error)) from None
        except carrying.Unfit as error:
            raise Unsendable(str(error)) from None

    def do_put_files(self, head: dict[str, Any], value: Callable[[Any], Any]) -> object:
        try:
            carrying.write_files(head["folder"], value(head["files"]))
        except carrying.Unfit as error:
            raise Misused(str(error)) from None
        return None

    def _tensors(self, value: Any) -> Any:
        """A value with its arrays as the framework's tensors of the same dtype; a model is passed unchanged."""
        if id(value) in self.models:
            return value
        if isinstance(value, np.ndarray):
            return self.adapter.to_tensor(value)
        if type(value) in (list, tuple):
            return type(value)(self._tensors(item) for item in value)
        if type(value) is dict:
            return {key: self._tensors(item) for key, item in value.items()}
        return value

    def _plain(self, value: object) -> object:
        """The array of a tensor."""
        return self.adapter.to_array(value) if self.adapter.is_tensor(value) else value


OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "@": operator.matmul,
    "**": operator.pow,
    "[]": operator.getitem,
}


def _text(make: Callable[[], object], limit: int = 1000) -> str:
    """Text of an object whose conversion may raise."""
    try:
        text = str(make())
    except BaseException:  # noqa: BLE001 - a hostile __str__ is not an answer
        return "<no text>"
    return text[:limit].encode("utf-8", "replace").decode("utf-8")
