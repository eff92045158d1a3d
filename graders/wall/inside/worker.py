"""A worker: drops every privilege, imports the solution, and answers the forms of docs/wire.md until it is ended.

The code that it runs may read, patch or replace everything here. So it decides nothing, and the keeper and the host
trust nothing it sends: they check each answer.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import linecache
import math
import os
import resource
import sys
import tempfile
import types
from typing import Any

from . import narrowing, processes, worker_memory
from .adapter import adapter_of
from .answering import Responder
from .frames import Closed, TooLarge, receive, send

OWN_FOLDERS = (
    "HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "MPLCONFIGDIR", "NUMBA_CACHE_DIR",
    "TORCH_HOME", "TORCHINDUCTOR_CACHE_DIR", "TORCH_EXTENSIONS_DIR", "TRITON_CACHE_DIR", "KERAS_HOME", "HF_HOME",
)  # fmt: skip
"""Where libraries store files: the worker's folder, which no other worker can open and which is emptied."""
USER = "student"
"""The name of its user for programs that ask: its id is in no list of users."""


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
            narrowing.narrow(files_in_memory=not order["processes"])
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
    if order["memory_bytes"] and order["isolated"]:  # the keeper counts what is used
        most = worker_memory.data_bytes() + worker_memory.data_limit(order["memory_bytes"], order["processes"])
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    elif order["memory_bytes"] and sys.platform == "linux":
        # CUDA reserves more addresses than any machine has memory. Where there is a GPU, what can be written counts.
        kind, column = (resource.RLIMIT_DATA, 5) if processes.has_gpu() else (resource.RLIMIT_AS, 0)
        with open("/proc/self/statm") as statm:
            mapped = int(statm.read().split()[column]) * resource.getpagesize()
        resource.setrlimit(kind, (mapped + order["memory_bytes"],) * 2)
    if order["processes"]:  # the kernel counts those of this user, which are this worker's alone
        resource.setrlimit(resource.RLIMIT_NPROC, (order["processes"],) * 2)
    if order["scratch_bytes"]:
        resource.setrlimit(resource.RLIMIT_FSIZE, (order["scratch_bytes"],) * 2)
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as score:
        score.write("1000")  # when memory runs out, the kernel shall end this process and not the keeper


class WorkerLoop(Responder):
    """The solution of one worker, and its answers, one after another."""

    def __init__(self, order: dict[str, Any], request: int, reply: int) -> None:
        super().__init__(adapter_of(order["framework"]), order["solution"], order["reply_bytes"])
        self.order = order
        self.request = request
        self.reply = reply

    def run(self) -> None:
        """Answer until the keeper closes the request pipe."""
        with contextlib.suppress(Closed, BrokenPipeError):
            while True:
                head, body = receive(self.request)
                self._send(head["id"], self.answer(head, body))

    def _send(self, id: int, answer: tuple[dict[str, Any], list[memoryview]]) -> None:
        head, parts = answer
        size = sum(part.nbytes for part in parts)
        if size > self.reply_bytes - (1 << 20):
            head, parts = {"kind": "unsendable", "why": f"{size} bytes of arrays", "large": True}, []
        try:
            send(self.reply, {"id": id, **head}, parts)
        except (TooLarge, RecursionError) as error:
            send(self.reply, {"id": id, "kind": "unsendable", "why": str(error), "large": True})

    def begin(self, doubles: str, reader: str) -> None:
        """Import solution.py, or what is the solution in solution.ipynb, with the global generators seeded."""
        self.adapter.set_seed(self.order["seed"])
        folder = self.folder
        sys.path.insert(0, folder)
        sys.argv = ["solution.py"]
        super().begin(doubles, reader)
        self.solution = _notebook(folder, reader) if reader else _module(folder)


def _module(folder: str) -> types.ModuleType:
    """The module of solution.py."""
    spec = importlib.util.spec_from_file_location("solution", os.path.join(folder, "solution.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["solution"] = module
    spec.loader.exec_module(module)
    return module


def _notebook(folder: str, reader: str) -> types.ModuleType:
    """The module of the solution in solution.ipynb, taken out by medmark's own reader of notebooks."""
    own = types.ModuleType("medmark_notebook")
    sys.modules[own.__name__] = own  # its dataclasses look there
    exec(compile(reader, "notebook.py", "exec"), own.__dict__)
    path = os.path.join(folder, own.NOTEBOOK)
    with open(path, "rb") as file:
        text = own.solution_of(own.read_notebook(file.read())).text
    module = types.ModuleType("solution")
    module.__file__ = path
    sys.modules["solution"] = module
    linecache.cache[path] = (len(text), None, text.splitlines(keepends=True), path)  # `inspect` reads sources there
    exec(compile(text, path, "exec"), module.__dict__)
    return module


def main() -> None:
    """A worker without a zygote, on systems that cannot fork one: the environment holds the order."""
    order = json.loads(os.environ.pop("MEDMARK_ORDER"))
    adapter_of(order["framework"]).prepare()
    serve(order, *order["fds"])
