"""A worker: drops every privilege, imports the solution, and answers the forms of docs/wire.md until it is ended.

The code that it runs may read, patch or replace everything here. So it decides nothing, and the keeper and the host
trust nothing it sends: they check each answer.
"""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import json
import math
import operator
import os
import resource
import sys
import tempfile
import traceback
import types
from collections.abc import Callable
from typing import Any

import numpy as np

from . import carrying, narrowing, processes
from .adapter import PROBES, Adapter, Unsupported, adapter_of
from .frames import Closed, TooLarge, receive, send
from .values import Encoder, Oversized, Unsendable, arrays_of, decode

TEXT_CHARACTERS = 4000
"""Characters of a message or a traceback that are sent."""
OWN_FOLDERS = (
    "HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "MPLCONFIGDIR", "NUMBA_CACHE_DIR",
    "TORCH_HOME", "TORCHINDUCTOR_CACHE_DIR", "TORCH_EXTENSIONS_DIR", "TRITON_CACHE_DIR", "KERAS_HOME", "HF_HOME",
)  # fmt: skip
"""Where libraries store files: the worker's folder, which no other worker can open and which is emptied."""
USER = "student"
"""The name of its user for programs that ask: its id is in no list of users."""


class Missing(Exception):
    """The solution has no such name."""


class Misused(Exception):
    """A request asked a handle for something that its object does not have."""


def serve(order: dict[str, Any], request: int, reply: int, log: int) -> None:
    """Become the worker of one order, until its process ends."""
    os.setsid()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    for fd in range(3, 256):
        if fd not in (request, reply):
            with contextlib.suppress(OSError):
                os.close(fd)
    if order["uid"] is not None:
        processes.become(order["uid"])
        os.environ["USER"] = os.environ["LOGNAME"] = USER
    if sys.platform == "linux":
        with contextlib.nullcontext() if order["isolated"] else contextlib.suppress(OSError):
            narrowing.narrow()
        processes.prctl(processes.PR_SET_DUMPABLE, 1)  # the zygote is not; else /proc/self would be closed to it
    _limit(order)
    os.umask(0o077)
    os.chdir(order["scratch"])
    for name in OWN_FOLDERS:
        os.environ[name] = order["scratch"]
    tempfile.tempdir = None  # the zygote has looked up its own already, which is closed to a worker
    for name in [name for name in os.environ if name.startswith("MEDMARK_")]:
        del os.environ[name]
    WorkerLoop(order, request, reply).run()


def _limit(order: dict[str, Any]) -> None:
    """Limits that the kernel holds this process and its children to; the container holds the rest."""
    seconds = math.ceil(order["cpu_s"])
    resource.setrlimit(resource.RLIMIT_CPU, (seconds + 1, seconds + 2))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if order["memory_bytes"] and sys.platform == "linux":
        with open("/proc/self/statm") as statm:
            mapped = int(statm.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (mapped + order["memory_bytes"],) * 2)
    if order["scratch_bytes"]:
        resource.setrlimit(resource.RLIMIT_FSIZE, (order["scratch_bytes"],) * 2)
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as score:
        score.write("1000")  # when memory runs out, the kernel shall end this process and not the keeper


class WorkerLoop:
    """The objects of one worker, and its answers."""

    def __init__(self, order: dict[str, Any], request: int, reply: int) -> None:
        self.order = order
        self.request = request
        self.reply = reply
        self.objects: dict[int, object] = {}
        self.models: dict[int, object] = {}
        """By `id`, objects that stayed inside as models: a dict of arrays among them is not converted to tensors."""
        self.numbers = itertools.count(1)
        self.solution: types.ModuleType | None = None
        self.doubles: types.ModuleType | None = None
        self.adapter: Adapter = adapter_of(order["framework"])

    def run(self) -> None:
        """Answer until the keeper closes the request pipe."""
        with contextlib.suppress(Closed, BrokenPipeError):
            while True:
                head, body = receive(self.request)
                self._send(head["id"], self._answer(head, body))

    def _answer(self, head: dict[str, Any], body: bytearray) -> tuple[dict[str, Any], list[memoryview]]:
        importing = head["do"] == "begin"
        try:
            if importing:
                self._import(bytes(body).decode("utf-8"))
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

    def _send(self, id: int, answer: tuple[dict[str, Any], list[memoryview]]) -> None:
        head, parts = answer
        size = sum(part.nbytes for part in parts)
        if size > self.order["reply_bytes"] - (1 << 20):
            head, parts = {"kind": "unsendable", "why": f"{size} bytes of arrays", "large": True}, []
        try:
            send(self.reply, {"id": id, **head}, parts)
        except (TooLarge, RecursionError) as error:
            send(self.reply, {"id": id, "kind": "unsendable", "why": str(error), "large": True})

    def _keep(self, value: object) -> int:
        number = next(self.numbers)
        self.objects[number] = value
        return number

    def _import(self, doubles: str) -> None:
        self.adapter.set_seed(self.order["seed"])
        folder = self.order["solution"]
        sys.path.insert(0, folder)
        sys.argv = ["solution.py"]
        if doubles:
            self.doubles = types.ModuleType("medmark_doubles")
            exec(compile(doubles, "doubles.py", "exec"), self.doubles.__dict__)
        spec = importlib.util.spec_from_file_location("solution", os.path.join(folder, "solution.py"))
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules["solution"] = module
        spec.loader.exec_module(module)
        self.solution = module

    def _described(self, error: BaseException) -> dict[str, Any]:
        kind = next((c.__name__ for c in type(error).__mro__ if c.__module__ == "builtins"), "Exception")
        folder = os.path.realpath(self.order["solution"])
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
            return carrying.files_in(head["folder"], self.order["reply_bytes"])
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


def main() -> None:
    """A worker without a zygote, on systems that cannot fork one: the environment holds the order."""
    order = json.loads(os.environ.pop("MEDMARK_ORDER"))
    adapter_of(order["framework"]).prepare()
    serve(order, *order["fds"])
