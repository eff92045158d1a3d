"""The local sandbox: a subprocess, for code that you trust: your own solution, references, rehearsals.

It is not a security boundary. The wire and the limits of CPU and wall time are the same, and memory is limited as
address space, but the solution runs as you, with your files and your network. `grade` refuses other people's code in it
unless an option allows it.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from assignments.assignment import Framework
from graders.failures import EngineFailure, ImageFailure
from graders.wall.sandboxes.sandbox import COMPUTING, INSIDE_FOLDER, Ending, SandboxSpec

FRAMEWORK_PACKAGES: dict[Framework, tuple[str, ...]] = {
    "pytorch": ("torch",),
    "tensorflow": ("tensorflow", "tensorflow-cpu"),
    "numpy": ("numpy",),
}


class LocalChannel:
    """Pipes to a keeper that is an ordinary subprocess."""

    def __init__(self, process: subprocess.Popen[bytes], errors: Path) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._errors = errors
        self._in, self._out = process.stdin.fileno(), process.stdout.fileno()
        os.set_blocking(self._in, False)
        os.set_blocking(self._out, False)

    def fileno_in(self) -> int:
        return self._in

    def fileno_out(self) -> int:
        return self._out

    def write(self, data: memoryview) -> int:
        try:
            return os.write(self._in, data)
        except BlockingIOError:
            return 0

    def readinto(self, view: memoryview) -> int | None:
        try:
            return os.readv(self._out, [view]) or None
        except BlockingIOError:
            return 0

    def ending(self) -> Ending:
        code: int | None = None
        with suppress(subprocess.TimeoutExpired):
            code = self._process.wait(5)
        return Ending(code, False, self._errors.read_text(errors="replace")[-4000:])


class Local:
    """The sandbox of the contract in `sandbox.py`, without a boundary."""

    name = "local"
    isolates = False

    @contextmanager
    def open(self, spec: SandboxSpec) -> Iterator[LocalChannel]:
        self.runtime(spec.framework)
        try:
            folder = Path(tempfile.mkdtemp(prefix="medmark-"))
        except OSError as error:
            raise EngineFailure(f"no temporary folder can be made ({error}): make room, or set TMPDIR") from error
        scratch = folder / "scratch"
        errors = folder / "keeper.txt"
        try:
            scratch.mkdir()
            with errors.open("wb") as sink:
                process = subprocess.Popen(
                    [sys.executable, "-I", "-B", str(INSIDE_FOLDER / "start.py"), "keeper"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=sink,
                    bufsize=0,
                    env=_environment(spec, scratch),
                    start_new_session=True,
                )
        except OSError as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise EngineFailure(f"the local keeper did not start: {error}") from error
        try:
            yield LocalChannel(process, errors)
        finally:
            _end(process)
            shutil.rmtree(folder, ignore_errors=True)

    def runtime(self, framework: Framework) -> str:
        for package in FRAMEWORK_PACKAGES[framework]:
            with suppress(importlib.metadata.PackageNotFoundError):
                parts = [package, importlib.metadata.version(package), importlib.metadata.version("numpy")]
                versions = " ".join([*parts, platform.python_version(), platform.machine()])
                return "local-" + hashlib.sha256(versions.encode()).hexdigest()[:16]
        raise ImageFailure(f"{framework} is not installed here: pip install 'medmark[{framework}]'")

    def sweep(self, course: str) -> list[str]:
        """Remove nothing: a local keeper ends itself when its marker is gone."""
        return []


def _environment(spec: SandboxSpec, scratch: Path) -> dict[str, str]:
    inherited = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "MEDMARK_NO_FORK") if name in os.environ}
    return {
        **inherited,
        "HOME": str(scratch),
        "TMPDIR": str(scratch),
        **COMPUTING,
        "CUDA_VISIBLE_DEVICES": "" if spec.limits.gpus == 0 else os.environ.get("CUDA_VISIBLE_DEVICES", "0"),
        "MEDMARK_SOLUTION": str(spec.solution.resolve()),
        "MEDMARK_SCRATCH": str(scratch),
        "MEDMARK_FRAMEWORK": spec.framework,
    }


def _end(process: subprocess.Popen[bytes]) -> None:
    """Hang up, and give the keeper a moment to end its workers."""
    assert process.stdin is not None
    assert process.stdout is not None
    with suppress(OSError):
        process.stdin.close()
    deadline = time.monotonic() + 3
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(OSError):
            os.read(process.stdout.fileno(), 1 << 20)  # it may be waiting to be read
        time.sleep(0.002)
    if process.poll() is None:
        process.kill()
    process.wait()
    process.stdout.close()
