"""The local sandbox: a subprocess, for code that you trust: your own solution, references, rehearsals.

It is not a security boundary. The wire, the limits of CPU and wall time and the lease of a GPU are the same, and memory
is limited as address space, or with a GPU as data (`inside/worker.py`), but the solution runs as you, with your files,
your network and, if it looks for them, the machine's other GPUs. `grade` refuses other people's code in it unless an
option allows it.
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
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from assignments.assignment import Framework
from graders.failures import EngineFailure, ImageFailure
from graders.wall.sandboxes.gpus import leased_for
from graders.wall.sandboxes.pipes import Pipes, ended
from graders.wall.sandboxes.sandbox import INSIDE_FOLDER, SandboxSpec, computing

FRAMEWORK_PACKAGES: dict[Framework, tuple[str, ...]] = {
    "pytorch": ("torch",),
    "tensorflow": ("tensorflow", "tensorflow-cpu"),
    "numpy": ("numpy",),
}


class Local:
    """The sandbox of the contract in `sandbox.py`, without a boundary."""

    name = "local"
    isolates = False
    weakness = "it runs submissions as you, with access to your files"

    @contextmanager
    def open(self, spec: SandboxSpec) -> Iterator[Pipes]:
        self.runtime(spec.framework)
        with leased_for(spec) as leased, self._opened(spec, leased) as channel:
            yield channel

    @contextmanager
    def _opened(self, spec: SandboxSpec, leased: tuple[str, ...]) -> Iterator[Pipes]:
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
                    env=_environment(spec, scratch, leased),
                    start_new_session=True,
                )
        except OSError as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise EngineFailure(f"the local keeper did not start: {error}") from error
        try:
            yield Pipes(process, errors)
        finally:
            ended(process)
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


def _environment(spec: SandboxSpec, scratch: Path, leased: tuple[str, ...]) -> dict[str, str]:
    names = ["PATH", "LANG", "LC_ALL", "MEDMARK_NO_FORK"]
    if leased:
        names.append("LD_LIBRARY_PATH")  # some machines have the driver's libraries nowhere else
    inherited = {name: os.environ[name] for name in names if name in os.environ}
    return {
        **inherited,
        "HOME": str(scratch),
        "TMPDIR": str(scratch),
        **computing(leased),
        "MEDMARK_SOLUTION": str(spec.solution.resolve()),
        "MEDMARK_SCRATCH": str(scratch),
        "MEDMARK_FRAMEWORK": spec.framework,
    }
