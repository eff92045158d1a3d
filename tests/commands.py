"""Types medmark's commands, each in a process of its own that has imported everything before.

Importing takes a command more than a second of CPU, and the tests type hundreds: so one process imports once, and every
command is a fork of it, with its own words, surroundings and streams. So is the server of marker processes that `grade`
starts, which imports for two more seconds. What depends on a fresh interpreter (when a module is imported, the first
Ctrl-C, what a marker inherits) starts one: `tests/small_course.py:command`.
"""

from __future__ import annotations

import atexit
import fcntl
import functools
import gc
import importlib
import json
import os
import pkgutil
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing import forkserver, util
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
LONGEST_S = 300


@dataclass(frozen=True)
class CommandOutput:
    """The exit code of a command, and what it printed."""

    code: int
    out: str
    err: str


def typed(words: list[str], cwd: Path | None, surroundings: dict[str, str]) -> CommandOutput:
    """Type a command and wait for its end.

    Raises:
        TimeoutError: it has not ended after `LONGEST_S`.
    """
    started = _prepared()
    with tempfile.TemporaryDirectory(prefix="typed-") as folder:
        out, err = Path(folder) / "out", Path(folder) / "err"
        request = {"words": words, "cwd": str(cwd or Path.cwd()), "env": surroundings, "out": str(out), "err": str(err)}
        started.stdin.write(json.dumps(request).encode() + b"\n")
        started.stdin.flush()
        if not select.select([started.stdout], [], [], LONGEST_S)[0]:
            started.kill()
            _prepared.cache_clear()
            raise TimeoutError(f"medmark {' '.join(words)} has not ended after {LONGEST_S} s")
        return CommandOutput(int(started.stdout.readline()), out.read_text("utf-8"), err.read_text("utf-8"))


@functools.cache
def _prepared() -> subprocess.Popen[bytes]:
    """Ends with the tests: its input does. It has no folder of one test's: it is forked from for all of them."""
    surroundings = {name: value for name, value in os.environ.items() if name != "TMPDIR"}
    return subprocess.Popen(
        [sys.executable, "-c", "from tests.commands import serve; serve()"],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env={**surroundings, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def serve() -> None:
    """Import what commands import; then, for each line of the input, fork one and print its exit code."""
    codes: list[int] = []
    # Called after all others, which are registered later: multiprocessing's own removes its folder.
    atexit.unregister(util._exit_function)
    atexit.register(_leave, codes)
    atexit.register(util._exit_function)
    import assignments.data.folder
    import cli
    import graders.authoring
    import graders.marks
    import graders.runs
    import reports

    for package in (assignments.data.folder, graders.authoring, graders.marks, graders.runs, reports):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
    for library in ("pandas", "nibabel", "pydicom.pixels", "SimpleITK", "h5py", "PIL.Image"):
        importlib.import_module(library)
    gc.freeze()  # or every fork, as it ends, goes through all that was imported
    for line in sys.stdin:
        child = os.fork()
        if not child:
            _become(json.loads(line))
            util.spawnv_passfds = functools.partial(_spare().start, util.spawnv_passfds)
            try:
                cli.main()
            except SystemExit as ended:
                codes.append(ended.code)
                raise  # the fork ends as an interpreter does
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _leave(codes: list[int]) -> None:
    """End a fork whose exit code is known, instead of taking apart all that was imported: that takes 0.1 s of CPU."""
    if codes:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(codes[0])


def _become(request: dict[str, Any]) -> None:
    """Take the words, folder, surroundings and streams of a command."""
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    for stream, path in ((0, os.devnull), (1, request["out"]), (2, request["err"])):
        file = os.open(path, os.O_RDWR | os.O_CREAT)
        os.dup2(file, stream)
        os.close(file)
    sys.argv = ["medmark", *request["words"]]


@dataclass(frozen=True)
class _Spare:
    """A child of a command that can become multiprocessing's server of processes; it ends with the command."""

    pid: int
    ear: socket.socket

    def start(self, start: Callable[..., int], path: bytes, words: Sequence[str], passed: Sequence[int]) -> int:
        """Start a program of multiprocessing's: its server as this child, which imports nothing again."""
        if f"from {forkserver.__name__} import main" not in words[-1] or self.ear.fileno() < 0:
            return start(path, words, passed)
        request = {"program": words[-1], "env": dict(os.environ), "numbers": list(passed)}
        with self.ear:
            socket.send_fds(self.ear, [json.dumps(request).encode()], passed)
        return self.pid


def _spare() -> _Spare:
    """Fork it before the command has threads, locks or signals of its own, which a new program would not have."""
    ear, waits = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pid = os.fork()
    if pid:
        waits.close()
        return _Spare(pid, ear)
    code = 1
    try:
        ear.close()
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])  # as `start_forkserver` has it
        body, descriptors, _, _ = socket.recv_fds(waits, 1 << 20, 8)
        if body:
            request = json.loads(body)
            os.environ.clear()
            os.environ.update(request["env"])
            # Out of the way first: one may have the number of another.
            aside = [fcntl.fcntl(each, fcntl.F_DUPFD_CLOEXEC, 256) for each in descriptors]
            for each, number in zip(aside, request["numbers"], strict=True):
                os.dup2(each, number)
                os.close(each)
            exec(request["program"], {})
        code = 0
    except SystemExit as ended:
        code = ended.code or 0
    except BaseException:
        sys.excepthook(*sys.exc_info())  # the exit below says nothing
        raise
    finally:
        os._exit(code)
