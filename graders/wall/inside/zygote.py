"""The zygote: imports the framework once and forks a worker for every order. It never imports a solution.

No worker may open or trace it: what is in its memory is in the next worker's too. A worker is forked twice, so that its
parent is the keeper, which then learns its exit, CPU time and memory from the kernel. With more than one thread a fork
may hang for ever, so a zygote with two threads reports itself broken and ends. So does one that has initialised CUDA,
which works in no process forked afterwards.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import socket
import sys
from typing import Any, NoReturn

from . import processes, worker
from .adapter import adapter_of


def main() -> None:
    """Import, report, then fork until the keeper closes the socket."""
    if sys.platform == "linux":
        processes.prctl(processes.PR_SET_DUMPABLE, 0)
    keeper = socket.socket(fileno=int(os.environ.pop("MEDMARK_SOCKET")))
    report = _prepared(os.environ["MEDMARK_FRAMEWORK"])
    usage = resource.getrusage(resource.RUSAGE_SELF)
    report["import_cpu_s"] = round(usage.ru_utime + usage.ru_stime, 3)
    report["python"] = sys.version.split()[0]
    gc.freeze()  # else a collection in a worker writes to every object, and each of their pages is copied
    keeper.send(json.dumps(report).encode())
    if "broken" in report:
        return
    while True:
        data, fds, _, _ = socket.recv_fds(keeper, 1 << 16, 3)
        if not data:
            return
        _fork_twice(keeper, json.loads(data), fds)
        for fd in fds:
            os.close(fd)


def _prepared(framework: str) -> dict[str, Any]:
    """Import the framework; its versions and this process's threads, or why no worker can be forked."""
    try:
        adapter = adapter_of(framework)
        adapter.prepare()
        report: dict[str, Any] = {"versions": adapter.versions(), "threads": _threads()}
        if report["threads"] > 1:
            report["broken"] = f"importing {framework} left {report['threads']} threads: workers cannot be forked"
        elif sys.platform == "linux" and processes.uses_gpu():
            report["broken"] = f"importing {framework} initialised CUDA: no forked worker could use the GPU"
    except Exception as error:  # noqa: BLE001 - whatever an import raises, the keeper has to know of it
        report = {"broken": f"importing {framework} failed: {type(error).__name__}: {error}"[:2000]}
    return report


def _threads() -> int:
    if sys.platform != "linux":
        return 1
    return len(os.listdir("/proc/self/task"))


def _fork_twice(keeper: socket.socket, order: dict[str, Any], fds: list[int]) -> None:
    """Fork a worker whose parent is the keeper: the process between has ended before the keeper is answered."""
    reader, writer = os.pipe()
    try:
        between = os.fork()
    except OSError as error:  # no more processes, or no memory for one
        keeper.send(json.dumps({"error": str(error)}).encode())
        between = -1
    if between == 0:
        _between(keeper, order, fds, writer)
    os.close(writer)
    if between > 0:
        os.waitpid(between, 0)
        keeper.send(os.read(reader, 1 << 12) or json.dumps({"error": "killed before it could fork"}).encode())
    os.close(reader)


def _between(keeper: socket.socket, order: dict[str, Any], fds: list[int], writer: int) -> NoReturn:
    """Fork the worker, report its pid, and end; never returns into the zygote's loop."""
    try:
        try:
            pid = os.fork()
        except OSError as error:
            os.write(writer, json.dumps({"error": str(error)}).encode())
            os._exit(1)
        if pid:
            os.write(writer, json.dumps({"pid": pid}).encode())
            os._exit(0)
        keeper.close()
        worker.serve(order, *fds)
    finally:
        os._exit(1)
